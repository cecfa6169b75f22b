#include "telemetry/exporter.hpp"

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "telemetry/exposition.hpp"
#include "telemetry/family.hpp"
#include "telemetry/process_stats.hpp"

namespace pillion::telemetry {
namespace {

template <typename From, std::size_t size>
void collect(const std::array<runtime::Metric<From>, size>& table, const std::type_identity_t<From>& from,
             std::vector<prometheus::MetricFamily>& families) {
  for (const auto& metric : table) {
    Family family(metric.declaration);
    metric.write(from, family);
    std::move(family).finish(families);
  }
}

}  // namespace

std::vector<runtime::MetricDeclaration> declared_metrics() {
  std::vector<runtime::MetricDeclaration> declarations;
  for_each_metric_table({}, {}, [&](const auto& table, const auto& /*from*/) {
    for (const auto& metric : table) declarations.push_back(metric.declaration);
  });
  return declarations;
}

std::vector<prometheus::MetricFamily> Exporter::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  for_each_metric_table(sources_, read_process_stats(),
                        [&](const auto& table, const auto& from) { collect(table, from, families); });
  return families;
}

std::string Exporter::text() const {
  return exposition_text(Collect());
}

}  // namespace pillion::telemetry
