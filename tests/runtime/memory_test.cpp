#include "runtime/memory.hpp"

#include <numeric>

#include <gtest/gtest.h>

namespace pillion::runtime {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

std::size_t of(const MemoryDivision& division, MemoryUse use) {
  return division[use];
}

TEST(MemoryShare, TakesNoMoreThanThereIs) {
  MemoryShare share(100);
  EXPECT_TRUE(share.take(60));
  EXPECT_FALSE(share.take(41));
  EXPECT_EQ(share.used(), 60U);
  EXPECT_TRUE(share.take(40));
  EXPECT_EQ(share.room(), 0U);
  share.give(100);
  EXPECT_EQ(share.room(), 100U);
}

TEST(MemoryShare, WhatIsTakenAnywayLeavesNoRoom) {
  MemoryShare share(100);
  share.take_anyway(150);
  EXPECT_EQ(share.used(), 150U);
  EXPECT_EQ(share.room(), 0U);
  EXPECT_FALSE(share.take(1));
  share.give(100);
  EXPECT_EQ(share.room(), 50U);
}

TEST(MemoryShare, RemembersItsPeak) {
  MemoryShare share;
  EXPECT_TRUE(share.take(70));
  share.give(50);
  EXPECT_EQ(share.take_peak(), 70U);
  EXPECT_EQ(share.take_peak(), 20U);
}

TEST(MemoryHold, GrowsShrinksAndGivesBack) {
  MemoryShare share(100);
  {
    MemoryHold hold(share);
    EXPECT_TRUE(hold.set(80));
    EXPECT_FALSE(hold.set(101));
    EXPECT_EQ(hold.bytes(), 80U);
    EXPECT_TRUE(hold.set(30));
    EXPECT_EQ(share.used(), 30U);
    hold.set_anyway(200);
    EXPECT_EQ(share.used(), 200U);
    EXPECT_TRUE(hold.set(150));  // fewer than before
  }
  EXPECT_EQ(share.used(), 0U);
}

TEST(DivideMemory, IsNeverMoreThanThereIs) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{15}, mebibyte, 37 * mebibyte, 4096 * mebibyte}) {
    const auto division = divide_memory(bytes, 4 * mebibyte);
    EXPECT_LE(std::accumulate(division.begin(), division.end(), std::size_t{0}), bytes);
  }
}

TEST(DivideMemory, TheCacheGetsWhatItWantsUpToAQuarter) {
  EXPECT_EQ(of(divide_memory(64 * mebibyte, 4 * mebibyte), MemoryUse::cache), 4 * mebibyte);
  EXPECT_EQ(of(divide_memory(8 * mebibyte, 4 * mebibyte), MemoryUse::cache), 2 * mebibyte);
  EXPECT_EQ(of(divide_memory(8 * mebibyte, 0), MemoryUse::cache), 0U);
}

TEST(DivideMemory, EveryUseHasItsPart) {
  const auto division = divide_memory(16 * mebibyte, 0);
  EXPECT_EQ(of(division, MemoryUse::connections), 3 * mebibyte);
  EXPECT_EQ(of(division, MemoryUse::input), 2 * mebibyte);
  EXPECT_EQ(of(division, MemoryUse::output), 4 * mebibyte);
  EXPECT_EQ(of(division, MemoryUse::queries), 5 * mebibyte);
  EXPECT_EQ(of(division, MemoryUse::walks), 2 * mebibyte);
}

TEST(MemoryShares, AreAnEqualPartForEachShard) {
  const MemoryShares shares(divide_memory(64 * mebibyte, 0), 4);
  EXPECT_EQ(shares.queries.limit(), 5 * mebibyte);
  EXPECT_EQ(shares.find(MemoryUse::queries), &shares.queries);
  EXPECT_EQ(shares.find(MemoryUse::cache), nullptr);
}

TEST(MemoryShares, AreNeverTooSmallForOneLargeMessage) {
  const MemoryShares shares(divide_memory(4 * mebibyte, 0), 256);
  EXPECT_GE(shares.input.limit(), 2U * 65'537U);
  EXPECT_GE(shares.output.limit(), 2U * 65'537U);
}

TEST(MemoryShares, WithoutADivisionAreUnlimited) {
  MemoryShares shares;
  EXPECT_TRUE(shares.output.take(std::size_t{1} << 40U));
  EXPECT_EQ(shares.take_peak(), std::size_t{1} << 40U);
}

}  // namespace
}  // namespace pillion::runtime
