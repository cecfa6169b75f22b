#pragma once
// What a message of syslog has in front of its text (RFC 5424 section 6). Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/log.hpp"

namespace pillion::telemetry {

/// `<30>1 2026-01-02T03:04:05.678Z web-0 pillion 7 query - `: the facility is `daemon`, there is no structured data.
class SyslogHeader {
 public:
  /// What is longer than RFC 5424 section 6 allows, or has other characters, is cut, and has `?` for these. `host`:
  /// empty: unknown.
  SyslogHeader(std::string_view host, std::uint32_t process, std::string_view message_id);

  /// Up to the time, with the severity of a line of that level.
  [[nodiscard]] static std::string_view before_time(runtime::LogLevel level);
  /// What stands between the time and the text, with a space on either side.
  [[nodiscard]] std::string_view behind_time() const { return behind_time_; }

 private:
  std::string behind_time_;
};

}  // namespace pillion::telemetry
