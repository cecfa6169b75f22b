#pragma once
// The read-only site of probes and scrapes: health and metrics. Their contents come from callbacks.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "http/request.hpp"

namespace pillion::http {

/// /healthz and /livez ask `live`, /readyz `ready`, /startupz `startup`.
enum class HealthProbe : std::uint8_t { live, ready, startup };

struct Reason {
  bool ok;
  std::string text;  ///< "listeners bound", "draining"
};
struct HealthReport {
  bool ok;
  std::vector<Reason> reasons;
};

/// Called on the server's executor; must not block. What they throw becomes 500.
struct ReadOnlySources {
  std::function<std::string()> metrics;  ///< text exposition format 0.0.4
  std::function<HealthReport(HealthProbe)> health;
};

/// GET and HEAD of /metrics and the four health paths: 200, and 503 for what is not well; 405 for every other method,
/// whatever the path.
[[nodiscard]] Site read_only_site(ReadOnlySources sources);

}  // namespace pillion::http
