#include "upstream/health.hpp"

#include <gtest/gtest.h>

#include "support/hand_turned.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;

using pillion::testing::start_time;

TEST(Health, BeginsUp) {
  const Health health;
  EXPECT_TRUE(health.is_up());
  EXPECT_LE(health.retry_at(), start_time);
  EXPECT_FALSE(health.fails_fast(start_time));
  EXPECT_FALSE(health.latency());
  EXPECT_FALSE(health.last_error());
}

TEST(Health, BacksOffTwiceAsLongEachTimeUpToTheCap) {
  Health health;
  // With the largest jitter the wait is the whole back-off.
  const double most = 1.0;
  for (const auto expected : {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms, 5000ms}) {
    health.failed(Error::connect_refused, start_time, most);
    EXPECT_EQ(health.retry_at() - start_time, expected);
  }
  for (int i = 0; i < 100; ++i) health.failed(Error::connect_refused, start_time, most);
  EXPECT_EQ(health.retry_at() - start_time, Health::longest_backoff) << "the doubling must not overflow";
}

TEST(Health, JittersBetweenHalfAndWhole) {
  for (const double jitter : {0.0, 0.25, 0.5, 0.999}) {
    Health health;
    health.failed(Error::reset, start_time, jitter);
    EXPECT_GE(health.retry_at() - start_time, 50ms);
    EXPECT_LT(health.retry_at() - start_time, 100ms);
  }
  Health least;
  least.failed(Error::reset, start_time, 0.0);
  EXPECT_EQ(least.retry_at() - start_time, 50ms);
}

TEST(Health, RecoveryStartsTheBackOffAnew) {
  Health health;
  for (int i = 0; i < 5; ++i) health.failed(Error::reset, start_time, 0);
  EXPECT_FALSE(health.is_up());
  EXPECT_EQ(health.last_error(), Error::reset);
  health.recovered();
  EXPECT_TRUE(health.is_up());
  EXPECT_FALSE(health.last_error());
  health.failed(Error::reset, start_time, 0);
  EXPECT_EQ(health.retry_at() - start_time, 50ms);
}

TEST(Health, AReplyIsARecovery) {
  Health health;
  health.failed(Error::stalled, start_time, 0);
  health.replied(10ms);
  EXPECT_TRUE(health.is_up());
}

TEST(Health, IsTriedMoreOftenWhileSomebodyAsks) {
  Health health;
  for (const auto expected : {100ms, 200ms, 400ms, 500ms, 500ms, 500ms}) {
    health.failed(Error::connect_refused, start_time, 1.0);
    EXPECT_EQ(health.retry_at_if_asked() - start_time, expected);
    EXPECT_LE(health.retry_at_if_asked(), health.retry_at());
  }
  for (int i = 0; i < 100; ++i) health.failed(Error::connect_refused, start_time, 0.0);
  EXPECT_EQ(health.retry_at_if_asked() - start_time, 250ms) << "jittered as well";
}

TEST(Health, ASilentServerIsUpAndNotResponsive) {
  Health health;
  EXPECT_TRUE(health.is_responsive());
  health.set_silent(true);
  EXPECT_TRUE(health.is_up());
  EXPECT_FALSE(health.is_responsive());
  EXPECT_FALSE(health.fails_fast(start_time + 1h));
  health.set_silent(false);
  EXPECT_TRUE(health.is_responsive());
  health.failed(Error::reset, start_time, 0);
  EXPECT_FALSE(health.is_responsive());
}

TEST(Health, WaitsForARestartDuringTheGrace) {
  Health health;
  health.failed(Error::connect_refused, start_time, 0);
  health.failed(Error::connect_refused, start_time + 3s, 0);
  EXPECT_FALSE(health.fails_fast(start_time + Health::grace - 1ms)) << "counted from the first failure";
  EXPECT_TRUE(health.fails_fast(start_time + Health::grace));
}

TEST(Health, DoesNotWaitWhereWaitingDoesNotHelp) {
  for (const auto error : {Error::certificate_expired, Error::certificate_name, Error::certificate_untrusted,
                           Error::certificate_invalid, Error::pin_mismatch, Error::alpn_mismatch}) {
    Health health;
    health.failed(error, start_time, 0);
    EXPECT_TRUE(health.fails_fast(start_time)) << traits(error).reason;
  }
  for (const auto error : {Error::connect_refused, Error::unreachable, Error::connect_timeout, Error::handshake_timeout,
                           Error::tls_failed, Error::reset, Error::stalled}) {
    Health health;
    health.failed(error, start_time, 0);
    EXPECT_FALSE(health.fails_fast(start_time)) << traits(error).reason;
  }
}

TEST(Health, SmoothsTheLatency) {
  Health health;
  health.replied(80ms);
  EXPECT_EQ(health.latency(), 80ms);
  health.replied(160ms);
  EXPECT_EQ(health.latency(), 90ms);
  for (int i = 0; i < 200; ++i) health.replied(20ms);
  EXPECT_NEAR(std::chrono::duration<double>(*health.latency()).count(), 0.020, 0.001);
}

}  // namespace
}  // namespace pillion::upstream
