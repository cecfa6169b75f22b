#pragma once
// The events of a trace as text for people and as fields for programs. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "upstream/trace.hpp"

namespace pillion::upstream::trace {

/// Times are milliseconds; their keys end in "_ms".
using TraceValue = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>>;
struct TraceField {
  std::string_view key;
  TraceValue value;
};

/// The type of an event in snake_case: "server_chosen".
[[nodiscard]] std::string_view kind_of(const What& what);
/// All members of the event, without its time and step.
[[nodiscard]] std::vector<TraceField> fields_of(const What& what);
/// The event as one English line: "asks 1.1.1.1:853: lowest latency of 2 (12 ms)".
[[nodiscard]] std::string line_of(const What& what);
/// The line after its time and step: "   1.204 ms  …".
[[nodiscard]] std::string line_of(const Event& event);

}  // namespace pillion::upstream::trace
