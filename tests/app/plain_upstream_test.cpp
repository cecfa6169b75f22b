// UDP and TCP upstreams, such as the cluster's DNS.

#include <set>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
using test::Counters;
using test::QueryFault;
using testing::ask;
using testing::eventually;
using testing::make_config;
using testing::queries_of_clients;
using testing::receive_many;
using testing::send_many;
using testing::ShardRunner;
using upstream::Error;

class PlainUpstream : public ::testing::Test {
 protected:
  test::DotServer server{{.settings = {}, .tls = false, .plain = true}};
  config::Config over_udp = make_config(config::Protocol::udp, {server.plain_port()});
  config::Config over_tcp = make_config(config::Protocol::tcp, {server.plain_port()});
};

TEST_F(PlainUpstream, AnswersOverUdp) {
  const ShardRunner shard(over_udp);
  auto client = shard.connect();
  send_many(client, 100);
  EXPECT_EQ(receive_many(client, 100).size(), 100U);
  // More if the machine is so busy that one was sent again.
  const auto queries = queries_of_clients(server);
  EXPECT_GE(queries.size(), 100U);
  EXPECT_EQ(server.counters().tcp_queries, 0U);
  EXPECT_GE(shard.upstream().plaintext_queries.value(), queries.size());
  const auto parsed = test::parse_query(queries.back().message);
  EXPECT_FALSE(parsed->padded);
  EXPECT_FALSE(parsed->keepalive) << "never over UDP (RFC 7828 3.2.1)";
  EXPECT_TRUE(parsed->edns);
}

TEST_F(PlainUpstream, AnswersOverTcp) {
  const ShardRunner shard(over_tcp);
  auto client = shard.connect();
  send_many(client, 100);
  EXPECT_EQ(receive_many(client, 100).size(), 100U);
  EXPECT_EQ(queries_of_clients(server).size(), 100U);
  EXPECT_EQ(server.counters().udp_queries, 0U);
  EXPECT_EQ(server.counters().connections, 1U);
  EXPECT_GE(shard.upstream().plaintext_queries.value(), 100U);
  EXPECT_EQ(shard.upstream().handshakes_full.value(), 0U);
}

TEST_F(PlainUpstream, TcpThatClosesAfterEachAnswerLosesNothing) {
  server.change([](test::ServerSettings& settings) { settings.connections.close_after_answers = 1; });
  const ShardRunner shard(over_tcp);
  auto client = shard.connect();
  send_many(client, 50);
  EXPECT_EQ(receive_many(client, 50).size(), 50U);
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST_F(PlainUpstream, ATruncatedAnswerIsAskedForOverTcp) {
  const ShardRunner shard(over_udp);
  const auto seen = ask(shard, "txt4000.example", dns::type::txt);
  EXPECT_EQ(seen.answers, 1);
  EXPECT_GE(queries_of_clients(server).size(), 2U);
  EXPECT_EQ(server.counters().tcp_queries, 1U);
  EXPECT_EQ(shard.fallback().plaintext_queries.value(), 1U);
}

TEST_F(PlainUpstream, WrongIdsAndQuestionsAreIgnored) {
  // One for each shard. After two seconds without a matching reply, Pillion would also give up the socket.
  for (const auto reply : {QueryFault::Reply::wrong_id, QueryFault::Reply::wrong_question, QueryFault::Reply::query}) {
    server.on_query({.name = "spoilt.example", .times = 1, .reply = reply});
    const ShardRunner shard(over_udp);
    EXPECT_EQ(ask(shard, "spoilt.example").answers, 1) << "sent again after a while";
    EXPECT_EQ(shard.failures(Error::mismatched_reply), 1U);
    EXPECT_EQ(shard.upstream().up.value(), 1);
  }
}

TEST_F(PlainUpstream, ALostDatagramIsSentAgain) {
  server.on_query({.name = "lost.example", .times = 1, .drop = true});
  const ShardRunner shard(over_udp);
  EXPECT_EQ(ask(shard, "lost.example").answers, 1);
  const auto queries = queries_of_clients(server);
  ASSERT_GE(queries.size(), 2U);
  EXPECT_NE(queries[0].id, queries[1].id) << "the first may still be answered";
}

TEST_F(PlainUpstream, ALateAnswerIsTakenOnlyForItsOwnQuery) {
  server.on_query({.name = "late.example", .times = 1, .hold = true});
  const ShardRunner shard(over_udp);
  EXPECT_EQ(ask(shard, "late.example").answers, 1);
  server.release();
  EXPECT_EQ(ask(shard, "next.example").answers, 1);
  EXPECT_EQ(shard.failures(Error::mismatched_reply), 0U) << "its id was kept for it";
}

TEST_F(PlainUpstream, SourcePortsChange) {
  const ShardRunner shard(over_udp);
  auto client = shard.connect();
  for (int batch = 0; batch < 15; ++batch) {
    send_many(client, 100);
    ASSERT_EQ(receive_many(client, 100).size(), 100U);
  }
  std::set<std::uint16_t> ports;
  for (const auto& query : server.queries()) ports.insert(query.source_port);
  EXPECT_GE(ports.size(), 3U) << "1,500 queries, 512 for each port";
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST_F(PlainUpstream, WhereNobodyListensTheReasonIsTold) {
  server.stop_listening();
  for (auto config : {over_udp, over_tcp}) {
    config.upstreams[0].timeout = 1s;
    const ShardRunner shard(config);
    const auto seen = ask(shard, "www.example");
    EXPECT_EQ(seen.rcode, dns::rcode::servfail);
    EXPECT_EQ(seen.extended_error, "connection refused at " + server.plain_endpoint());
  }
}

}  // namespace
}  // namespace pillion::app
