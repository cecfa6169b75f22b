// A server that is down: how often the pool tries it, and how it finds that the server is back.

#include "upstream/pool_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::PoolTest;
using testing::Sent;
using testing::TestQuery;

class PoolRecoveryTest : public PoolTest {
 protected:
  /// The server refuses each connection for this time.
  void be_down_for(runtime::Duration duration) {
    const auto end = time.elapsed() + duration;
    while (time.elapsed() < end) {
      for (auto* const open : std::vector(server.connections)) {
        if (is_opening(open->state())) open->end(Error::connect_refused);
      }
      server.turn();
      time.pass(1ms);
    }
  }
};

TEST_F(PoolRecoveryTest, TriesAServerThatIsDownAgainByItself) {
  start();
  connection(0).end(Error::connect_refused);
  server.turn();
  EXPECT_EQ(server.made, 1U);
  EXPECT_EQ(submit(queries[0]), std::nullopt) << "it may only be restarting";
  time.pass(74ms);
  EXPECT_EQ(server.made, 1U);
  time.pass(1ms);
  ASSERT_EQ(server.made, 2U);
  connection(0).become_ready();
  EXPECT_FALSE(health().is_up()) << "a connection is not an answer";
  EXPECT_TRUE(connection(0).sent.empty());
  connection(0).answer_probe();
  EXPECT_EQ(connection(0).sent, Sent{&queries[0]});
  EXPECT_TRUE(health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
}

TEST_F(PoolRecoveryTest, AServerThatIsBackIsFoundUpThoughNobodyAsks) {
  start();
  connection(0).end(Error::connect_refused);
  server.turn();
  time.pass(75ms);
  ASSERT_EQ(server.made, 2U);
  connection(0).become_ready();
  EXPECT_EQ(connection(0).probes, 1);
  EXPECT_EQ(metrics.up.value(), 0);
  connection(0).answer_probe();
  EXPECT_TRUE(health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
}

TEST_F(PoolRecoveryTest, OneThatWasNeverDownIsNotProbed) {
  start_ready();
  EXPECT_EQ(connection(0).probes, 0);
}

TEST_F(PoolRecoveryTest, IsTriedLessAndLessOftenWhileNobodyAsks) {
  start();
  be_down_for(60s);
  const auto made = server.made;
  be_down_for(60s);
  EXPECT_EQ(server.made - made, 16U) << "every 3.75 s, three quarters of the longest back-off";
}

TEST_F(PoolRecoveryTest, IsTriedTwiceASecondWhileSomebodyAsks) {
  start();
  be_down_for(60s);
  const auto made = server.made;
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(submit(queries[0]), std::nullopt) << "it finds out whether the server is back";
    be_down_for(1s);
    EXPECT_EQ(queries[0].errors.back(), Error::connect_refused);
  }
  // Each query causes one more try.
  EXPECT_GE(server.made - made, 60U);
  EXPECT_LE(server.made - made, 160U);
}

class PoolReturnTest : public PoolRecoveryTest, public ::testing::WithParamInterface<std::chrono::seconds> {};

TEST_P(PoolReturnTest, AServerThatWasAwayAnswersWithinASecondOfItsReturn) {
  start_proven();
  connection(0).end(Error::reset);
  for (auto away = 0ms; away < GetParam(); away += 20ms) {
    TestQuery query;
    const auto refused = submit(query);
    be_down_for(20ms);
    if (!refused && query.is_open()) query.holder->abandon(query);
  }
  ASSERT_FALSE(health().is_up());
  // The server is back: from now on it accepts connections and answers probes.
  const auto back = time.elapsed();
  bool answered = false;
  while (!answered) {
    ASSERT_LT(time.elapsed() - back, 1s);
    TestQuery query;
    const auto refused = submit(query);
    for (auto* const open : std::vector(server.connections)) {
      if (is_opening(open->state())) open->become_ready();
      if (open->state() == ConnectionState::proving) open->answer_probe();
      open->answer_all();
    }
    answered = query.replies == 1;
    if (!refused && query.is_open()) query.holder->abandon(query);
    server.turn();
    time.pass(20ms);
  }
  EXPECT_EQ(metrics.up.value(), 1);
}

INSTANTIATE_TEST_SUITE_P(All, PoolReturnTest, ::testing::Values(10s, 60s, 600s),
                         [](const auto& tested) { return std::to_string(tested.param.count()) + "s"; });

TEST_F(PoolRecoveryTest, AServerThatEndsEachConnectionAfterItsHandshakeIsBackedOffFrom) {
  start();
  const auto begin = now();
  for (int i = 0; i < 4; ++i) {
    while (server.connections.empty()) time.pass(1ms);
    connection(0).become_ready({.encrypted = true, .not_after = {}, .version = "TLSv1.3"});
    connection(0).end(Error::reset);
    server.turn();
  }
  EXPECT_EQ(metrics.up.value(), 0);
  // 75, 150 and 300 ms, since a handshake does not reset the back-off.
  EXPECT_EQ(health().retry_at() - begin, 75ms + 150ms + 300ms + 600ms);
  EXPECT_EQ(log.count("upstream failed"), 1) << "the same thing is said once";
  EXPECT_EQ(log.count("upstream answers again"), 0);
}

TEST_F(PoolRecoveryTest, AServerThatClosesEachConnectionBeforeItsProbeIsAnsweredIsDown) {
  start();
  connection(0).end(Error::connect_refused);
  server.turn();
  time.pass(75ms);
  for (const auto after : {0ms, 150ms, 300ms, 600ms}) {  // three quarters of the back-off
    time.pass(after);
    ASSERT_EQ(server.connections.size(), 1U) << after.count();
    connection(0).become_ready();
    connection(0).close_by_server();
    server.turn();
    EXPECT_EQ(metrics.up.value(), 0);
    EXPECT_TRUE(server.connections.empty()) << "it is backed off from";
  }
  be_down_for(60s);
  const auto made = server.made;
  be_down_for(60s);
  EXPECT_GE(server.made, made + 10) << "and is tried for ever";
}

TEST_F(PoolRecoveryTest, DoesNotWaitForAServerWithABadCertificate) {
  start();
  connection(0).end(Error::certificate_name);
  EXPECT_EQ(submit(queries[0]), Error::certificate_name);
  EXPECT_EQ(metrics.handshakes_failed.value(), 1U);
  EXPECT_EQ(failures(Error::certificate_name), 1U);
}

TEST_F(PoolRecoveryTest, OnlyTheQueryThatHasAServerTriedWaitsForOneThatIsDownForLong) {
  start();
  be_down_for(Health::grace + 600ms);
  EXPECT_EQ(submit(queries[0]), std::nullopt);
  EXPECT_EQ(submit(queries[1]), Error::connect_refused);
  while (server.connections.empty()) time.pass(1ms);
  EXPECT_EQ(submit(queries[1]), Error::connect_refused);
  connection(0).end(Error::connect_refused);
  EXPECT_EQ(queries[0].errors, std::vector{Error::connect_refused});
  EXPECT_EQ(submit(queries[1]), Error::connect_refused) << "not tried again so soon";
}

TEST_F(PoolRecoveryTest, EachFailureAndItsEndAreSaidOnce) {
  start();
  be_down_for(10s);
  EXPECT_EQ(log.count("upstream failed"), 1);
  while (server.connections.empty()) time.pass(1ms);
  connection(0).end(Error::handshake_timeout);
  EXPECT_EQ(log.count("upstream failed"), 2) << "for another reason";
  server.turn();
  while (server.connections.empty()) time.pass(1ms);
  connection(0).become_ready();
  EXPECT_EQ(log.count("upstream answers again"), 0);
  connection(0).answer_probe();
  EXPECT_EQ(log.count("upstream answers again"), 1);
}

TEST_F(PoolRecoveryTest, AServerThatStaysDownIsSaidOnceAMinuteToBeSoAlsoWithoutQueries) {
  start();
  be_down_for(180s);
  EXPECT_EQ(log.count("upstream failed"), 1);
  EXPECT_EQ(log.count("upstream still fails"), 2);
}

TEST_F(PoolRecoveryTest, WhoListensIsToldOnceOfEachReturn) {
  start();
  int returns = 0;
  pool->on_recovery([&] { ++returns; });
  connection(0).become_ready();
  submit_all(0, 3);
  connection(0).answer(queries[0]);
  EXPECT_EQ(returns, 0) << "it was not away";
  connection(0).end(Error::reset);
  server.turn();
  ASSERT_TRUE(health().is_up());
  for (int i = 0; i < 3; ++i) {
    while (server.connections.empty()) time.pass(1ms);
    connection(0).end(Error::connect_refused);
    server.turn();
  }
  EXPECT_EQ(returns, 0);
  while (server.connections.empty()) time.pass(1ms);
  connection(0).become_ready();
  EXPECT_EQ(returns, 0) << "a handshake is no answer";
  connection(0).answer_probe();
  EXPECT_EQ(returns, 1);
  submit(queries[5]);
  connection(0).answer(queries[5]);
  EXPECT_EQ(returns, 1);
}

TEST_F(PoolRecoveryTest, WhoListensMayAskAtOnce) {
  server.max_in_flight = 1;
  start();
  connection(0).end(Error::connect_refused);
  server.turn();
  time.pass(75ms);
  submit(queries[0]);
  pool->on_recovery([&] { submit_all(1, 6); });
  connection(0).become_ready();
  connection(0).fall_silent();
  ASSERT_EQ(connection(0).sent, Sent{&queries[0]});
  connection(0).sent.clear();
  connection(0).answer(queries[0]);
  for (int i = 0; i < 10; ++i) {
    for (auto* const open : std::vector(server.connections)) {
      if (is_opening(open->state())) open->become_ready();
      open->answer_all();
    }
  }
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(queries[i].replies, 1) << i;
}

TEST_F(PoolRecoveryTest, WithoutDescriptorsItIsTriedAgainAfterAPause) {
  start();
  connection(0).end(Error::connect_refused);
  server.turn();
  for (int i = 0; i < 3; ++i) {
    while (server.connections.empty()) time.pass(1ms);
    const auto made = server.made;
    connection(0).end(Error::no_resources);
    server.turn();
    time.pass(499ms);
    EXPECT_EQ(server.made, made);
    time.pass(1ms);
  }
  EXPECT_FALSE(server.connections.empty());
}

TEST_F(PoolRecoveryTest, AConnectionThatOutlivedAFailureIsProvedInsteadOfANewOne) {
  server.max_in_flight = 1;
  start_ready();
  submit_all(0, 2);
  ASSERT_EQ(server.connections.size(), 2U);
  connection(1).become_ready();
  connection(1).answer(queries[1]);
  connection(0).end(Error::stalled);
  EXPECT_FALSE(health().is_up());
  server.turn();
  ASSERT_EQ(server.connections.size(), 1U);
  time.pass(75ms);
  EXPECT_EQ(connection(0).probes, 1);
  EXPECT_EQ(server.made, 2U);
  connection(0).answer_probe();
  EXPECT_TRUE(health().is_up());
}

TEST_F(PoolRecoveryTest, AnswersOnAnotherConnectionShowThatItIsUp) {
  server.max_in_flight = 1;
  start_ready();
  submit_all(0, 2);
  connection(1).become_ready();
  connection(0).end(Error::stalled);
  ASSERT_FALSE(health().is_up());
  connection(1).answer(queries[1]);
  EXPECT_TRUE(health().is_up());
  EXPECT_EQ(metrics.up.value(), 1);
}

}  // namespace
}  // namespace pillion::upstream
