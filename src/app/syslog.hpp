#pragma once
// Syslog as the configuration has it.

#include <memory>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "telemetry/logger.hpp"
#include "telemetry/record_output.hpp"
#include "telemetry/syslog_header.hpp"
#include "telemetry/syslog_log.hpp"

namespace pillion::app {

/// Of the host, as gethostname(2) has it; empty where that fails.
[[nodiscard]] std::string own_host_name();

/// What our messages have in front; `message_id` says what they are of.
[[nodiscard]] telemetry::SyslogHeader syslog_header(std::string_view message_id);

/// Sends to the collector that `settings.output` names, which is not empty. Throws std::runtime_error where it is no
/// such address.
[[nodiscard]] std::unique_ptr<telemetry::RecordOutput> syslog_output(const config::SyslogSettings& settings);

/// Sends the lines of `log`, which outlives it; nullptr if `settings.output` is empty. Throws as syslog_output() does,
/// and std::system_error where a thread cannot be started.
[[nodiscard]] std::unique_ptr<telemetry::SyslogLog> make_syslog(const config::SyslogSettings& settings,
                                                                telemetry::Logger& log);

}  // namespace pillion::app
