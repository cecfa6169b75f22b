#pragma once
// The keys whose changes apply only after a restart.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

/// Their paths, in the order of the key table.
[[nodiscard]] std::vector<std::string_view> restart_keys();

/// One text for each of these keys whose value differs: "threads: is 2 and was 1; restart to apply". `before` and
/// `after` are the configurations as they were read, without the limits that the process lowered because it had too
/// few descriptors.
[[nodiscard]] std::vector<std::string> restart_faults(const Config& before, const Config& after);

}  // namespace pillion::config
