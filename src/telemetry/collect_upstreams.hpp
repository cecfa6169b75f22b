#pragma once
// The metrics of upstreams and their servers.

#include <cstddef>
#include <vector>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include "telemetry/exporter.hpp"

namespace pillion::telemetry {

// Of duration_bounds, so many of the shortest are below what a server's answer takes: the way through two sockets, and
// for a handshake the arithmetic. They would be series without use.
inline constexpr std::ptrdiff_t request_bounds_left_out = 2;    // 25 and 100 us
inline constexpr std::ptrdiff_t handshake_bounds_left_out = 4;  // 500 us and 2.5 ms too
/// Stale answers are given at once, or after a wait of seconds: nothing finer has to be told apart.
inline constexpr std::ptrdiff_t stale_bounds_left_out = 4;

inline void leave_out_shortest(prometheus::ClientMetric::Histogram& durations, std::ptrdiff_t count) {
  durations.bucket.erase(durations.bucket.begin(), durations.bucket.begin() + count);
}

/// In the order of metric_table.
void collect_upstreams(const Sources& sources, std::vector<prometheus::MetricFamily>& families);

}  // namespace pillion::telemetry
