#pragma once
// Reads the section `syslog`.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Faults go to the faults of `top`.
void read_syslog(const Section& top, SyslogSettings& settings);

}  // namespace pillion::config
