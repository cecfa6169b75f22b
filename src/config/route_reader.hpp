#pragma once
// The `routes` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `routes` from the top level into `config`, which holds the document's upstreams. Where no route is for the
/// root zone, one to the only upstream, or to the one named `public`, is put at the end. An upstream that no route uses
/// is a fault.
void read_routes(const Section& top, Config& config);

}  // namespace pillion::config
