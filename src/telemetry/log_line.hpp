#pragma once
// Formats log lines. Pure: the caller passes the time.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/log.hpp"
#include "telemetry/escaped_text.hpp"

namespace pillion::telemetry {

enum class LineFormat : std::uint8_t {
  json,
  text,
  ecs_json,  ///< JSON with the names of the Elastic Common Schema
};

/// Appends one line with its newline. json: `{"ts":"2026-01-02T03:04:05.678Z","level":"info","msg":"...","key":value}`;
/// one object per line (RFC 8259), `ts` as in RFC 3339. ecs_json:
/// `{"@timestamp":"…","log.level":"info","ecs.version":"8.11.0","event.dataset":"pillion.log",
/// "message":"...","pillion.key":value}`, where some keys have the names of the schema, such as `error.message` for
/// `error`. text: `2026-01-02T03:04:05.678Z INFO message key=value`; a value with anything but plain printable ASCII is
/// quoted as in JSON. The line is valid UTF-8, whatever the bytes of the message and the fields are: invalid sequences
/// become U+FFFD, and control characters are escaped. Numbers that are not finite are null in JSON.
void append_log_line(std::string& out, LineFormat format, std::chrono::system_clock::time_point time,
                     runtime::LogLevel level, std::string_view message, std::span<const runtime::Field> fields);

}  // namespace pillion::telemetry
