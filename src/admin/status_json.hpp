#pragma once
// The process as a whole as JSON: status, the numbers of the cache, the figures of an event.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "admin/figures.hpp"
#include "admin/json.hpp"
#include "admin/verdict.hpp"
#include "config/config.hpp"
#include "runtime/log.hpp"
#include "telemetry/exporter.hpp"

namespace pillion::admin {

/// Where the process listens, as bound.
struct ListenView {
  std::vector<std::string> dns;
  std::vector<std::string> http;
  std::vector<std::string> admin;
};

/// What the status says besides the figures.
struct StatusParts {
  const telemetry::Sources& sources;
  const Figures& figures;
  const std::vector<Finding>& findings;
  double window_seconds = 0;
  ProcessState state = ProcessState::ready;
  WallTime started;
  std::string file;  ///< of the configuration; empty: the defaults
  std::string sbom;  ///< SHA-256 in hexadecimal; empty: none
  bool read_only = true;
  std::uint32_t threads = 1;
  ListenView listen;
  runtime::LogLevel log_level = runtime::LogLevel::info;
};

/// The schema Verdict.
[[nodiscard]] boost::json::object verdict_json(const std::vector<Finding>& findings, double window_seconds);
/// The schema CacheNumbers.
[[nodiscard]] boost::json::object cache_json(const CacheFigures& figures);
/// The schema ReloadState.
[[nodiscard]] boost::json::object reloads_json(const telemetry::Sources& sources);
/// The schema Status.
[[nodiscard]] boost::json::object status_json(const StatusParts& parts, const Moment& moment);

/// The schema Live: `now`, and what happened since `before`. The findings are of a longer window.
[[nodiscard]] boost::json::object live_json(const Figures& now, const Figures& before,
                                            const std::vector<Finding>& findings, double window_seconds,
                                            ProcessState state, const Moment& moment);

[[nodiscard]] std::string_view to_string(runtime::LogLevel level);

}  // namespace pillion::admin
