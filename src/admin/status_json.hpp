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

/// The addresses that the process has bound, each with its port: "127.0.0.1:53".
struct ListenView {
  std::vector<std::string> dns;
  std::vector<std::string> http;
  std::vector<std::string> admin;
};

/// What the status contains besides the figures.
struct StatusParts {
  const telemetry::Sources& sources;
  const Figures& figures;
  const std::vector<Finding>& findings;  ///< not empty
  double window_seconds = 0;             ///< the time that the findings are about
  ProcessState state = ProcessState::ready;
  Moment started;
  std::string file;       ///< path of the configuration; empty: the defaults
  std::string sbom;       ///< SHA-256 in hexadecimal; empty: none
  bool read_only = true;  ///< True if the admin server refuses changes
  std::uint32_t threads = 1;
  ListenView listen;
  runtime::LogLevel log_level = runtime::LogLevel::info;
};

/// An object of the schema Verdict. `findings` must not be empty; the first one is the verdict.
[[nodiscard]] boost::json::object verdict_json(const std::vector<Finding>& findings, double window_seconds);
/// An object of the schema CacheNumbers.
[[nodiscard]] boost::json::object cache_json(const CacheFigures& figures);
/// An object of the schema ReloadState.
[[nodiscard]] boost::json::object reloads_json(const telemetry::Sources& sources);
/// An object of the schema Status.
[[nodiscard]] boost::json::object status_json(const StatusParts& parts, const Moment& moment);

/// An object of the schema Live: `now`, and the changes since `before`, a second or so ago. The findings are about the
/// last `window_seconds`.
[[nodiscard]] boost::json::object live_json(const Figures& now, const Figures& before,
                                            const std::vector<Finding>& findings, double window_seconds,
                                            ProcessState state, const Moment& moment);

/// The word of log.level.
[[nodiscard]] std::string_view to_string(runtime::LogLevel level);

}  // namespace pillion::admin
