#include "cache/ring.hpp"

#include <deque>
#include <random>

#include <gmock/gmock.h>

#include "cache/ghosts.hpp"

namespace pillion::cache::testing {
namespace {

TEST(Ring, BlocksFollowEachOtherAndAreReusedInOrder) {
  Ring ring(100, 10);
  EXPECT_TRUE(ring.empty());
  EXPECT_TRUE(ring.fits(10));
  EXPECT_FALSE(ring.fits(11));
  EXPECT_EQ(ring.push(4), 100U);
  EXPECT_EQ(ring.push(4), 104U);
  EXPECT_TRUE(ring.fits(2));
  EXPECT_FALSE(ring.fits(3));
  EXPECT_EQ(ring.oldest(), 100U);
  ring.pop(4);
  EXPECT_TRUE(ring.fits(4));      // wraps around the end
  EXPECT_EQ(ring.push(3), 100U);  // leaves the two units at the end unused
  EXPECT_FALSE(ring.fits(2));
  EXPECT_EQ(ring.oldest(), 104U);
  ring.pop(4);
  EXPECT_EQ(ring.oldest(), 100U);
  EXPECT_EQ(ring.push(7), 103U);
  ring.pop(3);
  ring.pop(7);
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.push(10), 100U);
}

// Blocks do not overlap and stay inside. A block that was taken from the front can be appended.
TEST(Ring, RandomOperationsKeepBlocksApart) {
  constexpr std::uint32_t begin = 7, capacity = 64;
  std::mt19937 random(1);
  Ring ring(begin, capacity);
  struct Block {
    std::uint32_t position, size;
  };
  std::deque<Block> blocks;
  for (int i = 0; i < 100'000; ++i) {
    const auto size = static_cast<std::uint32_t>(1 + random() % 20);
    const bool put_back = !blocks.empty() && random() % 3 == 0;
    Block block{.position = 0, .size = size};
    if (put_back) {
      block = blocks.front();
      blocks.pop_front();
      ring.pop(block.size);
      ASSERT_TRUE(ring.fits(block.size));
    } else {
      while (!ring.fits(size)) {
        ASSERT_FALSE(blocks.empty());
        ASSERT_EQ(ring.oldest(), blocks.front().position);
        ring.pop(blocks.front().size);
        blocks.pop_front();
      }
    }
    block.position = ring.push(block.size);
    ASSERT_GE(block.position, begin);
    ASSERT_LE(block.position + block.size, begin + capacity);
    for (const auto& other : blocks) {
      ASSERT_TRUE(block.position + block.size <= other.position || other.position + other.size <= block.position);
    }
    blocks.push_back(block);
  }
}

TEST(Ghosts, RememberTheLastOfEachBucketOnce) {
  Ghosts ghosts(1);
  const auto hash_of_number = [](std::uint32_t number) { return number << 20U; };
  EXPECT_FALSE(ghosts.take(hash_of_number(1)));
  for (std::uint32_t i = 1; i <= 9; ++i) ghosts.add(hash_of_number(i));
  EXPECT_FALSE(ghosts.take(hash_of_number(1)));  // the oldest of nine is no longer known
  EXPECT_TRUE(ghosts.take(hash_of_number(2)));
  EXPECT_FALSE(ghosts.take(hash_of_number(2)));
  EXPECT_TRUE(ghosts.take(hash_of_number(9)));
  EXPECT_TRUE(ghosts.take(hash_of_number(5)));
}

TEST(Ghosts, NothingIsRememberedAtFirst) {
  Ghosts ghosts(4);
  for (std::uint32_t hash = 0; hash < 0x10000; ++hash) ASSERT_FALSE(ghosts.take(hash << 16U | (hash & 3U)));
}

}  // namespace
}  // namespace pillion::cache::testing
