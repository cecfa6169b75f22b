#pragma once
// The measurements as text of at most 80 columns. Pure.

#include <string>
#include <vector>

#include "probe/findings.hpp"

namespace pillion::probe {

/// One row for each server, then the details of each. `servers` must be ranked.
[[nodiscard]] std::string to_table(const std::vector<ProbedServer>& servers);

}  // namespace pillion::probe
