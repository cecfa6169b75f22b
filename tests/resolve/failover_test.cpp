#include "resolve/failover.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/response.hpp"
#include "resolve/fakes.hpp"

namespace pillion::resolve {
namespace {

using namespace std::chrono_literals;
using testing::Asker;
using upstream::Error;

/// A server that keeps its queries.
class FakeChannel final : public upstream::Channel, public upstream::QueryHolder {
 public:
  explicit FakeChannel(std::string name) : name_(std::move(name)) {}

  void start() override { is_started = true; }
  std::optional<Error> submit(upstream::Query& query, runtime::Time /*now*/) override {
    if (refuses) return refuses;
    query.holder = this;
    asked.push_back(&query);
    ++asked_in_all;
    return std::nullopt;
  }
  void stop() override { is_stopped = true; }
  [[nodiscard]] bool empty() const override { return is_gone; }
  [[nodiscard]] const upstream::ServerProfile& profile() const override { return known; }
  [[nodiscard]] const std::string& server() const override { return name_; }
  [[nodiscard]] bool tried() const override { return is_tried; }
  [[nodiscard]] upstream::ServerMetrics& metrics() override { return counts; }
  void count_failure(upstream::Error error, runtime::Time /*now*/) override { counts.count_failure(error); }
  [[nodiscard]] upstream::ServerFacts facts(runtime::Time) const override { return {}; }
  void on_recovery(std::function<void()> listener) override { recovered = std::move(listener); }
  void abandon(upstream::Query& query) override {
    std::erase(asked, &query);
    ++abandoned;
  }

  /// Answers the oldest question.
  void answer(std::uint16_t rcode = dns::rcode::noerror, runtime::Duration latency = 1ms) {
    auto& query = take();
    auto message = query.message;
    dns::write_u16(message, 2, static_cast<std::uint16_t>(dns::flag::qr | dns::flag::rd | dns::flag::ra | rcode));
    // The facts that a pool records.
    if (upstream::is_usable(rcode)) known.replied(latency);
    query.replied({.message = dns::MessageView::parse(message).value(), .rcode = rcode, .latency = latency});
  }
  void fail(Error error) { take().failed(error); }
  [[nodiscard]] std::uint64_t hedges(upstream::Hedge result) const { return counts.hedges[result].value(); }

  upstream::ServerProfile known{std::make_shared<upstream::EdnsSupport>()};
  upstream::ServerMetrics counts;
  std::function<void()> recovered;
  std::optional<Error> refuses;
  std::vector<upstream::Query*> asked;
  std::size_t asked_in_all = 0;
  std::size_t abandoned = 0;
  bool is_started = false;
  bool is_stopped = false;
  bool is_gone = false;
  bool is_tried = false;

 private:
  upstream::Query& take() {
    auto& query = *asked.at(0);
    asked.erase(asked.begin());
    return query;
  }

  std::string name_;
};

/// A group of servers "server 0", "server 1", … that are asked in this order.
class FailoverTest : public ::testing::Test {
 protected:
  void start(std::size_t count, config::Protocol protocol = config::Protocol::tls) {
    config::Upstream settings;
    settings.protocol = protocol;
    settings.policy = config::PolicyKind::sequential;
    settings.timeout = 4s;
    settings.servers.resize(count);
    std::vector<std::unique_ptr<upstream::Channel>> channels;
    for (std::size_t i = 0; i < count; ++i) {
      auto channel = std::make_unique<FakeChannel>("server " + std::to_string(i));
      servers.push_back(channel.get());
      channels.push_back(std::move(channel));
    }
    failover.emplace(time, settings, std::move(channels), memory, [] { return 0.5; });
    failover->start();
  }
  void resolve(Request& request, std::uint16_t flags = dns::flag::rd) {
    dns::Buffer query;
    dns::append_query(query, 0x1234, flags, dns::parse_name("www.example").value(), dns::type::a, dns::klass::in);
    failover->resolve(dns::parse_query(query, {}).value(), request);
  }
  FakeChannel& server(std::size_t i) { return *servers.at(i); }
  /// The first server has answered `questions` queries, each after 20 ms.
  void learn_latency(std::size_t questions) {
    for (std::size_t i = 0; i < questions; ++i) {
      Asker one;
      resolve(one);
      server(0).answer(dns::rcode::noerror, 20ms);
    }
  }

  testing::HandTurned time;
  std::vector<FakeChannel*> servers;
  runtime::MemoryShare memory;
  std::optional<Failover> failover;
  Asker asker;
};

TEST_F(FailoverTest, StartsEveryServerAndAsksTheFirst) {
  start(2);
  EXPECT_TRUE(server(0).is_started);
  EXPECT_TRUE(server(1).is_started);
  resolve(asker);
  ASSERT_EQ(server(0).asked.size(), 1U);
  EXPECT_TRUE(server(1).asked.empty());
  server(0).answer(dns::rcode::nxdomain);
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.rcode, dns::rcode::nxdomain);
}

TEST_F(FailoverTest, SendsTheQuestionAndItsFlagsOnly) {
  start(1);
  resolve(asker, dns::flag::rd | dns::flag::cd | dns::flag::ad | dns::flag::ra | dns::flag::aa | dns::flag::tc);
  const auto header = dns::Header::of(server(0).asked.at(0)->message).value();
  EXPECT_EQ(header.flags(), dns::flag::rd | dns::flag::cd | dns::flag::ad);
  EXPECT_EQ(header.additionals(), 0);
  server(0).answer();
}

TEST_F(FailoverTest, AFailureGoesToTheNextServerAtOnce) {
  start(3);
  resolve(asker);
  server(0).fail(Error::reset);
  server(1).fail(Error::stalled);
  server(2).answer();
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(FailoverTest, AServerThatIsDownIsAskedAfterOneThatIsUp) {
  start(2);
  server(0).known.health().failed(Error::connect_refused, time.clock().now(), 0.5);
  resolve(asker);
  EXPECT_TRUE(server(0).asked.empty());
  server(1).answer();
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(FailoverTest, AServerThatIsSilentIsAskedAfterOneThatIsHeardOf) {
  start(2);
  server(0).known.health().set_silent(true);
  resolve(asker);
  EXPECT_TRUE(server(0).asked.empty());
  server(1).answer();
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(FailoverTest, TheBudgetIsSharedSoThatTheLastServerHasTimeToo) {
  start(2);
  resolve(asker);
  time.turn_to(1332ms);
  EXPECT_TRUE(server(1).asked.empty());
  time.turn_to(1333ms);
  EXPECT_EQ(server(1).asked.size(), 1U);
  time.turn_to(3999ms);
  EXPECT_EQ(asker.answers, 0);
  time.turn_to(4s);
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.info_code, dns::extended_error::no_reachable_authority);
  EXPECT_EQ(asker.text.find("no answer in time at server "), 0U) << asker.text;
  EXPECT_EQ(server(0).abandoned, 1U);
  EXPECT_EQ(server(1).abandoned, 1U);
}

TEST_F(FailoverTest, OverUdpTheNextServerIsAskedAfterASecond) {
  start(2, config::Protocol::udp);
  resolve(asker);
  time.turn_to(1s);
  EXPECT_EQ(server(1).asked.size(), 1U);
  server(1).answer();
}

TEST_F(FailoverTest, WhereNobodyCanBeAskedTheReasonIsTold) {
  start(2);
  server(0).refuses = Error::certificate_name;
  server(1).refuses = Error::certificate_expired;
  resolve(asker);
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.info_code, dns::extended_error::network_error);
  EXPECT_EQ(asker.text, "certificate expired or not yet valid at server 1");
}

TEST_F(FailoverTest, MoreQueriesThanTheGroupHoldsAreRefused) {
  start(1);
  std::deque<Asker> askers(Failover::max_exchanges);
  for (auto& one : askers) resolve(one);
  resolve(asker);
  EXPECT_EQ(asker.rcode, dns::rcode::refused);
  EXPECT_EQ(asker.info_code, dns::extended_error::other);
  EXPECT_EQ(asker.text, "too many queries in flight");
  while (!server(0).asked.empty()) server(0).answer();
  for (const auto& one : askers) ASSERT_EQ(one.answers, 1);
}

TEST_F(FailoverTest, AHedgeGoesToTheSecondServerAfterTheFirstsUsualTime) {
  start(2);
  learn_latency(100);
  resolve(asker);
  time.pass(19ms);
  EXPECT_TRUE(server(1).asked.empty());
  time.pass(6ms);  // the 95th percentile is known to within a fifth
  ASSERT_EQ(server(1).asked.size(), 1U);
  server(1).answer();
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_EQ(server(1).hedges(upstream::Hedge::won), 1U);
  EXPECT_EQ(server(1).hedges(upstream::Hedge::lost), 0U);
}

TEST_F(FailoverTest, AHedgeThatTheFirstServerForestallsIsCountedAsLost) {
  start(2);
  learn_latency(100);
  resolve(asker);
  time.pass(50ms);
  server(0).answer();
  EXPECT_EQ(server(1).hedges(upstream::Hedge::won), 0U);
  EXPECT_EQ(server(1).hedges(upstream::Hedge::lost), 1U);
  EXPECT_EQ(server(1).abandoned, 1U);
}

TEST_F(FailoverTest, AHedgeThatCannotBeSentIsNotCountedAndPaidForByNobody) {
  start(2);
  learn_latency(100);  // which pay for five hedges
  server(1).refuses = Error::overloaded;
  std::deque<Asker> askers(9);
  for (auto& one : askers) resolve(one);
  time.pass(50ms);
  EXPECT_EQ(server(1).hedges(upstream::Hedge::lost), 0U);
  EXPECT_EQ(server(1).hedges(upstream::Hedge::over_budget), 0U);
  while (!server(0).asked.empty()) server(0).answer();
  EXPECT_EQ(server(1).hedges(upstream::Hedge::lost), 0U);
}

TEST_F(FailoverTest, HedgesAreATwentiethOfTheQueriesAtMost) {
  start(2);
  learn_latency(100);  // which pay for five hedges
  std::deque<Asker> askers(15);
  for (auto& one : askers) resolve(one);
  time.pass(50ms);
  EXPECT_EQ(server(1).asked.size(), 5U) << "of 115 queries";
  EXPECT_EQ(server(1).hedges(upstream::Hedge::over_budget), 10U);
  while (!server(0).asked.empty()) server(0).answer();
}

TEST_F(FailoverTest, AQuietTimeSavesUpTenHedgesAtMost) {
  start(2);
  learn_latency(1000);
  std::deque<Asker> askers(20);
  for (auto& one : askers) resolve(one);
  time.pass(50ms);
  EXPECT_EQ(server(1).asked.size(), 10U);
  while (!server(0).asked.empty()) server(0).answer();
}

TEST_F(FailoverTest, InTheClearNothingIsHedged) {
  start(2, config::Protocol::tcp);
  learn_latency(100);
  resolve(asker);
  time.pass(500ms);
  EXPECT_TRUE(server(1).asked.empty());
  server(0).answer();
}

TEST_F(FailoverTest, NoHedgeBeforeTheUsualTimeIsKnown) {
  start(2);
  learn_latency(20);
  resolve(asker);
  time.pass(500ms);
  EXPECT_TRUE(server(1).asked.empty());
  server(0).answer();
}

TEST_F(FailoverTest, KnowsWhenAServerCameBack) {
  start(2);
  EXPECT_EQ(failover->recovered_at(), std::nullopt);
  time.turn_to(10s);
  server(1).recovered();
  EXPECT_EQ(failover->recovered_at(), testing::HandTurned::start() + 10s);
}

TEST_F(FailoverTest, IsDownWhenEveryServerIs) {
  start(2);
  server(0).known.health().failed(Error::connect_refused, time.clock().now(), 0.5);
  EXPECT_FALSE(failover->is_down());
  server(1).known.health().failed(Error::connect_refused, time.clock().now(), 0.5);
  EXPECT_TRUE(failover->is_down());
  server(1).known.health().recovered();
  EXPECT_FALSE(failover->is_down());
}

TEST_F(FailoverTest, IsWarmWhenAnyServerWasTried) {
  start(2);
  EXPECT_FALSE(failover->is_warm());
  server(1).is_tried = true;
  EXPECT_TRUE(failover->is_warm());
}

TEST_F(FailoverTest, StopsWhenEveryConnectionHasGone) {
  start(2);
  failover->stop();
  EXPECT_TRUE(server(0).is_stopped);
  EXPECT_TRUE(server(1).is_stopped);
  server(0).is_gone = true;
  EXPECT_FALSE(failover->is_stopped());
  server(1).is_gone = true;
  EXPECT_TRUE(failover->is_stopped());
}

}  // namespace
}  // namespace pillion::resolve
