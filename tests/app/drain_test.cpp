// The end of a drain, with time turned by hand.

#include "app/drain.hpp"

#include <gtest/gtest.h>

namespace pillion::app {
namespace {

using namespace std::chrono_literals;

/// The drain begins at this moment.
constexpr runtime::Time zero{1h};
constexpr DrainTerms usual{.timeout = 25s, .quiet = 500ms, .min = 0s};

DrainFacts idle_since(runtime::Time time) {
  return {.is_busy = false, .last_activity = time};
}

DrainFacts busy_since(runtime::Time time) {
  return {.is_busy = true, .last_activity = time};
}

TEST(Drain, EndsAtOnceWhereClientsWereQuietBefore) {
  const Drain drain(usual, zero);
  EXPECT_TRUE(drain.has_ended(idle_since(zero - 500ms), zero));
  EXPECT_TRUE(drain.has_ended(idle_since(runtime::Time{}), zero)) << "nobody ever asked";
  EXPECT_FALSE(drain.has_ended(idle_since(zero - 499ms), zero));
}

TEST(Drain, LooksAgainWhenClientsWillHaveBeenQuietForLongEnough) {
  const Drain drain(usual, zero);
  const auto facts = idle_since(zero - 100ms);
  EXPECT_FALSE(drain.has_ended(facts, zero));
  EXPECT_EQ(drain.next_look(facts, zero), zero + 400ms);
  EXPECT_TRUE(drain.has_ended(facts, zero + 400ms));
}

TEST(Drain, EachQueryBeginsTheQuietAnew) {
  const Drain drain(usual, zero);
  for (auto now = zero; now < zero + 24s; now += 400ms) EXPECT_FALSE(drain.has_ended(idle_since(now - 400ms), now));
}

TEST(Drain, DoesNotEndWhileBusy) {
  const Drain drain(usual, zero);
  const auto facts = busy_since(zero - 10s);
  EXPECT_FALSE(drain.has_ended(facts, zero + 24s));
  EXPECT_EQ(drain.next_look(facts, zero + 24s), zero + 24s + Drain::busy_interval);
}

TEST(Drain, EndsAtItsTimeoutWhateverIsUnderWay) {
  const Drain drain(usual, zero);
  const auto now = zero + 25s - 1ms;
  EXPECT_FALSE(drain.has_ended(busy_since(now), now));
  EXPECT_EQ(drain.next_look(busy_since(now), now), zero + 25s) << "no look is later than that";
  EXPECT_EQ(drain.next_look(idle_since(now), now), zero + 25s);
  EXPECT_TRUE(drain.has_ended(busy_since(zero + 25s), zero + 25s));
}

TEST(Drain, LastsAtLeastSoLongEvenIfNobodyAsks) {
  const Drain drain({.timeout = 25s, .quiet = 500ms, .min = 5s}, zero);
  const auto facts = idle_since(zero - 1min);
  EXPECT_FALSE(drain.is_past_min(zero));
  EXPECT_FALSE(drain.has_ended(facts, zero + 5s - 1ns));
  EXPECT_EQ(drain.next_look(facts, zero), zero + 5s) << "until then there is nothing to look for";
  EXPECT_EQ(drain.next_look(busy_since(zero), zero), zero + 5s);
  EXPECT_TRUE(drain.is_past_min(zero + 5s));
  EXPECT_TRUE(drain.has_ended(facts, zero + 5s));
}

TEST(Drain, IsQuietForLongEnoughBehindItsLeastTimeToo) {
  const Drain drain({.timeout = 25s, .quiet = 500ms, .min = 5s}, zero);
  const auto facts = idle_since(zero + 4900ms);
  EXPECT_FALSE(drain.has_ended(facts, zero + 5s));
  EXPECT_EQ(drain.next_look(facts, zero + 5s), zero + 5400ms);
  EXPECT_TRUE(drain.has_ended(facts, zero + 5400ms));
}

TEST(Drain, ASecondSignalEndsItAtOnce) {
  Drain drain({.timeout = 25s, .quiet = 500ms, .min = 5s}, zero);
  drain.cut_short(zero + 1s);
  EXPECT_EQ(drain.end(), zero + 1s);
  EXPECT_EQ(drain.next_look(busy_since(zero), zero), zero + 1s) << "within its least time as well";
  EXPECT_TRUE(drain.has_ended(busy_since(zero + 1s), zero + 1s));
}

TEST(Drain, IsNeverMadeLonger) {
  Drain drain(usual, zero);
  drain.cut_short(zero + 1min);
  EXPECT_EQ(drain.end(), zero + 25s);
}

TEST(Drain, ThatNeedsNoQuietEndsAsSoonAsItIsNotBusy) {
  const Drain drain({.timeout = 25s}, zero);
  EXPECT_FALSE(drain.has_ended(busy_since(zero), zero));
  EXPECT_TRUE(drain.has_ended(idle_since(zero), zero));
}

TEST(Drain, LetsGoOfWhoeverWasQuietForSoLong) {
  const Drain drain(usual, zero);
  EXPECT_EQ(drain.quiet_since(zero + 3s), zero + 2500ms);
}

TEST(Drain, WithoutTimeIsNone) {
  const Drain drain({}, zero);
  EXPECT_TRUE(drain.has_ended(busy_since(zero), zero));
}

}  // namespace
}  // namespace pillion::app
