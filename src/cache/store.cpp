#include "cache/store.hpp"

#include <algorithm>
#include <bit>

namespace pillion::cache {
namespace {

constexpr std::size_t bytes_per_bucket =
    128;  // somewhat less than the size of a small answer, so that chains have about one entry
constexpr std::size_t bytes_per_ghost = 128;  // about as many fingerprints as there are entries in the main queue
constexpr std::size_t seen_share = 64;        // one part in 64 of the memory is for names that are known to exist
constexpr std::size_t probation_share = 10;   // one part in ten, as the authors of S3-FIFO recommend

Key denial_key(Key key) {
  key.type = every_type;
  return key;
}

}  // namespace

Store::Shape Store::shape_of(std::size_t size) {
  const auto bounded = std::clamp(size, min_size, max_size);
  const auto buckets = std::bit_floor(bounded / bytes_per_bucket);
  const auto ghost_buckets = std::bit_floor(bounded / bytes_per_ghost) / Ghosts::bucket_size;
  const auto seen_bytes = std::bit_floor(bounded / seen_share);
  const auto index = buckets * sizeof(Position) + ghost_buckets * Ghosts::memory_per_bucket + seen_bytes;
  const auto units = static_cast<std::uint32_t>((bounded - index - sizeof(Store)) / unit_size - 1);
  const auto probation = static_cast<std::uint32_t>(units / probation_share);
  return {.buckets = buckets,
          .ghost_buckets = ghost_buckets,
          .seen_bytes = seen_bytes,
          .probation_units = probation,
          .main_units = units - probation};
}

Store::Store(const Settings& settings, std::uint64_t seed) : Store(settings, seed, shape_of(settings.size)) {}

// The first unit is not used: its position is no_position.
Store::Store(const Settings& settings, std::uint64_t seed, const Shape& shape)
    : settings_(settings),
      seed_(seed),
      arena_(std::make_unique_for_overwrite<Unit[]>(std::size_t{1} + shape.probation_units + shape.main_units)),
      buckets_(shape.buckets, no_position),
      ghosts_(shape.ghost_buckets),
      probation_(1, shape.probation_units),
      main_(1 + shape.probation_units, shape.main_units),
      seen_(shape.seen_bytes) {}

std::size_t Store::memory() const {
  return sizeof(Store) + (std::size_t{1} + probation_.capacity() + main_.capacity()) * unit_size +
         buckets_.size() * sizeof(Position) + ghosts_.memory() + seen_.memory();
}

Lookup Store::lookup(const Key& key, runtime::Time now, std::optional<runtime::Time> recovered) {
  auto* const entry = find(key, now);
  const bool is_over = entry != nullptr && entry->kind() == Kind::failure && recovered && entry->stored() <= *recovered;
  if (entry == nullptr || is_over) {
    metrics_.misses.add();
    return {};
  }
  if (is_fresh(*entry, now)) {
    count_hit(*entry);
    return {.freshness = Freshness::fresh, .entry = entry, .prefetch_due = is_prefetch_due(*entry, key, now)};
  }
  count_use(*entry);
  const bool failing = is_failing(*entry, now, recovered);
  (failing ? metrics_.stale : metrics_.misses).add();
  return {.freshness = Freshness::stale, .entry = entry, .failed_recently = failing};
}

const Entry* Store::lookup_found(const Key& key, runtime::Time now) {
  auto* const entry = entry_of(key);
  if (entry == nullptr || !is_fresh(*entry, now)) return nullptr;
  count_hit(*entry);
  return entry;
}

bool Store::has_existing(const Key& key, runtime::Time now) {
  const auto* const entry = entry_of(key);
  return entry != nullptr && is_fresh(*entry, now) &&
         (entry->kind() == Kind::positive || entry->kind() == Kind::nodata);
}

void Store::count_use(Entry& entry) {
  entry.frequency_ = static_cast<std::uint8_t>(std::min(entry.frequency_ + 1, 3)) & 3U;
}

void Store::count_hit(Entry& entry) {
  metrics_.hits.add();
  count_use(entry);
  if (entry.hits_ < Entry::max_hits) entry.hits_ = static_cast<std::uint8_t>(entry.hits_ + 1) & Entry::max_hits;
}

Lookup Store::lookup_stale(const Key& key, runtime::Time now) {
  const auto* const entry = find(key, now);
  if (entry == nullptr) return {};
  const bool fresh = is_fresh(*entry, now);
  if (!fresh) metrics_.stale.add();
  return {.freshness = fresh ? Freshness::fresh : Freshness::stale,
          .entry = entry,
          .failed_recently = !fresh && is_failing(*entry, now, {})};
}

Lookup Store::peek(const Key& key, runtime::Time now) {
  const auto* const entry = find(key, now);
  if (entry == nullptr) return {};
  return {.freshness = is_fresh(*entry, now) ? Freshness::fresh : Freshness::stale, .entry = entry};
}

bool Store::has_other_address(const Key& key, runtime::Time now) {
  for (const auto type : {dns::type::a, dns::type::aaaa}) {
    auto other = key;
    other.type = type;
    const auto* const entry = type == key.type ? nullptr : entry_of(other);
    if (entry != nullptr && entry->kind() == Kind::positive && is_fresh(*entry, now)) return true;
  }
  return false;
}

void Store::mark_refreshing(const Key& key) {
  auto* entry = entry_of(key);
  if (entry == nullptr && denials_ > 0) entry = entry_of(denial_key(key));
  if (entry != nullptr) entry->refreshing_ = true;
}

Entry* Store::entry_of(const Key& key, std::uint32_t hash) {
  for (auto position = bucket(hash); position != no_position;) {
    auto& entry = at(position);
    if (entry.hash_ == hash && entry.matches(key)) return &entry;
    position = entry.next_;
  }
  return nullptr;
}

// A denial is newer than all other entries of its name, since a later answer for the name would have dropped the denial
// (note_existing).
Entry* Store::find(const Key& key, runtime::Time now) {
  auto* const exact = entry_of(key);
  if (exact != nullptr && is_fresh(*exact, now)) return exact;
  if (key.searched) return nullptr;
  if (denials_ > 0) {
    auto* const denial = entry_of(denial_key(key));
    if (denial != nullptr && is_fresh(*denial, now)) return denial;
    if (auto* const above = settings_.nxdomain_cut ? denial_above(key, now) : nullptr) return above;
    if (denial != nullptr && is_usable(*denial, now)) return denial;
  }
  return exact != nullptr && is_usable(*exact, now) ? exact : nullptr;
}

// RFC 8020 section 2: a fresh denial of one of the name's ancestors.
Entry* Store::denial_above(Key key, runtime::Time now) {
  key.type = every_type;
  for (int i = 0; i < max_ancestors && !key.name.is_root(); ++i) {
    key.name = key.name.parent();
    auto* const entry = entry_of(key);
    if (entry != nullptr && entry->holds_beneath_ && is_fresh(*entry, now)) return entry;
  }
  return nullptr;
}

bool Store::is_usable(const Entry& entry, runtime::Time now) const {
  const bool is_bound_to_time = entry.kind() == Kind::failure || entry.searched_;
  const auto stale_for = is_bound_to_time ? std::chrono::seconds{0} : settings_.serve_stale;
  return now < entry.expires() + stale_for;
}

bool Store::is_failing(const Entry& entry, runtime::Time now, std::optional<runtime::Time> recovered) const {
  const auto until = entry.stored() + std::chrono::milliseconds(entry.retry_delay_);
  const bool is_over = recovered && until - std::chrono::seconds(failure_lifetime(settings_)) <= *recovered;
  return now < until && !is_over;
}

bool Store::is_prefetch_due(const Entry& entry, const Key& key, runtime::Time now) const {
  return settings_.prefetch && !entry.searched_ && !entry.refreshing_ && entry.hits() >= prefetch_hits &&
         entry.kind() != Kind::failure && entry.expires() - now <= std::chrono::seconds(entry.lifetime_) / 10.0 &&
         !is_failing(entry, now, {}) &&
         entry.name().size() == key.name.size();  // the name is the one that is denied, not one beneath it
}

}  // namespace pillion::cache
