#pragma once
// The `dnstap` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `dnstap` from the top level.
void read_dnstap(const Section& top, DnstapSettings& settings);

}  // namespace pillion::config
