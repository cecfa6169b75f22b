#pragma once
// The read-only site for probes and scrapes: health and metrics. Callbacks supply the contents.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "http/request.hpp"

namespace pillion::http {

/// /healthz and /livez report `live`, /readyz `ready`, /startupz `startup`.
enum class HealthProbe : std::uint8_t { live, ready, startup };

struct HealthReason {
  bool ok;           ///< True if the condition in `text` is met
  std::string text;  ///< "listeners bound", "draining"
};
struct HealthReport {
  bool ok;  ///< True if the probe succeeds
  std::vector<HealthReason> reasons;
};

/// Called on the server's executor. They must not block. An exception becomes a 500.
struct ReadOnlySources {
  std::function<std::string()> metrics;  ///< text exposition format 0.0.4
  std::function<HealthReport(HealthProbe)> health;
};

/// Serves GET and HEAD of /metrics and the four health paths. A health path answers 200, or 503 if the probe fails. It
/// lists the reasons if the probe fails or the request has the parameter `verbose`.
/// Every other method gets 405 on any path.
[[nodiscard]] Site read_only_site(ReadOnlySources sources);

}  // namespace pillion::http
