#include "telemetry/family.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace pillion::telemetry {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using runtime::HistogramSum;
using runtime::LabelValues;
using runtime::MetricType;

namespace {

constexpr prometheus::MetricType prometheus_type(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return prometheus::MetricType::Counter;
    case MetricType::gauge:
      return prometheus::MetricType::Gauge;
    case MetricType::histogram:
      break;
  }
  return prometheus::MetricType::Histogram;
}

ClientMetric::Histogram cumulative(const HistogramSum& sum) {
  ClientMetric::Histogram histogram;
  histogram.bucket.reserve(sum.buckets.size());
  for (std::size_t i = 0; i < sum.buckets.size(); ++i) {
    histogram.sample_count += sum.buckets[i];
    const double bound =
        i < runtime::duration_bounds.size() ? runtime::duration_bounds[i] : std::numeric_limits<double>::infinity();
    if (i >= sum.bounds_left_out) histogram.bucket.push_back({histogram.sample_count, bound});
  }
  histogram.sample_sum = sum.sum_seconds;
  return histogram;
}

}  // namespace

Family::Family(const runtime::MetricDeclaration& declaration) : declaration_(declaration) {
  family_.name = declaration.name;
  family_.help = declaration.help;
  family_.type = prometheus_type(declaration.type);
}

void Family::add(LabelValues labels, double value) {
  family_.metric.push_back(series(labels, value));
}

void Family::add(LabelValues labels, const HistogramSum& histogram) {
  family_.metric.push_back(series(labels, histogram));
}

void Family::add_sparse(LabelValues labels, double value) {
  if (value != 0) {
    add(labels, value);
  } else if (!fallback_) {
    fallback_ = series(labels, value);
  }
}

void Family::add_sparse(LabelValues labels, const HistogramSum& histogram) {
  if (std::ranges::any_of(histogram.buckets, [](std::uint64_t count) { return count != 0; })) {
    add(labels, histogram);
  } else if (!fallback_) {
    fallback_ = series(labels, histogram);
  }
}

void Family::finish(std::vector<MetricFamily>& families) && {
  if (family_.metric.empty() && fallback_) family_.metric.push_back(*std::move(fallback_));
  if (!family_.metric.empty()) families.push_back(std::move(family_));
}

ClientMetric Family::series(LabelValues labels, double value) const {
  ClientMetric metric;
  metric.label.reserve(labels.size());
  std::size_t i = 0;
  for (const auto& label : labels) {
    metric.label.push_back({std::string(declaration_.labels.at(i++)), std::string(label)});
  }
  if (declaration_.type == MetricType::counter) metric.counter.value = value;
  if (declaration_.type == MetricType::gauge) metric.gauge.value = value;
  return metric;
}

ClientMetric Family::series(LabelValues labels, const HistogramSum& histogram) const {
  auto metric = series(labels, 0);
  metric.histogram = cumulative(histogram);
  return metric;
}

}  // namespace pillion::telemetry
