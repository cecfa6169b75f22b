// The connection of a query, and its reply.

#include "upstream/pool_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::header_reply;
using testing::PoolTest;
using testing::reply_to;
using testing::Sent;
using testing::TestQuery;

/// A reply with an OPT record, which shows that its sender supports EDNS.
dns::Buffer reply_with_opt(const Query& query, std::uint16_t rcode) {
  auto reply = reply_to(query, query.id, rcode);
  const dns::OptWriter opt(reply, 0, dns::Edns{});
  return reply;
}

TEST_F(PoolTest, QueriesWaitForTheConnectionInOrder) {
  start();
  submit_all(0, 3);
  EXPECT_EQ(server.made, 1U) << "one that is connecting is enough";
  connection(0).become_ready();
  EXPECT_EQ(connection(0).sent, (Sent{&queries[0], &queries[1], &queries[2]}));
  EXPECT_EQ(metrics.in_flight.value(), 3);
}

TEST_F(PoolTest, PassesTheReplyOn) {
  start_ready();
  submit(queries[0]);
  connection(0).reply(reply_to(queries[0], queries[0].id, dns::rcode::nxdomain));
  EXPECT_EQ(queries[0].replies, 1);
  EXPECT_EQ(queries[0].rcode, dns::rcode::nxdomain);
  EXPECT_EQ(metrics.responses[dns::rcode::nxdomain].value(), 1U);
  EXPECT_EQ(metrics.in_flight.value(), 0);
  EXPECT_TRUE(health().latency());
}

TEST_F(PoolTest, ARefusalDoesNotMakeAServerFast) {
  start_ready();
  std::size_t i = 0;
  for (const auto rcode : {dns::rcode::servfail, dns::rcode::refused}) {
    submit(queries[i]);
    connection(0).reply(reply_to(queries[i], queries[i].id, rcode));
    EXPECT_EQ(queries[i].rcode, rcode);
    ++i;
  }
  EXPECT_FALSE(health().latency());
  EXPECT_TRUE(health().is_up());
}

TEST_F(PoolTest, CountsRareCodesAsOther) {
  start_ready();
  submit(queries[0]);
  connection(0).reply(reply_to(queries[0], queries[0].id, 11));
  EXPECT_EQ(metrics.responses[labelled_rcodes].value(), 1U);
}

TEST_F(PoolTest, AMalformedReplyFailsItsQueryOnly) {
  start_ready();
  submit(queries[0]);
  submit(queries[1]);
  auto reply = reply_to(queries[0], queries[0].id);
  reply.push_back(0);
  connection(0).reply(reply);
  EXPECT_EQ(queries[0].errors, std::vector{Error::malformed_reply});
  EXPECT_EQ(failures(Error::malformed_reply), 1U);
  EXPECT_TRUE(queries[1].is_open());
  EXPECT_TRUE(health().is_up());
}

TEST_F(PoolTest, AQueryThatNoDatagramHoldsFailsAlone) {
  start_ready();
  submit(queries[0]);
  submit(queries[1]);
  connection(0).refuse_to_send(queries[0]);
  EXPECT_EQ(queries[0].errors, std::vector{Error::query_too_large});
  EXPECT_EQ(failures(Error::query_too_large), 1U);
  EXPECT_TRUE(queries[1].is_open());
  EXPECT_EQ(metrics.in_flight.value(), 1);
  EXPECT_TRUE(health().is_up());
}

TEST_F(PoolTest, FillsOneConnectionBeforeItOpensAnother) {
  server.max_in_flight = 2;
  start_ready();
  submit_all(0, 2);
  EXPECT_EQ(server.made, 1U);
  submit_all(2, 4);
  EXPECT_EQ(server.made, 2U) << "one more, for both";
  EXPECT_TRUE(connection(1).sent.empty());
  connection(1).become_ready();
  EXPECT_EQ(connection(1).sent, (Sent{&queries[2], &queries[3]}));
}

TEST_F(PoolTest, RoomThatAReplyMakesGoesToWhoWaitsFirst) {
  server.max_in_flight = 1;
  start_ready();
  submit_all(0, 3);
  connection(0).answer(queries[0]);
  EXPECT_EQ(connection(0).sent, (Sent{&queries[0], &queries[1]}));
}

TEST_F(PoolTest, KeepsToTheLimitOfConnections) {
  server.max_in_flight = 1;
  start_ready({.max_connections = 2});
  for (auto& query : queries) submit(query);
  EXPECT_EQ(server.made, 2U);
  connection(1).become_ready();
  EXPECT_EQ(server.made, 2U);
  // In the end these two connections have answered all queries.
  for (std::size_t answered = 0; answered < queries.size();) {
    for (auto* const open : server.connections) {
      open->answer(*open->sent.back());
      ++answered;
    }
  }
  for (const auto& query : queries) EXPECT_EQ(query.replies, 1);
}

// An unanswered query keeps its place for seconds. Another query must not wait for that.
TEST_F(PoolTest, BeyondWhatIsUsualOpensAnotherConnectionAndDoesNotWaitForIt) {
  start_ready({.max_connections = 2, .usual_in_flight = 2});
  submit_all(0, 4);
  EXPECT_EQ(connection(0).sent, (Sent{&queries[0], &queries[1], &queries[2], &queries[3]}));
  ASSERT_EQ(server.made, 2U) << "one more, for both";
  connection(1).become_ready();
  submit_all(4, 6);
  EXPECT_EQ(connection(1).sent, (Sent{&queries[4], &queries[5]}));
  submit(queries[6]);
  EXPECT_EQ(connection(1).sent.back(), &queries[6]) << "the one with the least";
  EXPECT_EQ(server.made, 2U) << "there are not to be more";
}

TEST_F(PoolTest, RefusesWhatWouldWaitBeyondTheLimit) {
  start({.max_waiting = 2});
  submit_all(0, 2);
  EXPECT_EQ(submit(queries[2]), Error::overloaded);
  EXPECT_EQ(failures(Error::overloaded), 1U);
}

TEST_F(PoolTest, AnAbandonedQueryThatWaitsIsNotSent) {
  start();
  submit_all(0, 3);
  queries[1].holder->abandon(queries[1]);
  connection(0).become_ready();
  EXPECT_EQ(connection(0).sent, (Sent{&queries[0], &queries[2]}));
}

TEST_F(PoolTest, AnAbandonedSuspectIsNotSent) {
  start_proven();
  submit_all(0, 3);
  connection(0).end();
  server.turn();
  queries[0].holder->abandon(queries[0]);
  connection(0).become_ready();
  EXPECT_EQ(connection(0).sent, Sent{&queries[1]});
}

TEST_F(PoolTest, WhereQueriesAreLeftLyingEachGoesInARecordOfItsOwn) {
  server.max_in_flight = 1;
  start_ready();
  connection(0).leave_lying();
  EXPECT_TRUE(connection(0).singly);
  submit_all(0, 2);
  ASSERT_EQ(server.connections.size(), 2U);
  EXPECT_TRUE(connection(1).singly) << "those that follow, for a while";
  time.pass(10min);
  submit(queries[2]);
  connection(1).become_ready();
  submit_all(3, 5);
  ASSERT_EQ(server.connections.size(), 3U);
  EXPECT_FALSE(connection(2).singly) << "it may have been something else";
}

TEST_F(PoolTest, AStallDoesNotMakeItSendQueriesOneByOne) {
  start_ready();
  submit_all(0, 2);
  connection(0).end(Error::stalled);
  server.turn();
  time.pass(100ms);
  ASSERT_EQ(server.connections.size(), 1U);
  connection(0).become_ready();
  connection(0).answer_probe();
  submit_all(2, 4);
  EXPECT_EQ(connection(0).sent.size(), 2U);
}

TEST_F(PoolTest, ASilentConnectionGetsNoNewQueries) {
  start_proven();
  submit(queries[0]);
  connection(0).fall_silent();
  EXPECT_EQ(queries[0].delays, 1) << "whoever asked may ask somebody else as well";
  submit(queries[1]);
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]});
  ASSERT_EQ(server.connections.size(), 2U);
  connection(1).become_ready();
  EXPECT_EQ(connection(1).sent, Sent{&queries[1]});
  EXPECT_EQ(connection(1).probes, 0) << "nothing is wrong with the server so far";
  connection(0).answer(queries[0]);
  EXPECT_EQ(queries[0].replies, 1) << "it was still waited for";
  submit(queries[2]);
  EXPECT_EQ(connection(0).sent.back(), &queries[2]) << "no longer silent";
}

TEST_F(PoolTest, AServerIsNotResponsiveWhileEveryConnectionIsSilent) {
  start_proven();
  submit(queries[0]);
  connection(0).fall_silent();
  EXPECT_FALSE(health().is_responsive());
  EXPECT_TRUE(health().is_up());
  submit(queries[1]);
  connection(1).become_ready();
  EXPECT_TRUE(health().is_responsive()) << "one connection is not silent";
  connection(1).fall_silent();
  EXPECT_FALSE(health().is_responsive());
  connection(0).answer_probe();
  EXPECT_TRUE(health().is_responsive());
}

TEST_F(PoolTest, CountsPlaintextQueriesAndNoHandshakesWithoutTls) {
  start_ready({.protocol = config::Protocol::udp});
  submit(queries[0]);
  EXPECT_EQ(metrics.plaintext_queries.value(), 1U);
  EXPECT_EQ(metrics.handshakes_full.value(), 0U);
}

TEST_F(PoolTest, CountsNoPlaintextQueriesWithTls) {
  start_ready({.protocol = config::Protocol::tls});
  submit(queries[0]);
  EXPECT_EQ(metrics.plaintext_queries.value(), 0U);
}

TEST_F(PoolTest, CountsWhatIsIgnored) {
  start_ready();
  connection(0).ignore(Error::mismatched_reply);
  EXPECT_EQ(failures(Error::mismatched_reply), 1U);
  EXPECT_TRUE(health().is_up());
}

// Servers that do not understand EDNS.

class PoolEdnsTest : public PoolTest, public ::testing::WithParamInterface<std::uint16_t> {};

TEST_P(PoolEdnsTest, WhatIsRefusedWithoutOptIsAskedAgainWithoutEdns) {
  start_ready();
  submit(queries[0]);
  EXPECT_FALSE(queries[0].without_edns);
  connection(0).reply(header_reply(queries[0].id, GetParam()));
  EXPECT_TRUE(queries[0].is_open());
  EXPECT_TRUE(queries[0].without_edns);
  EXPECT_EQ(connection(0).sent, (Sent{&queries[0], &queries[0]}));
  EXPECT_TRUE(profile().knows_edns(now())) << "not shown yet";
  connection(0).answer(queries[0]);
  EXPECT_EQ(queries[0].replies, 1);
  EXPECT_FALSE(profile().knows_edns(now()));
  EXPECT_EQ(log.count("upstream answers only queries without EDNS: asking without it"), 1);

  submit(queries[1]);
  EXPECT_TRUE(queries[1].without_edns) << "from now on at once";
  connection(0).answer(queries[1]);
  EXPECT_EQ(log.count("upstream answers only queries without EDNS: asking without it"), 1);
  time.pass(10min);
  submit(queries[2]);
  EXPECT_FALSE(queries[2].without_edns) << "for ten minutes";
}

TEST_P(PoolEdnsTest, AServerThatKnowsEdnsMeansWhatItSays) {
  start_ready();
  submit(queries[0]);
  connection(0).reply(reply_with_opt(queries[0], GetParam()));
  EXPECT_EQ(queries[0].rcode, GetParam());
  EXPECT_TRUE(profile().knows_edns(now()));
}

TEST_P(PoolEdnsTest, WhatIsRefusedWithoutEdnsAsWellIsTheAnswer) {
  start_ready();
  submit(queries[0]);
  connection(0).reply(reply_to(queries[0], queries[0].id, GetParam()));
  ASSERT_TRUE(queries[0].is_open());
  connection(0).reply(reply_to(queries[0], queries[0].id, GetParam()));
  EXPECT_EQ(queries[0].rcode, GetParam());
  EXPECT_TRUE(profile().knows_edns(now())) << "it was not because of EDNS";
}

TEST_P(PoolEdnsTest, ASignedQueryIsNotChanged) {
  start_ready();
  queries[0].opaque = true;
  submit(queries[0]);
  connection(0).reply(header_reply(queries[0].id, GetParam()));
  EXPECT_EQ(queries[0].rcode, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Refusals, PoolEdnsTest, ::testing::Values(dns::rcode::formerr, dns::rcode::notimp),
                         [](const auto& tested) { return tested.param == dns::rcode::formerr ? "FORMERR" : "NOTIMP"; });

TEST_F(PoolTest, AnotherRefusalIsNotBecauseOfEdns) {
  start_ready();
  submit(queries[0]);
  connection(0).reply(reply_to(queries[0], queries[0].id, dns::rcode::refused));
  EXPECT_EQ(queries[0].rcode, dns::rcode::refused);
}

TEST_F(PoolTest, WhatIsAskedAgainWithoutEdnsOpensAConnectionWhereNoneTakesIt) {
  start_ready();
  submit_all(0, 2);
  connection(0).drain();
  connection(0).reply(header_reply(queries[0].id, dns::rcode::formerr));
  ASSERT_EQ(server.connections.size(), 2U) << "the first still has to answer the other query";
  connection(1).become_ready();
  EXPECT_EQ(connection(1).sent, Sent{&queries[0]});
}

TEST_F(PoolTest, ASuspectIsAskedAgainWithoutEdnsApartFromTheOthers) {
  start_ready();
  submit(queries[0]);
  connection(0).end();
  server.turn();
  connection(0).become_ready();
  connection(0).answer_probe();
  ASSERT_EQ(connection(0).sent, Sent{&queries[0]});
  connection(0).reply(header_reply(queries[0].id, dns::rcode::formerr));
  EXPECT_EQ(connection(0).sent, (Sent{&queries[0], &queries[0]}));
  connection(0).answer(queries[0]);
  EXPECT_EQ(queries[0].replies, 1);
}

}  // namespace
}  // namespace pillion::upstream
