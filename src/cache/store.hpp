#pragma once
// The cache: answers by question, in a fixed number of bytes. Pure: no clock, no socket, no thread.
//
// Entries are evicted by S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023). The many
// names that are asked once pass through a short probation queue and do not displace those that are asked again, as
// they would with CLOCK. All queues are first in, first out, so that each is a ring of bytes without allocator,
// fragmentation and list links. SIEVE would remove entries from the middle.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <utility>
#include <vector>

#include "cache/entry.hpp"
#include "cache/ghosts.hpp"
#include "cache/metrics.hpp"
#include "cache/preparation.hpp"
#include "cache/ring.hpp"
#include "cache/seen_names.hpp"

namespace pillion::cache {

enum class Freshness : std::uint8_t {
  miss,   // there is no answer
  fresh,  // the answer has not expired
  stale,  // expired, but within serve_stale: an answer if the upstream gives none (RFC 8767 section 5)
};

/// The result of a lookup.
struct Lookup {
  Freshness freshness = Freshness::miss;
  /// nullptr on a miss. Valid until the next call that is not a lookup.
  const Entry* entry = nullptr;
  /// True if the entry is fresh, popular, and in the last tenth of its lifetime. The caller should ask the upstream
  /// now, if its budget allows that, and call mark_refreshing().
  bool prefetch_due = false;
  /// True if the entry is stale and the upstream failed less than failure_ttl ago. The caller should answer with the
  /// entry now, and not ask (RFC 8767 section 5, RFC 9520 section 3.2).
  bool failed_recently = false;
};

/// What sort_out() does with an entry.
enum class Fate : std::uint8_t {
  kept,
  kept_for_its_name,  ///< kept, but it no longer denies names beneath its own (RFC 8020)
  dropped,
};

/// Not thread-safe: each shard has its own. An operation looks at and moves a bounded number of entries.
class Store {
 public:
  /// How often lookups must find an entry fresh before it is popular enough to be prefetched.
  static constexpr unsigned prefetch_hits = 2;
  /// How many ancestors of a name are looked up for a denial (RFC 8020), the nearest first.
  static constexpr int max_ancestors = 16;
  /// How many blocks may get a second chance while room is made for one. After these, the oldest block is dropped.
  static constexpr int max_second_chances = 256;

  /// Allocates all memory, at most settings.size bytes. Pages that were never used are not resident. `seed` must be
  /// random.
  Store(const Settings& settings, std::uint64_t seed);

  /// Finds the answer to a question. Counts a hit if the entry is fresh, a stale answer if `failed_recently` is true,
  /// or else a miss, after which the caller asks the upstream. Failures up to `recovered`, the time at which an
  /// upstream answered again, do not count. Does not allocate.
  [[nodiscard]] Lookup lookup(const Key& key, runtime::Time now, std::optional<runtime::Time> recovered = {});
  /// The result of a walk along the search list, for which `key` must ask; nullptr if there is none or it has expired.
  /// Counts a hit, but no miss, since other lookups follow.
  [[nodiscard]] const Entry* lookup_found(const Key& key, runtime::Time now);
  /// True if there is a fresh answer for `key` by which the name exists, with or without records of the type.
  [[nodiscard]] bool has_existing(const Key& key, runtime::Time now);
  /// Finds an entry, fresh or stale, after the upstream did not answer in time (RFC 8767 section 5: 1.8 s). Counts a
  /// stale answer, but neither hit nor miss.
  [[nodiscard]] Lookup lookup_stale(const Key& key, runtime::Time now);
  /// What lookup() would find, for the admin server. Counts nothing, not even the use of the entry.
  [[nodiscard]] Lookup peek(const Key& key, runtime::Time now);
  /// Notes that the upstream is being asked for the entry of `key`: prefetch_due stays false for it until an answer or
  /// a failure is inserted, or it expires.
  void mark_refreshing(const Key& key);

  /// True if there is a fresh answer with addresses of the name of `key`, A or AAAA, of another type than that of
  /// `key`.
  [[nodiscard]] bool has_other_address(const Key& key, runtime::Time now);

  /// Keeps the upstream's reply to the question `key` and replaces an earlier entry. The caller must not pass replies
  /// to signed queries, to queries with ECS, and to queries without RD. `denial` is the most that an NXDOMAIN of this
  /// upstream denies. If the name is known to exist, an NXDOMAIN denies the type alone.
  ///
  /// A failure does not replace an answer that is still usable (RFC 8767 section 5). The entry of that answer then
  /// notes until when the upstream is not asked again.
  std::expected<Kind, NotStored> insert(const Key& key, const Preparation& reply, Denial denial, runtime::Time now);
  /// Keeps the result of a walk along the search list, for which `key` must be. It says nothing of the name itself.
  void insert_found(const Key& key, const Preparation& found, runtime::Time now);

  /// Uses these settings from now on, but for the size, which stays as it is.
  void configure(const Settings& settings);
  /// Calls `fate_of(dns::NameView name, Kind kind, bool searched)` for each entry and does what it returns. `searched`
  /// is true for the result of a walk (insert_found). Takes time in proportion to the number of entries.
  template <typename FateOf>
  void sort_out(FateOf fate_of) {
    sort_out(0, buckets_.size(), fate_of);
  }
  /// The number of buckets of the index, by which the store can be visited in parts. It never changes, and no entry
  /// moves to another bucket.
  [[nodiscard]] std::size_t buckets() const { return buckets_.size(); }
  /// The same for the entries of at most `count` buckets from `first` on.
  template <typename FateOf>
  void sort_out(std::size_t first, std::size_t count, FateOf fate_of) {
    const auto end = first + std::min(count, buckets_.size() - std::min(first, buckets_.size()));
    for (auto bucket = first; bucket < end; ++bucket) {
      for (auto position = buckets_[bucket]; position != no_position;) {
        auto& entry = at(position);
        const auto next = entry.next_;
        const Fate fate = fate_of(entry.name(), entry.kind(), bool{entry.searched_});
        if (fate == Fate::dropped) remove(position);
        if (fate != Fate::kept) entry.holds_beneath_ = false;
        position = next;
      }
    }
  }

  /// Calls `visit(const Entry&)` for each entry of at most `count` buckets from `first` on.
  template <typename Visit>
  void for_each(std::size_t first, std::size_t count, Visit visit) const {
    const auto end = first + std::min(count, buckets_.size() - std::min(first, buckets_.size()));
    for (auto bucket = first; bucket < end; ++bucket) {
      for (auto position = buckets_[bucket]; position != no_position; position = at(position).next_)
        visit(std::as_const(at(position)));
    }
  }

  [[nodiscard]] const CacheMetrics& metrics() const { return metrics_; }
  /// The size in bytes of entries and index together, used or not; at most settings.size.
  [[nodiscard]] std::size_t memory() const;

 private:
  using Queue = Entry::Queue;
  struct alignas(unit_size) Unit {
    std::byte bytes[unit_size];
  };
  struct Shape {
    std::size_t buckets;
    std::size_t ghost_buckets;
    std::size_t seen_bytes;
    std::uint32_t probation_units;
    std::uint32_t main_units;
  };
  /// Divides `size` bytes.
  [[nodiscard]] static Shape shape_of(std::size_t size);
  Store(const Settings& settings, std::uint64_t seed, const Shape& shape);

  [[nodiscard]] Entry& at(Position position) const { return *reinterpret_cast<Entry*>(&arena_[position]); }
  [[nodiscard]] Position position_of(const Entry& entry) const {
    return static_cast<Position>(reinterpret_cast<const Unit*>(&entry) - arena_.get());
  }
  [[nodiscard]] Position& bucket(std::uint32_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  [[nodiscard]] Ring& ring(Queue queue) { return queue == Queue::main ? main_ : probation_; }
  [[nodiscard]] std::uint32_t hash(const Key& key) const { return static_cast<std::uint32_t>(hash_of(key, seed_)); }

  // Finding (store.cpp)
  [[nodiscard]] Entry* entry_of(const Key& key, std::uint32_t hash);
  [[nodiscard]] Entry* entry_of(const Key& key) { return entry_of(key, hash(key)); }
  static void count_use(Entry& entry);
  void count_hit(Entry& entry);
  [[nodiscard]] Entry* denial_above(Key key, runtime::Time now);
  [[nodiscard]] Entry* find(const Key& key, runtime::Time now);
  [[nodiscard]] bool is_usable(const Entry& entry, runtime::Time now) const;
  [[nodiscard]] static bool is_fresh(const Entry& entry, runtime::Time now) { return now < entry.expires(); }
  [[nodiscard]] bool is_failing(const Entry& entry, runtime::Time now, std::optional<runtime::Time> recovered) const;
  [[nodiscard]] bool is_prefetch_due(const Entry& entry, const Key& key, runtime::Time now) const;

  // Changing (store_changes.cpp)
  [[nodiscard]] bool note_failure(const Key& key, runtime::Time now);
  void drop(const Key& key);
  void note_existing(Key key);
  [[nodiscard]] bool put(const EntryContent& content);
  Position make_room(Queue queue, std::uint32_t units, runtime::Time now);
  void evict_from_probation(runtime::Time now);
  [[nodiscard]] bool main_has_room(std::uint32_t units, runtime::Time now);
  void evict_from_main(runtime::Time now, int& second_chances);
  void drop_oldest(Queue queue, runtime::Time now);
  void move_oldest(Queue from, Queue to);
  void link(Position position);
  [[nodiscard]] Position& link_to(Position position);
  void remove(Position position);
  void count_added(const Entry& entry);
  void count_removed(const Entry& entry);
  void publish();

  Settings settings_;
  std::uint64_t seed_;
  std::unique_ptr<Unit[]> arena_;
  std::vector<Position> buckets_;  // the first entry of each chain
  Ghosts ghosts_;
  Ring probation_;
  Ring main_;
  SeenNames seen_;
  std::size_t entries_ = 0;
  std::size_t units_ = 0;    // the size of these entries
  std::size_t denials_ = 0;  // those of these entries that deny all types of their names
  CacheMetrics metrics_;
};

}  // namespace pillion::cache
