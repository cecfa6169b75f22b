#pragma once
// Collects the metrics of upstreams and their servers.

#include <cstddef>
#include <vector>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include "telemetry/exporter.hpp"

namespace pillion::telemetry {

// The number of the shortest duration_bounds that are below any server's answer time, which includes two sockets, and
// for a handshake computation. They would be useless series.
inline constexpr std::ptrdiff_t request_bounds_left_out = 2;    // 25 and 100 us
inline constexpr std::ptrdiff_t handshake_bounds_left_out = 4;  // 500 us and 2.5 ms too
/// Stale answers are given at once or after seconds, so that finer buckets are useless.
inline constexpr std::ptrdiff_t stale_bounds_left_out = 4;

inline void leave_out_shortest(prometheus::ClientMetric::Histogram& durations, std::ptrdiff_t count) {
  durations.bucket.erase(durations.bucket.begin(), durations.bucket.begin() + count);
}

/// Appends the families in the order of metric_table.
void collect_upstreams(const Sources& sources, std::vector<prometheus::MetricFamily>& families);

}  // namespace pillion::telemetry
