#pragma once
// What people ask of a shard's cache, on its thread: what is held for a question, what is asked for most, and that
// something is to go. Pure.

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

/// What one shard holds for a question.
struct CacheAnswer {
  cache::Freshness freshness = cache::Freshness::miss;
  cache::Kind kind = cache::Kind::positive;
  std::uint16_t rcode = 0;
  std::string name;                   ///< of the entry, in presentation form
  runtime::Duration age = {};         ///< since it was stored
  runtime::Duration expires_in = {};  ///< negative: it is stale
  unsigned hits = 0;
  std::size_t bytes = 0;             ///< of the message
  std::vector<std::string> records;  ///< in presentation form, with the TTL that is left
};

/// The question that cache/lookup asks.
struct CacheQuestion {
  dns::Buffer name;  ///< wire form
  std::uint16_t type = 1;
  bool dnssec_ok = false;
  bool checking_disabled = false;
};

[[nodiscard]] CacheAnswer look_up(cache::Store* cache, const CacheQuestion& question, runtime::Time now);

struct CacheName {
  std::string name;  ///< in presentation form
  std::uint16_t type = 0;
  cache::Kind kind = cache::Kind::positive;
  unsigned hits = 0;
  runtime::Duration expires_in = {};
};

/// The `limit` names that were asked for most, the most asked first. A question for ShardQuestions: it looks at a part
/// of the cache each time that it is called.
[[nodiscard]] std::function<std::optional<std::vector<CacheName>>(ShardView&)> top_names(std::size_t limit);

/// What is to be dropped.
struct FlushOrder {
  dns::Buffer name = {};      ///< wire form; not for `all`
  bool with_beneath = false;  ///< True if all names beneath it go too
  bool all = false;
};
/// Drops it, and answers how many entries went; likewise in parts.
[[nodiscard]] std::function<std::optional<std::uint64_t>(ShardView&)> flush(FlushOrder order);

}  // namespace pillion::admin
