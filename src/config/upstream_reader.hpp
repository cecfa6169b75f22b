#pragma once
// Reads the `upstreams` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `upstreams` from the top level into `config`, which must hold the default upstreams and the document's `dns`.
/// The files that the upstreams name must be usable, and no server may be one of Pillion's own listeners. `warnings`
/// gets what in these files may be a mistake.
void read_upstreams(const Section& top, Config& config, std::vector<std::string>& warnings);

}  // namespace pillion::config
