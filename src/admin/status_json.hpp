#pragma once
// The process as a whole as JSON: its status, the cache's figures, the figures of a live event.

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

/// The addresses that the process has bound.
struct ListenView {
  std::vector<std::string> dns;
  std::vector<std::string> http;
  std::vector<std::string> admin;
};

/// What the status contains besides the figures.
struct StatusParts {
  const telemetry::Sources& sources;
  const Figures& figures;
  const std::vector<Finding>& findings;
  double window_seconds = 0;
  ProcessState state = ProcessState::ready;
  WallTime started;
  std::string file;  ///< path of the configuration; empty: the defaults
  std::string sbom;  ///< SHA-256 in hexadecimal; empty: none
  bool read_only = true;
  std::uint32_t threads = 1;
  ListenView listen;
  runtime::LogLevel log_level = runtime::LogLevel::info;
};

/// An object of the schema Verdict.
[[nodiscard]] boost::json::object verdict_json(const std::vector<Finding>& findings, double window_seconds);
/// An object of the schema CacheNumbers.
[[nodiscard]] boost::json::object cache_json(const CacheFigures& figures);
/// An object of the schema ReloadState.
[[nodiscard]] boost::json::object reloads_json(const telemetry::Sources& sources);
/// An object of the schema Status.
[[nodiscard]] boost::json::object status_json(const StatusParts& parts, const Moment& moment);

/// An object of the schema Live: `now`, and the changes since `before`. The findings are about a longer window.
[[nodiscard]] boost::json::object live_json(const Figures& now, const Figures& before,
                                            const std::vector<Finding>& findings, double window_seconds,
                                            ProcessState state, const Moment& moment);

[[nodiscard]] std::string_view to_string(runtime::LogLevel level);

}  // namespace pillion::admin
