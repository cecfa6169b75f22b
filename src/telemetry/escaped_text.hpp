#pragma once
// Text in lines for programs and people. Pure.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace pillion::telemetry {

/// Longest text written; what lies beyond is cut and replaced by an ellipsis, so that no peer can make a line long.
inline constexpr std::size_t max_log_text = 4096;  // bytes

struct TextForm {
  bool quoted = true;                ///< in JSON's quotes, which are not added: `"` and `\` are escaped
  std::size_t limit = max_log_text;  ///< bytes of the text; what lies beyond is cut
};

/// Appends the text as valid UTF-8 whatever its bytes are: invalid sequences become U+FFFD, control characters are
/// escaped as JSON has it.
void append_escaped(std::string& out, std::string_view text, const TextForm& form);

/// The same in quotes: a JSON string (RFC 8259 section 7).
void append_quoted(std::string& out, std::string_view text, std::size_t limit = max_log_text);

/// "2026-01-02T03:04:05.678Z" (RFC 3339).
void append_timestamp(std::string& out, std::chrono::system_clock::time_point time);

}  // namespace pillion::telemetry
