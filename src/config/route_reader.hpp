#pragma once
// Reads the `routes` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `routes` from the top level into `config`, which must already hold the document's upstreams. If no route is
/// for the root zone, the function appends one: to the only upstream, or else to the upstream named `public`. An
/// upstream that no route uses is a fault.
void read_routes(const Section& top, Config& config);

}  // namespace pillion::config
