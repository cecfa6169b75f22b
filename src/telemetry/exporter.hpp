#pragma once
// Renders the metrics that the rooms declare (telemetry/sources.hpp). The shards may write the counters meanwhile; no
// locks are needed.

#include <string>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "runtime/metric.hpp"
#include "telemetry/sources.hpp"

namespace pillion::telemetry {

/// Every metric of the program, in the order of the exposition. Tests hold the list in dashboards/METRICS.md to it.
[[nodiscard]] std::vector<runtime::MetricDeclaration> declared_metrics();

/// Used only by the thread that serves HTTP.
class Exporter final : public prometheus::Collectable {
 public:
  explicit Exporter(Sources sources) : sources_(std::move(sources)) {}

  /// Valid until the next replace().
  [[nodiscard]] const Sources& sources() const { return sources_; }
  /// Called after a reload.
  void replace(Sources sources) { sources_ = std::move(sources); }

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  /// All metrics in the text exposition format, version 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  Sources sources_;
};

}  // namespace pillion::telemetry
