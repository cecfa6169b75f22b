#pragma once
// The `upstreams` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `upstreams` from the top level into `config`, which holds their defaults and the document's `dns`. The files
/// that they name must be readable, and no server may be a listener of Pillion's own.
void read_upstreams(const Section& top, Config& config);

}  // namespace pillion::config
