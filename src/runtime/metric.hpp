#pragma once
// The declaration of a metric. Each room declares its metrics in a table (its metric_table.hpp), beside the counters
// that they show (its metrics.hpp). The exporter renders the tables and knows no single metric. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "runtime/metrics.hpp"

namespace pillion::runtime {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

/// The name of a metric in /metrics, and the names of its labels; unused places are empty.
struct MetricDeclaration {
  std::string_view name;
  MetricType type;
  std::string_view help;
  std::array<std::string_view, 5> labels = {};

  [[nodiscard]] constexpr std::size_t label_count() const {
    std::size_t count = 0;
    while (count < labels.size() && !labels[count].empty()) ++count;
    return count;
  }
};

/// The sum of histograms, without the buckets that would be useless series.
struct HistogramSum {
  std::array<std::uint64_t, duration_bounds.size() + 1> buckets{};  ///< not cumulative; the last one is +Inf
  double sum_seconds = 0;
  std::size_t bounds_left_out = 0;  ///< number of the shortest duration_bounds that are not shown
};

/// The label values of one series, in the order of the declaration. They never come from a query, except those that
/// the rooms' label arrays enumerate.
using LabelValues = std::initializer_list<std::string_view>;

/// Takes the series of one metric. A metric without series is not shown.
class SeriesWriter {
 public:
  SeriesWriter() = default;
  SeriesWriter(const SeriesWriter&) = delete;
  SeriesWriter& operator=(const SeriesWriter&) = delete;
  virtual ~SeriesWriter() = default;

  virtual void add(LabelValues labels, double value) = 0;
  virtual void add(LabelValues labels, const HistogramSum& histogram) = 0;
  /// Leave out series that are 0, but keep the first such series if the metric would otherwise have none.
  virtual void add_sparse(LabelValues labels, double value) = 0;
  virtual void add_sparse(LabelValues labels, const HistogramSum& histogram) = 0;
};

/// A row of a room's table. `Sources` says where the values of the table are.
template <typename Sources>
struct Metric {
  MetricDeclaration declaration;
  void (*write)(const Sources& sources, SeriesWriter& series);  ///< adds the series
};

/// The sum over the shards of the Counter or Gauge that `read` returns for each: a member, or a function.
template <typename Metrics, typename Read>
[[nodiscard]] double sum(const std::vector<const Metrics*>& shards, Read read) {
  double total = 0;
  for (const auto* shard : shards) total += static_cast<double>(std::invoke(read, *shard).value());
  return total;
}

/// The sum over the shards of the Histogram that `read` returns for each: a member, or a function.
template <typename Metrics, typename Read>
[[nodiscard]] HistogramSum sum_histogram(const std::vector<const Metrics*>& shards, Read read,
                                         std::size_t bounds_left_out) {
  HistogramSum total{.bounds_left_out = bounds_left_out};
  for (const auto* shard : shards) {
    const Histogram& histogram = std::invoke(read, *shard);
    for (std::size_t i = 0; i < total.buckets.size(); ++i) total.buckets[i] += histogram.bucket(i);
    total.sum_seconds += histogram.sum_seconds();
  }
  return total;
}

}  // namespace pillion::runtime
