#pragma once
// What was measured, for people: at most 80 columns wide. Pure.

#include <string>
#include <vector>

#include "probe/findings.hpp"

namespace pillion::probe {

/// A row a server, then all that was found of each. `servers` are ranked.
[[nodiscard]] std::string to_table(const std::vector<ProbedServer>& servers);

}  // namespace pillion::probe
