#pragma once
// The keys whose values are built into the running process.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

/// Their paths, in the order of the key table.
[[nodiscard]] std::vector<std::string_view> restart_keys();

/// One text for each of them that differs: "threads: is 2 and was 1; restart to apply". `before` and `after` are as
/// they were read: limits that the process has lowered since, for lack of descriptors, are none that were written.
[[nodiscard]] std::vector<std::string> restart_faults(const Config& before, const Config& after);

}  // namespace pillion::config
