#pragma once
// Escapes text for the lines of logs. Pure.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace pillion::telemetry {

/// A longer text is cut and ends with an ellipsis, so that no peer can make a line long.
inline constexpr std::size_t max_log_text = 4096;  // bytes

struct TextForm {
  bool quoted = true;                ///< True: escapes `"` and `\` too, for a JSON string; the quotes are not added
  std::size_t limit = max_log_text;  ///< bytes of the text that are written
};

/// Appends the text as valid UTF-8, whatever its bytes are. Invalid sequences become U+FFFD; control characters are
/// escaped as in JSON (RFC 8259 section 7).
void append_escaped(std::string& out, std::string_view text, const TextForm& form);

/// The same in quotes: a JSON string (RFC 8259 section 7).
void append_quoted(std::string& out, std::string_view text, std::size_t limit = max_log_text);

/// "2026-01-02T03:04:05.678Z" (RFC 3339).
void append_timestamp(std::string& out, std::chrono::system_clock::time_point time);

}  // namespace pillion::telemetry
