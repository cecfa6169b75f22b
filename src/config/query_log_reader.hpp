#pragma once
// Reads the section `query_log`.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `query_log` from the top level. `syslog` must have been read before. Checks that the key file can be read; its
/// contents are read at the start.
void read_query_log(const Section& top, const SyslogSettings& syslog, QueryLogSettings& settings);

/// The bounds of the key for hashed names, in bytes.
inline constexpr std::size_t max_key_size = std::size_t{64} << 10U;
inline constexpr std::size_t min_key_size = 16;

}  // namespace pillion::config
