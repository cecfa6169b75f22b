#include "probe/statistics.hpp"

#include <chrono>
#include <numeric>

#include <gtest/gtest.h>

namespace pillion::probe {
namespace {

using namespace std::chrono_literals;

TEST(Percentiles, AreByNearestRank) {
  EXPECT_FALSE(percentiles_of({}));
  const auto one = percentiles_of({7ms});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->p50, 7ms);
  EXPECT_EQ(one->p99, 7ms);
  std::vector<runtime::Duration> samples;
  for (int i = 200; i > 0; --i) samples.emplace_back(std::chrono::milliseconds(i));
  const auto many = percentiles_of(samples);
  ASSERT_TRUE(many);
  EXPECT_EQ(many->p50, 100ms);
  EXPECT_EQ(many->p95, 190ms);
  EXPECT_EQ(many->p99, 198ms);
  EXPECT_EQ(many->samples, 200U);
}

TEST(Median, IsTheLowerOneOfTwo) {
  EXPECT_FALSE(median_of({}));
  EXPECT_EQ(median_of({5ms, 1ms, 3ms}), 3ms);
  EXPECT_EQ(median_of({5ms, 1ms}), 1ms);
}

TEST(BlockSize, IsTheLargestThatAllSizesAreMultiplesOf) {
  EXPECT_FALSE(block_of({}));
  EXPECT_EQ(block_of({468, 936, 468}), 468U);
  EXPECT_EQ(block_of({128, 384}), 128U);
  EXPECT_EQ(block_of({467, 468}), 1U) << "padded, but to no block";
}

struct Found {
  std::size_t served;
  bool has_limit;
  std::size_t queries;  // slow ones that were sent
};

/// The result of a search at a server that works on `limit` queries at once.
Found search(std::size_t most, std::size_t limit) {
  InFlightSearch search(most);
  std::size_t queries = 0;
  while (const auto count = search.next()) {
    queries += *count;
    search.note(*count + 1 <= limit);
  }
  return {.served = search.served(), .has_limit = search.has_limit(), .queries = queries};
}

TEST(InFlightSearch, FindsEveryLimit) {
  for (std::size_t limit = 1; limit < 64; ++limit) {
    const auto found = search(64, limit);
    EXPECT_EQ(found.served, limit);
    EXPECT_TRUE(found.has_limit) << limit;
  }
  for (const std::size_t limit : {64U, 65U, 1000U}) {
    const auto found = search(64, limit);
    EXPECT_EQ(found.served, 64U);
    EXPECT_FALSE(found.has_limit) << limit;
  }
}

TEST(InFlightSearch, SendsAsFewQueriesAsTheHelpSays) {
  std::size_t worst = 0;
  for (std::size_t limit = 1; limit < 70; ++limit) worst = std::max(worst, search(64, limit).queries);
  EXPECT_LE(worst, 800U);
  EXPECT_LE(search(64, 1000).queries, 130U) << "of a server that knows no limit";
}

TEST(InFlightSearch, AFailureThatIsNotSeenAgainIsChance) {
  InFlightSearch search(64);
  bool is_first = true;
  while (search.next()) {
    search.note(!is_first);
    is_first = !is_first;
  }
  EXPECT_EQ(search.served(), 64U);
  EXPECT_FALSE(search.has_limit());
}

}  // namespace
}  // namespace pillion::probe
