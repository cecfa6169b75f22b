#pragma once
// The `upstreams` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `upstreams` from the top level into `config`, which holds their defaults and the document's `dns`. The files
/// that they name must be usable, and no server may be a listener of Pillion's own. `warnings` gets what the files hold
/// that may not be meant.
void read_upstreams(const Section& top, Config& config, std::vector<std::string>& warnings);

}  // namespace pillion::config
