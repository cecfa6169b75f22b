// The list of metrics in dashboards/METRICS.md equals the tables of the rooms, row by row.

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "telemetry/exporter.hpp"

namespace pillion::telemetry {
namespace {

constexpr std::string_view marker = "<!-- metrics -->\n";

std::string table() {
  constexpr std::array<std::string_view, 3> types = {"counter", "gauge", "histogram"};
  std::string text = "| metric | type | labels | what it is |\n|---|---|---|---|\n";
  for (const auto& metric : declared_metrics()) {
    std::string labels;
    for (std::size_t i = 0; i < metric.label_count(); ++i) {
      if (i > 0) labels += ' ';
      labels += '`';
      labels += metric.labels[i];
      labels += '`';
    }
    (((((text += "| `") += metric.name) += "` | ") += types[static_cast<std::size_t>(metric.type)]) += " | ") += labels;
    ((text += labels.empty() ? "| " : " | ") += metric.help) += " |\n";
  }
  return text;
}

TEST(MetricsPage, ListsTheMetricsOfTheTables) {
  std::ifstream file(PILLION_SOURCE_DIR "/dashboards/METRICS.md");
  std::stringstream text;
  text << file.rdbuf();
  const auto page = text.str();
  const auto begin = page.find(marker);
  ASSERT_NE(begin, std::string::npos);
  const auto end = page.find(marker, begin + marker.size());
  ASSERT_NE(end, std::string::npos);
  const auto listed = page.substr(begin + marker.size(), end - begin - marker.size());
  EXPECT_EQ(listed, table()) << "what belongs between the markers:\n" << table();
}

}  // namespace
}  // namespace pillion::telemetry
