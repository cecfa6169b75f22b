#include "server/client_admission.hpp"

#include <deque>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/address.hpp"
#include "support/hand_turned.hpp"

namespace pillion::server {
namespace {

using namespace std::chrono_literals;
using dns::QueryError;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// 10.0.0.0 plus `n`.
ClientAddress client(std::uint32_t n) {
  return client_address(boost::asio::ip::make_address_v4(0x0a000000U + n));
}

/// Keeps the lines as "message key=value …".
class LineLog final : public runtime::Log {
 public:
  LineLog() : Log(runtime::LogLevel::debug) {}
  /// The lines since the last call.
  std::vector<std::string> take() { return std::exchange(lines_, {}); }

 private:
  void write(runtime::LogLevel /*level*/, std::string_view message, std::span<const runtime::Field> fields) override {
    std::string line(message);
    for (const auto& field : fields) {
      (line += " ").append(field.key).append("=");
      if (const auto* const text = std::get_if<std::string_view>(&field.value.variant())) line.append(*text);
      if (const auto* const number = std::get_if<std::uint64_t>(&field.value.variant()))
        line.append(std::to_string(*number));
      if (const auto* const number = std::get_if<double>(&field.value.variant()))
        line.append(std::to_string(static_cast<int>(*number)));
    }
    lines_.push_back(std::move(line));
  }

  std::vector<std::string> lines_;
};

class ClientAdmissionTest : public ::testing::Test {
 protected:
  class Connection final : public ClientConnection {
   public:
    explicit Connection(ClientAdmission& admission) : admission_(admission) {}
    [[nodiscard]] std::optional<runtime::Time> idle_since() const override { return idle; }
    void make_room() override {
      made_room = true;
      admission_.remove_connection(*this);
    }
    void cut_off() override {
      was_cut_off = true;
      admission_.remove_connection(*this);
    }
    std::optional<runtime::Time> idle;
    bool made_room = false;
    bool was_cut_off = false;

   private:
    ClientAdmission& admission_;
  };

  /// The admitted connection; nullptr if it is closed on arrival.
  Connection* connect(std::uint32_t n) {
    if (!admission.admit_connection(client(n))) return nullptr;
    auto& connection = connections.emplace_back(admission);
    connection.idle = time.clock().now();
    admission.add_connection(connection, client(n));
    return &connection;
  }
  void invalid_datagram(std::uint32_t n) { admission.count_invalid(QueryError::short_header, nullptr, client(n)); }
  [[nodiscard]] std::uint64_t refused(Refusal refusal) const { return metrics.refused[refusal].value(); }

  testing::HandTurned time;
  LineLog log;
  DnsMetrics metrics;
  ClientAdmission admission{
      time, log, {.connections = 16, .connections_per_client = 100, .in_flight = 16, .ban_after = 2}, 7, metrics};
  std::deque<Connection> connections;
};

TEST_F(ClientAdmissionTest, LogsAClientAtOnceThenOncePerInterval) {
  for (int second = 0; second < 10; ++second) {
    invalid_datagram(1);
    time.pass(1s);
  }
  EXPECT_THAT(log.take(), ElementsAre("invalid query client=10.0.0.1 transport=udp reason=short_header rejected=1 "
                                      "rejected_total=1 suppressed=0"));
  invalid_datagram(1);
  EXPECT_THAT(log.take(), ElementsAre("invalid query client=10.0.0.1 transport=udp reason=short_header rejected=10 "
                                      "rejected_total=11 suppressed=0"));
}

TEST_F(ClientAdmissionTest, TheLogHasALimitForAllAddressesTogether) {
  for (std::uint32_t n = 0; n < 3'000; ++n) {
    invalid_datagram(n);
    time.pass(1ms);
  }
  EXPECT_EQ(log.take().size(), 10U);
  time.pass(10s);
  invalid_datagram(5'000);
  EXPECT_THAT(log.take(), ElementsAre("invalid query client=10.0.19.136 transport=udp reason=short_header rejected=1 "
                                      "rejected_total=1 suppressed=2990"));
  EXPECT_EQ(metrics.invalid[QueryError::short_header].value(), 3'001U);
  EXPECT_EQ(metrics.clients_tracked.value(), static_cast<double>(ClientTable::max_quiet));
}

TEST_F(ClientAdmissionTest, ASettingWithoutBansEndsThoseThatThereAre) {
  for (int i = 0; i < 2; ++i) admission.count_invalid(QueryError::long_name, connect(1), client(1));
  EXPECT_EQ(connect(1), nullptr);
  log.take();
  admission.configure({.ban_after = 0, .ban_for = 24h});
  EXPECT_THAT(log.take(), ElementsAre("ban ended client=10.0.0.1 dropped=2 suppressed=0"));
  EXPECT_EQ(metrics.clients_banned.value(), 0);
  EXPECT_NE(connect(1), nullptr);
}

TEST_F(ClientAdmissionTest, ABanClosesWhatTheClientHasAndDropsTheRest) {
  auto* const bad = connect(1);
  auto* const other = connect(1);
  auto* const neighbour = connect(2);
  admission.count_invalid(QueryError::long_name, bad, client(1));
  log.take();
  admission.count_invalid(QueryError::long_name, bad, client(1));
  EXPECT_THAT(log.take(), ElementsAre("client banned client=10.0.0.1 rejected=2 seconds=60 suppressed=0"));
  EXPECT_TRUE(other->was_cut_off);
  EXPECT_FALSE(bad->was_cut_off) << "it is closed by whoever saw the message";
  EXPECT_FALSE(neighbour->was_cut_off);
  EXPECT_EQ(metrics.clients_banned.value(), 1);
  EXPECT_EQ(metrics.bans.value(), 1U);

  EXPECT_EQ(connect(1), nullptr);
  EXPECT_FALSE(admission.admit_datagram(client(1)));
  EXPECT_TRUE(admission.admit_datagram(client(2)));
  EXPECT_EQ(refused(Refusal::banned), 2U);
  EXPECT_EQ(admission.table().find(client(1))->facts.refused, 3U);

  time.pass(59s);
  EXPECT_THAT(log.take(), IsEmpty());
  time.pass(1s);
  EXPECT_THAT(log.take(), ElementsAre("ban ended client=10.0.0.1 dropped=3 suppressed=0"));
  EXPECT_EQ(metrics.clients_banned.value(), 0);
  EXPECT_NE(connect(1), nullptr);
  EXPECT_TRUE(admission.admit_datagram(client(1)));
  EXPECT_EQ(time.deadline_count(), 0U);
}

TEST_F(ClientAdmissionTest, EachBanEndsAtItsTime) {
  for (std::uint32_t n = 1; n <= 2; ++n) {
    auto* const bad = connect(n);
    admission.count_invalid(QueryError::long_name, bad, client(n));
    admission.count_invalid(QueryError::long_name, bad, client(n));
    admission.remove_connection(*bad);
    time.pass(20s);
  }
  log.take();
  time.pass(20s);
  EXPECT_THAT(log.take(), ElementsAre("ban ended client=10.0.0.1 dropped=0 suppressed=0"));
  time.pass(20s);
  EXPECT_THAT(log.take(), ElementsAre("ban ended client=10.0.0.2 dropped=0 suppressed=0"));
}

TEST_F(ClientAdmissionTest, ManyBansAreFewLines) {
  for (std::uint32_t n = 0; n < 2'000; ++n) {
    auto* const bad = connect(n);
    ASSERT_NE(bad, nullptr);
    admission.count_invalid(QueryError::long_name, bad, client(n));
    admission.count_invalid(QueryError::long_name, bad, client(n));
    admission.remove_connection(*bad);
  }
  EXPECT_LE(log.take().size(), 30U) << "ten of each kind";
  EXPECT_EQ(metrics.clients_banned.value(), static_cast<double>(ClientTable::max_banned));
  time.pass(2min);
  EXPECT_EQ(metrics.clients_banned.value(), 0);
  EXPECT_LE(log.take().size(), 10U);
}

TEST_F(ClientAdmissionTest, RefusalsAreCountedByReasonAndClient) {
  std::vector<ClientRecord*> places;
  for (;;) {
    const auto place = admission.take_place(nullptr, client(1));
    if (!place) {
      EXPECT_EQ(place.error(), Refusal::client_share);
      break;
    }
    places.push_back(*place);
  }
  EXPECT_EQ(places.size(), 12U);
  EXPECT_EQ(refused(Refusal::client_share), 1U);
  EXPECT_EQ(admission.table().find(client(1))->facts.refused, 1U);
  for (auto* const client : places) admission.give_back(*client);
  EXPECT_EQ(admission.table().in_flight(), 0U);
}

TEST_F(ClientAdmissionTest, AnIdleConnectionMakesRoomAndIsCounted) {
  for (std::uint32_t i = 0; i < 16; ++i) ASSERT_NE(connect(i < 10 ? 1 : i), nullptr);
  EXPECT_EQ(connect(99), nullptr);
  EXPECT_EQ(refused(Refusal::connection_limit), 1U);
  time.pass(1s);
  EXPECT_NE(connect(99), nullptr);
  EXPECT_TRUE(connections.front().made_room);
  EXPECT_EQ(metrics.displaced.value(), 1U);
  EXPECT_EQ(admission.table().connections(), 16U);
}

}  // namespace
}  // namespace pillion::server
