#include "telemetry/exposition.hpp"

#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

namespace pillion::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr double infinity = std::numeric_limits<double>::infinity();

std::string by_prometheus_cpp(const std::vector<MetricFamily>& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

MetricFamily family(std::string name, std::string help, MetricType type, std::vector<ClientMetric> metrics) {
  MetricFamily made;
  made.name = std::move(name);
  made.help = std::move(help);
  made.type = type;
  made.metric = std::move(metrics);
  return made;
}

TEST(Exposition, WritesNumbersAsPrometheusCppDoes) {
  std::vector<ClientMetric> metrics;
  for (const double value : {0.0,
                             -0.0,
                             1.0,
                             -1.5,
                             0.1,
                             1.0 / 3,
                             2.5e-05,
                             1e-300,
                             -2.2250738585072014e-308,
                             100000.0,
                             123456789.0,
                             1767225600.125,
                             9007199254740993.0,
                             1e15,
                             1e16,
                             1e17,
                             1.7976931348623157e308,
                             infinity,
                             -infinity,
                             std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::denorm_min()}) {
    auto& metric = metrics.emplace_back();
    metric.counter.value = value;
    metric.gauge.value = value;
  }
  const std::vector families{family("a_total", "Counted.", MetricType::Counter, metrics),
                             family("b", "", MetricType::Gauge, metrics)};
  EXPECT_EQ(exposition_text(families), by_prometheus_cpp(families));
}

TEST(Exposition, WritesLabelsAsPrometheusCppDoes) {
  ClientMetric metric;
  metric.label = {{"plain", "1.1.1.1:853"}, {"empty", ""}, {"odd", "a\"b\\c\nd\te\xc3\xa9"}};
  const std::vector families{family("labelled", "Said of it.", MetricType::Gauge, {metric, ClientMetric{}})};
  EXPECT_EQ(exposition_text(families), by_prometheus_cpp(families));
  EXPECT_NE(exposition_text(families).find(R"(odd="a\"b\\c\nd)"), std::string::npos);
}

TEST(Exposition, WritesHistogramsAsPrometheusCppDoes) {
  ClientMetric bounded;
  bounded.label = {{"source", "cache"}};
  bounded.histogram.sample_count = std::numeric_limits<std::uint64_t>::max();
  bounded.histogram.sample_sum = 12.25;
  bounded.histogram.bucket = {{1, 2.5e-05}, {2, 0.001}, {3, 10}};
  auto unbounded = bounded;
  unbounded.label.clear();
  unbounded.histogram.bucket.push_back({4, infinity});
  const std::vector families{family("h", "Times.", MetricType::Histogram, {bounded, unbounded, ClientMetric{}})};
  EXPECT_EQ(exposition_text(families), by_prometheus_cpp(families));
}

TEST(Exposition, OfNothingIsNothing) {
  EXPECT_EQ(exposition_text({}), "");
}

}  // namespace
}  // namespace pillion::telemetry
