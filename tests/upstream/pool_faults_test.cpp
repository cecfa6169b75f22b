// The fault when a connection ends: none, or that of a query, of the connection, or of the server.

#include "upstream/pool_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::PoolTest;
using testing::Sent;
using testing::TestQuery;

// No fault.

TEST_F(PoolTest, AnOrderlyCloseLosesNothingAndIsNoFailure) {
  start_ready();
  submit_all(0, 3);
  connection(0).answer(queries[1]);
  connection(0).end();
  EXPECT_TRUE(health().is_up());
  EXPECT_EQ(all_failures(), 0U);
  submit(queries[3]);
  server.turn();
  ASSERT_EQ(server.connections.size(), 2U) << "opened at once: one for new queries, one for those that were lost";
  for (std::size_t i = 0; i < 2; ++i) connection(i).become_ready();
  for (int i = 0; i < 3; ++i) {
    for (auto* const open : std::vector(server.connections)) open->answer_all();
  }
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(queries[i].replies, 1) << i;
  EXPECT_EQ(metrics.replays.value(), 2U);
  EXPECT_EQ(metrics.in_flight.value(), 0);
  EXPECT_EQ(metrics.idle_closes.value(), 0U);
}

TEST_F(PoolTest, AResetAfterAnswersIsACloseLikeAnyOther) {
  start_ready();
  submit_all(0, 2);
  connection(0).answer(queries[0]);
  connection(0).end(Error::reset);
  EXPECT_TRUE(queries[1].is_open());
  EXPECT_EQ(all_failures(), 0U);
  EXPECT_TRUE(health().is_up());
}

TEST_F(PoolTest, AServerThatBreaksTheProtocolIsCountedAndNotTakenForDown) {
  start_proven();
  submit_all(0, 1);
  connection(0).end(Error::malformed_reply);
  EXPECT_EQ(failures(Error::malformed_reply), 1U);
  EXPECT_EQ(all_failures(), 1U);
  EXPECT_TRUE(queries[0].is_open()) << "it goes on apart";
  EXPECT_TRUE(health().is_up());
}

// The fault of a query: suspects are sent apart from the others (Quarantine).

TEST_F(PoolTest, NewQueriesGoOnWhileSuspectsAreTriedApart) {
  start_proven();
  submit_all(0, 3);
  connection(0).end();
  server.turn();
  ASSERT_EQ(server.connections.size(), 1U);
  submit_all(3, 6);
  ASSERT_EQ(server.connections.size(), 2U);
  connection(0).become_ready();
  connection(1).become_ready();
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]}) << "one suspect first";
  EXPECT_EQ(connection(1).sent, (Sent{&queries[3], &queries[4], &queries[5]})) << "no suspect among them";
}

TEST_F(PoolTest, ALaneTakesTwiceAsManyAfterEachAnswer) {
  start_proven();
  submit_all(0, 10);
  connection(0).end();
  server.turn();
  connection(0).become_ready();
  auto& lane = connection(0);
  ASSERT_EQ(lane.sent, Sent{&queries[0]});
  // The second lane keeps connecting, so that the first gets all suspects.
  lane.answer(queries[0]);
  EXPECT_EQ(lane.in_flight(), 2U);
  lane.answer(queries[1]);
  EXPECT_EQ(lane.in_flight(), 4U);
  lane.answer(queries[2]);
  EXPECT_EQ(lane.in_flight(), 7U) << "all that are left";
  for (std::size_t i = 3; i < 10; ++i) lane.answer(queries[i]);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(queries[i].replies, 1);
}

TEST_F(PoolTest, ALaneTakesNoMoreThanAConnectionHolds) {
  start_proven({.max_lanes = 1});
  submit_all(0, 10);
  server.max_in_flight = 3;  // of connections that are opened from now on
  connection(0).end();
  server.turn();
  connection(0).become_ready();
  while (connection(0).in_flight() > 0) {
    EXPECT_LE(connection(0).in_flight(), 3U);
    connection(0).answer_all();
  }
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(queries[i].replies, 1) << i;
}

TEST_F(PoolTest, ALaneThatIsThroughBecomesAConnectionLikeAnyOther) {
  start_proven();
  submit(queries[0]);
  connection(0).end();
  server.turn();
  connection(0).become_ready();
  connection(0).answer(queries[0]);
  submit(queries[1]);
  EXPECT_EQ(connection(0).sent.back(), &queries[1]);
  EXPECT_EQ(server.made, 2U);
}

TEST_F(PoolTest, ALaneThatNobodyNeedsAnyMoreTakesWhatWaits) {
  start_ready({.max_handshakes = 1});
  submit(queries[0]);
  connection(0).end();
  server.turn();
  submit_all(1, 3);
  ASSERT_EQ(server.connections.size(), 1U) << "the lane's is the only handshake";
  queries[0].holder->abandon(queries[0]);
  connection(0).become_ready();
  EXPECT_EQ(connection(0).sent, (Sent{&queries[1], &queries[2]}));
}

TEST_F(PoolTest, WhoGivesUpIsForgottenWhereverItWaits) {
  start_proven();
  submit_all(0, 3);
  connection(0).end();
  server.turn();
  submit_all(3, 6);
  for (const std::size_t i : {1U, 4U}) queries[i].holder->abandon(queries[i]);
  for (int i = 0; i < 3; ++i) {
    open_all();
    for (auto* const open : std::vector(server.connections)) open->answer_all();
  }
  for (const std::size_t i : {0U, 2U, 3U, 5U}) EXPECT_EQ(queries[i].replies, 1) << i;
  for (const std::size_t i : {1U, 4U}) EXPECT_TRUE(queries[i].is_open()) << i;
}

TEST_F(PoolTest, AQueryThatEndsTwoConnectionsAloneFailsAlone) {
  start_proven();
  submit_all(0, 4);
  connection(0).end();  // one of them is at fault
  server.turn();
  // The server closes whenever the third query comes.
  auto& ending = queries[2];
  for (int i = 0; i < 30; ++i) {
    for (auto* const open : std::vector(server.connections)) {
      if (is_opening(open->state())) open->become_ready();
      if (open->state() == ConnectionState::proving) open->answer_probe();
      if (std::ranges::find(open->sent, &ending) != open->sent.end() && ending.is_open() && ending.holder == open) {
        open->end();
      } else {
        open->answer_all();
      }
    }
    server.turn();
  }
  EXPECT_EQ(ending.errors, std::vector{Error::closed});
  EXPECT_EQ(ending.suspicion.endings_alone, 2U);
  for (const std::size_t i : {0U, 1U, 3U}) EXPECT_EQ(queries[i].replies, 1) << i;
  EXPECT_TRUE(health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
  EXPECT_EQ(failures(Error::connect_refused), 0U);
}

TEST_F(PoolTest, OneQueryThatEndsConnectionsDoesNotTouchTheOthers) {
  start_proven();
  TestQuery poison("poison.example");
  submit(poison);
  std::size_t answered = 0;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    submit(queries[i]);
    for (auto* const open : std::vector(server.connections)) {
      if (is_opening(open->state())) open->become_ready();
      if (open->state() == ConnectionState::proving) open->answer_probe();
      if (poison.is_open() && poison.holder == open) {
        open->end();
      } else {
        open->answer_all();
      }
    }
    server.turn();
  }
  for (int i = 0; i < 10; ++i) {
    for (auto* const open : std::vector(server.connections)) {
      if (is_opening(open->state())) open->become_ready();
      open->answer_all();
    }
    server.turn();
  }
  for (const auto& query : queries) answered += static_cast<std::size_t>(query.replies);
  EXPECT_EQ(answered, queries.size());
  EXPECT_EQ(poison.errors, std::vector{Error::closed});
  EXPECT_TRUE(health().is_up());
}

TEST_F(PoolTest, AQueryThatWasOnTooManyConnectionsIsGivenUp) {
  start_proven();
  queries[0].suspicion.endings = Query::max_endings - 1;  // together with others each time
  submit_all(0, 2);
  EXPECT_EQ(queries[0].holder, pool.operator->()) << "it goes apart from the start";
  ASSERT_EQ(server.connections.size(), 2U);
  connection(1).become_ready();
  EXPECT_EQ(connection(1).sent, Sent{&queries[0]});
  connection(1).end();
  EXPECT_EQ(queries[0].errors, std::vector{Error::closed});
  EXPECT_TRUE(queries[1].is_open());
  EXPECT_TRUE(health().is_up()) << "the query is to blame, not the server";
}

TEST_F(PoolTest, ALaneWhoseQueryIsGivenUpByItsAskerIsReplaced) {
  start_proven();
  submit_all(0, 2);
  connection(0).end();
  server.turn();
  connection(0).become_ready();
  ASSERT_EQ(connection(0).sent, Sent{&queries[0]});
  connection(0).abandon(queries[0]);
  ASSERT_EQ(server.connections.size(), 2U) << "a second lane is on its way";
  connection(1).become_ready();
  EXPECT_TRUE(connection(0).retired) << "what the first query may still bring about is not the next one's fault";
  EXPECT_EQ(connection(1).sent, Sent{&queries[1]});
}

TEST_F(PoolTest, AtMostTwoLanesAreOpen) {
  start_proven();
  submit_all(0, 10);
  connection(0).end();
  server.turn();
  open_all();
  EXPECT_EQ(server.connections.size(), 2U);
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]});
  EXPECT_EQ(connection(1).sent, Sent{&queries[1]});
}

// The fault of the connection.

TEST_F(PoolTest, AStallOfAConnectionThatHadAnswersIsNotTheServers) {
  start_proven();
  submit_all(0, 2);
  connection(0).end(Error::stalled);
  EXPECT_EQ(queries[0].errors, std::vector{Error::stalled}) << "who asked may know another server";
  EXPECT_EQ(failures(Error::stalled), 1U) << "one connection";
  EXPECT_TRUE(health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
  EXPECT_EQ(submit(queries[2]), std::nullopt);
  EXPECT_EQ(server.made, 2U) << "by another connection, without a back-off";
}

TEST_F(PoolTest, WhatWaitsGoesOnAfterAStall) {
  server.max_in_flight = 1;
  start_proven({.max_connections = 1});
  submit_all(0, 2);
  connection(0).end(Error::stalled);
  EXPECT_TRUE(queries[1].is_open());
  server.turn();
  connection(0).become_ready();
  EXPECT_TRUE(connection(0).sent.empty()) << "it may be as silent as the other";
  connection(0).answer_probe();
  EXPECT_EQ(connection(0).sent, Sent{&queries[1]});
}

TEST_F(PoolTest, AStallRetiresIdleConnectionsOnWhichNothingWasHeardForAsLongAndNoNewOnes) {
  for (const auto since_handshake : {999ms, 1000ms}) {
    server.max_in_flight = 1;
    start_proven();
    submit_all(0, 2);
    queries[1].holder->abandon(queries[1]);
    time.pass(1s);
    connection(1).become_ready();
    auto& idle = connection(1);
    time.pass(since_handshake);
    connection(0).end(Error::stalled);
    EXPECT_EQ(idle.retired, since_handshake == 1s);
    pool->stop();
    server.turn();
    pool.reset();
  }
}

// The fault of the server: its behaviour on a new connection.

TEST_F(PoolTest, AServerThatDoesNotConnectGivesThoseBackThatWait) {
  start();
  submit_all(0, 2);
  connection(0).end(Error::connect_refused);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(queries[i].errors, std::vector{Error::connect_refused});
  EXPECT_TRUE(pool->tried());
  EXPECT_FALSE(health().is_up());
  EXPECT_EQ(metrics.up.value(), 0);
  EXPECT_EQ(failures(Error::connect_refused), 1U);
}

TEST_F(PoolTest, AStallOfAFreshConnectionIsTheServers) {
  start_ready();
  submit(queries[0]);
  connection(0).end(Error::stalled);
  EXPECT_EQ(queries[0].errors, std::vector{Error::stalled});
  EXPECT_FALSE(health().is_up());
  EXPECT_EQ(metrics.up.value(), 0);
  EXPECT_EQ(metrics.in_flight.value(), 0);
}

class PoolFreshEndTest : public PoolTest, public ::testing::WithParamInterface<std::optional<Error>> {
 protected:
  /// A pool with a new connection. Its end without an answer, after two like it, puts the server in doubt.
  void start_before_doubt() {
    start_ready();
    for (std::size_t i = 18; i < 20; ++i) {
      submit(queries[i]);
      connection(0).end(GetParam());
      queries[i].holder->abandon(queries[i]);
      server.turn();
      connection(0).become_ready();
    }
  }
};

TEST_P(PoolFreshEndTest, MayBeTheQuerysFaultOrTheServersWhichAProbeTells) {
  start_before_doubt();
  submit_all(0, 2);
  connection(0).end(GetParam());
  EXPECT_TRUE(health().is_up()) << "nothing is known";
  EXPECT_TRUE(queries[0].is_open());
  server.turn();
  submit(queries[2]);
  ASSERT_EQ(server.connections.size(), 1U) << "one connection finds out for all";
  connection(0).become_ready();
  EXPECT_EQ(connection(0).probes, 1);
  EXPECT_TRUE(connection(0).sent.empty()) << "not before the server has shown that it answers";
  connection(0).answer_probe();
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]});
  newest().become_ready();
  EXPECT_EQ(newest().probes, 0);
  for (int i = 0; i < 3; ++i) {
    for (auto* const open : std::vector(server.connections)) open->answer_all();
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(queries[i].replies, 1) << i;
  EXPECT_EQ(all_failures(), 0U);
}

TEST_P(PoolFreshEndTest, IsTheServersWhereTheProbeIsNotAnsweredEither) {
  start_before_doubt();
  submit_all(0, 2);
  connection(0).end(GetParam());
  server.turn();
  submit(queries[2]);
  connection(0).become_ready();
  connection(0).end(GetParam());
  const auto error = GetParam().value_or(Error::closed);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(queries[i].errors, std::vector{error}) << i;
  EXPECT_FALSE(health().is_up());
  EXPECT_EQ(metrics.up.value(), 0);
  EXPECT_EQ(failures(error), 1U);
}

TEST_P(PoolFreshEndTest, IsTheQuerysWhereItEndsTheNextOneToo) {
  start_ready();
  submit(queries[0]);
  connection(0).end(GetParam());
  server.turn();
  connection(0).become_ready();
  connection(0).answer_probe();
  ASSERT_EQ(connection(0).sent, Sent{&queries[0]});
  connection(0).end(GetParam());
  EXPECT_EQ(queries[0].errors, std::vector{Error::closed});
  EXPECT_TRUE(health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
}

INSTANTIATE_TEST_SUITE_P(All, PoolFreshEndTest, ::testing::Values(std::optional<Error>(), Error::reset),
                         [](const auto& tested) { return tested.param ? "AReset" : "AClose"; });

TEST_F(PoolTest, AConnectionThatDidNotHaveToProveAnythingMayCloseIdle) {
  server.max_in_flight = 1;
  start_ready();
  submit_all(0, 2);
  connection(1).become_ready();
  connection(0).end();  // puts the server in doubt
  connection(1).abandon(queries[1]);
  connection(1).end();
  EXPECT_TRUE(health().is_up());
  EXPECT_TRUE(queries[0].is_open());
  EXPECT_EQ(all_failures(), 0U);
}

TEST_F(PoolTest, AProvingConnectionThatIsSilentGetsOneQuery) {
  start();
  connection(0).end(Error::connect_refused);
  server.turn();
  time.pass(75ms);
  submit_all(0, 3);
  connection(0).become_ready();
  ASSERT_EQ(connection(0).probes, 1);
  EXPECT_TRUE(connection(0).sent.empty());
  connection(0).fall_silent();
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]}) << "some servers do not answer for the root";
  connection(0).fall_silent();
  EXPECT_EQ(connection(0).sent.size(), 1U) << "one";
  connection(0).answer(queries[0]);
  EXPECT_EQ(connection(0).sent, (Sent{&queries[0], &queries[1], &queries[2]}));
  EXPECT_TRUE(health().is_up());
}

TEST_F(PoolTest, AForgedReplyIsNoSignOfTheServer) {
  start();
  connection(0).end(Error::connect_refused);
  server.turn();
  time.pass(75ms);
  connection(0).become_ready();
  connection(0).ignore(Error::mismatched_reply);
  EXPECT_FALSE(health().is_up());
}

/// A query whose owner asks again from within failed(), like the layer above.
class Stubborn final : public Query {
 public:
  Stubborn(Pool& pool, pillion::testing::HandTurned& time) : pool_(pool), time_(time) {
    dns::append_query(message, 0, dns::flag::rd, dns::parse_name("stubborn.example").value(), dns::type::a,
                      dns::klass::in);
  }
  void replied(const Reply&) override { ++replies; }
  void failed(Error) override { refused = pool_.submit(*this, time_.clock().now()); }

  int replies = 0;
  std::optional<Error> refused;

 private:
  Pool& pool_;
  pillion::testing::HandTurned& time_;
};

TEST_F(PoolTest, MayBeAskedAgainFromWithinAFailure) {
  start();
  Stubborn first(*pool, time);
  Stubborn second(*pool, time);
  submit(first);
  submit(second);
  connection(0).end(Error::connect_refused);
  server.turn();
  time.pass(100ms);
  ASSERT_EQ(server.connections.size(), 1U);
  connection(0).become_ready();
  connection(0).answer_probe();
  EXPECT_EQ(connection(0).sent, (Sent{&first, &second}));
  connection(0).answer(first);
  connection(0).answer(second);
  EXPECT_EQ(first.replies + second.replies, 2);
}

}  // namespace
}  // namespace pillion::upstream
