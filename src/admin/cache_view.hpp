#pragma once
// Looks into a shard's cache on the shard's thread: the entry of a question, the names asked for most, and flushing.
// Pure.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "admin/shard_view.hpp"
#include "cache/store.hpp"
#include "dns/wire.hpp"
#include "runtime/clock.hpp"

namespace pillion::admin {

/// The entry of one shard's cache for a question.
struct CacheAnswer {
  cache::Freshness freshness = cache::Freshness::miss;
  cache::Kind kind = cache::Kind::positive;
  std::uint16_t rcode = 0;            ///< 12 bits
  std::string name;                   ///< of the entry, in presentation form; for a denial it may be an ancestor
  runtime::Duration age = {};         ///< since the entry was stored
  runtime::Duration expires_in = {};  ///< negative if the entry is stale
  unsigned hits = 0;                  ///< 0 to cache::Entry::max_hits
  std::size_t bytes = 0;              ///< of the message
  std::vector<std::string> records;   ///< in presentation form, with the remaining TTL in seconds
};

/// The question of cache/lookup, of the class IN.
struct CacheQuestion {
  dns::Buffer name;  ///< wire form
  std::uint16_t type = dns::type::a;
  bool dnssec_ok = false;
  bool checking_disabled = false;
};

/// Looks the question up without an effect on the cache. `cache` is nullptr if it is off, and then has a miss.
[[nodiscard]] CacheAnswer look_up(cache::Store* cache, const CacheQuestion& question, runtime::Time now);

/// An entry of one shard's cache that was asked for.
struct CacheName {
  std::string name;  ///< in presentation form
  std::uint16_t type = 0;
  cache::Kind kind = cache::Kind::positive;
  unsigned hits = 0;                  ///< 1 to cache::Entry::max_hits
  runtime::Duration expires_in = {};  ///< negative if the entry is stale
};

/// The `limit` names that were asked for most, in descending order. Passed to ShardQuestions: each call reads a part
/// of the cache.
[[nodiscard]] std::function<std::optional<std::vector<CacheName>>(ShardView&)> top_names(std::size_t limit);

/// The entries to remove from the cache.
struct FlushOrder {
  dns::Buffer name = {};      ///< wire form; unused with `all`
  bool with_beneath = false;  ///< True if all names beneath it are removed too
  bool all = false;
};
/// Removes the entries and returns their number. Passed to ShardQuestions: each call reads a part of the cache.
[[nodiscard]] std::function<std::optional<std::uint64_t>(ShardView&)> flush(FlushOrder order);

}  // namespace pillion::admin
