#pragma once
// Judges whether DNS works, and whose fault it is if not. Pure: compares current figures with older ones and returns
// sentences.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/figures.hpp"

namespace pillion::admin {

/// The greater the value, the worse: judge() sorts by it.
enum class Severity : std::uint8_t {
  ok = 0,
  notice = 1,    ///< nobody is affected yet, or any more
  warning = 2,   ///< some answers are late or missing, or soon will be
  critical = 3,  ///< answers are missing
};
[[nodiscard]] std::string_view to_string(Severity severity);
/// True if somebody has to act on a finding of this severity.
[[nodiscard]] bool needs_attention(Severity severity);

enum class Fault : std::uint8_t { none, upstream, network, clients, pillion, configuration };
[[nodiscard]] std::string_view to_string(Fault fault);

/// The state of the process.
enum class ProcessState : std::uint8_t { starting, ready, draining };
[[nodiscard]] std::string_view to_string(ProcessState state);

/// A fact to report, and whose fault it is.
struct Finding {
  Severity severity = Severity::ok;
  std::string_view code;  ///< static storage; one of the codes in the OpenAPI document
  Fault fault = Fault::none;
  std::string text;          ///< one sentence
  std::string subject = {};  ///< the server or upstream concerned; empty if there is none
};

/// What the verdict depends on besides the figures.
struct Situation {
  ProcessState state = ProcessState::ready;
  bool loops_turn = true;
  bool last_reload_failed = false;
  double unix_seconds = 0;  ///< the current time
};

/// All findings, the worst first; all_well alone if nothing is wrong. Never empty. `before` must be older than `now`:
/// the verdict is about the time between.
[[nodiscard]] std::vector<Finding> judge(const Figures& now, const Figures& before, const Situation& situation);

/// The time between the two readings, in seconds.
[[nodiscard]] double window_of(const Figures& now, const Figures& before);

}  // namespace pillion::admin
