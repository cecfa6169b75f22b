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
};

template <auto counter>
void write_total(const ResolverSources& from, runtime::SeriesWriter& series) {
  if (!from.resolvers.empty()) series.add({}, runtime::sum(from.resolvers, counter));
}

template <auto counter>
void write_of_searches(const ResolverSources& from, runtime::SeriesWriter& series) {
  if (from.searches) write_total<counter>(from, series);
}

inline constexpr auto metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<ResolverSources>>({
      {{"pillion_cache_prefetches_total", counter, "Queries of our own for popular answers that were about to expire."},
       write_total<&ResolverMetrics::prefetches>},
      {{"pillion_dns_coalesced_total", counter,
        "Queries that waited for the same question, already under way for another."},
       write_total<&ResolverMetrics::coalesced>},
      {{"pillion_search_walks_total", counter, "Walks along the search list made in place of a client's."},
       write_of_searches<&ResolverMetrics::search_walks>},
      {{"pillion_search_withheld_total", counter,
        "Questions not passed on, since the cluster of the search list can have no such name."},
       write_of_searches<&ResolverMetrics::search_withheld>},
      {{"pillion_forwarding_loops_total", counter,
        "Questions of our own that an upstream in the clear has sent back to us."},
       write_total<&ResolverMetrics::forwarding_loops>},
  });
}();

}  // namespace pillion::resolve
