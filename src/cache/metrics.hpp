#pragma once
// The counters of a shard's cache.

#include "runtime/metrics.hpp"

namespace pillion::cache {

struct CacheMetrics {
  runtime::Gauge entries;       ///< entries that can be found, expired ones included
  runtime::Gauge bytes;         ///< the size of these entries, headers and rounding included, the index excluded
  runtime::Counter hits;        ///< lookups that found a fresh entry
  runtime::Counter misses;      ///< lookups after which the upstream must be asked
  runtime::Counter stale;       ///< stale entries with which clients were answered (RFC 8767)
  runtime::Counter insertions;  ///< entries written, those included that replace another
  runtime::Counter evictions;   ///< usable entries that were dropped to make room
  runtime::Counter expired;     ///< entries beyond use that were dropped to make room
};

}  // namespace pillion::cache
