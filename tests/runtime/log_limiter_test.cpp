#include "runtime/log_limiter.hpp"

#include <chrono>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace pillion::runtime {
namespace {

using namespace std::chrono_literals;

TEST(LogLimiter, OneLinePerKeyAndInterval) {
  LogLimiter limiter(10s);
  const Time start{1h};
  EXPECT_EQ(limiter.admit("a", start), 0U);
  EXPECT_EQ(limiter.admit("a", start + 1s), std::nullopt);
  EXPECT_EQ(limiter.admit("a", start + 9999ms), std::nullopt);
  EXPECT_EQ(limiter.admit("b", start + 1s), 0U) << "another key has its own allowance";
  EXPECT_EQ(limiter.admit("a", start + 10s), 2U) << "the count of what was suppressed";
  EXPECT_EQ(limiter.admit("a", start + 15s), std::nullopt) << "the interval begins anew";
  EXPECT_EQ(limiter.admit("a", start + 20s), 1U);
  EXPECT_EQ(limiter.admit("a", start + 30s), 0U);
}

TEST(LogLimiter, KeysOverTheLimitShareOneAllowance) {
  LogLimiter limiter(10s, 2);
  const Time start{1h};
  EXPECT_EQ(limiter.admit("a", start), 0U);
  EXPECT_EQ(limiter.admit("b", start + 5s), 0U);
  EXPECT_EQ(limiter.admit("c", start + 6s), 0U);
  EXPECT_EQ(limiter.admit("d", start + 6s), std::nullopt);
  EXPECT_EQ(limiter.admit("e", start + 6s), std::nullopt);
  EXPECT_EQ(limiter.admit("b", start + 6s), std::nullopt) << "known keys keep their own";
  EXPECT_EQ(limiter.admit("d", start + 10s), 0U) << "a's interval is over: its place is free";
  EXPECT_EQ(limiter.admit("d", start + 11s), std::nullopt);
  EXPECT_EQ(limiter.admit("e", start + 14s), std::nullopt);
  EXPECT_EQ(limiter.admit("b", start + 15s), 1U);
}

TEST(LogAllowance, SoManyLinesInAnyInterval) {
  LogAllowance allowance(3, 10s);
  const Time start{1h};
  EXPECT_EQ(allowance.admit(start), 0U);
  EXPECT_EQ(allowance.admit(start + 8s), 0U);
  EXPECT_EQ(allowance.admit(start + 9s), 0U);
  EXPECT_EQ(allowance.admit(start + 9999ms), std::nullopt);
  EXPECT_EQ(allowance.admit(start + 9999ms), std::nullopt);
  EXPECT_EQ(allowance.admit(start + 10s), 2U) << "the first is ten seconds old";
  EXPECT_EQ(allowance.admit(start + 11s), std::nullopt) << "the second is not";
  EXPECT_EQ(allowance.admit(start + 18s), 1U);
  EXPECT_EQ(allowance.admit(start + 40s), 0U);
}

}  // namespace
}  // namespace pillion::runtime
