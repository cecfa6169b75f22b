// The listeners with clients that pipeline, half-close, are slow, flood, or leave.

#include <thread>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
using test::Counters;
using test::StreamClient;
using testing::ask;
using testing::eventually;
using testing::queries_of_clients;
using testing::receive_many;
using testing::send_many;
using testing::ShardRunner;
using Ending = StreamClient::Ending;

/// The upstream is plain TCP, since these tests are about the clients' side.
class Clients : public ::testing::Test {
 protected:
  test::DotServer server{{.settings = {}, .tls = false, .plain = true}};
  config::Config config = testing::make_config(config::Protocol::tcp, {server.plain_port()});

  // No query may time out here, however busy the machine is.
  void SetUp() override { config.upstreams.front().timeout = 30s; }
};

TEST_F(Clients, ManyQueriesOnOneConnectionAreAnsweredInAnyOrder) {
  server.on_query({.name = "q0.example", .hold = true});
  const ShardRunner shard(config);
  auto client = shard.connect();
  send_many(client, 300);
  EXPECT_EQ(receive_many(client, 299).size(), 299U);
  server.release();
  EXPECT_EQ(receive_many(client, 1), std::vector<std::uint16_t>{0});
  EXPECT_EQ(shard.server().connections_accepted.value(), 1U);
}

TEST_F(Clients, TheConnectionStaysForFurtherQueries) {
  const ShardRunner shard(config);
  auto client = shard.connect();
  for (int i = 0; i < 20; ++i) {
    send_many(client, 1);
    ASSERT_EQ(receive_many(client, 1).size(), 1U);
  }
  EXPECT_EQ(shard.server().connections_accepted.value(), 1U);
}

TEST_F(Clients, AQueryMayComeByteByByte) {
  const ShardRunner shard(config);
  auto client = shard.connect();
  for (const auto byte : test::framed(test::make_query("www.example", dns::type::a))) {
    ASSERT_TRUE(client.send(dns::Bytes(&byte, 1)));
  }
  EXPECT_TRUE(client.receive());
}

TEST_F(Clients, AHalfClosedConnectionIsStillAnswered) {
  server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(config);
  auto client = shard.connect();
  send_many(client, 10);
  client.finish_sending();
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 10; }));
  server.release();
  EXPECT_EQ(receive_many(client, 10).size(), 10U);
  EXPECT_EQ(client.drain(), Ending::end_of_stream) << "closed when nothing is left to say";
}

TEST_F(Clients, AClientThatLeavesHarmsNobody) {
  server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(config);
  {
    auto client = shard.connect();
    send_many(client, 50);
    ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 50; }));
  }
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
  server.release();
  EXPECT_TRUE(eventually([&] { return shard.server().in_flight.value() == 0; }));
  EXPECT_TRUE(eventually([&] { return shard.server().connections[0].value() == 0; }));
}

TEST_F(Clients, AHalfSentMessageTimesOut) {
  const ShardRunner shard(config);
  auto client = shard.connect();
  const auto query = test::framed(test::make_query("www.example", dns::type::a));
  client.send(dns::Bytes(query).first(7));
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
  EXPECT_TRUE(eventually([&] { return shard.server().connections[0].value() == 0; }));
  EXPECT_EQ(shard.refused(server::Refusal::slow_client), 1U);
}

TEST_F(Clients, AnIdleClientIsClosedInOrder) {
  config.dns.idle_timeout = 100ms;
  const ShardRunner shard(config);
  auto client = shard.connect();
  send_many(client, 1);
  EXPECT_EQ(receive_many(client, 1).size(), 1U);
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
  EXPECT_EQ(shard.server().idle_closes.value(), 1U);
}

TEST_F(Clients, AClientThatWaitsForAnAnswerIsNotIdle) {
  config.dns.idle_timeout = 100ms;
  // The answers come when the session's timer does: the turn in which both are ready must still send them.
  server.on_query({.name = "q*", .delay = 300ms});
  const ShardRunner shard(config);
  for (int i = 0; i < 5; ++i) {
    auto client = shard.connect();
    send_many(client, 1);
    EXPECT_EQ(receive_many(client, 1).size(), 1U);
  }
}

TEST_F(Clients, TheIdleTimeoutIsToldToWhoAsks) {
  config.dns.idle_timeout = 45s;
  const ShardRunner shard(config);
  auto client = shard.connect();
  client.send_message(test::make_query("www.example", dns::type::a, {.keepalive = true}));
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(dns::keepalive_timeout(dns::read_edns(dns::MessageView::parse(*answer).value()).options), 450);
}

/// Different questions with answers of 30,000 bytes.
dns::Buffer questions_with_large_answers(std::size_t count) {
  dns::Buffer out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = static_cast<std::uint16_t>(i);
    dns::append(
        out, test::framed(test::make_query("txt30000.q" + std::to_string(i) + ".example", dns::type::txt, {.id = id})));
  }
  return out;
}

TEST_F(Clients, AClientThatReadsLateLosesNothing) {
  const ShardRunner shard(config);
  auto late = shard.connect();
  constexpr std::size_t count = 100;
  late.send(questions_with_large_answers(count));
  // More if the machine is so busy that Pillion saw a stall and asked again.
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.answers >= count; }));
  EXPECT_EQ(ask(shard, "www.example").answers, 1) << "others do not notice";
  EXPECT_EQ(receive_many(late, count).size(), count);
}

TEST_F(Clients, AClientThatDoesNotReadIsDropped) {
  const ShardRunner shard(config);
  auto greedy = shard.connect();
  greedy.send(questions_with_large_answers(1000));  // 30 MB, more than the kernel and Pillion keep for one client
  EXPECT_TRUE(eventually([&] { return shard.refused(server::Refusal::output_limit) == 1; }));
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
  EXPECT_TRUE(eventually([&] { return shard.server().in_flight.value() == 0; }));
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST_F(Clients, AClientThatReadsGetsAsManyLargeAnswersAsItAsksFor) {
  const ShardRunner shard(config);
  ASSERT_EQ(ask(shard, "txt30000.example", dns::type::txt).rcode, dns::rcode::noerror);
  auto polite = shard.connect();
  constexpr std::size_t count = 1000;
  dns::Buffer queries;
  for (std::size_t i = 0; i < count; ++i)
    dns::append(queries, test::framed(test::make_query("txt30000.example", dns::type::txt,
                                                       {.id = static_cast<std::uint16_t>(i)})));
  polite.send(queries);
  EXPECT_EQ(receive_many(polite, count).size(), count);
}

TEST_F(Clients, ALargeAnswerThatManyQueriesOfOneClientWaitForIsGivenToAllOfThem) {
  server.on_query({.name = "txt30000.example", .hold = true});
  const ShardRunner shard(config);
  auto polite = shard.connect();
  constexpr std::size_t count = 900;
  dns::Buffer queries;
  for (std::size_t i = 0; i < count; ++i)
    dns::append(queries, test::framed(test::make_query("txt30000.example", dns::type::txt,
                                                       {.id = static_cast<std::uint16_t>(i)})));
  polite.send(queries);
  ASSERT_TRUE(eventually([&] { return shard.server().in_flight.value() == static_cast<double>(count); }));
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 1; }));
  server.release();  // 27 MB: more than the kernel takes at once, and than Pillion may keep for one client
  EXPECT_EQ(receive_many(polite, count).size(), count);
  EXPECT_EQ(shard.refused(server::Refusal::output_limit), 0U);
}

TEST_F(Clients, MoreLargeAnswersThanThereIsMemoryForAreGivenOrRefused) {
  config.memory = std::size_t{16} << 20U;  // 3 MiB of it for answers that clients have not taken
  const ShardRunner shard(config);
  auto polite = shard.connect();
  constexpr std::size_t count = 300;
  polite.send(questions_with_large_answers(count));  // 9 MB
  std::size_t received = 0;
  while (received < count && polite.receive()) ++received;
  EXPECT_EQ(received, count);
  EXPECT_TRUE(eventually([&] { return shard.memory().output.used() == 0; }));
}

TEST_F(Clients, MoreQueriesThanOneReadTakesAreAllAnswered) {
  const ShardRunner shard(config);
  ASSERT_EQ(ask(shard, "www.example").answers, 1);
  auto polite = shard.connect();
  constexpr std::size_t count = 10'000;  // 290 kB, more than twice the largest read
  const std::jthread sender([&] { send_many(polite, count); });
  EXPECT_EQ(receive_many(polite, count).size(), count);
  EXPECT_EQ(shard.refused(server::Refusal::memory_limit), 0U);
}

TEST_F(Clients, WhatClientsDoNotReadIsBoundedForAllOfThem) {
  config.memory = std::size_t{16} << 20U;  // 3 MiB of it for answers that clients have not taken
  config.cache.size = std::size_t{1} << 20U;
  const ShardRunner shard(config);
  ASSERT_EQ(ask(shard, "txt30000.example", dns::type::txt).rcode, dns::rcode::noerror);
  std::vector<StreamClient> greedy;
  const auto query = test::framed(test::make_query("txt30000.example", dns::type::txt));
  dns::Buffer queries;
  for (int i = 0; i < 1000; ++i) dns::append(queries, query);
  for (int i = 0; i < 60; ++i) {
    greedy.push_back(shard.connect());
    greedy.back().send(queries);
  }
  EXPECT_TRUE(eventually([&] { return shard.refused(server::Refusal::memory_limit) > 0; }));
  EXPECT_LE(shard.memory().output.used(), shard.memory().output.limit());
  auto polite = shard.connect();
  send_many(polite, 100);
  EXPECT_EQ(receive_many(polite, 100).size(), 100U) << "others do not notice";
}

TEST_F(Clients, HalfMessagesAreBoundedForAllOfThem) {
  config.memory = std::size_t{16} << 20U;  // 1.3 MiB of it for messages that clients have not completed
  const ShardRunner shard(config);
  std::vector<StreamClient> halves;
  dns::Buffer half(40'000);
  dns::write_u16(half, 0, 60'000);
  for (int i = 0; i < 200; ++i) {
    halves.push_back(shard.connect());
    ASSERT_TRUE(halves.back().send(half));
  }
  EXPECT_TRUE(eventually([&] { return shard.memory().input.room() < 60'000; }));
  auto polite = shard.connect();
  send_many(polite, 100);
  EXPECT_EQ(receive_many(polite, 100).size(), 100U) << "small messages need no room of others";
  EXPECT_LE(shard.memory().input.used(), shard.memory().input.limit());
  // A client that needs more room than is left gets it: Pillion drops the first of those that have held memory for
  // long.
  auto large = shard.connect();
  large.send_message(test::make_query("www.example", dns::type::a, {.edns = true, .padding = 61'000}));
  EXPECT_TRUE(large.receive());
  EXPECT_GT(shard.refused(server::Refusal::memory_limit), 0U);
}

TEST_F(Clients, OneConnectionHasSoManyQueriesInFlight) {
  config.dns.max_in_flight_per_connection = 10;
  server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(config);
  auto client = shard.connect();
  send_many(client, 25);
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 10; }));
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
  EXPECT_EQ(server.counters().held, 10U) << "the others wait unread";
  server.release();
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.queries >= 22; }));
  server.clear_faults();
  server.release();
  EXPECT_TRUE(eventually([&] {
    server.release();
    return queries_of_clients(server).size() >= 26;
  }));
  server.release();
  EXPECT_EQ(receive_many(client, 25).size(), 25U);
}

TEST_F(Clients, SoManyConnectionsAndNoMore) {
  config.dns.max_connections = 3;
  server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(config);
  std::vector<StreamClient> clients;
  for (std::size_t i = 0; i < 3; ++i) {
    clients.push_back(shard.connect());
    send_many(clients.back(), 1, "q" + std::to_string(i));
    ASSERT_TRUE(server.wait_for([&](const Counters& seen) { return seen.held == i + 1; }));
  }
  auto refused = shard.connect();
  EXPECT_NE(refused.drain(), Ending::timeout);
  EXPECT_EQ(shard.refused(server::Refusal::connection_limit), 1U);
  server.release();
  for (auto& client : clients) EXPECT_EQ(receive_many(client, 1).size(), 1U);
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return shard.server().connections[0].value() == 2; }));
  EXPECT_EQ(ask(shard, "www.example").answers, 1) << "there is room again";
}

TEST_F(Clients, SoManyConnectionsOfOneClientAndNoMore) {
  config.dns.max_connections_per_client = 2;
  server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(config);
  auto first = shard.connect();
  auto second = shard.connect();
  send_many(first, 1);
  send_many(second, 1);
  ASSERT_TRUE(eventually([&] { return shard.server().in_flight.value() == 2; }));
  auto refused = shard.connect();
  EXPECT_NE(refused.drain(), Ending::timeout);
  EXPECT_EQ(shard.refused(server::Refusal::client_limit), 1U);
  server.release();
  EXPECT_EQ(receive_many(first, 1).size(), 1U);
}

TEST_F(Clients, AtALimitAnIdleConnectionMakesRoom) {
  config.dns.max_connections = 3;
  server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(config);
  auto busy = shard.connect();
  send_many(busy, 1);
  ASSERT_TRUE(eventually([&] { return shard.server().in_flight.value() == 1; }));
  auto idle = shard.connect();
  auto other = shard.connect();
  ASSERT_TRUE(eventually([&] { return shard.server().connections[0].value() == 3; }));
  // Until a connection has been idle for a second, Pillion closes a new one on arrival.
  EXPECT_TRUE(eventually([&] {
    auto newcomer = shard.connect();
    send_many(newcomer, 1, "fine");
    return receive_many(newcomer, 1).size() == 1;
  }));
  EXPECT_EQ(idle.drain(), Ending::end_of_stream);
  EXPECT_EQ(shard.server().displaced.value(), 1U);
  server.release();
  EXPECT_EQ(receive_many(busy, 1).size(), 1U);
}

TEST_F(Clients, OfLoopbackAddressesNoneIsBanned) {
  config.clients.ban_after = 1;
  const ShardRunner shard(config);
  for (int i = 0; i < 5; ++i) {
    auto bad = shard.connect();
    bad.send_message(dns::Buffer{1, 2, 3});
    EXPECT_NE(bad.drain(), Ending::timeout);
  }
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
  EXPECT_EQ(shard.server().bans.value(), 0U);
}

}  // namespace
}  // namespace pillion::app
