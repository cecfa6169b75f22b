#pragma once
// The header of a syslog message (RFC 5424 section 6). Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/log.hpp"

namespace pillion::telemetry {

/// For example `<30>1 2026-01-02T03:04:05.678Z web-0 pillion 7 query - `. The facility is `daemon`; there is no
/// structured data.
class SyslogHeader {
 public:
  /// `host` may be empty if it is unknown; `process` is the process number. Cuts `host` and `message_id` to the lengths
  /// of RFC 5424 section 6, and replaces characters that it does not allow by `?`.
  SyslogHeader(std::string_view host, std::uint32_t process, std::string_view message_id);

  /// The part before the time, with the severity for `level`.
  [[nodiscard]] static std::string_view before_time(runtime::LogLevel level);
  /// The part between the time and the text, with a space at each end.
  [[nodiscard]] std::string_view behind_time() const { return behind_time_; }

 private:
  std::string behind_time_;
};

}  // namespace pillion::telemetry
