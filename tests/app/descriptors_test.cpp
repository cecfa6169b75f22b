#include "app/descriptors.hpp"

#include <gtest/gtest.h>

namespace pillion::app {
namespace {

constexpr DescriptorNeeds some_needs{.open = 20, .accepts = 3, .upstreams = 16, .pools = 2, .has_http = true};

TEST(ShareDescriptors, GivesAllThatIsWantedWhereThereAreEnough) {
  const auto wanted = wanted_descriptors(some_needs, 4096);
  const auto shares = share_descriptors(some_needs, wanted, 4096);
  ASSERT_TRUE(shares);
  EXPECT_EQ(shares->connections, 4096U);
  EXPECT_EQ(shares->http_connections, 64U);
}

TEST(ShareDescriptors, TakesFromTheClientsFirst) {
  const auto shares = share_descriptors(some_needs, wanted_descriptors(some_needs, 4096) - 1, 4096);
  ASSERT_TRUE(shares);
  EXPECT_EQ(shares->connections, 4095U);
}

TEST(ShareDescriptors, NeverPromisesMoreThanThereAre) {
  for (std::size_t limit = 0; limit < 5000; ++limit) {
    const auto shares = share_descriptors(some_needs, limit, 4096);
    if (!shares) {
      EXPECT_LT(limit, 28U);
      continue;
    }
    EXPECT_GE(limit, 28U) << "loops and listeners, accepts, a connection a pool, two HTTP clients, one client";
    EXPECT_GE(shares->connections, 1U);
    EXPECT_GE(shares->http_connections, 2U);
    EXPECT_LE(some_needs.open + some_needs.accepts + some_needs.pools + shares->connections + shares->http_connections,
              limit);
    if (limit >= 64) {
      EXPECT_GE(shares->connections * 2, limit - some_needs.open - some_needs.accepts) << limit;
    }
  }
}

TEST(ShareDescriptors, SaysHowManyItNeeds) {
  const auto shares = share_descriptors(some_needs, 27, 4096);
  ASSERT_FALSE(shares);
  EXPECT_EQ(shares.error(), "the limit of open files (RLIMIT_NOFILE) is 27; this configuration needs at least 28");
}

TEST(DescriptorNeeds, FollowFromTheConfiguration) {
  auto config = config::default_config();
  const auto one = descriptor_needs(config, 3);
  EXPECT_EQ(one.pools, 2U);
  config.threads = 2;
  const auto two = descriptor_needs(config, 3);
  EXPECT_EQ(two.pools, 4U);
  EXPECT_EQ(two.accepts, one.accepts + 1);
  EXPECT_GT(two.open, one.open);
  config.upstreams.front().protocol = config::Protocol::udp;
  EXPECT_EQ(descriptor_needs(config, 3).pools, 8U) << "TCP for what UDP cannot";
  config.http.listen.clear();
  EXPECT_FALSE(descriptor_needs(config, 3).has_http);
  EXPECT_LT(descriptor_needs(config, 3).open, two.open);
}

}  // namespace
}  // namespace pillion::app
