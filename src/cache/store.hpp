#pragma once
// The cache: answers by question, in a fixed number of bytes. Pure: no clock, no socket, no thread.
//
// Eviction is S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023): a short queue on
// probation takes the many names that are asked once, so that they cannot displace those asked again, which CLOCK does
// not do; and all its queues are first in, first out, so that each is a ring of bytes without allocator, fragmentation
// or list links, which SIEVE is not, since it takes entries out of the middle.

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
  miss,   // nothing that could be answered with
  fresh,  // answer with it
  stale,  // expired, but within serve_stale: for when the upstream does not answer (RFC 8767 section 5)
};

/// What was found for a question.
struct Lookup {
  Freshness freshness = Freshness::miss;
  /// Null on a miss. Good until the next call that is not a lookup.
  const Entry* entry = nullptr;
  /// Fresh, popular, and in the last tenth of its life: ask the upstream now, if the budget has room for it, and call
  /// mark_refreshing.
  bool prefetch_due = false;
  /// Stale, and the upstream has failed less than failure_ttl ago: answer with the entry now, and do not ask
  /// (RFC 8767 section 5, RFC 9520 3.2).
  bool failed_recently = false;
};

/// What becomes of an entry.
enum class Fate : std::uint8_t {
  kept,
  kept_for_its_name,  ///< but says nothing of names beneath (RFC 8020)
  dropped,
};

/// Not thread-safe: a shard has its own. Every operation takes constant time (a bounded number of probes and moves).
class Store {
 public:
  /// Lookups that find an entry fresh within one life, before it is thought popular enough to be prefetched.
  static constexpr unsigned prefetch_hits = 2;
  /// How many of a name's ancestors are looked at for one that does not exist (RFC 8020), the nearest first.
  static constexpr int max_ancestors = 16;
  /// Blocks that may be given a second chance while room is made for one; then the oldest goes, however popular.
  static constexpr int max_second_chances = 256;

  /// Takes all its memory here, settings.size at the most. Pages of it that were never used are not resident. `seed` is
  /// to be random.
  Store(const Settings& settings, std::uint64_t seed);

  /// Finds the answer to a question and counts it. Where the entry is fresh, this is a hit; where `failed_recently`, a
  /// stale answer; everything else is a miss, and the caller is expected to ask the upstream. Failures up to
  /// `recovered`, when an upstream that was down answered again, are none any more. Does not allocate.
  [[nodiscard]] Lookup lookup(const Key& key, runtime::Time now, std::optional<runtime::Time> recovered = {});
  /// What a walk along the search list found, which `key` asks for; nullptr if that is not known or has expired. Counts
  /// a hit; a miss is not counted, since other look-ups follow.
  [[nodiscard]] const Entry* lookup_found(const Key& key, runtime::Time now);
  /// True if a fresh answer is held which says that the name of `key` exists, with or without the type.
  [[nodiscard]] bool has_existing(const Key& key, runtime::Time now);
  /// For after the upstream has not answered, or not in time (RFC 8767: 1.8 s): the entry, fresh or stale. Counts stale
  /// ones as answered with; neither hits nor misses.
  [[nodiscard]] Lookup lookup_stale(const Key& key, runtime::Time now);
  /// What lookup() would find, for people who look: counts nothing, and no use of the entry.
  [[nodiscard]] Lookup peek(const Key& key, runtime::Time now);
  /// What was found for this question is being asked for: prefetch_due is not said again until an answer or a failure
  /// has come, or it expires.
  void mark_refreshing(const Key& key);

  /// True if a fresh answer with an address of the name of `key` is held, of another type than that of `key`.
  [[nodiscard]] bool has_other_address(const Key& key, runtime::Time now);

  /// Keeps the upstream's reply to the question `key`, in place of what there was. What the query was is for the caller
  /// to know: replies to signed queries, to queries with ECS or without RD are not to be passed here. `denial` is the
  /// most that an NXDOMAIN of this upstream is taken to deny; of a name that is known to exist it is about the type.
  ///
  /// A failure does not take the place of an answer that is still usable (RFC 8767 section 5): the entry notes until
  /// when the upstream need not be asked again, so that it takes no second place and cannot outlive the answer.
  std::expected<Kind, NotStored> insert(const Key& key, const Preparation& reply, Denial denial, runtime::Time now);
  /// Keeps what a walk along the search list found; `key` says so. It says nothing of the name.
  void insert_found(const Key& key, const Preparation& found, runtime::Time now);

  /// From now on; the size stays as it is.
  void configure(const Settings& settings);
  /// Asks `fate_of` of every entry's name, in wire form, its kind, and whether it is what a walk found (insert_found).
  /// Takes time in proportion to the number of entries.
  template <typename FateOf>
  void sort_out(FateOf fate_of) {
    sort_out(0, buckets_.size(), fate_of);
  }
  /// The index's lists of entries, by which parts of the store are named: what takes long can be done in parts. Their
  /// number never changes, and no entry goes from one to another.
  [[nodiscard]] std::size_t buckets() const { return buckets_.size(); }
  /// The same for the entries of `count` buckets from `first` on, as far as there are so many.
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

  /// Calls `visit` with each entry of `count` buckets from `first` on, as far as there are so many.
  template <typename Visit>
  void for_each(std::size_t first, std::size_t count, Visit visit) const {
    const auto end = first + std::min(count, buckets_.size() - std::min(first, buckets_.size()));
    for (auto bucket = first; bucket < end; ++bucket) {
      for (auto position = buckets_[bucket]; position != no_position; position = at(position).next_)
        visit(std::as_const(at(position)));
    }
  }

  [[nodiscard]] const CacheMetrics& metrics() const { return metrics_; }
  /// Bytes of memory that entries and index take together, used or not; at most settings.size.
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
  /// How the bytes of `size` are shared out.
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
  [[nodiscard]] Entry* probe(const Key& key, std::uint32_t hash);
  [[nodiscard]] Entry* probe(const Key& key) { return probe(key, hash(key)); }
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
  void count(const Entry& entry, int sign);

  Settings settings_;
  std::uint64_t seed_;
  std::unique_ptr<Unit[]> arena_;
  std::vector<Position> buckets_;  // heads of chains
  Ghosts ghosts_;
  Ring probation_;
  Ring main_;
  SeenNames seen_;
  std::size_t entries_ = 0;
  std::size_t units_ = 0;    // of these
  std::size_t denials_ = 0;  // of these, those that speak for every type of their name
  CacheMetrics metrics_;
};

}  // namespace pillion::cache
