// When connections are opened, kept, replaced and closed, and what the pool learns about the server's limits.

#include "upstream/pool_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::FakeConnection;
using testing::PoolTest;
using testing::Sent;
using testing::TestQuery;

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

TEST_F(PoolTest, TheFirstConnectionIsSaidOnce) {
  start_ready();
  connection(0).begin_retiring();
  connection(1).become_ready();
  EXPECT_THAT(log.lines, ::testing::ElementsAre("upstream connected"));
}

TEST_F(PoolTest, CountsHandshakes) {
  start({.protocol = config::Protocol::tls});
  const auto not_after = std::chrono::system_clock::from_time_t(2'000'000'000);
  connection(0).become_ready({.duration = 20ms, .encrypted = true, .not_after = not_after, .version = "TLSv1.3"});
  EXPECT_EQ(metrics.handshakes_full.value(), 1U);
  EXPECT_EQ(metrics.certificate_not_after.value(), 2e9);
  EXPECT_NEAR(metrics.handshake_duration.sum_seconds(), 0.02, 1e-9);
  connection(0).begin_retiring();
  connection(1).become_ready({.encrypted = true, .resumed = true, .not_after = not_after, .version = "TLSv1.3"});
  EXPECT_EQ(metrics.handshakes_full.value(), 1U);
  EXPECT_EQ(metrics.handshakes_resumed.value(), 1U);
  EXPECT_EQ(metrics.connections_opened.value(), 2U);
}

TEST_F(PoolTest, CountsTlsConnectionsByWhatWasAgreedOn) {
  start({.protocol = config::Protocol::tls});
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
  start({.protocol = config::Protocol::tls});
  connection(0).become_ready({.encrypted = true, .not_after = {}, .version = "TLSv1.3", .group = "X25519MLKEM768"});
  EXPECT_EQ(metrics.group_fallbacks.value(), 0U);
  connection(0).begin_retiring();
  connection(1).become_ready(
      {.encrypted = true, .not_after = {}, .version = "TLSv1.3", .group = "x25519", .fell_back = true});
  EXPECT_EQ(metrics.group_fallbacks.value(), 1U);
}

// Replacing.

TEST_F(PoolTest, ReplacesAConnectionBeforeItIsRetired) {
  start_ready();
  submit(queries[0]);
  connection(0).begin_retiring();
  connection(0).begin_retiring();
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
  server.turn();
  EXPECT_EQ(server.connections.size(), 1U);
  EXPECT_EQ(queries[1].replies, 1);
  EXPECT_EQ(all_failures(), 0U);
}

TEST_F(PoolTest, AFullPoolCanReplaceToo) {
  start_ready({.max_connections = 1});
  submit(queries[0]);
  connection(0).begin_retiring();
  ASSERT_EQ(server.connections.size(), 2U);
  connection(1).become_ready();
  EXPECT_TRUE(connection(0).retired);
  EXPECT_TRUE(queries[0].is_open());
}

TEST_F(PoolTest, AFullPoolReplacesWhileOthersDrain) {
  start_ready({.max_connections = 1});
  submit(queries[0]);
  for (std::size_t i = 0; i < 5; ++i) {
    newest().begin_retiring();
    ASSERT_EQ(server.connections.size(), i + 2) << "those that drain are not counted";
    newest().become_ready();
    submit(queries[i + 1]);
    EXPECT_EQ(newest().sent, Sent{&queries[i + 1]});
    EXPECT_EQ(connections(ConnectionLabel::draining), static_cast<double>(i + 1));
  }
  for (std::size_t i = 0; i < 5; ++i) connection(i).answer(queries[i]);
  server.turn();
  EXPECT_EQ(server.connections.size(), 1U);
}

TEST_F(PoolTest, OneThatWearsOutWhileAnotherIsReadyIsRetiredAtOnce) {
  server.max_in_flight = 1;
  start_ready();
  submit_all(0, 2);
  connection(1).become_ready();
  connection(0).begin_retiring();
  EXPECT_TRUE(connection(0).retired);
  EXPECT_EQ(server.made, 2U);
}

TEST_F(PoolTest, AConnectionThatDrainsIsFollowedByOneWhenSomebodyAsks) {
  start_proven();
  submit_all(0, 2);
  connection(0).drain();
  EXPECT_EQ(server.made, 1U) << "the server asked for fewer connections, not for more";
  submit_all(2, 4);
  EXPECT_EQ(server.made, 2U);
  EXPECT_EQ(connection(0).sent.size(), 2U);
  connection(1).become_ready();
  EXPECT_EQ(connection(1).sent, (Sent{&queries[2], &queries[3]}));
  connection(0).answer_all();
  EXPECT_EQ(queries[1].replies, 1);
  EXPECT_EQ(all_failures(), 0U);
}

TEST_F(PoolTest, AServerThatDrainsEveryConnectionGetsOneAtATime) {
  start_proven();
  for (std::size_t i = 0; i < 10; ++i) {
    submit(queries[i]);
    newest().become_ready();
    newest().drain();
    newest().answer(queries[i]);
    EXPECT_EQ(queries[i].replies, 1) << i;
    server.turn();
    EXPECT_LE(server.connections.size(), 1U);
  }
}

// Keeping warm.

TEST_F(PoolTest, OpensAnewAfterAnIdleCloseWhereItIsInUse) {
  start_ready();
  submit(queries[0]);
  connection(0).answer(queries[0]);
  time.pass(30s);
  connection(0).close_by_server();
  EXPECT_EQ(metrics.idle_closes.value(), 1U);
  EXPECT_EQ(all_failures(), 0U);
  EXPECT_EQ(server.made, 2U);
}

TEST_F(PoolTest, StaysClosedAfterAnIdleCloseWhereNobodyAsks) {
  start_ready();
  connection(0).close_by_server();
  server.turn();
  EXPECT_EQ(server.made, 1U) << "no query at all so far";
  EXPECT_TRUE(pool->empty());
  submit(queries[0]);
  connection(0).become_ready();
  connection(0).answer(queries[0]);
  time.pass(2min);
  connection(0).close_by_server();
  EXPECT_EQ(server.made, 2U) << "the last query is two minutes ago";
  submit(queries[1]);
  server.turn();
  EXPECT_EQ(server.made, 3U);
}

TEST_F(PoolTest, AServerThatClosesEveryIdleConnectionAtOnceIsNotConnectedToAgainAndAgain) {
  start_proven();
  connection(0).close_by_server();
  server.turn();
  ASSERT_EQ(server.made, 2U);
  connection(0).become_ready();
  connection(0).close_by_server();
  server.turn();
  EXPECT_EQ(server.made, 2U) << "that one had no answer: the next query opens another";
  EXPECT_TRUE(health().is_up());
  EXPECT_EQ(submit(queries[0]), std::nullopt);
  EXPECT_EQ(server.made, 3U);
}

// Handshakes at once.

TEST_F(PoolTest, AtMostTwoHandshakesAreUnderWayAtOnce) {
  start_ready();
  close_after(1, 2);
  ASSERT_EQ(profile().query_limit(), 1U);
  for (auto& query : queries) submit(query);
  EXPECT_EQ(opening(), 2U) << "though twenty wait";
  connection(0).become_ready();
  EXPECT_EQ(opening(), 2U) << "the next one, when one is through";
  connection(1).become_ready();
  connection(2).become_ready();
  EXPECT_EQ(server.connections.size(), 4U);
  EXPECT_EQ(opening(), 1U) << "no more than the limit of connections";
}

TEST_F(PoolTest, LanesAndReplacementsCountAsHandshakesToo) {
  server.max_in_flight = 1;
  start_proven();
  submit_all(0, 2);
  connection(1).become_ready();
  submit_all(2, 6);
  connection(0).end(Error::reset);
  EXPECT_LE(opening(), 2U);
  connection(1).end(Error::reset);
  EXPECT_LE(opening(), 2U);
  server.turn();
  EXPECT_LE(opening(), 2U);
}

// The query_limit: how many queries the server answers on one connection.

TEST_F(PoolTest, OneCloseTeachesNoQueryLimit) {
  start_ready();
  close_after(2, 1);
  EXPECT_EQ(profile().query_limit(), std::nullopt) << "anything may have ended it";
  connection(0).become_ready();
  submit_all(0, 10);
  EXPECT_EQ(connection(0).sent.size(), 10U);
}

TEST_F(PoolTest, TwoClosesAfterTheSameNumberOfAnswersTeachTheQueryLimit) {
  start_ready();
  close_after(2, 2);
  EXPECT_EQ(profile().query_limit(), 2U);
  submit_all(0, 8);
  connection(0).become_ready();
  EXPECT_EQ(connection(0).sent.size(), 2U);
  open_all();
  ASSERT_EQ(server.connections.size(), 4U);
  for (auto* const open : server.connections) EXPECT_EQ(open->sent.size(), 2U);
}

TEST_F(PoolTest, ClosesAfterDifferentNumbersTeachNoQueryLimit) {
  start_ready();
  close_after(2, 1);
  close_after(3, 1);
  close_after(2, 1);
  EXPECT_EQ(profile().query_limit(), std::nullopt);
}

TEST_F(PoolTest, ACloseThatCameLaterIsNoQueryLimit) {
  start_ready();
  for (std::size_t i = 0; i < 2; ++i) {
    newest().become_ready();
    submit(queries[i]);
    newest().answer(queries[i]);
    time.pass(1s);
    newest().close_by_server();
    server.turn();
  }
  EXPECT_EQ(profile().query_limit(), std::nullopt);
}

TEST_F(PoolTest, WhatACloseByTheQueryLimitLeavesUnansweredIsNotSuspected) {
  start_ready();
  close_after(1, 1);
  connection(0).become_ready();
  submit_all(0, 3);
  connection(0).answer(queries[0]);
  connection(0).close_by_server();
  server.turn();
  ASSERT_EQ(profile().query_limit(), 1U);
  EXPECT_EQ(queries[1].suspicion.endings_alone, 0U);
  EXPECT_FALSE(queries[1].suspicion.alone);
  ASSERT_EQ(server.connections.size(), 2U) << "one for each that waits";
  for (std::size_t i = 0; i < 2; ++i) {
    connection(i).become_ready();
    EXPECT_EQ(connection(i).sent, Sent{&queries[i + 1]});
  }
  EXPECT_EQ(metrics.replays.value(), 2U);
}

TEST_F(PoolTest, ForgetsTheQueryLimitWhenAConnectionOutlivesIt) {
  start_ready();
  close_after(1, 2);
  connection(0).become_ready();
  submit(queries[0]);
  connection(0).answer(queries[0]);
  submit(queries[1]);
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]}) << "its one query was used";
  EXPECT_EQ(server.connections.size(), 2U);
  time.pass(1s);
  EXPECT_EQ(connection(0).sent, (Sent{&queries[0], &queries[1]})) << "it is still open after a second";
  EXPECT_EQ(profile().query_limit(), std::nullopt);
}

TEST_F(PoolTest, QueriesThatWaitForUsedUpConnectionsGoOnWhenThoseStayOpen) {
  start_ready();
  close_after(1, 2);  // not because of a limit, like in a restart
  for (auto& query : queries) submit(query);
  open_all();
  ASSERT_EQ(server.connections.size(), 4U);
  const auto sent = [&] {
    std::size_t sum = 0;
    for (const auto* const open : server.connections) sum += open->sent.size();
    return sum;
  };
  EXPECT_EQ(sent(), 4U) << "one on each";
  for (auto* const open : std::vector(server.connections)) open->answer(*open->sent.at(0));
  time.pass(1s);
  EXPECT_EQ(sent(), queries.size());
  EXPECT_EQ(server.connections.size(), 4U);
}

TEST_F(PoolTest, SuspectsAloneAreNoReasonToDoubtTheQueryLimit) {
  start_ready();
  close_after(1, 2);
  connection(0).become_ready();
  submit(queries[0]);
  connection(0).answer(queries[0]);
  submit(queries[1]);  // finds the first connection at its limit, and uses a second one
  ASSERT_EQ(server.connections.size(), 2U);
  connection(1).become_ready();
  queries[2].suspicion.endings = 1;
  submit(queries[2]);
  ASSERT_EQ(opening(), 1U);
  time.pass(2s);  // this ends, since no deadline is set in the past
  EXPECT_EQ(profile().query_limit(), 1U);
  newest().become_ready();
  EXPECT_EQ(newest().sent, Sent{&queries[2]});
}

// Stopping.

TEST_F(PoolTest, StopsInOrder) {
  server.max_in_flight = 1;
  start_ready();
  submit_all(0, 2);
  connection(1).become_ready();
  submit(queries[2]);
  connection(0).answer(queries[0]);  // the third goes to the first connection
  pool->stop();
  EXPECT_EQ(submit(queries[3]), Error::stopped);
  server.turn();
  EXPECT_TRUE(pool->empty());
  EXPECT_EQ(queries[0].replies, 1);
  for (std::size_t i = 1; i < 3; ++i) EXPECT_EQ(queries[i].errors, std::vector{Error::stopped}) << i;
  time.pass(1h);
  EXPECT_EQ(server.made, 3U) << "the third query had asked for another; nothing was opened after stop()";
}

TEST_F(PoolTest, StoppedIdleConnectionsAreRetired) {
  start_ready();
  auto& open = connection(0);
  pool->stop();
  EXPECT_TRUE(open.retired);
  server.turn();
  EXPECT_TRUE(pool->empty());
  EXPECT_EQ(server.made, 1U);
}

TEST_F(PoolTest, StoppedWhileDownDoesNotComeBack) {
  start();
  connection(0).end(Error::connect_refused);
  submit(queries[0]);
  pool->stop();
  EXPECT_EQ(queries[0].errors, std::vector{Error::stopped});
  server.turn();
  time.pass(1h);
  EXPECT_TRUE(pool->empty());
  EXPECT_EQ(server.made, 1U);
}

TEST_F(PoolTest, StoppedSuspectsFail) {
  start_proven();
  submit_all(0, 2);
  connection(0).end();
  server.turn();
  pool->stop();
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(queries[i].errors, std::vector{Error::stopped});
  server.turn();
  EXPECT_TRUE(pool->empty());
}

}  // namespace
}  // namespace pillion::upstream
