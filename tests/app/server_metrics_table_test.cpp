#include "app/server_metrics_table.hpp"

#include <string>

#include <gtest/gtest.h>

namespace pillion::app {
namespace {

TEST(ServerMetricsTable, AServerOfAnUpstreamFindsItsNumbersAgain) {
  ServerMetricsTable table;
  auto first = table.find("public", "192.0.2.1:853", 's');
  auto* const address = first.get();
  first->handshakes_full.add();
  first.reset();
  EXPECT_EQ(table.find("public", "192.0.2.1:853", 's').get(), address);
  EXPECT_EQ(table.find("public", "192.0.2.1:853", 's')->handshakes_full.value(), 1U);
  EXPECT_NE(table.find("other", "192.0.2.1:853", 's').get(), address);
  EXPECT_NE(table.find("public", "192.0.2.2:853", 's').get(), address);
  EXPECT_NE(table.find("public", "192.0.2.1:853", 'f').get(), address);
}

TEST(ServerMetricsTable, TheUnusedThatWasAskedForFirstIsForgottenFirst) {
  ServerMetricsTable table;
  const auto count = [&](std::size_t i) { table.find("public", std::to_string(i), 's')->handshakes_full.add(); };
  const auto used = table.find("public", "used", 's');
  used->handshakes_full.add();
  for (std::size_t i = 0; i < ServerMetricsTable::max_unused; ++i) count(i);
  // A request for the oldest makes it the newest. Then one more comes than there is room for.
  count(0);
  count(ServerMetricsTable::max_unused);
  EXPECT_EQ(table.find("public", "0", 's')->handshakes_full.value(), 2U);
  EXPECT_EQ(table.find("public", "2", 's')->handshakes_full.value(), 1U);
  EXPECT_EQ(table.find("public", "used", 's')->handshakes_full.value(), 1U);
  EXPECT_EQ(table.find("public", "1", 's')->handshakes_full.value(), 0U);
}

TEST(ServerMetricsTable, ManyServersThatComeAndGoDoNotAddUp) {
  ServerMetricsTable table;
  std::vector<std::weak_ptr<upstream::ServerMetrics>> seen;
  for (std::size_t i = 0; i < 10 * ServerMetricsTable::max_unused; ++i)
    seen.push_back(table.find("public", std::to_string(i), 's'));
  const auto left = std::ranges::count_if(seen, [](const auto& each) { return !each.expired(); });
  EXPECT_LE(left, static_cast<std::ptrdiff_t>(ServerMetricsTable::max_unused));
}

}  // namespace
}  // namespace pillion::app
