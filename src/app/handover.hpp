#pragma once
// What a supervisor and the processes that it starts tell each other: numbers by name, in one environment variable.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::app {

/// The environment variable. Its value is "name=number" for each member that is not as here, parted by blanks.
inline constexpr const char* handover_variable = "PILLION_HANDOVER";

struct Handover {
  int report = -1;                ///< descriptor to report bound sockets on, and then to end; -1: this is a worker
  pid_t supervisor = 0;           ///< process id; 0: there is none
  std::vector<int> sockets = {};  ///< descriptors, in the order in which they were bound
  int channel = -1;               ///< descriptor to hand over sockets that are bound later; -1: there is none
  int outcome = -1;               ///< descriptor of the ReloadOutcome, which the supervisor holds; -1: there is none
  std::uint64_t restarts = 0;     ///< how many workers ended by a signal before this one
  int ended_by = 0;               ///< the signal that ended the last of them; 0: this is the first
  std::uint64_t lived_ms = 0;     ///< how long that one lived
};

[[nodiscard]] std::string to_text(const Handover& handover);
/// nullopt if the text is not of that form.
[[nodiscard]] std::optional<Handover> parse_handover(std::string_view text);

/// Takes the variable out of the environment. nullopt if it is not there, or not of that form. No other thread may run.
[[nodiscard]] std::optional<Handover> take_handover();

}  // namespace pillion::app
