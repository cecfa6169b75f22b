#pragma once
// The data that a supervisor and its processes exchange: numbers by name in one environment variable.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::app {

/// The environment variable. Its value has "name=number" for each member that differs from the default, separated by
/// blanks.
inline constexpr const char* handover_variable = "PILLION_HANDOVER";

struct Handover {
  int report = -1;                ///< descriptor to report bound sockets on before ending; -1: this is a worker
  pid_t supervisor = 0;           ///< process id; 0: there is no supervisor
  std::vector<int> sockets = {};  ///< descriptors in the order of binding
  int channel = -1;               ///< descriptor to hand over sockets that are bound later; -1: none
  int outcome = -1;               ///< descriptor of the ReloadOutcome, which the supervisor holds; -1: none
  std::uint64_t restarts = 0;     ///< number of earlier workers that a signal ended
  int ended_by = 0;               ///< the signal that ended the last of them; 0: this is the first worker
  std::uint64_t lived_ms = 0;     ///< lifetime of the last of them
};

[[nodiscard]] std::string to_text(const Handover& handover);
/// nullopt if the text does not have that form.
[[nodiscard]] std::optional<Handover> parse_handover(std::string_view text);

/// Removes the variable from the environment and parses it. nullopt if it is missing or does not have that form. No
/// other thread may run.
[[nodiscard]] std::optional<Handover> take_handover();

}  // namespace pillion::app
