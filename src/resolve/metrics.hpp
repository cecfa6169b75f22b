#pragma once
// The counters of one shard about how it resolves queries.

#include "runtime/metrics.hpp"

namespace pillion::resolve {

struct ResolverMetrics {
  runtime::Gauge generations;         // configurations of which something still exists
  runtime::Counter coalesced;         ///< queries that joined one in flight
  runtime::Counter prefetches;        ///< our own queries for popular answers that are about to expire
  runtime::Counter search_walks;      ///< walks along the search list that Pillion began for a client
  runtime::Counter search_withheld;   ///< questions that were not asked, since no such cluster name can exist
  runtime::Counter forwarding_loops;  ///< loop probes that came back to us
};

}  // namespace pillion::resolve
