#include "server/shared_clients.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <list>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dns/query.hpp"
#include "server/address.hpp"
#include "server/clients.hpp"
#include "support/hand_turned.hpp"

namespace pillion::server {
namespace {

using namespace std::chrono_literals;
using pillion::testing::start_time;

ClientAddress shared_address(std::uint32_t n) {
  return client_address(boost::asio::ip::make_address_v4(n));
}

class CountingListener final : public BanListener {
 public:
  void bans_wait() override { ++woken; }
  std::atomic<int> woken = 0;
};

class IdleConnection final : public ClientConnection {
 public:
  [[nodiscard]] std::optional<runtime::Time> idle_since() const override { return idle; }
  void make_room() override {}
  void cut_off() override {}
  std::optional<runtime::Time> idle = start_time;
};

TEST(SharedClients, InvalidMessagesOfAMinuteAreCountedForAllShards) {
  SharedClients clients;
  EXPECT_EQ(clients.count_invalid(shared_address(1), start_time + 30s), 1U);
  EXPECT_EQ(clients.count_invalid(shared_address(1), start_time), 2U) << "a shard whose clock was read earlier";
  EXPECT_EQ(clients.count_invalid(shared_address(2), start_time), 1U);
  EXPECT_EQ(clients.count_invalid(shared_address(1), start_time + 95s), 1U);
  clients.forget_invalid(shared_address(1));
  EXPECT_EQ(clients.count_invalid(shared_address(1), start_time + 95s), 1U);
}

TEST(SharedClients, TheOneWithoutConnectionThatWasQuietForTheLongestIsForgotten) {
  SharedClients clients;
  clients.add_connection(shared_address(0));
  for (std::uint32_t n = 0; n <= SharedClients::max_quiet + 1; ++n) {
    EXPECT_EQ(clients.count_invalid(shared_address(n), start_time), 1U);
  }
  EXPECT_EQ(clients.count_invalid(shared_address(0), start_time), 2U) << "it has a connection";
  EXPECT_EQ(clients.count_invalid(shared_address(2), start_time), 2U);
  EXPECT_EQ(clients.count_invalid(shared_address(1), start_time), 1U) << "forgotten";
  clients.remove_connection(shared_address(0));
  EXPECT_EQ(clients.connections(shared_address(0)), 0U);
}

TEST(SharedClients, AListenerIsWokenOnceAndTakesAllBans) {
  SharedClients clients;
  CountingListener listener;
  clients.add_listener(listener);
  const auto many = static_cast<std::uint32_t>(SharedClients::max_waiting_bans);
  for (std::uint32_t n = 0; n <= many; ++n) clients.spread({.address = shared_address(n), .until = start_time});
  EXPECT_EQ(listener.woken, 1);
  const auto bans = clients.take_bans(listener);
  ASSERT_EQ(bans.size(), many);
  EXPECT_EQ(bans.front().address, shared_address(1)) << "the oldest one was displaced";
  EXPECT_TRUE(clients.take_bans(listener).empty());
  clients.spread({.address = shared_address(1), .until = start_time});
  EXPECT_EQ(listener.woken, 2);
  clients.remove_listener(listener);
  clients.spread({.address = shared_address(2), .until = start_time});
  EXPECT_TRUE(clients.take_bans(listener).empty());
}

TEST(SharedClients, ThreadsCountTogether) {
  constexpr std::uint32_t each = 2'000;
  SharedClients clients;
  std::atomic<std::uint64_t> most = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        CountingListener listener;
        clients.add_listener(listener);
        for (std::uint32_t n = 0; n < each; ++n) {
          clients.add_connection(shared_address(n % 7));
          const auto count = clients.count_invalid(shared_address(99), start_time);
          for (auto seen = most.load(); seen < count && !most.compare_exchange_weak(seen, count);) continue;
          clients.spread({.address = shared_address(n), .until = start_time});
          static_cast<void>(clients.take_bans(listener));
          clients.remove_connection(shared_address(n % 7));
        }
        clients.remove_listener(listener);
      });
    }
  }
  EXPECT_EQ(most, 4 * each);
  for (std::uint32_t n = 0; n < 7; ++n) EXPECT_EQ(clients.connections(shared_address(n)), 0U);
}

/// Four shards of one process.
class TablesOfOneProcess : public ::testing::Test {
 protected:
  static constexpr std::size_t shards = 4;
  static constexpr std::size_t limit = 64;

  TablesOfOneProcess() {
    const ClientTable::Limits limits{.connections = limit,
                                     .connections_per_client = 50,
                                     .in_flight = SharedLimits::max_in_flight,
                                     .ban_after = 5,
                                     .ban_for = 1min};
    for (std::size_t i = 0; i < shards; ++i) tables.emplace_back(limits, i, &process);
  }
  ~TablesOfOneProcess() override {
    for (auto& each : held) each.table->remove_connection(each.connection, now);
  }

  struct HeldConnection {
    ClientTable* table = nullptr;
    Place place;
    IdleConnection connection{};
  };
  std::optional<Refusal> connect(ClientTable& table, std::uint32_t n) {
    const auto arrival = table.judge_connection(shared_address(n), now);
    if (arrival.refusal) return arrival.refusal;
    if (arrival.in_favour != nullptr) close(*arrival.in_favour);
    Place place(process.connections);
    if (!place) return Refusal::connection_limit;
    auto& added = held.emplace_back(&table, std::move(place));
    added.connection.idle = now;
    table.add_connection(added.connection, shared_address(n), now);
    return std::nullopt;
  }
  void close(ClientConnection& connection) {
    const auto found = std::ranges::find_if(held, [&](auto& each) { return &each.connection == &connection; });
    ASSERT_NE(found, held.end());
    found->table->remove_connection(connection, now);
    held.erase(found);
  }
  /// The number that it gets if it connects to one shard after the other until none admits it.
  std::size_t connect_all(std::uint32_t n) {
    std::size_t got = 0;
    for (std::size_t failed = 0, i = 0; failed < shards; ++i) {
      const bool admitted = !connect(tables[i % shards], n);
      got += admitted ? 1 : 0;
      failed = admitted ? 0 : failed + 1;
    }
    return got;
  }

  SharedLimits process{limit, shards};
  std::deque<ClientTable> tables;
  std::list<HeldConnection> held;
  runtime::Time now = start_time;
};

TEST_F(TablesOfOneProcess, AClientGetsThreeQuartersOfTheConnectionsOfAll) {
  EXPECT_EQ(connect_all(1), limit * 3 / 4);
  for (std::uint32_t n = 2; n < 18; ++n) EXPECT_EQ(connect(tables[n % shards], n), std::nullopt) << n;
  EXPECT_EQ(process.connections.room(), 0U);
  EXPECT_EQ(connect(tables[0], 99), Refusal::connection_limit) << "all were active a moment ago";
}

TEST_F(TablesOfOneProcess, AtTheLimitOfTheProcessAnIdleConnectionOfTheShardMakesRoom) {
  static_cast<void>(connect_all(1));
  for (std::uint32_t n = 2; n < 18; ++n) static_cast<void>(connect(tables[n % shards], n));
  now += 2s;
  for (std::uint32_t n = 100; n < 120; ++n) EXPECT_EQ(connect(tables[n % shards], n), std::nullopt) << n;
  EXPECT_EQ(process.clients.connections(shared_address(1)), limit * 3 / 4 - 20) << "the one with the most gives them";
}

TEST_F(TablesOfOneProcess, WhoHasTheMostOfAllDoesNotDisplaceTheLargestOfAShard) {
  // The greedy one has no connection on the last shard, where another one is the largest.
  for (int i = 0; i < 48; ++i) ASSERT_EQ(connect(tables[static_cast<std::size_t>(i) % 3], 1), std::nullopt) << i;
  for (int i = 0; i < 12; ++i) ASSERT_EQ(connect(tables[3], 2), std::nullopt) << i;
  now += 2s;
  EXPECT_EQ(connect(tables[3], 1), Refusal::client_share);
  EXPECT_EQ(process.clients.connections(shared_address(2)), 12U);
}

TEST_F(TablesOfOneProcess, TheLimitOfAClientIsOfAll) {
  SharedLimits wide(1000, shards);
  std::deque<ClientTable> wide_tables;
  std::deque<IdleConnection> connections;
  for (std::size_t i = 0; i < shards; ++i)
    wide_tables.emplace_back(ClientTable::Limits{.connections = 1000, .connections_per_client = 10}, i, &wide);
  for (std::size_t i = 0; i < 10; ++i) {
    ASSERT_FALSE(wide_tables[i % 3].judge_connection(shared_address(1), now).refusal);
    wide_tables[i % 3].add_connection(connections.emplace_back(), shared_address(1), now);
  }
  for (auto& each : wide_tables) {
    EXPECT_EQ(each.judge_connection(shared_address(1), now).refusal, Refusal::client_limit);
    EXPECT_FALSE(each.judge_connection(shared_address(2), now).refusal);
  }
  now += 2s;
  EXPECT_NE(wide_tables[0].judge_connection(shared_address(1), now).in_favour, nullptr) << "its own idle one";
  EXPECT_EQ(wide_tables[3].judge_connection(shared_address(1), now).refusal, Refusal::client_limit) << "has none here";
  for (std::size_t i = 0; i < 10; ++i) wide_tables[i % 3].remove_connection(connections[i], now);
}

TEST_F(TablesOfOneProcess, AClientGetsThreeQuartersOfThePlacesOfAll) {
  std::size_t taken = 0;
  for (std::size_t failed = 0, i = 0; failed < shards; ++i) {
    auto& table = tables[i % shards];
    auto& client = table.record_of(shared_address(1), Transport::udp, now);
    const bool admitted = !table.take_place(client, now);
    if (admitted) {
      ASSERT_TRUE(process.queries.take());
    }
    taken += admitted ? 1 : 0;
    failed = admitted ? 0 : failed + 1;
  }
  EXPECT_NEAR(static_cast<double>(taken), SharedLimits::max_in_flight * 0.75, 8);
  for (auto& table : tables)
    EXPECT_EQ(table.take_place(table.record_of(shared_address(2), Transport::udp, now), now), std::nullopt);
}

TEST_F(TablesOfOneProcess, InvalidMessagesOfAllShardsLeadToOneBanThatAllAdopt) {
  const auto invalid = [&](ClientTable& table) {
    return table.count_invalid(table.record_of(shared_address(1), Transport::tcp, now), dns::QueryError::long_name,
                               Transport::tcp, now);
  };
  CountingListener listener;
  process.clients.add_listener(listener);
  for (auto& table : tables) EXPECT_FALSE(invalid(table));
  EXPECT_EQ(listener.woken, 0);
  EXPECT_TRUE(invalid(tables[2])) << "the fifth";
  EXPECT_EQ(listener.woken, 1);
  const auto bans = process.clients.take_bans(listener);
  process.clients.remove_listener(listener);
  ASSERT_EQ(bans.size(), 1U);
  for (auto& table : tables) {
    auto* const adopted = table.adopt(bans.front(), now);
    EXPECT_EQ(adopted == nullptr, &table == &tables[2]);
    EXPECT_EQ(table.adopt(bans.front(), now), nullptr) << "is known";
    EXPECT_EQ(table.judge_connection(shared_address(1), now).refusal, Refusal::banned);
    EXPECT_EQ(table.banned(), 1U);
    EXPECT_EQ(table.banned_here(), &table == &tables[2] ? 1U : 0U);
  }
  now += 1min;
  for (auto& table : tables) {
    EXPECT_NE(table.end_ban(now), nullptr);
    EXPECT_EQ(table.banned() + table.banned_here(), 0U);
    EXPECT_EQ(table.adopt(bans.front(), now), nullptr) << "is over";
  }
  EXPECT_FALSE(invalid(tables[0])) << "the next ban needs as many messages again";
}

}  // namespace
}  // namespace pillion::server
