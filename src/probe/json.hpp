#pragma once
// What was measured, for programs. Pure.

#include <string>
#include <vector>

#include "probe/findings.hpp"

namespace pillion::probe {

/// One JSON object in one line: {"servers": […]}, in the order given. Keys name their units; what was not measured is
/// null.
[[nodiscard]] std::string to_json(const std::vector<ProbedServer>& servers);

}  // namespace pillion::probe
