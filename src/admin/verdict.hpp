#pragma once
// Judges whether DNS works, and whose fault it is if not. Pure: compares current figures with older ones and returns
// sentences.

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "admin/figures.hpp"
#include "admin/finding.hpp"

namespace pillion::admin {

/// The state of the process.
enum class ProcessState : std::uint8_t { starting, ready, draining };
/// The word of the OpenAPI document.
[[nodiscard]] std::string_view to_string(ProcessState state);

/// What the verdict depends on besides the figures.
struct Situation {
  ProcessState state = ProcessState::ready;
  bool loops_turn = true;           ///< False if the loop of a shard has not turned in time
  bool last_reload_failed = false;  ///< True if the last reload kept the old configuration
  double unix_seconds = 0;          ///< the current time
};

/// All findings, the worst first; all_well alone if nothing is wrong. Never empty. The verdict is about the time
/// from `before` to `now`; they may be the same reading.
[[nodiscard]] std::vector<Finding> judge(const Figures& now, const Figures& before, const Situation& situation);

/// The time between the two readings, in seconds.
[[nodiscard]] double window_of(const Figures& now, const Figures& before);

}  // namespace pillion::admin
