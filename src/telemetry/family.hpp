#pragma once

#include <optional>
#include <vector>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include "runtime/metric.hpp"

namespace pillion::telemetry {

/// Collects the series of one metric for prometheus-cpp.
class Family final : public runtime::SeriesWriter {
 public:
  explicit Family(const runtime::MetricDeclaration& declaration);

  void add(runtime::LabelValues labels, double value) override;
  void add(runtime::LabelValues labels, const runtime::HistogramSum& histogram) override;
  void add_sparse(runtime::LabelValues labels, double value) override;
  void add_sparse(runtime::LabelValues labels, const runtime::HistogramSum& histogram) override;

  /// Appends the family, unless it has no series, since it would then be a comment without content.
  void finish(std::vector<prometheus::MetricFamily>& families) &&;

 private:
  [[nodiscard]] prometheus::ClientMetric series(runtime::LabelValues labels, double value) const;
  [[nodiscard]] prometheus::ClientMetric series(runtime::LabelValues labels,
                                                const runtime::HistogramSum& histogram) const;

  const runtime::MetricDeclaration& declaration_;
  prometheus::MetricFamily family_;
  std::optional<prometheus::ClientMetric> fallback_;
};

}  // namespace pillion::telemetry
