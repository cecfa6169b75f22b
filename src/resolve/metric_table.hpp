#pragma once
// The metrics of the resolvers.

#include <array>
#include <vector>

#include "resolve/metrics.hpp"
#include "runtime/metric.hpp"

namespace pillion::resolve {

struct ResolverSources {
  std::vector<const ResolverMetrics*> resolvers;  ///< of each shard
  bool searches = false;                          ///< False: there are no metrics of search walks
  bool asks_in_the_clear = false;                 ///< False: there is no metric of forwarding loops
};

template <auto counter>
void write_total(const ResolverSources& from, runtime::SeriesWriter& series) {
  if (!from.resolvers.empty()) series.add({}, runtime::sum(from.resolvers, counter));
}

/// Only if `has` is true of the sources.
template <bool ResolverSources::* has, auto counter>
void write_if(const ResolverSources& from, runtime::SeriesWriter& series) {
  if (from.*has) write_total<counter>(from, series);
}

inline constexpr auto metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<ResolverSources>>({
      {{"pillion_cache_prefetches_total", counter,
        "Queries that Pillion sent to renew popular answers before they expired."},
       write_total<&ResolverMetrics::prefetches>},
      {{"pillion_dns_coalesced_total", counter, "Queries that joined an identical query in flight."},
       write_total<&ResolverMetrics::coalesced>},
      {{"pillion_search_walks_total", counter, "Walks along the search list that Pillion made instead of a client."},
       write_if<&ResolverSources::searches, &ResolverMetrics::search_walks>},
      {{"pillion_search_withheld_total", counter,
        "Questions that Pillion did not ask, since the cluster of the search list cannot have such a name."},
       write_if<&ResolverSources::searches, &ResolverMetrics::search_withheld>},
      {{"pillion_forwarding_loops_total", counter,
        "Questions of Pillion that an unencrypted upstream has sent back to it; only if there is such an upstream."},
       write_if<&ResolverSources::asks_in_the_clear, &ResolverMetrics::forwarding_loops>},
  });
}();

}  // namespace pillion::resolve
