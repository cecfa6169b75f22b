#pragma once
// What a shard counts about how it comes to its answers.

#include <cstdint>
#include <string_view>

#include "runtime/enum_array.hpp"
#include "runtime/metrics.hpp"

namespace pillion::resolve {

/// Where an answer came from: the label `source`.
enum class Source : std::uint8_t {
  cache,
  stale,     // the cache, after the answer had expired (RFC 8767)
  upstream,  // over TLS
  cluster,   // an upstream in the clear
  local,     // made here
  count_,
};
inline constexpr auto source_labels =
    runtime::enum_array<Source, std::string_view>({"cache", "stale", "upstream", "cluster", "local"});

struct ResolverMetrics {
  runtime::Gauge generations;         // of the configuration, of which something is left
  runtime::Counter coalesced;         ///< queries that joined one already under way
  runtime::Counter prefetches;        ///< queries of our own for popular answers about to expire
  runtime::Counter search_walks;      ///< walks along the search list begun in place of a client
  runtime::Counter search_withheld;   ///< questions not passed on, since no such cluster name can exist
  runtime::Counter forwarding_loops;  ///< our own loop probes that came back to us
};

}  // namespace pillion::resolve
