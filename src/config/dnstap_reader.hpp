#pragma once
// Reads the section `dnstap`.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Faults go to the faults of `top`.
void read_dnstap(const Section& top, DnstapSettings& settings);

}  // namespace pillion::config
