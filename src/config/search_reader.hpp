#pragma once
// The `search` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `search` from the top level: false, the domains themselves, or those of the file that `resolv_conf` names,
/// which is read now.
void read_search(const Section& top, Search& search);

}  // namespace pillion::config
