// When an answer is asked for before it expires, and the counters.

#include <gmock/gmock.h>

#include "cache/messages.hpp"

namespace pillion::cache::testing {
namespace {

TEST(Prefetch, DueForPopularAnswersInTheLastTenth) {
  Harness harness;
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 100)));
  harness.at(1);
  EXPECT_FALSE(harness.lookup(www).prefetch_due);
  harness.at(89.999);
  EXPECT_FALSE(harness.lookup(www).prefetch_due);
  harness.at(90);
  EXPECT_TRUE(harness.lookup(www).prefetch_due);
  EXPECT_TRUE(harness.lookup(www).prefetch_due);  // until the store is told that the query is under way
  harness.store.mark_refreshing(www.key());
  EXPECT_FALSE(harness.lookup(www).prefetch_due);
  // The answer comes: the name must prove popular again.
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 100)));
  harness.at(185);
  EXPECT_FALSE(harness.lookup(www).prefetch_due);
  EXPECT_TRUE(harness.lookup(www).prefetch_due);
}

TEST(Prefetch, NotForUnpopularExpiredOrWhenSwitchedOff) {
  Harness harness;
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 100)));
  harness.at(95);
  EXPECT_FALSE(harness.lookup(www).prefetch_due);
  harness.at(100);
  EXPECT_FALSE(harness.lookup(www).prefetch_due);
  Harness off({.prefetch = false});
  ASSERT_TRUE(off.insert(www, address_reply("www.example", 100)));
  off.at(95);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(off.lookup(www).prefetch_due);
}

TEST(Prefetch, Rfc9520WaitsAfterAFailure) {
  Harness harness;
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 100)));
  harness.at(90);
  (void)harness.lookup(www);
  ASSERT_TRUE(harness.lookup(www).prefetch_due);
  harness.store.mark_refreshing(www.key());
  harness.insert_failure(www, network_failure);
  EXPECT_EQ(harness.freshness(www), Freshness::fresh);
  harness.at(94.999);
  EXPECT_FALSE(harness.lookup(www).prefetch_due);
  harness.at(95);
  EXPECT_TRUE(harness.lookup(www).prefetch_due);
}

TEST(Prefetch, DenialsForTheNameItselfOnly) {
  Harness harness;
  const Query gone("gone.example");
  ASSERT_TRUE(harness.insert(gone, negative_reply("gone.example", dns::rcode::nxdomain, 100, 100)));
  harness.at(95);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(harness.lookup(Query("a.gone.example")).prefetch_due);
  EXPECT_TRUE(harness.lookup(gone).prefetch_due);
  harness.store.mark_refreshing(gone.key());
  EXPECT_FALSE(harness.lookup(gone).prefetch_due);
}

TEST(CacheMetrics, CountWhatHappened) {
  Harness harness;
  const auto& metrics = harness.store.metrics();
  EXPECT_EQ(harness.freshness(www), Freshness::miss);
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 10)));
  EXPECT_EQ(harness.freshness(www), Freshness::fresh);
  EXPECT_EQ(metrics.hits.value(), 1U);
  EXPECT_EQ(metrics.misses.value(), 1U);
  harness.at(10);
  EXPECT_EQ(harness.freshness(www), Freshness::stale);  // the upstream is asked
  EXPECT_EQ(metrics.misses.value(), 2U);
  EXPECT_EQ(metrics.stale.value(), 0U);
  EXPECT_EQ(harness.store.lookup_stale(www.key(), harness.now).freshness, Freshness::stale);  // without an answer
  EXPECT_EQ(metrics.stale.value(), 1U);
  harness.insert_failure(www, network_failure);
  EXPECT_TRUE(harness.lookup(www).failed_recently);  // answered at once
  EXPECT_EQ(metrics.stale.value(), 2U);
  EXPECT_EQ(metrics.misses.value(), 2U);
  EXPECT_EQ(metrics.hits.value(), 1U);
  EXPECT_EQ(metrics.insertions.value(), 1U);
  EXPECT_EQ(metrics.entries.value(), 1);
  EXPECT_GT(metrics.bytes.value(), static_cast<double>(address_reply("www.example", 10).size()));
}

}  // namespace
}  // namespace pillion::cache::testing
