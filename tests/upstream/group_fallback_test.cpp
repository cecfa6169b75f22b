#include "upstream/group_fallback.hpp"

#include <gtest/gtest.h>

#include "support/hand_turned.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;

using pillion::testing::start_time;

TEST(GroupFallback, OffersAllUntilTwoInARowGotNoAnswer) {
  GroupFallback fallback;
  EXPECT_EQ(fallback.to_offer(start_time), Groups::all);
  fallback.unanswered(Groups::all);
  EXPECT_EQ(fallback.to_offer(start_time), Groups::all);
  fallback.answered(Groups::all, start_time);
  fallback.unanswered(Groups::all);
  EXPECT_EQ(fallback.to_offer(start_time), Groups::all) << "the one before was answered";
  fallback.unanswered(Groups::all);
  EXPECT_EQ(fallback.to_offer(start_time), Groups::classical);
}

TEST(GroupFallback, TriesTheClassicalOnesOnceWhereTheyAreNotAnsweredEither) {
  GroupFallback fallback;
  for (int round = 0; round < 3; ++round) {
    fallback.unanswered(Groups::all);
    fallback.unanswered(Groups::all);
    EXPECT_EQ(fallback.to_offer(start_time), Groups::classical);
    fallback.unanswered(Groups::classical);
    EXPECT_EQ(fallback.to_offer(start_time), Groups::all) << "the server is down, whatever is offered";
  }
}

TEST(GroupFallback, WhatHelpedIsKeptForTenMinutesAndThenNeedsToBeSeenButOnceMore) {
  GroupFallback fallback;
  fallback.unanswered(Groups::all);
  fallback.unanswered(Groups::all);
  fallback.answered(Groups::classical, start_time);
  EXPECT_EQ(fallback.to_offer(start_time), Groups::classical);
  EXPECT_EQ(fallback.to_offer(start_time + 10min - 1ns), Groups::classical);
  EXPECT_EQ(fallback.to_offer(start_time + 10min), Groups::all);
  fallback.unanswered(Groups::all);
  EXPECT_EQ(fallback.to_offer(start_time + 10min), Groups::classical);
  fallback.answered(Groups::classical, start_time + 10min);
  EXPECT_EQ(fallback.to_offer(start_time + 20min), Groups::all);
  fallback.answered(Groups::all, start_time + 20min);
  fallback.unanswered(Groups::all);
  EXPECT_EQ(fallback.to_offer(start_time + 20min), Groups::all) << "it has been answered since";
}

TEST(GroupFallback, AnOutageWithinTheTenMinutesChangesNothing) {
  GroupFallback fallback;
  fallback.unanswered(Groups::all);
  fallback.unanswered(Groups::all);
  fallback.answered(Groups::classical, start_time);
  for (int i = 0; i < 5; ++i) fallback.unanswered(Groups::classical);
  EXPECT_EQ(fallback.to_offer(start_time + 5min), Groups::classical);
  fallback.answered(Groups::classical, start_time + 5min);
  EXPECT_EQ(fallback.to_offer(start_time + 10min), Groups::all) << "ten minutes from the first";
}

TEST(GroupFallback, OneConnectionThatIsAnsweredDuringTheOthersTrialsEndsThem) {
  GroupFallback fallback;
  fallback.unanswered(Groups::all);
  fallback.unanswered(Groups::all);
  fallback.answered(Groups::all, start_time);
  EXPECT_EQ(fallback.to_offer(start_time), Groups::all);
  fallback.answered(Groups::classical, start_time);
  EXPECT_EQ(fallback.to_offer(start_time), Groups::all) << "the trial was under way already, and shows nothing";
}

}  // namespace
}  // namespace pillion::upstream
