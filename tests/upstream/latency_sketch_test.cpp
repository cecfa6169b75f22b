#include "upstream/latency_sketch.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "runtime/random.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

void add(LatencySketch& sketch, runtime::Duration latency, int times) {
  for (int i = 0; i < times; ++i) sketch.add(latency);
}

TEST(LatencySketch, SaysNothingOfAFewReplies) {
  LatencySketch sketch;
  add(sketch, 10ms, LatencySketch::least_samples - 1);
  EXPECT_FALSE(sketch.quantile(95));
  sketch.add(10ms);
  EXPECT_TRUE(sketch.quantile(95));
}

TEST(LatencySketch, ErrsByAFifthAtMostAndNeverTooSmall) {
  for (auto us = 65.0; us < 60e6; us *= 1.07) {
    LatencySketch sketch;
    const auto latency = microseconds(static_cast<std::int64_t>(us));
    add(sketch, latency, 100);
    for (const unsigned percent : {1U, 50U, 95U, 99U}) {
      const auto found = sketch.quantile(percent);
      ASSERT_TRUE(found);
      EXPECT_GE(*found, latency) << us;
      EXPECT_LE(std::chrono::duration<double>(*found) / latency, 1.26) << us;
    }
  }
}

TEST(LatencySketch, TakesWhatIsBeyondItsEnds) {
  LatencySketch sketch;
  add(sketch, runtime::Duration::zero(), 25);
  add(sketch, -1s, 25);
  EXPECT_EQ(sketch.quantile(50), 64us);
  LatencySketch slow;
  add(slow, 1h, 50);
  EXPECT_GE(slow.quantile(50).value(), 60s);
}

TEST(LatencySketch, TellsTheSlowTwentiethFromTheRest) {
  LatencySketch sketch;
  for (int i = 0; i < 10; ++i) {
    add(sketch, 10ms, 19);
    sketch.add(1s);
  }
  EXPECT_LT(sketch.quantile(95).value(), 13ms) << "exactly 95 % are fast";
  EXPECT_GE(sketch.quantile(96).value(), 1s);
}

TEST(LatencySketch, FollowsAServerThatHasBecomeSlowOrFast) {
  LatencySketch sketch;
  add(sketch, 1ms, 10'000);
  EXPECT_LT(sketch.quantile(95).value(), 2ms);
  add(sketch, 100ms, 1'000);
  EXPECT_GE(sketch.quantile(95).value(), 100ms) << "slower ones count at once";
  add(sketch, 1ms, 20'000);
  EXPECT_LT(sketch.quantile(95).value(), 2ms) << "older ones fade";
}

TEST(LatencySketch, KeepsToTheQuantilesOfASpreadThatIsKnown) {
  LatencySketch sketch;
  runtime::Random random;
  std::vector<runtime::Duration> latencies;
  for (int i = 0; i < 2'000; ++i) {
    latencies.push_back(microseconds(static_cast<std::int64_t>(1'000 + 99'000 * random.unit())));
    sketch.add(latencies.back());
  }
  std::ranges::sort(latencies);
  for (const unsigned percent : {10U, 50U, 90U, 95U, 99U}) {
    const auto exact = latencies[latencies.size() * percent / 100];
    const auto ratio = std::chrono::duration<double>(sketch.quantile(percent).value()) / exact;
    EXPECT_GT(ratio, 0.98) << percent;
    EXPECT_LT(ratio, 1.26) << percent;
  }
}

}  // namespace
}  // namespace pillion::upstream
