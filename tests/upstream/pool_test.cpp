#include "upstream/pool.hpp"

#include <deque>

#include <gtest/gtest.h>

#include "upstream/fake_connection.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::FakeConnection;
using testing::FakeServer;
using testing::reply_to;
using testing::SilentLog;
using testing::TestQuery;
using testing::turn;

using Sent = std::vector<Query*>;

class PoolTest : public ::testing::Test {
 protected:
  Pool& start(const PoolSettings& settings = {}) {
    pool.emplace(PoolContext{.schedule = loop, .log = log, .random = [] { return 0.5; }},
                 ServerReport(log, metrics, "public", "192.0.2.1:853", true), std::make_shared<EdnsSupport>(), settings,
                 server.maker());
    pool->start();
    return *pool;
  }
  /// A pool whose first connection is ready.
  Pool& start_ready(const PoolSettings& settings = {}) {
    start(settings);
    connection(0).become_ready();
    return *pool;
  }
  FakeConnection& connection(std::size_t i) { return *server.connections.at(i); }
  std::optional<Error> submit(Query& query) { return pool->submit(query, now()); }
  [[nodiscard]] runtime::Time now() { return loop.clock().now(); }
  [[nodiscard]] std::uint64_t failures(Error error) const {
    return metrics.failures[static_cast<std::size_t>(error)].value();
  }
  [[nodiscard]] std::uint64_t all_failures() const {
    std::uint64_t sum = 0;
    for (const auto& counter : metrics.failures) sum += counter.value();
    return sum;
  }
  [[nodiscard]] double connections(ConnectionLabel state) const {
    return metrics.connections[static_cast<std::size_t>(state)].value();
  }

  SilentLog log;
  runtime::Loop loop{log};
  FakeServer server{loop};
  ServerMetrics metrics;
  std::optional<Pool> pool;
  std::deque<TestQuery> queries{20};
};

TEST_F(PoolTest, OpensOneConnectionBeforeTheFirstQuery) {
  start();
  ASSERT_EQ(server.connections.size(), 1U);
  EXPECT_TRUE(connection(0).started);
  EXPECT_FALSE(pool->tried());
  EXPECT_EQ(connections(ConnectionLabel::connecting), 1);
  connection(0).become_ready();
  EXPECT_TRUE(pool->tried());
  EXPECT_EQ(connections(ConnectionLabel::connecting), 0);
  EXPECT_EQ(connections(ConnectionLabel::ready), 1);
}

TEST_F(PoolTest, QueriesWaitForTheConnectionInOrder) {
  start();
  for (auto i : {0U, 1U, 2U}) EXPECT_EQ(submit(queries[i]), std::nullopt);
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
  EXPECT_TRUE(pool->health().latency());
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
  EXPECT_TRUE(pool->health().is_up());
}

TEST_F(PoolTest, FillsOneConnectionBeforeItOpensAnother) {
  server.max_in_flight = 2;
  start_ready();
  submit(queries[0]);
  submit(queries[1]);
  EXPECT_EQ(server.made, 1U);
  submit(queries[2]);
  submit(queries[3]);
  EXPECT_EQ(server.made, 2U) << "one more, for both";
  EXPECT_TRUE(connection(1).sent.empty());
  connection(1).become_ready();
  EXPECT_EQ(connection(1).sent, (Sent{&queries[2], &queries[3]}));
}

TEST_F(PoolTest, RoomThatAReplyMakesGoesToWhoWaitsFirst) {
  server.max_in_flight = 1;
  start_ready();
  for (auto i : {0U, 1U, 2U}) submit(queries[i]);
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
  // All are answered in the end, by those two.
  for (std::size_t answered = 0; answered < queries.size();) {
    for (auto* const open : server.connections) {
      open->answer(*open->sent.back());
      ++answered;
    }
  }
  for (const auto& query : queries) EXPECT_EQ(query.replies, 1);
}

TEST_F(PoolTest, RefusesWhatWouldWaitBeyondTheLimit) {
  start({.max_waiting = 2});
  EXPECT_EQ(submit(queries[0]), std::nullopt);
  EXPECT_EQ(submit(queries[1]), std::nullopt);
  EXPECT_EQ(submit(queries[2]), Error::overloaded);
  EXPECT_EQ(failures(Error::overloaded), 1U);
}

TEST_F(PoolTest, AnAbandonedQueryThatWaitsIsNotSent) {
  start();
  for (auto i : {0U, 1U, 2U}) submit(queries[i]);
  queries[1].carrier->abandon(queries[1]);
  connection(0).become_ready();
  EXPECT_EQ(connection(0).sent, (Sent{&queries[0], &queries[2]}));
}

TEST_F(PoolTest, AnOrderlyCloseLosesNothingAndIsNoFailure) {
  start_ready();
  for (auto i : {0U, 1U, 2U}) submit(queries[i]);
  connection(0).answer(queries[1]);
  connection(0).end();
  EXPECT_TRUE(pool->health().is_up());
  EXPECT_EQ(all_failures(), 0U);
  submit(queries[3]);
  turn(loop);
  // The server seems to give one answer on each connection.
  ASSERT_EQ(server.connections.size(), 3U) << "opened at once, not when the next query comes";
  for (std::size_t i = 0; i < 3; ++i) connection(i).become_ready();
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]});
  EXPECT_EQ(connection(1).sent, Sent{&queries[2]});
  EXPECT_EQ(connection(2).sent, Sent{&queries[3]}) << "after those that came before";
  EXPECT_EQ(metrics.replays.value(), 2U);
  EXPECT_EQ(metrics.in_flight.value(), 3);
  EXPECT_EQ(metrics.idle_closes.value(), 0U);
}

TEST_F(PoolTest, AResetAfterAnswersIsACloseLikeAnyOther) {
  start_ready();
  submit(queries[0]);
  submit(queries[1]);
  connection(0).answer(queries[0]);
  connection(0).end(Error::reset);
  EXPECT_TRUE(queries[1].is_open());
  EXPECT_EQ(all_failures(), 0U);
}

TEST_F(PoolTest, AFailureGivesEveryQueryBack) {
  start_ready();
  submit(queries[0]);
  connection(0).end(Error::reset);
  EXPECT_EQ(queries[0].errors, std::vector{Error::reset});
  EXPECT_EQ(failures(Error::reset), 1U);
  EXPECT_FALSE(pool->health().is_up());
  EXPECT_EQ(metrics.up.value(), 0);
  EXPECT_EQ(metrics.in_flight.value(), 0);
}

TEST_F(PoolTest, AFailureGivesThoseBackThatWait) {
  start();
  submit(queries[0]);
  submit(queries[1]);
  connection(0).end(Error::connect_refused);
  EXPECT_EQ(queries[0].errors, std::vector{Error::connect_refused});
  EXPECT_EQ(queries[1].errors, std::vector{Error::connect_refused});
  EXPECT_TRUE(pool->tried());
}

TEST_F(PoolTest, TriesAServerThatIsDownAgainByItself) {
  start();
  connection(0).end(Error::connect_refused);
  EXPECT_EQ(server.made, 1U);
  submit(queries[0]);
  EXPECT_TRUE(queries[0].is_open()) << "it may only be restarting";
  ASSERT_TRUE(testing::run_until(loop, [&] { return server.made == 2; }));
  EXPECT_GE(runtime::Clock::now(), pool->health().retry_at());
  connection(0).become_ready();
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]});
  EXPECT_FALSE(pool->health().is_up()) << "a connection is not an answer";
  connection(0).answer(queries[0]);
  EXPECT_TRUE(pool->health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
}

TEST_F(PoolTest, AServerThatIsBackIsFoundUpThoughNobodyAsks) {
  start();
  connection(0).end(Error::connect_refused);
  ASSERT_TRUE(testing::run_until(loop, [&] { return server.made == 2; }));
  connection(0).become_ready();
  EXPECT_EQ(connection(0).probes, 1);
  EXPECT_EQ(metrics.up.value(), 0);
  connection(0).answer_probe();
  EXPECT_TRUE(pool->health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
}

TEST_F(PoolTest, AServerThatEndsEachConnectionAfterItsHandshakeIsBackedOffFrom) {
  start();
  const auto begin = now();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(testing::run_until(loop, [&] { return server.connections.size() == 1; }));
    connection(0).become_ready({.encrypted = true, .not_after = {}, .version = "TLSv1.3"});
    connection(0).end(Error::reset);
    turn(loop);
  }
  EXPECT_EQ(metrics.up.value(), 0);
  // 50, 100 and 200 ms at the least, since no handshake makes good for the failures before it.
  EXPECT_GE(pool->health().retry_at() - begin, 350ms + 400ms);
}

TEST_F(PoolTest, OneThatWasNeverDownIsNotProbed) {
  start_ready();
  EXPECT_EQ(connection(0).probes, 0);
}

TEST_F(PoolTest, DoesNotWaitForAServerWithABadCertificate) {
  start();
  connection(0).end(Error::certificate_name);
  EXPECT_EQ(submit(queries[0]), Error::certificate_name);
  EXPECT_EQ(metrics.handshakes_failed.value(), 1U);
  EXPECT_EQ(failures(Error::certificate_name), 1U);
}

TEST_F(PoolTest, DoesNotWaitForAServerThatIsDownForLong) {
  start();
  connection(0).end(Error::connect_refused);
  EXPECT_EQ(pool->submit(queries[0], now() + Health::grace), Error::connect_refused);
}

TEST_F(PoolTest, ClosesWithoutAnyAnswerAreAFailureTheSecondTime) {
  start_ready();
  submit(queries[0]);
  connection(0).end();
  EXPECT_TRUE(queries[0].is_open()) << "the first may have crossed an idle close";
  turn(loop);
  connection(0).become_ready();
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]});
  connection(0).end();
  EXPECT_EQ(queries[0].errors, std::vector{Error::closed});
  EXPECT_FALSE(pool->health().is_up());
  EXPECT_EQ(failures(Error::closed), 1U);
}

TEST_F(PoolTest, AServerThatEndedWithoutAnswersIsTriedWithOneQuery) {
  start_ready();
  submit(queries[0]);
  connection(0).end();
  turn(loop);
  connection(0).become_ready();
  connection(0).end();
  ASSERT_FALSE(pool->health().may_be_asked());
  ASSERT_TRUE(testing::run_until(loop, [&] { return server.made == 3; }));
  EXPECT_FALSE(pool->health().may_be_asked());
  connection(0).become_ready();
  EXPECT_TRUE(pool->health().may_be_asked()) << "while another server is up, nobody else would ask it ever again";
  EXPECT_EQ(metrics.up.value(), 0);

  submit(queries[1]);
  EXPECT_EQ(connection(0).sent, Sent{&queries[1]});
  EXPECT_FALSE(pool->health().may_be_asked());
  connection(0).answer(queries[1]);
  EXPECT_TRUE(pool->health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
}

TEST_F(PoolTest, AConnectionThatOutlivedAFailureIsGoodForATrial) {
  server.max_in_flight = 1;
  start_ready();
  for (auto i : {0U, 1U}) submit(queries[i]);
  ASSERT_EQ(server.connections.size(), 2U);
  connection(1).become_ready();
  connection(1).answer(queries[1]);
  connection(0).end(Error::stalled);
  EXPECT_FALSE(pool->health().may_be_asked());
  EXPECT_TRUE(testing::run_until(loop, [&] { return pool->health().may_be_asked(); }));
}

TEST_F(PoolTest, AMalformedReplyToATrialIsFollowedByAnother) {
  start_ready();
  submit(queries[0]);
  connection(0).end();
  turn(loop);
  connection(0).become_ready();
  connection(0).end();
  ASSERT_TRUE(testing::run_until(loop, [&] { return server.made == 3; }));
  connection(0).become_ready();
  submit(queries[1]);
  ASSERT_FALSE(pool->health().may_be_asked());
  auto reply = reply_to(queries[1], queries[1].id);
  reply.push_back(0);
  connection(0).reply(reply);
  EXPECT_TRUE(testing::run_until(loop, [&] { return pool->health().may_be_asked(); }));
}

TEST_F(PoolTest, AnIdleCloseOnTrialLeavesTheTrialToTheNextQuery) {
  start_ready();
  submit(queries[0]);
  connection(0).end();
  turn(loop);
  connection(0).become_ready();
  connection(0).end();
  ASSERT_TRUE(testing::run_until(loop, [&] { return server.made == 3; }));
  connection(0).become_ready();
  connection(0).end();
  turn(loop);
  EXPECT_EQ(server.made, 3U) << "a server that closes what is idle is not connected to again and again";
  EXPECT_TRUE(pool->health().may_be_asked());
  EXPECT_EQ(pool->submit(queries[1], now() + Health::grace), std::nullopt);
  EXPECT_EQ(server.made, 4U);
  EXPECT_FALSE(pool->health().may_be_asked());
  connection(0).become_ready();
  EXPECT_EQ(connection(0).sent, Sent{&queries[1]});
}

TEST_F(PoolTest, AQueryThatIsNeverAnsweredIsNotSentForEver) {
  start_ready();
  queries[0].sends = 7;  // so often it was lost already
  submit(queries[0]);
  submit(queries[1]);
  connection(0).answer(queries[1]);
  connection(0).end();
  EXPECT_EQ(queries[0].errors, std::vector{Error::closed});
  EXPECT_TRUE(pool->health().is_up()) << "the query is to blame, not the server";
}

TEST_F(PoolTest, LearnsHowManyAnswersAConnectionGives) {
  start_ready();
  for (std::size_t i = 0; i < 10; ++i) submit(queries[i]);
  connection(0).answer(queries[0]);
  connection(0).answer(queries[1]);
  connection(0).end();
  turn(loop);
  EXPECT_EQ(server.connections.size(), 4U) << "eight wait, each connection takes two: as many as are allowed";
  for (auto* const open : std::vector(server.connections)) open->become_ready();
  for (auto* const open : server.connections) EXPECT_EQ(open->sent.size(), 2U);
}

TEST_F(PoolTest, ForgetsThatNumberWhenAConnectionOutlivesIt) {
  start_ready();
  submit(queries[0]);
  submit(queries[1]);
  connection(0).answer(queries[0]);
  connection(0).end();
  turn(loop);
  connection(0).become_ready();
  connection(0).answer(queries[1]);
  submit(queries[2]);
  EXPECT_EQ(connection(0).sent, Sent{&queries[1]}) << "its one query was used";
  EXPECT_EQ(server.connections.size(), 2U);
  EXPECT_EQ(pool->submit(queries[3], now() + 1s), std::nullopt);
  EXPECT_EQ(connection(0).sent.back(), &queries[3]) << "it is still open after a second";
}

TEST_F(PoolTest, QueriesThatWaitForUsedUpConnectionsGoOnWhenThoseStayOpen) {
  start_ready();
  for (auto& query : queries) submit(query);
  connection(0).answer(queries[0]);
  connection(0).end(Error::reset);  // by chance so soon, as in a restart
  turn(loop);
  for (auto* const open : std::vector(server.connections)) {
    open->become_ready();
    open->answer(*open->sent.at(0));
  }
  const auto sent = [&] {
    std::size_t sum = 0;
    for (const auto* const open : server.connections) sum += open->sent.size();
    return sum;
  };
  EXPECT_EQ(sent(), 4U) << "one on each";
  ASSERT_TRUE(testing::run_until(loop, [&] { return sent() == queries.size() - 1; }));
  EXPECT_EQ(server.connections.size(), 4U);
}

TEST_F(PoolTest, QueriesThatWereLostTogetherWithoutAnAnswerAreSentOneByOne) {
  start_ready();
  for (auto i : {0U, 1U, 2U}) submit(queries[i]);
  connection(0).end();
  turn(loop);
  ASSERT_EQ(server.connections.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    connection(i).become_ready();
    EXPECT_EQ(connection(i).sent, Sent{&queries[i]});
  }
  connection(1).answer(queries[1]);
  connection(2).answer(queries[2]);
  // The first is to blame. Nobody else notices.
  connection(0).end();
  EXPECT_EQ(queries[0].errors, std::vector{Error::closed});
  EXPECT_TRUE(pool->health().is_up());
}

TEST_F(PoolTest, AStallOfAConnectionThatHadAnswersIsNotTheServers) {
  start_ready();
  submit(queries[0]);
  connection(0).answer(queries[0]);
  submit(queries[1]);
  connection(0).end(Error::stalled);
  EXPECT_EQ(queries[1].errors, std::vector{Error::stalled}) << "who asked may know another server";
  EXPECT_EQ(failures(Error::stalled), 1U);
  EXPECT_TRUE(pool->health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
  EXPECT_EQ(submit(queries[2]), std::nullopt);
  EXPECT_EQ(server.made, 2U) << "by another connection, without a back-off";
}

TEST_F(PoolTest, AStallOfAFreshConnectionIsTheServers) {
  start_ready();
  submit(queries[0]);
  connection(0).end(Error::stalled);
  EXPECT_FALSE(pool->health().is_up());
  EXPECT_EQ(metrics.up.value(), 0);
}

TEST_F(PoolTest, WhereQueriesAreLeftLyingEachGoesInARecordOfItsOwn) {
  server.max_in_flight = 1;
  start_ready();
  connection(0).leave_lying();
  EXPECT_TRUE(connection(0).singly);
  for (auto i : {0U, 1U}) submit(queries[i]);
  ASSERT_EQ(server.connections.size(), 2U);
  EXPECT_TRUE(connection(1).singly) << "those that follow, for a while";
}

TEST_F(PoolTest, AStallDoesNotMakeItSendQueriesOneByOne) {
  start_ready();
  submit(queries[0]);
  submit(queries[1]);
  connection(0).end(Error::stalled);
  ASSERT_TRUE(testing::run_until(loop, [&] { return server.connections.size() == 1; }));
  connection(0).become_ready();
  for (auto i : {2U, 3U}) submit(queries[i]);
  EXPECT_EQ(connection(0).sent.size(), 2U);
}

TEST_F(PoolTest, ReplacesAConnectionBeforeItIsRetired) {
  start_ready();
  submit(queries[0]);
  connection(0).wear_out();
  connection(0).wear_out();
  ASSERT_EQ(server.connections.size(), 2U) << "one replacement, however often it is asked for";
  submit(queries[1]);
  EXPECT_EQ(connection(0).sent.size(), 2U) << "in use until the other is ready";
  EXPECT_FALSE(connection(0).retired);
  connection(1).become_ready();
  EXPECT_TRUE(connection(0).retired);
  submit(queries[2]);
  EXPECT_EQ(connection(1).sent, Sent{&queries[2]});
  connection(0).answer(queries[0]);
  connection(0).answer(queries[1]);
  turn(loop);
  EXPECT_EQ(server.connections.size(), 1U);
  EXPECT_EQ(queries[1].replies, 1);
  EXPECT_EQ(all_failures(), 0U);
}

TEST_F(PoolTest, AFullPoolCanReplaceToo) {
  start_ready({.max_connections = 1});
  connection(0).wear_out();
  EXPECT_EQ(server.connections.size(), 2U);
}

TEST_F(PoolTest, OpensAnewAfterAnIdleCloseWhereItIsInUse) {
  start_ready();
  submit(queries[0]);
  connection(0).answer(queries[0]);
  connection(0).end();
  EXPECT_EQ(metrics.idle_closes.value(), 1U);
  EXPECT_EQ(all_failures(), 0U);
  EXPECT_EQ(server.made, 2U);
}

TEST_F(PoolTest, StaysClosedAfterAnIdleCloseWhereNobodyAsks) {
  start_ready();
  connection(0).end();
  turn(loop);
  EXPECT_EQ(server.made, 1U) << "no query at all so far";
  EXPECT_TRUE(pool->empty());
  EXPECT_EQ(pool->submit(queries[0], now() - 2min), std::nullopt);
  connection(0).become_ready();
  connection(0).answer(queries[0]);
  connection(0).end();
  EXPECT_EQ(server.made, 2U) << "the last query is two minutes ago";
  submit(queries[1]);
  turn(loop);
  EXPECT_EQ(server.made, 3U);
}

TEST_F(PoolTest, CountsHandshakes) {
  start({.encrypted = true});
  const auto not_after = std::chrono::system_clock::from_time_t(2'000'000'000);
  connection(0).become_ready({.duration = 20ms, .encrypted = true, .not_after = not_after, .version = "TLSv1.3"});
  EXPECT_EQ(metrics.handshakes_full.value(), 1U);
  EXPECT_EQ(metrics.certificate_not_after.value(), 2e9);
  EXPECT_NEAR(metrics.handshake_duration.sum_seconds(), 0.02, 1e-9);
  connection(0).wear_out();
  connection(1).become_ready({.encrypted = true, .resumed = true, .not_after = not_after, .version = "TLSv1.3"});
  EXPECT_EQ(metrics.handshakes_full.value(), 1U);
  EXPECT_EQ(metrics.handshakes_resumed.value(), 1U);
  EXPECT_EQ(metrics.connections_opened.value(), 2U);
}

TEST_F(PoolTest, CountsTlsConnectionsByWhatWasAgreedOn) {
  start({.encrypted = true});
  connection(0).become_ready({.encrypted = true,
                              .not_after = {},
                              .version = "TLSv1.3",
                              .group = "x25519",
                              .cipher = "TLS_AES_256_GCM_SHA384"});
  std::vector<std::string> seen;
  metrics.tls_connections.for_each(
      [&](std::string_view version, std::string_view group, std::string_view cipher, std::uint64_t count) {
        seen.push_back(std::string(version).append(" ").append(group).append(" ").append(cipher) + " " +
                       std::to_string(count));
      });
  EXPECT_EQ(seen, std::vector<std::string>{"TLSv1.3 x25519 TLS_AES_256_GCM_SHA384 1"});
}

TEST_F(PoolTest, CountsConnectionsThatFellBackToClassicalGroups) {
  start({.encrypted = true});
  connection(0).become_ready({.encrypted = true, .not_after = {}, .version = "TLSv1.3", .group = "X25519MLKEM768"});
  EXPECT_EQ(metrics.group_fallbacks.value(), 0U);
  connection(0).wear_out();
  connection(1).become_ready(
      {.encrypted = true, .not_after = {}, .version = "TLSv1.3", .group = "x25519", .fell_back = true});
  EXPECT_EQ(metrics.group_fallbacks.value(), 1U);
}

TEST_F(PoolTest, CountsPlaintextQueriesAndNoHandshakesWithoutTls) {
  start_ready({.encrypted = false});
  submit(queries[0]);
  EXPECT_EQ(metrics.plaintext_queries.value(), 1U);
  EXPECT_EQ(metrics.handshakes_full.value(), 0U);
}

TEST_F(PoolTest, CountsNoPlaintextQueriesWithTls) {
  start_ready({.encrypted = true});
  submit(queries[0]);
  EXPECT_EQ(metrics.plaintext_queries.value(), 0U);
}

TEST_F(PoolTest, CountsWhatIsIgnored) {
  start_ready();
  connection(0).ignore(Error::mismatched_reply);
  EXPECT_EQ(failures(Error::mismatched_reply), 1U);
  EXPECT_TRUE(pool->health().is_up());
}

TEST_F(PoolTest, StopsInOrder) {
  server.max_in_flight = 1;
  start_ready();
  submit(queries[0]);
  submit(queries[1]);
  connection(1).become_ready();
  submit(queries[2]);
  connection(0).answer(queries[0]);  // the third goes to the first connection
  pool->stop();
  EXPECT_EQ(submit(queries[3]), Error::no_server);
  turn(loop);
  EXPECT_TRUE(pool->empty());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(queries[i].is_open()) << i;
  EXPECT_EQ(server.made, 3U) << "the third query had asked for another; nothing was opened after stop()";
}

TEST_F(PoolTest, StoppedIdleConnectionsAreRetired) {
  start_ready();
  auto& open = connection(0);
  pool->stop();
  EXPECT_TRUE(open.retired);
  turn(loop);
  EXPECT_TRUE(pool->empty());
  EXPECT_EQ(server.made, 1U);
}

TEST_F(PoolTest, StoppedWhileDownDoesNotComeBack) {
  start();
  connection(0).end(Error::connect_refused);
  submit(queries[0]);
  pool->stop();
  EXPECT_EQ(queries[0].errors, std::vector{Error::no_server});
  turn(loop);
  EXPECT_TRUE(pool->empty());
  EXPECT_EQ(server.made, 1U);
}

/// An asker that tries again from within failed(), as the layer above does.
class Stubborn final : public Query {
 public:
  explicit Stubborn(Pool& pool) : pool_(pool) {
    dns::append_query(message, 0, dns::flag::rd, dns::parse_name("stubborn.example").value(), dns::type::a,
                      dns::klass::in);
  }
  void replied(const Reply&) override { ++replies; }
  void failed(Error) override { refused = pool_.submit(*this, runtime::Clock::now()); }

  int replies = 0;
  std::optional<Error> refused;

 private:
  Pool& pool_;
};

TEST_F(PoolTest, MayBeAskedAgainFromWithinAFailure) {
  start_ready();
  Stubborn first(*pool);
  Stubborn second(*pool);
  submit(first);
  submit(second);
  connection(0).end(Error::reset);
  ASSERT_TRUE(testing::run_until(loop, [&] { return server.made == 2 && server.connections.size() == 1; }));
  connection(0).become_ready();
  ASSERT_EQ(server.connections.size(), 2U) << "they were lost together: now each goes alone";
  connection(1).become_ready();
  connection(0).answer(first);
  connection(1).answer(second);
  EXPECT_EQ(first.replies + second.replies, 2);
}

}  // namespace
}  // namespace pillion::upstream
