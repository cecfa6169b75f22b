#pragma once
// A fact about DNS that a person should know, how bad it is, and whose fault. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace pillion::admin {

/// The greater the value, the worse: findings are sorted by it.
enum class Severity : std::uint8_t {
  ok = 0,
  notice = 1,    ///< nobody is affected yet, or any more
  warning = 2,   ///< some answers are late or missing, or soon will be
  critical = 3,  ///< answers are missing
};
/// The word of the OpenAPI document.
[[nodiscard]] std::string_view to_string(Severity severity);
/// True if somebody has to act on a finding of this severity.
[[nodiscard]] bool needs_attention(Severity severity);

/// Who has to act.
enum class Fault : std::uint8_t { none, upstream, network, clients, pillion, configuration };
/// The word of the OpenAPI document.
[[nodiscard]] std::string_view to_string(Fault fault);

/// A fact to report, and whose fault it is.
struct Finding {
  Severity severity = Severity::ok;
  std::string_view code;  ///< static storage; one of the codes in the OpenAPI document
  Fault fault = Fault::none;
  std::string text;          ///< one sentence
  std::string subject = {};  ///< the server or upstream concerned; empty if there is none
};

}  // namespace pillion::admin
