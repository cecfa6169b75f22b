#pragma once
// Is DNS well here, and if not, whose fault is it? Pure: from figures of now and of a while ago to sentences.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/figures.hpp"

namespace pillion::admin {

enum class Severity : std::uint8_t {
  ok,
  notice,    ///< nobody is hurt yet, or no more
  warning,   ///< some answers are late or missing, or will be
  critical,  ///< answers are missing
};
[[nodiscard]] std::string_view to_string(Severity severity);

enum class Fault : std::uint8_t { none, upstream, network, clients, pillion, configuration };
[[nodiscard]] std::string_view to_string(Fault fault);

/// What the process does.
enum class ProcessState : std::uint8_t { starting, ready, draining };
[[nodiscard]] std::string_view to_string(ProcessState state);

/// Something that is to be known, and whose fault it is.
struct Finding {
  Severity severity = Severity::ok;
  std::string_view code;  ///< of static storage, as the OpenAPI document lists them
  Fault fault = Fault::none;
  std::string text;          ///< one sentence
  std::string subject = {};  ///< a server or an upstream; empty where it is about none
};

/// What a verdict depends on besides the figures.
struct Situation {
  ProcessState state = ProcessState::ready;
  bool loops_turn = true;
  bool last_reload_failed = false;
  double unix_seconds = 0;  ///< now
};

/// All findings, the worst first; the only one is all_well where nothing is wrong. `before` is older than `now`; what
/// happened in between is what is judged. Never empty.
[[nodiscard]] std::vector<Finding> judge(const Figures& now, const Figures& before, const Situation& situation);

/// The time between the two, in seconds.
[[nodiscard]] double window_of(const Figures& now, const Figures& before);

}  // namespace pillion::admin
