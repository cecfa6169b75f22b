#pragma once
// The `syslog` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `syslog` from the top level.
void read_syslog(const Section& top, SyslogSettings& settings);

}  // namespace pillion::config
