#include "admin/figures.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace pillion::admin {
namespace {

using namespace std::chrono_literals;

TEST(Durations, OfNothingNothingIsKnown) {
  EXPECT_FALSE(Durations{}.quantile(0.5));
  EXPECT_FALSE(Durations{}.mean());
}

TEST(Durations, AQuantileLiesInItsBucket) {
  runtime::Histogram histogram;
  for (int i = 0; i < 90; ++i) histogram.observe(1ms);   // 0.5 to 2.5 ms
  for (int i = 0; i < 10; ++i) histogram.observe(50ms);  // 10 to 100 ms
  Durations durations;
  durations.add(histogram);
  EXPECT_EQ(durations.count(), 100U);
  EXPECT_NEAR(durations.mean().value(), 0.0059, 1e-6);
  EXPECT_NEAR(durations.quantile(0.45).value(), 0.0015, 1e-6) << "the middle of 0.5 to 2.5 ms";
  EXPECT_GT(durations.quantile(0.99).value(), 0.01);
  EXPECT_LE(durations.quantile(0.99).value(), 0.1);
}

TEST(Durations, BeyondTheLastBoundIsThatBound) {
  runtime::Histogram histogram;
  histogram.observe(10s);
  Durations durations;
  durations.add(histogram);
  EXPECT_EQ(durations.quantile(0.5), runtime::duration_bounds.back());
}

TEST(Durations, SinceIsTheDifference) {
  runtime::Histogram histogram;
  histogram.observe(1ms);
  Durations before;
  before.add(histogram);
  histogram.observe(1ms);
  histogram.observe(200ms);
  Durations now;
  now.add(histogram);
  EXPECT_EQ(now.since(before).count(), 2U);
  EXPECT_NEAR(now.since(before).sum_seconds, 0.201, 1e-9);
  EXPECT_EQ(before.since(now).count(), 0U) << "counters that began anew count nothing";
}

TEST(Figures, SumTheShards) {
  server::DnsMetrics first;
  server::DnsMetrics second;
  first.requests[0][0][0].add(3);
  second.requests[1][1][2].add(4);
  first.responses[0][0].add(2);
  second.responses[2][2].add(5);
  second.responses[5][4].add(1);
  upstream::ServerMetrics metrics;
  metrics.plaintext_queries.add(9);
  metrics.count_failure(upstream::Error::reset);
  telemetry::Sources sources;
  sources.shards = {&first, &second};
  sources.upstream_servers.push_back(
      {.upstream = "cluster", .server = "10.0.0.10:53", .tls = false, .shards = {&metrics, &metrics}});
  const auto figures = read_figures(sources, {});
  EXPECT_EQ(figures.queries, 7U);
  EXPECT_EQ(figures.all_answers(), 8U);
  EXPECT_EQ(figures.failed_answers(), 6U);
  EXPECT_EQ(figures.answers()[2], 5U);
  ASSERT_EQ(figures.servers.size(), 1U);
  EXPECT_EQ(figures.servers[0].plaintext_queries, 18U);
  EXPECT_EQ(figures.servers[0].all_failures(), 2U);
  EXPECT_FALSE(figures.servers[0].is_up);
  EXPECT_FALSE(figures.cache.is_on);
}

}  // namespace
}  // namespace pillion::admin
