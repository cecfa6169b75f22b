#include "telemetry/family.hpp"

#include <string>
#include <utility>

namespace pillion::telemetry {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

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

}  // namespace

Family::Family(const MetricDeclaration& declaration) : declaration_(declaration) {
  family_.name = declaration.name;
  family_.help = declaration.help;
  family_.type = prometheus_type(declaration.type);
}

void Family::add(LabelValues labels, double value) {
  family_.metric.push_back(series(labels, value));
}

void Family::add(LabelValues labels, const ClientMetric::Histogram& histogram) {
  family_.metric.push_back(series(labels, 0));
  family_.metric.back().histogram = histogram;
}

void Family::add_sparse(LabelValues labels, double value) {
  if (value != 0) {
    add(labels, value);
  } else if (!fallback_) {
    fallback_ = series(labels, 0);
  }
}

void Family::add_sparse(LabelValues labels, const ClientMetric::Histogram& histogram) {
  if (histogram.sample_count != 0) {
    add(labels, histogram);
  } else if (!fallback_) {
    fallback_ = series(labels, 0);
    fallback_->histogram = histogram;
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

}  // namespace pillion::telemetry
