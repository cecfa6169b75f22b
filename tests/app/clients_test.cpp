// What clients do to the listeners: pipelining, half-closing, dawdling, flooding, leaving.

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
using test::Counters;
using test::StreamClient;
using testing::ask;
using testing::eventually;
using testing::receive_many;
using testing::send_many;
using testing::ShardRunner;
using Ending = StreamClient::Ending;

/// The upstream is plain TCP: what is tested here is the other side.
class Clients : public ::testing::Test {
 protected:
  test::DotServer server{{.settings = {}, .tls = false, .plain = true}};
  config::Config config = testing::make_config(config::Protocol::tcp, {server.plain_port()});
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

/// Questions with answers of 30,000 bytes.
dns::Buffer questions_with_large_answers(std::size_t count) {
  dns::Buffer out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = static_cast<std::uint16_t>(i);
    dns::append(out, test::framed(test::make_query("txt30000.example", dns::type::txt, {.id = id})));
  }
  return out;
}

TEST_F(Clients, AClientThatReadsLateLosesNothing) {
  const ShardRunner shard(config);
  auto late = shard.connect();
  constexpr std::size_t count = 100;
  late.send(questions_with_large_answers(count));
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.answers == count; }));
  EXPECT_EQ(ask(shard, "www.example").answers, 1) << "others do not notice";
  EXPECT_EQ(receive_many(late, count).size(), count);
}

TEST_F(Clients, AClientThatDoesNotReadIsDropped) {
  const ShardRunner shard(config);
  auto greedy = shard.connect();
  greedy.send(questions_with_large_answers(1000));  // 30 MB, more than the kernel and we hold for one client
  EXPECT_TRUE(eventually([&] { return shard.refused(server::Refusal::output_limit) == 1; }));
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
  EXPECT_TRUE(eventually([&] { return shard.server().in_flight.value() == 0; }));
  EXPECT_EQ(shard.all_failures(), 0U);
}

struct Invalid {
  const char* name;
  dns::QueryError error;
  dns::Buffer (*message)();
};
class InvalidQuery : public Clients, public ::testing::WithParamInterface<Invalid> {
 protected:
  [[nodiscard]] static std::uint64_t counted(const ShardRunner& shard) {
    return shard.server().invalid[static_cast<std::size_t>(GetParam().error)].value();
  }
};

TEST_P(InvalidQuery, CutsATcpClientOffAndIsCounted) {
  server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(config);
  auto client = shard.connect();
  auto other = shard.connect();
  client.send_message(GetParam().message());
  EXPECT_FALSE(client.receive());
  EXPECT_NE(client.ending(), Ending::timeout);
  EXPECT_EQ(counted(shard), 1U);
  EXPECT_TRUE(shard.log().has(
      {"invalid query", "client=127.0.0.1", "reason=" + std::string(dns::to_string(GetParam().error))}));
  other.send_message(test::make_query("www.example", dns::type::a));
  EXPECT_TRUE(other.receive()) << "nobody else's connection is";
}

TEST_P(InvalidQuery, IsAnsweredFormerrOverUdpOrNotAtAll) {
  const ShardRunner shard(config);
  test::UdpClient client("127.0.0.1", shard.port());
  client.send(GetParam().message());
  // What comes behind it on the same socket shows that the first was handled.
  client.send(test::make_query("www.example", dns::type::a, {.id = 77}));
  auto answer = client.receive();
  ASSERT_TRUE(answer);
  if (dns::deserves_formerr(GetParam().error)) {
    EXPECT_EQ(test::rcode_of(*answer), dns::rcode::formerr);
    answer = client.receive();
    ASSERT_TRUE(answer);
  }
  EXPECT_EQ(test::id_of(*answer), 77);
  EXPECT_EQ(counted(shard), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, InvalidQuery,
    ::testing::Values(Invalid{"ShortHeader", dns::QueryError::short_header, [] { return dns::Buffer{1, 2, 3}; }},
                      Invalid{"Empty", dns::QueryError::short_header, [] { return dns::Buffer{}; }},
                      Invalid{"Response", dns::QueryError::is_response,
                              [] { return test::make_query("www.example", dns::type::a, {.flags = dns::flag::qr}); }},
                      Invalid{"TwoQuestions", dns::QueryError::question_count,
                              [] {
                                auto message = test::make_query("www.example", dns::type::a);
                                dns::write_u16(message, 4, 2);
                                return message;
                              }},
                      Invalid{"TrailingBytes", dns::QueryError::trailing_bytes,
                              [] {
                                auto message = test::make_query("www.example", dns::type::a);
                                message.push_back(0);
                                return message;
                              }},
                      Invalid{"NotUtf8", dns::QueryError::name_not_utf8,
                              [] { return test::make_query("w\xffw.example", dns::type::a); }}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(Clients, WhatWasAnsweredBeforeABadMessageStillArrives) {
  const ShardRunner shard(config);
  auto client = shard.connect();
  // One that is answered here, without an upstream, then a bad one, in the same read.
  auto both = test::framed(test::make_query("www.example", dns::type::axfr, {.id = 5}));
  dns::append(both, test::framed(dns::Buffer{1, 2, 3}));
  client.send(both);
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(test::id_of(*answer), 5);
  EXPECT_FALSE(client.receive());
}

TEST_F(Clients, NamesThatAreNotUtf8PassWhereTheyMay) {
  config.dns.reject_non_utf8_names = false;
  const ShardRunner shard(config);
  EXPECT_EQ(ask(shard, "w\xffw.example").answers, 1);
}

TEST_F(Clients, WhatIsNotDoneIsSaid) {
  const ShardRunner shard(config);
  auto client = shard.connect();
  const auto rcode_for = [&](const dns::Buffer& query) {
    client.send_message(query);
    const auto answer = client.receive();
    return answer ? test::rcode_of(*answer) : 0xffff;
  };
  EXPECT_EQ(rcode_for(test::make_query("www.example", dns::type::a, {.flags = 4U << 11U})), dns::rcode::notimp);
  EXPECT_EQ(rcode_for(test::make_query("example", dns::type::axfr)), dns::rcode::refused);
  EXPECT_EQ(rcode_for(test::make_query("example", dns::type::ixfr)), dns::rcode::refused);
  EXPECT_EQ(testing::ask(shard, "example", dns::type::axfr).extended_error, "zone transfers are not supported");
  auto version_1 = test::make_query("www.example", dns::type::a, {.edns = true});
  version_1[version_1.size() - 5] = 1;
  client.send_message(version_1);
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(dns::read_edns(dns::MessageView::parse(*answer).value()).extended_rcode, dns::rcode::badvers >> 4U);
  EXPECT_EQ(server.counters().queries, 0U);
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
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.queries >= 21; }));
  server.clear_faults();
  server.release();
  EXPECT_TRUE(eventually([&] {
    server.release();
    return server.counters().queries == 26;
  }));
  server.release();
  EXPECT_EQ(receive_many(client, 25).size(), 25U);
}

TEST_F(Clients, SoManyConnectionsAndNoMore) {
  config.dns.max_connections = 3;
  const ShardRunner shard(config);
  std::vector<StreamClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(shard.connect());
    send_many(clients.back(), 1);
    ASSERT_EQ(receive_many(clients.back(), 1).size(), 1U);
  }
  auto refused = shard.connect();
  EXPECT_NE(refused.drain(), Ending::timeout);
  EXPECT_EQ(shard.refused(server::Refusal::connection_limit), 1U);
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return shard.server().connections[0].value() == 2; }));
  EXPECT_EQ(ask(shard, "www.example").answers, 1) << "there is room again";
}

TEST_F(Clients, SoManyConnectionsOfOneClientAndNoMore) {
  config.dns.max_connections_per_client = 2;
  const ShardRunner shard(config);
  auto first = shard.connect();
  auto second = shard.connect();
  auto refused = shard.connect();
  EXPECT_NE(refused.drain(), Ending::timeout);
  EXPECT_EQ(shard.refused(server::Refusal::client_limit), 1U);
  send_many(first, 1);
  EXPECT_EQ(receive_many(first, 1).size(), 1U);
}

TEST_F(Clients, UdpClientsAreAnswered) {
  const ShardRunner shard(config);
  test::UdpClient client("127.0.0.1", shard.port());
  for (std::uint16_t id = 0; id < 100; ++id) client.send(test::make_query("www.example", dns::type::a, {.id = id}));
  std::vector<std::uint16_t> ids;
  for (int i = 0; i < 100; ++i) {
    const auto answer = client.receive();
    ASSERT_TRUE(answer);
    ids.push_back(test::id_of(*answer));
  }
  std::ranges::sort(ids);
  std::vector<std::uint16_t> expected(100);
  std::iota(expected.begin(), expected.end(), std::uint16_t{0});
  EXPECT_EQ(ids, expected);
}

TEST_F(Clients, UdpAnswersAreCutToWhatTheClientTakes) {
  const ShardRunner shard(config);
  test::UdpClient client("127.0.0.1", shard.port());
  const auto answer_to = [&](const dns::Buffer& query) {
    client.send(query);
    return client.receive().value_or(dns::Buffer(12));
  };
  const auto plain = answer_to(test::make_query("txt600.example", dns::type::txt));
  EXPECT_TRUE(test::is_truncated(plain));
  EXPECT_LE(plain.size(), 512U);
  EXPECT_EQ(test::answers_of(plain), 0);
  const auto larger =
      answer_to(test::make_query("txt600.example", dns::type::txt, {.edns = true, .udp_payload = 1232}));
  EXPECT_FALSE(test::is_truncated(larger));
  EXPECT_EQ(test::answers_of(larger), 1);
  const auto beyond_ours =
      answer_to(test::make_query("txt2000.example", dns::type::txt, {.edns = true, .udp_payload = 4096}));
  EXPECT_TRUE(test::is_truncated(beyond_ours)) << "never more than dns.udp_payload";
  EXPECT_EQ(shard.server().truncated.value(), 2U);
  EXPECT_EQ(ask(shard, "txt2000.example", dns::type::txt).answers, 1) << "over TCP it is whole";
}

TEST_F(Clients, ListensOnIpv6Too) {
  config.dns.listen = {{"::1", 0}};
  std::optional<ShardRunner> shard;
  try {
    shard.emplace(config);
  } catch (const server::BindError& error) {
    GTEST_SKIP() << error.what();
  }
  StreamClient client("::1", shard->port());
  send_many(client, 1);
  EXPECT_EQ(receive_many(client, 1).size(), 1U);
  test::UdpClient udp("::1", shard->port());
  udp.send(test::make_query("www.example", dns::type::a));
  EXPECT_TRUE(udp.receive());
  const auto family = static_cast<std::size_t>(server::Family::ipv6);
  EXPECT_EQ(shard->server().connections[family].value(), 1);
}

TEST_F(Clients, AWildcardAddressAnswersFromWhereItWasAsked) {
  config.dns.listen = {{"0.0.0.0", 0}};
  const ShardRunner shard(config);
  test::UdpClient client("127.0.0.2", shard.port());  // connected: the kernel drops what comes from another address
  client.send(test::make_query("www.example", dns::type::a));
  EXPECT_TRUE(client.receive());
}

TEST_F(Clients, AnAddressThatIsTakenIsABindError) {
  const ShardRunner shard(config);
  config.dns.listen = {{"127.0.0.1", shard.port()}};
  try {
    const ShardRunner second(config);
    FAIL() << "bound twice";
  } catch (const server::BindError& error) {
    EXPECT_NE(std::string(error.what()).find("127.0.0.1:" + std::to_string(shard.port())), std::string::npos)
        << error.what();
  }
}

TEST_F(Clients, DrainingAnswersWhatIsUnderWayAndTakesNoNewClients) {
  server.on_query({.name = "q*", .hold = true});
  ShardRunner shard(config);
  auto client = shard.connect();
  send_many(client, 20);
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 20; }));
  shard.drain(60s);
  EXPECT_TRUE(eventually([&] {
    try {
      return shard.connect().drain() != Ending::timeout;  // refused, or reset from the kernel's queue
    } catch (const std::system_error&) {
      return true;
    }
  }));
  // Who is there is answered on, and told to go (RFC 7828 3.2.2).
  client.send_message(test::make_query("www.example", dns::type::a, {.id = 999, .keepalive = true}));
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(test::id_of(*answer), 999);
  EXPECT_EQ(dns::keepalive_timeout(dns::read_edns(dns::MessageView::parse(*answer).value()).options), 0);
  EXPECT_FALSE(shard.is_done());
  server.release();
  EXPECT_EQ(receive_many(client, 20).size(), 20U);
  EXPECT_TRUE(eventually([&] { return shard.is_done(); })) << "long before the grace has passed";
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
}

TEST_F(Clients, DrainingEndsWithTheGrace) {
  server.on_query({.name = "q*", .hold = true});
  ShardRunner shard(config);
  auto client = shard.connect();
  send_many(client, 1);
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 1; }));
  shard.drain(100ms);
  EXPECT_NE(client.drain(), Ending::timeout);
  EXPECT_TRUE(eventually([&] { return shard.is_done(); }));
}

}  // namespace
}  // namespace pillion::app
