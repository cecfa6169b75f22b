#pragma once
// The counters of one shard about the origin of its answers.

#include <cstdint>
#include <string_view>

#include "runtime/enum_array.hpp"
#include "runtime/metrics.hpp"

namespace pillion::resolve {

/// The origin of an answer: the label `source`.
enum class Source : std::uint8_t {
  cache,
  stale,     // from the cache, after it had expired (RFC 8767)
  upstream,  // from an upstream over TLS
  cluster,   // from an unencrypted upstream
  local,     // made by Pillion
  count_,
};
inline constexpr auto source_labels =
    runtime::enum_array<Source, std::string_view>({"cache", "stale", "upstream", "cluster", "local"});

struct ResolverMetrics {
  runtime::Gauge generations;         // configurations of which something still exists
  runtime::Counter coalesced;         ///< queries that joined one in flight
  runtime::Counter prefetches;        ///< our own queries for popular answers that are about to expire
  runtime::Counter search_walks;      ///< walks along the search list that Pillion began for a client
  runtime::Counter search_withheld;   ///< questions that were not asked, since no such cluster name can exist
  runtime::Counter forwarding_loops;  ///< loop probes that came back to us
};

}  // namespace pillion::resolve
