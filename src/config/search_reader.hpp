#pragma once
// The `search` of a document.

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `search` from the top level: false, the domains themselves, or those of the file that `resolv_conf` names,
/// which is read now. That file is not Pillion's own: what is wrong in it is skipped with a warning, `file:line: what,
/// and why`.
void read_search(const Section& top, Search& search, std::vector<std::string>& warnings);

}  // namespace pillion::config
