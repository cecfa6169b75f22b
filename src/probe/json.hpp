#pragma once
// The measurements as JSON. Pure.

#include <string>
#include <vector>

#include "probe/findings.hpp"

namespace pillion::probe {

/// One JSON object on one line: {"servers": […]}, in the order of `servers`. Keys name their units. What was not
/// measured is null.
[[nodiscard]] std::string to_json(const std::vector<ProbedServer>& servers);

}  // namespace pillion::probe
