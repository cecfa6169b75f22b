#pragma once
// Reads the `search` of a document.

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `search` from the top level: false, the domains, or the domains of the file that `resolv_conf` names, which
/// this function reads. Others write that file, so that its faults become warnings (`file:line: what, and why`) and
/// are skipped.
void read_search(const Section& top, Search& search, std::vector<std::string>& warnings);

}  // namespace pillion::config
