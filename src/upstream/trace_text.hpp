#pragma once
// A trace's events for people and for programs. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "upstream/trace.hpp"

namespace pillion::upstream::trace {

/// Times are numbers of milliseconds; their keys end in "_ms".
using FieldValue = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>>;
struct TraceField {
  std::string_view key;
  FieldValue value;
};

/// What kind of event it is, in snake_case: "server_chosen".
[[nodiscard]] std::string_view kind_of(const What& what);
/// All that the event says, without its time and step.
[[nodiscard]] std::vector<TraceField> fields_of(const What& what);
/// The same in one English line: "asks 1.1.1.1:853: lowest latency of 2 (12 ms)".
[[nodiscard]] std::string line_of(const What& what);
/// The line with its time in front, and the step behind that: "   1.204 ms  …".
[[nodiscard]] std::string line_of(const Event& event);

}  // namespace pillion::upstream::trace
