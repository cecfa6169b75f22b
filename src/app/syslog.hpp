#pragma once
// Makes the syslog output that the configuration describes.

#include <memory>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "telemetry/logger.hpp"
#include "telemetry/record_output.hpp"
#include "telemetry/syslog_header.hpp"
#include "telemetry/syslog_log.hpp"

namespace pillion::app {

/// The host name from gethostname(2); empty if that fails.
[[nodiscard]] std::string own_host_name();

/// The header of syslog messages of this process. `message_id` is the MSGID (RFC 5424 section 6.2.7), such as "query".
[[nodiscard]] telemetry::SyslogHeader syslog_header(std::string_view message_id);

/// An output to the collector at `settings.output`, which must not be empty. Throws std::runtime_error if it is not a
/// collector's address.
[[nodiscard]] std::unique_ptr<telemetry::RecordOutput> syslog_output(const config::SyslogSettings& settings);

/// Sends the lines of `log` by syslog, or returns nullptr if `settings.output` is empty. `log` must outlive the result.
/// Throws as syslog_output() does, and std::system_error if the thread cannot be started.
[[nodiscard]] std::unique_ptr<telemetry::SyslogLog> make_syslog(const config::SyslogSettings& settings,
                                                                telemetry::Logger& log);

}  // namespace pillion::app
