#include "upstream/server_profile.hpp"

#include <gtest/gtest.h>

#include "support/hand_turned.hpp"
#include "upstream/liveness.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;

using pillion::testing::start_time;

class ServerProfileTest : public ::testing::Test {
 protected:
  void reply(runtime::Duration latency, int times) {
    for (int i = 0; i < times; ++i) profile.replied(latency);
  }

  std::shared_ptr<EdnsSupport> edns = std::make_shared<EdnsSupport>();
  ServerProfile profile{edns};
};

TEST_F(ServerProfileTest, IsAsPatientAsCanBeWhileNothingIsKnown) {
  EXPECT_EQ(profile.patience(), Liveness::longest_patience);
  EXPECT_FALSE(profile.slow_after());
  EXPECT_FALSE(profile.query_limit());
  EXPECT_FALSE(profile.idle_timeout());
  EXPECT_TRUE(profile.knows_edns(start_time));
  EXPECT_FALSE(profile.writes_singly(start_time));
}

TEST_F(ServerProfileTest, PatienceFollowsTheLatencyOfTheSlowTwentieth) {
  reply(10ms, 64);
  ASSERT_TRUE(profile.slow_after());
  EXPECT_GE(*profile.slow_after(), 10ms);
  EXPECT_LE(*profile.slow_after(), 13ms);
  EXPECT_EQ(profile.patience(), 30ms + 2 * *profile.slow_after());
  reply(2s, 640);
  EXPECT_GE(*profile.slow_after(), 2s);
  EXPECT_EQ(profile.patience(), Liveness::longest_patience) << "not more than that";
}

TEST_F(ServerProfileTest, AFastServerIsGivenTimeAllTheSame) {
  reply(50us, 640);
  EXPECT_GE(profile.patience(), 30ms);
  EXPECT_LE(profile.patience(), 31ms);
}

TEST_F(ServerProfileTest, AFewRepliesChangeNothing) {
  reply(1ms, 39);
  EXPECT_FALSE(profile.slow_after());
  EXPECT_EQ(profile.patience(), Liveness::longest_patience);
}

TEST_F(ServerProfileTest, AReplyIsInTheHealthAsWell) {
  profile.health().failed(Error::reset, start_time, 0);
  profile.replied(8ms);
  EXPECT_TRUE(profile.health().is_up());
  EXPECT_EQ(profile.health().latency(), 8ms);
}

TEST_F(ServerProfileTest, LearnsTheQueryLimitFromTwoClosesAfterTheSameNumber) {
  profile.closed_after(5, 1ms);
  EXPECT_FALSE(profile.query_limit());
  profile.closed_after(5, 1ms);
  EXPECT_EQ(profile.query_limit(), 5U);
  profile.forget_query_limit();
  EXPECT_FALSE(profile.query_limit());
}

TEST_F(ServerProfileTest, OtherClosesTeachNoQueryLimit) {
  profile.closed_after(0, 0ms);
  profile.closed_after(0, 0ms);
  EXPECT_FALSE(profile.query_limit()) << "without any answer";
  profile.closed_after(5, 1ms);
  profile.closed_after(6, 1ms);
  profile.closed_after(5, 1ms);
  EXPECT_FALSE(profile.query_limit()) << "after another number each time";
  profile.closed_after(5, 50ms);
  EXPECT_FALSE(profile.query_limit()) << "long after the answer";
}

TEST_F(ServerProfileTest, ACloseAtAQueryMakesEqualNumbersOfAnswersChance) {
  profile.closed_after(5, 1ms);
  profile.closed_after(5, 1ms);
  ASSERT_TRUE(profile.query_limit());
  profile.closed_at_query();
  EXPECT_FALSE(profile.query_limit());
  for (int i = 0; i < 7; ++i) profile.closed_after(5, 1ms);
  EXPECT_FALSE(profile.query_limit());
  profile.closed_at_query();
  for (int i = 0; i < 7; ++i) profile.closed_after(5, 1ms);
  EXPECT_FALSE(profile.query_limit()) << "in a row, that is";
  profile.closed_after(5, 1ms);
  EXPECT_EQ(profile.query_limit(), 5);
}

TEST_F(ServerProfileTest, LearnsTheIdleTimeFromTwoClosesAfterAboutTheSame) {
  profile.closed_idle(10s);
  EXPECT_FALSE(profile.idle_timeout()) << "the server may have been restarted";
  profile.closed_idle(10'400ms);
  EXPECT_EQ(profile.idle_timeout(), 9s) << "a little earlier than the server";
}

TEST_F(ServerProfileTest, IdleClosesAfterDifferentTimesTeachNothing) {
  for (const auto idle : {10s, 20s, 5s, 60s}) profile.closed_idle(idle);
  EXPECT_FALSE(profile.idle_timeout());
}

TEST_F(ServerProfileTest, AnIdleTimeThatIsShorterThanASecondIsNone) {
  for (int i = 0; i < 3; ++i) profile.closed_idle(999ms);
  EXPECT_FALSE(profile.idle_timeout());
}

TEST_F(ServerProfileTest, AnIdleTimeIsLearnedAnew) {
  profile.closed_idle(10s);
  profile.closed_idle(10s);
  profile.closed_idle(5s);
  EXPECT_EQ(profile.idle_timeout(), 9s);
  profile.closed_idle(5s);
  EXPECT_EQ(profile.idle_timeout(), 4500ms);
}

TEST_F(ServerProfileTest, WritesSinglyForTenMinutes) {
  profile.write_singly(start_time);
  EXPECT_TRUE(profile.writes_singly(start_time + 10min - 1ns));
  EXPECT_FALSE(profile.writes_singly(start_time + 10min));
}

TEST_F(ServerProfileTest, DoesNotWriteSinglyToOneThatReadsWholeRecords) {
  profile.reads_whole_records(start_time);
  profile.write_singly(start_time + 10min - 1ns);
  EXPECT_FALSE(profile.writes_singly(start_time + 10min - 1ns));
  profile.write_singly(start_time + 10min);
  EXPECT_TRUE(profile.writes_singly(start_time + 10min)) << "another server may be there by now";
}

TEST_F(ServerProfileTest, EdnsIsOffForTenMinutesOverUdpAndTcp) {
  ServerProfile over_tcp(edns);
  profile.turn_edns_off(start_time);
  for (const auto* const known : {&profile, &over_tcp}) {
    EXPECT_FALSE(known->knows_edns(start_time + 10min - 1ns));
    EXPECT_TRUE(known->knows_edns(start_time + 10min));
  }
}

TEST_F(ServerProfileTest, WhatIsKnownIsInheritedAndEachGoesItsOwnWayAfter) {
  reply(10ms, 200);
  profile.closed_idle(10s);
  profile.closed_idle(10s);
  profile.write_singly(start_time);
  profile.turn_edns_off(start_time);
  ServerProfile heir(std::make_shared<EdnsSupport>());
  heir.inherit(profile);
  EXPECT_EQ(heir.patience(), profile.patience());
  EXPECT_EQ(heir.slow_after(), profile.slow_after());
  EXPECT_EQ(heir.idle_timeout(), 9s);
  EXPECT_TRUE(heir.writes_singly(start_time));
  EXPECT_FALSE(heir.knows_edns(start_time));
  // The pools of one group share the fact that the server does not support EDNS, and not with those of another group.
  heir.turn_edns_off(start_time + 1h);
  EXPECT_TRUE(profile.knows_edns(start_time + 1h));
  EXPECT_FALSE(heir.knows_edns(start_time + 1h));
}

}  // namespace
}  // namespace pillion::upstream
