#pragma once
// The metrics of the cache.

#include <array>
#include <chrono>
#include <cstddef>
#include <vector>

#include "cache/metrics.hpp"
#include "runtime/metric.hpp"

namespace pillion::cache {

struct CacheSources {
  std::vector<const CacheMetrics*> caches;  ///< of each shard; empty: there is no cache, and no metric of it
  std::size_t cache_limit = 0;              ///< bytes for all caches
  std::chrono::seconds serve_stale{0};      ///< Settings::serve_stale of the configuration in use
};

template <auto counter>
void write_total(const CacheSources& from, runtime::SeriesWriter& series) {
  if (!from.caches.empty()) series.add({}, runtime::sum(from.caches, counter));
}

inline void write_limit(const CacheSources& from, runtime::SeriesWriter& series) {
  if (!from.caches.empty()) series.add({}, static_cast<double>(from.cache_limit));
}

/// Only once a stale answer was given: before, it limits nothing.
inline void write_serve_stale(const CacheSources& from, runtime::SeriesWriter& series) {
  if (runtime::sum(from.caches, &CacheMetrics::stale) > 0)
    series.add({}, static_cast<double>(from.serve_stale.count()));
}

inline constexpr auto metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<CacheSources>>({
      {{"pillion_cache_entries", gauge, "Answers in the cache, expired ones included."},
       write_total<&CacheMetrics::entries>},
      {{"pillion_cache_bytes", gauge, "Bytes that the answers in the cache take."}, write_total<&CacheMetrics::bytes>},
      {{"pillion_cache_limit_bytes", gauge,
        "Limit of pillion_cache_bytes: cache.size for each thread, or less if the memory is too small for that."},
       write_limit},
      {{"pillion_cache_serve_stale_seconds", gauge,
        "How long after its TTL an answer may be given: cache.serve_stale; only once a stale answer was given."},
       write_serve_stale},
      {{"pillion_cache_hits_total", counter, "Queries answered from the cache with an answer that had not expired."},
       write_total<&CacheMetrics::hits>},
      {{"pillion_cache_misses_total", counter, "Queries for which the cache had no answer, or only an expired one."},
       write_total<&CacheMetrics::misses>},
      {{"pillion_cache_stale_total", counter, "Expired answers given because the upstream did not answer."},
       write_total<&CacheMetrics::stale>},
      {{"pillion_cache_insertions_total", counter, "Answers put into the cache."},
       write_total<&CacheMetrics::insertions>},
      {{"pillion_cache_evictions_total", counter, "Usable answers removed to make room."},
       write_total<&CacheMetrics::evictions>},
      {{"pillion_cache_expired_total", counter, "Unusable answers removed to make room."},
       write_total<&CacheMetrics::expired>},
  });
}();

}  // namespace pillion::cache
