#include "app/trimmer.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "support/hand_turned.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t much = std::size_t{8} << 20U;

class TrimmerTest : public ::testing::Test {
 protected:
  TrimmerTest() { trimmer.start(); }
  void hold_for_a_moment(std::size_t bytes) {
    memory.output.take_anyway(bytes);
    memory.output.give(bytes);
  }

  pillion::testing::HandTurned time;
  runtime::MemoryShares memory;
  int trims = 0;
  int parts = 1;  // the number of calls that one trim takes
  Trimmer trimmer{time, memory, 1, [this] { return ++trims % parts != 0; }};
};

TEST_F(TrimmerTest, GivesBackOnceAfterAPeak) {
  hold_for_a_moment(much);
  time.pass(10s);
  EXPECT_EQ(trims, 1);
  time.pass(10s);
  EXPECT_EQ(trims, 1);
}

TEST_F(TrimmerTest, GivesBackInPartsWithPausesBetween) {
  parts = 3;
  hold_for_a_moment(much);
  while (trims == 0) time.pass(1ms);
  time.pass(1ms);
  EXPECT_EQ(trims, 1) << "clients have their turn";
  time.pass(1s);
  EXPECT_EQ(trims, 3);
  time.pass(10s);
  EXPECT_EQ(trims, 3);
}

TEST_F(TrimmerTest, GivesNothingBackWhileALoadComesAndGoes) {
  for (int i = 0; i < 20; ++i) {
    hold_for_a_moment(much);
    time.pass(1s);
  }
  EXPECT_EQ(trims, 0);
}

TEST_F(TrimmerTest, GivesNothingBackForLittle) {
  hold_for_a_moment(1000);
  time.pass(10s);
  EXPECT_EQ(trims, 0);
}

/// Shards whose shares are small have small peaks, which together are as large.
TEST_F(TrimmerTest, AShardGivesBackItsPartOfWhatIsWorthIt) {
  trimmer.stop();
  Trimmer of_shard{time, memory, 8, [this] { return ++trims == 0; }};
  of_shard.start();
  hold_for_a_moment(Trimmer::worth_it / 8 - 1);
  time.pass(10s);
  EXPECT_EQ(trims, 0);
  hold_for_a_moment(Trimmer::worth_it / 8);
  time.pass(10s);
  EXPECT_EQ(trims, 1);
}

TEST_F(TrimmerTest, GivesBackAfterEachPeak) {
  for (int i = 0; i < 3; ++i) {
    hold_for_a_moment(much);
    time.pass(10s);
  }
  EXPECT_EQ(trims, 3);
}

}  // namespace
}  // namespace pillion::app
