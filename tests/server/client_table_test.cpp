#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "server/address.hpp"
#include "server/clients.hpp"
#include "support/hand_turned.hpp"

namespace pillion::server {
namespace {

using namespace std::chrono_literals;
using dns::QueryError;

using pillion::testing::start_time;

ClientAddress address_of(std::uint32_t n) {
  return client_address(boost::asio::ip::make_address_v4(n));
}

class Connection final : public ClientConnection {
 public:
  [[nodiscard]] std::optional<runtime::Time> idle_since() const override { return idle; }
  void make_room() override {}
  void cut_off() override {}
  std::optional<runtime::Time> idle = start_time;
};

class ClientTableTest : public ::testing::Test {
 protected:
  explicit ClientTableTest(const ClientTable::Limits& limits = {.connections = 16,
                                                                .connections_per_client = 100,
                                                                .in_flight = 16})
      : table(limits, 7) {}

  ClientRecord& udp(std::uint32_t n) { return table.record_of(address_of(n), Transport::udp, now); }
  Connection& connect(std::uint32_t n) {
    auto& connection = connections.emplace_back();
    connection.idle = now;
    table.add_connection(connection, address_of(n), now);
    return connection;
  }
  /// The number of connections that the table admits at once.
  std::size_t take_all(ClientRecord& record) {
    std::size_t taken = 0;
    while (!table.take_place(record, now)) ++taken;
    return taken;
  }
  bool invalid(std::uint32_t n, Transport transport) {
    return table.count_invalid(table.record_of(address_of(n), transport, now), QueryError::long_name, transport, now);
  }

  std::deque<Connection> connections;
  ClientTable table;
  runtime::Time now = start_time;
};

TEST(ClientAddressText, ReadsAsPeopleWriteIt) {
  EXPECT_EQ(to_string(address_of(0x0a010203)), "10.1.2.3");
  ClientAddress v6{0x20, 0x01, 0x0d, 0xb8};
  v6[15] = 1;
  EXPECT_EQ(to_string(v6), "2001:db8::1");
}

TEST(HashAddress, SpreadsNeighboursAndFollowsTheSeed) {
  std::set<std::size_t> seen;
  for (std::uint32_t n = 0; n < 10'000; ++n) seen.insert(HashAddress{1}(address_of(n)) % 65'536);
  EXPECT_GT(seen.size(), 9'000U);
  EXPECT_NE(HashAddress{1}(address_of(1)), HashAddress{2}(address_of(1)));
}

TEST_F(ClientTableTest, CountsByClientAndReason) {
  static_cast<void>(table.count_invalid(udp(1), QueryError::short_header, Transport::udp, now));
  static_cast<void>(table.count_invalid(udp(1), QueryError::long_name, Transport::udp, now));
  static_cast<void>(table.count_invalid(udp(1), QueryError::long_name, Transport::udp, now));
  static_cast<void>(table.count_invalid(udp(2), QueryError::long_name, Transport::udp, now));
  const auto* const record = table.find(address_of(1));
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->facts.invalid[QueryError::short_header], 1U);
  EXPECT_EQ(record->facts.invalid[QueryError::long_name], 2U);
  EXPECT_EQ(record->unreported, 3U);
  EXPECT_EQ(table.find(address_of(2))->unreported, 1U);
  EXPECT_EQ(table.find(address_of(3)), nullptr);
}

TEST_F(ClientTableTest, ALoneClientGetsThreeQuartersOfThePlaces) {
  auto& greedy = udp(1);
  EXPECT_EQ(take_all(greedy), 12U);
  EXPECT_EQ(table.take_place(greedy, now), Refusal::client_share);
  EXPECT_EQ(take_all(udp(2)), 3U) << "three quarters of the rest";
  EXPECT_EQ(take_all(udp(3)), 1U);
  EXPECT_EQ(table.take_place(udp(4), now), Refusal::in_flight_limit);
  table.give_back(greedy, now);
  EXPECT_EQ(table.take_place(greedy, now), Refusal::client_share) << "what comes free is for those who hold less";
  EXPECT_EQ(table.take_place(udp(4), now), std::nullopt);
}

TEST_F(ClientTableTest, PlacesThatComeFreeGoToThoseWhoHoldLess) {
  auto& first = udp(1);
  static_cast<void>(take_all(first));
  auto& second = udp(2);
  // In each turn one query of the first client is answered, and both clients ask for as many places as they can get.
  for (int turn = 0; turn < 100; ++turn) {
    table.give_back(first, now);
    static_cast<void>(take_all(first));
    static_cast<void>(take_all(second));
  }
  EXPECT_EQ(first.facts.in_flight, 8U);
  EXPECT_EQ(second.facts.in_flight, 6U);
  EXPECT_EQ(table.take_place(udp(3), now), std::nullopt) << "a newcomer finds room";
}

TEST_F(ClientTableTest, ConnectionsAreSharedByTheSameRule) {
  std::size_t held = 0;
  for (; !table.judge_connection(address_of(1), now).refusal; ++held) connect(1);
  EXPECT_EQ(held, 12U);
  EXPECT_EQ(table.judge_connection(address_of(1), now).refusal, Refusal::client_share);
  EXPECT_EQ(table.judge_connection(address_of(2), now).refusal, std::nullopt);
  for (std::uint32_t n = 2; n < 6; ++n) connect(n);
  EXPECT_EQ(table.judge_connection(address_of(7), now).refusal, Refusal::connection_limit);
}

TEST_F(ClientTableTest, AtTheLimitTheIdleConnectionOfWhoHasTheMostMakesRoom) {
  for (int i = 0; i < 12; ++i) connect(1);
  for (int i = 0; i < 4; ++i) connect(2);
  const auto arrival = [&](std::uint32_t n) { return table.judge_connection(address_of(n), now); };
  EXPECT_EQ(arrival(3).refusal, Refusal::connection_limit) << "all were active a moment ago";
  now += 1s;
  // The first client has connections in use, and the second is active.
  connections[0].idle.reset();
  connections[1].idle = now;
  table.note_activity(connections[1], now);
  EXPECT_EQ(arrival(3).in_favour, &connections[2]) << "though the connections of the second client are as old";
  EXPECT_EQ(arrival(3).refusal, std::nullopt);
  table.remove_connection(connections[2], now);
  EXPECT_EQ(arrival(3).in_favour, nullptr) << "there is room";
  connect(3);
  EXPECT_EQ(arrival(2).in_favour, &connections[3]);
}

TEST_F(ClientTableTest, TheLongestIdleConnectionIsKnownToASecond) {
  for (int i = 0; i < 12; ++i) connect(1);
  for (int i = 0; i < 4; ++i) connect(2);
  for (int turn = 0; turn < 50; ++turn) {
    now += 100ms;
    for (std::size_t i = 0; i < 12; ++i) {
      if (i == 7) continue;
      connections[i].idle = now;
      table.note_activity(connections[i], now);
    }
  }
  EXPECT_EQ(table.judge_connection(address_of(3), now).in_favour, &connections[7]);
}

TEST_F(ClientTableTest, ASearchAmongConnectionsInUseEndsAndGoesOnNextTime) {
  ClientTable wide({.connections = 1000, .connections_per_client = 100, .in_flight = 16}, 7);
  for (int i = 0; i < 100; ++i) {
    auto& connection = connections.emplace_back();
    connection.idle.reset();
    wide.add_connection(connection, address_of(1), now);
  }
  connections[50].idle = now;
  now += 2s;
  int searches = 1;
  while (wide.judge_connection(address_of(1), now).in_favour == nullptr) ++searches;
  EXPECT_EQ(searches, 4) << "of 16 connections each";
  EXPECT_EQ(wide.judge_connection(address_of(1), now).in_favour, &connections[50]);
  for (auto& connection : connections) wide.remove_connection(connection, now);
  EXPECT_EQ(wide.connections(), 0U);
}

TEST_F(ClientTableTest, WhereTheLargestHasNoIdleConnectionThatOfAnyoneMakesRoomForANewcomer) {
  for (int i = 0; i < 12; ++i) connect(1).idle.reset();
  for (std::uint32_t n = 2; n < 6; ++n) connect(n);
  now += 2s;
  EXPECT_EQ(table.judge_connection(address_of(1), now).refusal, Refusal::connection_limit);
  EXPECT_EQ(table.judge_connection(address_of(2), now).refusal, Refusal::connection_limit) << "it holds one already";
  for (std::uint32_t n = 6; n < 10; ++n) {
    const auto arrival = table.judge_connection(address_of(n), now);
    ASSERT_EQ(arrival.in_favour, &connections[n + 6]) << "the one that was idle for the longest";
    table.remove_connection(*arrival.in_favour, now);
    connect(n);
  }
  EXPECT_EQ(table.judge_connection(address_of(10), now).refusal, Refusal::connection_limit) << "active a moment ago";
}

TEST_F(ClientTableTest, ASearchAmongAllConnectionsEndsAndGoesOnNextTime) {
  ClientTable wide({.connections = 1000, .connections_per_client = 1000, .in_flight = 16}, 7);
  for (int i = 0; i < 1000; ++i) {
    auto& connection = connections.emplace_back();
    connection.idle.reset();
    wide.add_connection(connection, address_of(i < 999 ? 1 : 2), now);
  }
  connections.back().idle = now;
  now += 2s;
  int searches = 1;
  while (wide.judge_connection(address_of(3), now).in_favour == nullptr) ++searches;
  EXPECT_EQ(searches, 4) << "of 256 connections each";
  for (auto& connection : connections) wide.remove_connection(connection, now);
}

class OneConnectionEach : public ClientTableTest {
 protected:
  OneConnectionEach() : ClientTableTest({.connections = 16, .connections_per_client = 2, .in_flight = 16}) {}
};

TEST_F(OneConnectionEach, ThoseWhoHoldTheSameTakeTurns) {
  for (std::uint32_t n = 0; n < 16; ++n) connect(n);
  now += 2s;
  for (std::size_t i = 0; i < 8; ++i) connections[i].idle.reset();
  EXPECT_EQ(table.judge_connection(address_of(0), now).refusal, Refusal::connection_limit) << "of eight looked at";
  EXPECT_EQ(table.judge_connection(address_of(0), now).in_favour, &connections[8]);
}

TEST_F(OneConnectionEach, AtAClientsOwnLimitItsOwnConnectionMakesRoom) {
  connect(1);
  connect(1);
  connect(2);
  EXPECT_EQ(table.judge_connection(address_of(1), now).refusal, Refusal::client_limit);
  now += 1s;
  EXPECT_EQ(table.judge_connection(address_of(1), now).in_favour, &connections.front());
  EXPECT_EQ(table.judge_connection(address_of(2), now).in_favour, nullptr);
}

TEST_F(ClientTableTest, ForgetsTheOneThatWasQuietForTheLongest) {
  const auto many = static_cast<std::uint32_t>(ClientTable::max_quiet);
  auto& held = udp(many + 1);
  ASSERT_EQ(table.take_place(held, now), std::nullopt);
  connect(many + 2);
  for (std::uint32_t n = 0; n < many; ++n) static_cast<void>(udp(n));
  EXPECT_EQ(table.size(), many + 2);
  static_cast<void>(udp(0));
  static_cast<void>(udp(many));
  EXPECT_EQ(table.size(), many + 2);
  EXPECT_NE(table.find(address_of(0)), nullptr);
  EXPECT_EQ(table.find(address_of(1)), nullptr);
  EXPECT_NE(table.find(address_of(many)), nullptr);
  for (std::uint32_t n = 0; n < 3 * many; ++n) static_cast<void>(udp(10'000 + n));
  EXPECT_NE(table.find(address_of(many + 1)), nullptr) << "has a query in flight";
  EXPECT_NE(table.find(address_of(many + 2)), nullptr) << "has a connection";
}

TEST_F(ClientTableTest, ForgedAddressesPushOutNobodyWhoWasConnected) {
  static_cast<void>(invalid(1, Transport::tcp));
  for (std::uint32_t n = 10; n < 10'000; ++n) static_cast<void>(udp(n));
  ASSERT_NE(table.find(address_of(1)), nullptr);
  EXPECT_EQ(table.snapshot(now).front().score, 1U);
  EXPECT_EQ(table.size(), ClientTable::max_quiet + 1);
}

class Bans : public ClientTableTest {
 protected:
  Bans()
      : ClientTableTest(
            {.connections = 16, .connections_per_client = 100, .in_flight = 16, .ban_after = 3, .ban_for = 5min}) {}
};

TEST_F(Bans, SoManyInvalidMessagesInAMinute) {
  EXPECT_FALSE(invalid(1, Transport::tcp));
  now += 20s;
  EXPECT_FALSE(invalid(1, Transport::tcp));
  now += 20s;
  EXPECT_FALSE(table.find_banned(address_of(1)));
  EXPECT_TRUE(invalid(1, Transport::tcp));
  EXPECT_TRUE(table.find_banned(address_of(1)));
  EXPECT_EQ(table.judge_connection(address_of(1), now).refusal, Refusal::banned);
  EXPECT_EQ(table.judge_connection(address_of(2), now).refusal, std::nullopt);
  EXPECT_EQ(table.next_ban_end(), now + 5min);
  EXPECT_FALSE(invalid(1, Transport::tcp)) << "is banned already";
  EXPECT_EQ(table.end_ban(now + 5min - 1ns), nullptr);
  now += 5min;
  ASSERT_NE(table.end_ban(now), nullptr);
  EXPECT_EQ(table.end_ban(now), nullptr);
  EXPECT_EQ(table.judge_connection(address_of(1), now).refusal, std::nullopt);
}

/// A table in which the addresses of an IPv6 prefix of 64 bits are one client.
class Prefixes : public ClientTableTest {
 protected:
  Prefixes() : ClientTableTest({.connections = 16, .in_flight = 16, .ban_after = 3, .ipv6_prefix = 64}) {}
  /// An address of the prefix 2001:db8:0:`prefix`::/64.
  static ClientAddress in_prefix(std::uint8_t prefix, std::uint8_t host) {
    return {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, prefix, 0, 0, 0, 0, 0, 0, 0, host};
  }
};

TEST_F(Prefixes, HaveOneShareOfConnectionsAndQueries) {
  std::uint8_t held = 0;
  while (!table.judge_connection(in_prefix(1, held), now).refusal) {
    auto& connection = connections.emplace_back();
    connection.idle = std::nullopt;
    table.add_connection(connection, in_prefix(1, held++), now);
  }
  EXPECT_EQ(held, 12) << "three quarters";
  EXPECT_EQ(table.judge_connection(in_prefix(1, 200), now).refusal, Refusal::client_share);
  EXPECT_EQ(table.judge_connection(in_prefix(2, 1), now).refusal, std::nullopt);
  EXPECT_EQ(take_all(table.record_of(in_prefix(1, 100), Transport::udp, now)), 12U);
  EXPECT_EQ(table.take_place(table.record_of(in_prefix(1, 101), Transport::udp, now), now), Refusal::client_share);
  EXPECT_EQ(table.take_place(table.record_of(in_prefix(2, 1), Transport::udp, now), now), std::nullopt);

  EXPECT_EQ(table.size(), 2U);
  const auto facts = table.snapshot(now).front();
  EXPECT_EQ(to_string(facts.address, facts.bits), "2001:db8:0:1::/64");
  EXPECT_EQ(facts.connections, 12U);
  for (auto& connection : connections) table.remove_connection(connection, now);
  EXPECT_EQ(table.find(in_prefix(1, 77))->facts.connections, 0U);
}

TEST_F(Prefixes, AreBannedAsAWhole) {
  for (std::uint8_t host = 1; host <= 3; ++host) {
    auto& record = table.record_of(in_prefix(1, host), Transport::tcp, now);
    EXPECT_EQ(table.count_invalid(record, QueryError::long_name, Transport::tcp, now), host == 3);
  }
  EXPECT_EQ(table.judge_connection(in_prefix(1, 4), now).refusal, Refusal::banned);
  EXPECT_TRUE(table.find_banned(in_prefix(1, 5)));
  EXPECT_FALSE(table.find_banned(in_prefix(2, 1)));
}

/// A client of one prefix with the connections of two shards.
TEST(SharedPrefixes, AreOneClientOnAllShards) {
  SharedLimits process(100, 2);
  const ClientTable::Limits limits{.connections_per_client = 2, .ban_after = 2, .ipv6_prefix = 64};
  ClientTable one(limits, 7, &process);
  ClientTable two(limits, 7, &process);
  const auto address = [](const char* text) { return client_address(boost::asio::ip::make_address(text)); };
  Connection first;
  Connection second;
  first.idle = second.idle = std::nullopt;
  one.add_connection(first, address("2001:db8::1"), start_time);
  two.add_connection(second, address("2001:db8::2"), start_time);
  EXPECT_EQ(one.judge_connection(address("2001:db8::3"), start_time).refusal, Refusal::client_limit);
  const auto invalid = [&](ClientTable& table, const char* from) {
    auto& record = table.record_of(address(from), Transport::tcp, start_time);
    return table.count_invalid(record, QueryError::long_name, Transport::tcp, start_time);
  };
  EXPECT_FALSE(invalid(one, "2001:db8::4"));
  EXPECT_TRUE(invalid(two, "2001:db8::5"));
  one.remove_connection(first, start_time);
  two.remove_connection(second, start_time);
  EXPECT_EQ(process.clients.connections(identity_of(address("2001:db8::6"), 64)), 0U);
}

TEST_F(Bans, TheScoreDecays) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(invalid(1, Transport::tcp)) << i;
    now += 30s;
  }
}

TEST_F(Bans, NeverOnTheEvidenceOfDatagrams) {
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(invalid(1, Transport::udp));
  EXPECT_FALSE(invalid(1, Transport::tcp)) << "they do not count at all";
  EXPECT_EQ(table.banned(), 0U);
}

TEST_F(Bans, NeverOfALoopbackAddress) {
  ClientAddress v6{};
  v6[15] = 1;
  for (const auto& address : {address_of(0x7f000001), address_of(0x7f123456), v6}) {
    for (int i = 0; i < 100; ++i) {
      auto& record = table.record_of(address, Transport::tcp, now);
      EXPECT_FALSE(table.count_invalid(record, QueryError::long_name, Transport::tcp, now));
    }
  }
  EXPECT_EQ(table.banned(), 0U);
}

TEST_F(Bans, AreBoundedAndNotForgottenBefore) {
  const auto many = static_cast<std::uint32_t>(ClientTable::max_banned);
  for (std::uint32_t n = 0; n <= many; ++n) {
    EXPECT_EQ(table.end_ban(now), nullptr) << n;
    for (int i = 0; i < 3; ++i) static_cast<void>(invalid(n, Transport::tcp));
  }
  const auto* const ended = table.end_ban(now);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->facts.address, address_of(0)) << "the oldest";
  EXPECT_EQ(table.end_ban(now), nullptr);
  for (std::uint32_t n = 100'000; n < 110'000; ++n) static_cast<void>(invalid(n, Transport::tcp));
  EXPECT_EQ(table.banned(), many);
}

TEST_F(Bans, EachEndsAtItsOwnTimeThoughAReloadChangesTheLength) {
  const auto ban = [&](std::uint32_t n, runtime::Duration length) {
    table.configure(1, length);
    EXPECT_TRUE(invalid(n, Transport::tcp));
  };
  ban(1, 24h);
  ban(2, 2s);
  ban(3, 10s);
  ban(4, 2s);
  const auto ended_after = [&](runtime::Duration length) {
    EXPECT_EQ(table.next_ban_end(), start_time + length);
    EXPECT_EQ(table.end_ban(start_time + length - 1ns), nullptr);
    const auto* const ended = table.end_ban(start_time + length);
    return ended == nullptr ? ClientAddress{} : ended->facts.address;
  };
  EXPECT_EQ(ended_after(2s), address_of(2));
  EXPECT_EQ(ended_after(2s), address_of(4));
  EXPECT_EQ(ended_after(10s), address_of(3));
  EXPECT_EQ(ended_after(24h), address_of(1));
  EXPECT_EQ(table.next_ban_end(), std::nullopt);
}

TEST_F(Bans, AllEndOnceThereAreNone) {
  table.configure(1, 24h);
  EXPECT_TRUE(invalid(1, Transport::tcp));
  EXPECT_TRUE(invalid(2, Transport::tcp));
  table.configure(0, 24h);
  for (const std::uint32_t n : {1U, 2U}) {
    const auto* const ended = table.end_ban(start_time);
    ASSERT_NE(ended, nullptr);
    EXPECT_EQ(ended->facts.address, address_of(n));
  }
  EXPECT_EQ(table.end_ban(start_time), nullptr);
  EXPECT_EQ(table.banned(), 0U);
  EXPECT_EQ(table.adopt({.address = address_of(3), .until = start_time + 1h}, start_time), nullptr)
      << "another shard may have begun one before it knew";
}

TEST_F(Bans, TheSnapshotSaysWhatIsKnown) {
  connect(2);
  ASSERT_EQ(table.take_place(udp(2), now), std::nullopt);
  ClientTable::count_refusal(udp(2));
  for (int i = 0; i < 3; ++i) static_cast<void>(invalid(1, Transport::tcp));
  static_cast<void>(invalid(3, Transport::tcp));
  const auto all = table.snapshot(now + 30s);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].address, address_of(1));
  EXPECT_EQ(all[0].banned_until, now + 5min);
  EXPECT_EQ(all[0].invalid[QueryError::long_name], 3U);
  EXPECT_EQ(all[0].last_seen, now);
  EXPECT_EQ(all[1].connections, 1U);
  EXPECT_EQ(all[1].in_flight, 1U);
  EXPECT_EQ(all[1].refused, 1U);
  EXPECT_EQ(all[1].banned_until, std::nullopt);
  EXPECT_EQ(all[2].score, 1U);
  EXPECT_EQ(table.snapshot(now + 60s)[2].score, 0U);
}

TEST(SlidingMinute, CountsAMinuteAndNeverMore) {
  std::mt19937 random(1);
  SlidingMinute minute;
  std::vector<runtime::Time> events;
  auto now = start_time;
  for (int i = 0; i < 10'000; ++i) {
    now += std::chrono::milliseconds(random() % 4 == 0 ? random() % 30'000 : random() % 500);
    if (random() % 3 != 0) {
      minute.add(now);
      events.push_back(now);
    }
    const auto since = [&](runtime::Duration age) {
      return static_cast<std::uint64_t>(std::ranges::count_if(events, [&](auto time) { return now - time < age; }));
    };
    ASSERT_GE(minute.count(now), since(50s));
    ASSERT_LE(minute.count(now), since(60s));
  }
}

/// Random actions of clients in any order: the bounds hold, and the table's counts are correct.
class ClientTableProperty : public ::testing::TestWithParam<unsigned> {
 protected:
  static constexpr std::size_t limit = 64;
  struct Held {
    std::vector<std::unique_ptr<Connection>> connections;
    std::vector<ClientRecord*> queries;
  };

  void connect(std::uint32_t n) {
    const auto before = table.connections();
    const auto own = held[n].connections.size();
    const auto arrival = table.judge_connection(address_of(n), now);
    if (arrival.refusal) {
      ASSERT_EQ(arrival.in_favour, nullptr);
      ASSERT_TRUE(own > 0 || before == limit || table.find_banned(address_of(n))) << "a newcomer finds room";
      return;
    }
    if (arrival.in_favour != nullptr) close(*arrival.in_favour);
    held[n].connections.push_back(std::make_unique<Connection>());
    held[n].connections.back()->idle = now;
    table.add_connection(*held[n].connections.back(), address_of(n), now);
  }
  void close(ClientConnection& connection) {
    auto& own = held.at(connection.client()->facts.address[15]).connections;
    table.remove_connection(connection, now);
    std::erase_if(own, [&](const auto& one) { return one.get() == &connection; });
  }
  void ask(std::uint32_t n) {
    auto& record = table.record_of(address_of(n), Transport::udp, now);
    const auto own = record.facts.in_flight;
    const auto refusal = table.take_place(record, now);
    ASSERT_TRUE(!refusal || own > 0 || table.in_flight() == limit) << "a newcomer finds room";
    if (!refusal) held[n].queries.push_back(&record);
  }
  void act(std::uint32_t n) {
    auto& own = held[n];
    switch (random() % 8) {
      case 0:
      case 1:
        return connect(n);
      case 2:
      case 3:
        return ask(n);
      case 4:
        if (!own.connections.empty()) close(*own.connections[random() % own.connections.size()]);
        return;
      case 5:
        if (own.queries.empty()) return;
        table.give_back(*own.queries.back(), now);
        return own.queries.pop_back();
      case 6:
        if (own.connections.empty()) return;
        own.connections.back()->idle = random() % 2 == 0 ? std::optional(now) : std::nullopt;
        return table.note_activity(*own.connections.back(), now);
      default: {
        const auto transport = random() % 2 == 0 ? Transport::tcp : Transport::udp;
        auto& record = table.record_of(address_of(n), transport, now);
        static_cast<void>(table.count_invalid(record, QueryError::long_name, transport, now));
        while (table.end_ban(now) != nullptr) continue;
      }
    }
  }
  void check() {
    std::size_t connections = 0;
    std::size_t queries = 0;
    for (const auto& [n, own] : held) {
      connections += own.connections.size();
      queries += own.queries.size();
      const auto* const record = table.find(address_of(n));
      if (own.connections.empty() && own.queries.empty()) continue;
      ASSERT_NE(record, nullptr);
      ASSERT_EQ(record->facts.connections, own.connections.size());
      ASSERT_EQ(record->facts.in_flight, own.queries.size());
      ASSERT_LE(own.connections.size(), 40U);
    }
    ASSERT_EQ(table.connections(), connections);
    ASSERT_EQ(table.in_flight(), queries);
    ASSERT_LE(connections, limit);
    ASSERT_LE(queries, limit);
    ASSERT_LE(table.size(), connections + queries + 2 * ClientTable::max_quiet + table.banned());
  }

  std::mt19937 random{GetParam()};
  std::map<std::uint32_t, Held> held;
  ClientTable table{
      {.connections = limit, .connections_per_client = 40, .in_flight = limit, .ban_after = 20, .ban_for = 10s},
      GetParam()};
  runtime::Time now = start_time;
};

TEST_P(ClientTableProperty, BoundsHold) {
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds(random() % 300);
    // A few clients have most of the actions.
    act(static_cast<std::uint32_t>(random() % 2 == 0 ? random() % 3 : random() % 200));
    if (HasFatalFailure()) return;
    if (i % 10 == 0) check();
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClientTableProperty, ::testing::Range(0U, 8U));

}  // namespace
}  // namespace pillion::server
