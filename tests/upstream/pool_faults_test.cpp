// Whose fault it is when a connection ends: nobody's, a query's, the connection's, the server's.

#include "upstream/pool_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::PoolTest;
using testing::Sent;
using testing::TestQuery;

// Nobody's.

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

// A query's: suspects go apart from the others (Quarantine).

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
  // The second lane stays on its way, so that the first has all.
  lane.answer(queries[0]);
  EXPECT_EQ(lane.in_flight(), 2U);
  lane.answer(queries[1]);
  EXPECT_EQ(lane.in_flight(), 4U);
  lane.answer(queries[2]);
  EXPECT_EQ(lane.in_flight(), 7U) << "all that are left";
  for (std::size_t i = 3; i < 10; ++i) lane.answer(queries[i]);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(queries[i].replies, 1);
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
  start_ready({.max_connections = 1});
  submit(queries[0]);
  connection(0).end();
  server.turn();
  submit_all(1, 3);
  ASSERT_EQ(server.connections.size(), 1U) << "the lane finds out for all";
  queries[0].carrier->abandon(queries[0]);
  connection(0).become_ready();
  connection(0).answer_probe();
  EXPECT_EQ(connection(0).sent, (Sent{&queries[1], &queries[2]}));
}

TEST_F(PoolTest, AQueryThatEndsTwoConnectionsAloneFailsAlone) {
  start_proven();
  submit_all(0, 4);
  connection(0).end();  // one of them is to blame
  server.turn();
  // The server closes whenever it sees the third.
  auto& guilty = queries[2];
  for (int i = 0; i < 30; ++i) {
    for (auto* const open : std::vector(server.connections)) {
      if (is_opening(open->state())) open->become_ready();
      if (open->state() == ConnectionState::proving) open->answer_probe();
      if (std::ranges::find(open->sent, &guilty) != open->sent.end() && guilty.is_open() && guilty.carrier == open) {
        open->end();
      } else {
        open->answer_all();
      }
    }
    server.turn();
  }
  EXPECT_EQ(guilty.errors, std::vector{Error::closed});
  EXPECT_EQ(guilty.suspicion.endings_alone, 2U);
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
      if (poison.is_open() && poison.carrier == open) {
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
  queries[0].suspicion.endings = Query::max_endings - 1;  // in company each time
  submit_all(0, 2);
  EXPECT_EQ(queries[0].carrier, pool.operator->()) << "it goes apart from the start";
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

// The connection's.

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

// The server's: what it did on a fresh connection.

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

class PoolFreshEndTest : public PoolTest, public ::testing::WithParamInterface<std::optional<Error>> {};

TEST_P(PoolFreshEndTest, MayBeTheQuerysFaultOrTheServersWhichAProbeTells) {
  start_ready();
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
  start_ready();
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

class PoolDoubtTest : public PoolTest {
 protected:
  /// A query ends a connection that had answers, and `since_heard` of the server the next one, alone. Returns how often
  /// the one after that is probed.
  int probes(std::chrono::milliseconds since_heard) {
    start_proven();
    submit(queries[0]);
    connection(0).end();
    server.turn();
    connection(0).become_ready();
    EXPECT_EQ(connection(0).sent, Sent{&queries[0]});
    time.pass(since_heard);
    connection(0).end();
    server.turn();
    submit(queries[1]);
    connection(0).become_ready();
    return connection(0).probes;
  }
};

TEST_F(PoolDoubtTest, AServerThatWasHeardOfLatelyIsNotInDoubt) {
  EXPECT_EQ(probes(999ms), 0);
}

TEST_F(PoolDoubtTest, AServerThatWasNotHeardOfForASecondIsInDoubt) {
  EXPECT_EQ(probes(1000ms), 1);
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

/// An asker that tries again from within failed(), as the layer above does.
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
