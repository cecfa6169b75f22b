#pragma once
// What a shard counts about its cache.

#include "runtime/metrics.hpp"

namespace pillion::cache {

struct CacheMetrics {
  runtime::Gauge entries;       ///< that can be found, expired ones included
  runtime::Gauge bytes;         ///< that these take, headers and rounding included; the index is not in it
  runtime::Counter hits;        ///< lookups that found a fresh entry
  runtime::Counter misses;      ///< lookups after which the upstream has to be asked
  runtime::Counter stale;       ///< stale entries handed out to be answered with (RFC 8767)
  runtime::Counter insertions;  ///< entries written, those that replace another included
  runtime::Counter evictions;   ///< usable entries dropped to make room
  runtime::Counter expired;     ///< useless entries dropped to make room
};

}  // namespace pillion::cache
