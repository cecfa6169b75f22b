#pragma once
// The `query_log` of a document.

#include "config/config.hpp"
#include "config/section.hpp"

namespace pillion::config {

/// Reads `query_log` from the top level, whose `syslog` has been read. The key file has to be readable now; its
/// contents are used at the start.
void read_query_log(const Section& top, const SyslogSettings& syslog, QueryLogSettings& settings);

/// The longest key for hashed names in bytes, and the shortest.
inline constexpr std::size_t max_key_size = std::size_t{64} << 10U;
inline constexpr std::size_t min_key_size = 16;

}  // namespace pillion::config
