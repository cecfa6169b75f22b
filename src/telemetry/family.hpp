#pragma once
// Helpers of the exporter: families of series, and sums over the shards.

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include "runtime/metrics.hpp"
#include "telemetry/metric_table.hpp"

namespace pillion::telemetry {

/// The label values of a declaration, in its order.
using LabelValues = std::initializer_list<std::string_view>;

/// Collects the series of one family.
class Family {
 public:
  explicit Family(const MetricDeclaration& declaration);

  void add(LabelValues labels, double value);
  void add(LabelValues labels, const prometheus::ClientMetric::Histogram& histogram);

  /// Leave out series that are 0, but keep the first such series if the family would otherwise be empty.
  void add_sparse(LabelValues labels, double value);
  void add_sparse(LabelValues labels, const prometheus::ClientMetric::Histogram& histogram);

  /// Appends the family, unless it has no series, since it would then be a comment without content.
  void finish(std::vector<prometheus::MetricFamily>& families) &&;

 private:
  [[nodiscard]] prometheus::ClientMetric series(LabelValues labels, double value) const;

  const MetricDeclaration& declaration_;
  prometheus::MetricFamily family_;
  std::optional<prometheus::ClientMetric> fallback_;
};

/// The sum over the shards of the Counter or Gauge that `read` returns for each.
template <typename Metrics, typename Read>
[[nodiscard]] double sum(const std::vector<const Metrics*>& shards, Read read) {
  double total = 0;
  for (const auto* shard : shards) total += static_cast<double>(read(*shard).value());
  return total;
}

/// The sum over the shards of the Histogram that `read` returns for each.
template <typename Metrics, typename Read>
[[nodiscard]] prometheus::ClientMetric::Histogram sum_histogram(const std::vector<const Metrics*>& shards, Read read) {
  prometheus::ClientMetric::Histogram total;
  total.bucket.reserve(runtime::duration_bounds.size() + 1);
  for (std::size_t i = 0; i <= runtime::duration_bounds.size(); ++i) {
    for (const auto* shard : shards) total.sample_count += read(*shard).bucket(i);
    const double bound =
        i < runtime::duration_bounds.size() ? runtime::duration_bounds[i] : std::numeric_limits<double>::infinity();
    total.bucket.push_back({total.sample_count, bound});
  }
  for (const auto* shard : shards) total.sample_sum += read(*shard).sum_seconds();
  return total;
}

}  // namespace pillion::telemetry
