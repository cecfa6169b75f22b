#include "admin/cache_view.hpp"

#include <algorithm>
#include <utility>

#include "dns/message.hpp"
#include "dns/name.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"

namespace pillion::admin {
namespace {

/// Buckets of the cache's index that one turn of the shard's loop reads: about 100 us.
constexpr std::size_t buckets_a_turn = 2048;

std::vector<std::string> records_of(const cache::Entry& entry, runtime::Duration age) {
  std::vector<std::string> records;
  const auto message = entry.wire();
  const auto question_end = dns::header_size + entry.name().size() + 4;
  const auto age_seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  dns::for_each_record(message, question_end, [&](const dns::Record& record) {
    dns::Buffer owner;
    if (!dns::unpack_name(message, record.owner, owner)) return;
    const auto left = std::max<std::int64_t>(0, std::int64_t{record.ttl} - age_seconds);
    records.push_back(dns::to_text(owner) + " " + std::to_string(left) + " " +
                      presentation::class_to_text(record.klass) + " " + presentation::type_to_text(record.type) + " " +
                      presentation::rdata_to_text(message, record));
  });
  return records;
}

/// The state of a walk through the cache. `names` may hold more than the limit between calls.
struct TopNames {
  std::size_t next_bucket = 0;
  std::vector<CacheName> names;
};

void keep_most_asked(std::vector<CacheName>& names, std::size_t limit) {
  const auto is_before = [](const CacheName& a, const CacheName& b) {
    return std::pair(b.hits, std::string_view(a.name)) < std::pair(a.hits, std::string_view(b.name));
  };
  const auto kept = std::min(limit, names.size());
  std::ranges::partial_sort(names, names.begin() + static_cast<std::ptrdiff_t>(kept), is_before);
  names.resize(kept);
}

}  // namespace

CacheAnswer look_up(cache::Store* cache, const CacheQuestion& question, runtime::Time now) {
  if (cache == nullptr) return {};
  const auto found = cache->peek({.name = question.name,
                                  .type = question.type,
                                  .klass = dns::klass::in,
                                  .dnssec_ok = question.dnssec_ok,
                                  .checking_disabled = question.checking_disabled},
                                 now);
  if (found.entry == nullptr) return {};
  const auto& entry = *found.entry;
  const auto age = now - entry.stored();
  return {.freshness = found.freshness,
          .kind = entry.kind(),
          .rcode = entry.rcode(),
          .name = dns::to_text(entry.name()),
          .age = age,
          .expires_in = entry.expires() - now,
          .hits = entry.hits(),
          .bytes = entry.wire().size(),
          .records = records_of(entry, age)};
}

std::function<std::optional<std::vector<CacheName>>(ShardView&)> top_names(std::size_t limit) {
  return [limit, state = TopNames{}](ShardView& shard) mutable -> std::optional<std::vector<CacheName>> {
    const auto* const cache = shard.cache();
    if (cache == nullptr) return std::vector<CacheName>{};
    const auto now = shard.now();
    cache->for_each(state.next_bucket, buckets_a_turn, [&](const cache::Entry& entry) {
      if (entry.hits() == 0) return;
      state.names.push_back({.name = dns::to_text(entry.name()),
                             .type = entry.type(),
                             .kind = entry.kind(),
                             .hits = entry.hits(),
                             .expires_in = entry.expires() - now});
    });
    keep_most_asked(state.names, limit);
    state.next_bucket += buckets_a_turn;
    if (state.next_bucket < cache->buckets()) return std::nullopt;
    return std::move(state.names);
  };
}

std::function<std::optional<std::uint64_t>(ShardView&)> flush(FlushOrder order) {
  return [order = std::move(order), next_bucket = std::size_t{0},
          flushed = std::uint64_t{0}](ShardView& shard) mutable -> std::optional<std::uint64_t> {
    auto* const cache = shard.cache();
    if (cache == nullptr) return 0;
    cache->sort_out(next_bucket, buckets_a_turn, [&](dns::NameView name, cache::Kind, bool) {
      const bool goes = order.all || (order.with_beneath ? name.is_within(order.name) : name == order.name);
      flushed += goes ? 1 : 0;
      return goes ? cache::Fate::dropped : cache::Fate::kept;
    });
    next_bucket += buckets_a_turn;
    return next_bucket < cache->buckets() ? std::nullopt : std::optional(flushed);
  };
}

}  // namespace pillion::admin
