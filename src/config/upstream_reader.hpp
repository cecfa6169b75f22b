#pragma once
// The `upstreams` and `routes` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `upstreams` and `routes` from the top level into `config`, which holds the defaults of both, and checks that
/// they fit each other and that the files they name can be read.
void read_upstreams_and_routes(const Section& top, Config& config);

}  // namespace pillion::config
