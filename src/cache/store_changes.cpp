// The part of Store that keeps answers and makes room for them.

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "cache/store.hpp"

namespace pillion::cache {
namespace {

constexpr std::uint32_t largest_share = 2;     // one answer may take a half of the probation queue
constexpr std::uint32_t max_wasted_units = 8;  // at the end of a block that is overwritten in place
constexpr int max_reclaimed = 4;  // entries beyond use that are dropped from the main queue for one on probation
constexpr unsigned promoting_frequency = 2;  // uses after which an entry moves from probation to the main queue
constexpr std::size_t max_pointers = 255;    // the most that an entry can list

}  // namespace

std::expected<Kind, NotStored> Store::insert(const Key& key, const Preparation& reply, Denial denial,
                                             runtime::Time now) {
  const auto& admitted = reply.admitted();
  if (!admitted) return std::unexpected(admitted.error());
  if (admitted->kind == Kind::failure && note_failure(key, now)) return Kind::failure;
  const bool exists = admitted->kind != Kind::failure && !admitted->denies_name;
  const bool denies_name = admitted->denies_name && denial != Denial::type && !seen_.has(key.name.hash(seed_));
  if (exists) note_existing(key);
  auto stored_key = key;
  bool holds_beneath = false;
  if (denies_name) {
    drop(key);
    stored_key.type = every_type;
    holds_beneath = denial == Denial::tree && reply.pointer_offsets().size() <= max_pointers &&
                    reply.wire().size() + dns::max_name_size < dns::pointer_reach;
  }
  const bool stored = put({.answer = reply, .stored = now, .key = stored_key, .holds_beneath = holds_beneath});
  if (!stored) return std::unexpected(NotStored::too_large);
  return admitted->kind;
}

void Store::insert_found(const Key& key, const Preparation& found, runtime::Time now) {
  static_cast<void>(put({.answer = found, .stored = now, .key = key}));
}

void Store::configure(const Settings& settings) {
  const auto size = settings_.size;
  settings_ = settings;
  settings_.size = size;
}

// If there is an answer that is still usable, notes in its entry that the upstream failed, and returns true.
bool Store::note_failure(const Key& key, runtime::Time now) {
  auto* const entry = find(key, now);
  if (entry == nullptr || entry->kind() == Kind::failure) return false;
  const auto until = now - entry->stored() + std::chrono::seconds(failure_lifetime(settings_));
  entry->retry_delay_ = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(until).count(), 0, 0xFFFFFFFF));
  entry->refreshing_ = false;
  return true;
}

void Store::drop(const Key& key) {
  const auto* const entry = entry_of(key);
  if (entry != nullptr) remove(position_of(*entry));
}

// If a name exists, so do its ancestors, and denials of these names are wrong (RFC 8020 section 2 the other way round).
// Drops such denials, and remembers the names for denials that come later.
void Store::note_existing(Key key) {
  key.type = every_type;
  for (int i = 0; i <= max_ancestors; ++i) {
    seen_.add(key.name.hash(seed_));
    if (denials_ > 0) drop(key);
    if (key.name.is_root()) break;
    key.name = key.name.parent();
  }
}

// Writes an entry. False if the entry is too large; then there is no entry for the key any more.
bool Store::put(const EntryContent& content) {
  const auto& key = content.key;
  const auto now = content.stored;
  const auto units = Entry::units_for(content);
  const auto key_hash = hash(key);
  auto* const old = entry_of(key, key_hash);
  if (old != nullptr && units <= old->units_ && old->units_ - units <= max_wasted_units) {
    old->fill(content);
    metrics_.insertions.add();
    return true;
  }
  std::optional<Queue> queue;
  std::uint8_t frequency = 0;
  if (old != nullptr) {
    queue = Queue{old->queue_};
    frequency = old->frequency_;
    remove(position_of(*old));
  }
  if (units > probation_.capacity() / largest_share) return false;
  if (!queue) queue = ghosts_.take(key_hash) ? Queue::main : Queue::probation;

  const auto position = make_room(*queue, units, now);
  auto* const entry = std::construct_at(&at(position));
  entry->units_ = units;
  entry->hash_ = key_hash;
  entry->queue_ = *queue;
  entry->frequency_ = frequency & 3U;
  entry->fill(content);
  link(position);
  count_added(*entry);
  metrics_.insertions.add();
  return true;
}

Position Store::make_room(Queue queue, std::uint32_t units, runtime::Time now) {
  int second_chances = max_second_chances;
  while (!ring(queue).fits(units)) {
    if (queue == Queue::main) {
      evict_from_main(now, second_chances);
    } else {
      evict_from_probation(now);
    }
  }
  return ring(queue).push(units);
}

// True if the main queue has room without the loss of a usable entry. Drops entries beyond use at its front.
bool Store::main_has_room(std::uint32_t units, runtime::Time now) {
  for (int i = 0; i < max_reclaimed && !main_.fits(units); ++i) {
    const auto& oldest = at(main_.oldest());
    if (!oldest.dead_ && is_usable(oldest, now)) break;
    drop_oldest(Queue::main, now);
  }
  return main_.fits(units);
}

// Moves the oldest entry on probation to the main queue if it was used often enough or the main queue has room.
// Otherwise drops the entry and remembers it, so that it goes to the main queue at once if it is inserted again soon.
void Store::evict_from_probation(runtime::Time now) {
  const auto& oldest = at(probation_.oldest());
  const bool wanted = !oldest.dead_ && is_usable(oldest, now);
  if (wanted && (oldest.frequency_ >= promoting_frequency || main_has_room(oldest.units_, now))) {
    int second_chances = max_second_chances;
    while (!main_.fits(oldest.units_)) evict_from_main(now, second_chances);
    move_oldest(Queue::probation, Queue::main);
    return;
  }
  if (wanted && oldest.kind() != Kind::failure) ghosts_.add(oldest.hash_);
  drop_oldest(Queue::probation, now);
}

void Store::evict_from_main(runtime::Time now, int& second_chances) {
  auto& oldest = at(main_.oldest());
  if (oldest.dead_ || oldest.frequency_ == 0 || !is_usable(oldest, now) || second_chances == 0) {
    drop_oldest(Queue::main, now);
    return;
  }
  --second_chances;
  --oldest.frequency_;
  move_oldest(Queue::main, Queue::main);
}

void Store::drop_oldest(Queue queue, runtime::Time now) {
  const auto position = ring(queue).oldest();
  const auto& entry = at(position);
  if (!entry.dead_) {
    (is_usable(entry, now) ? metrics_.evictions : metrics_.expired).add();
    remove(position);
  }
  ring(queue).pop(entry.units_);
}

// The queue `to` has room. If both are the same queue, there is always room (Ring::pop).
void Store::move_oldest(Queue from, Queue to) {
  const auto old_position = ring(from).oldest();
  const auto units = at(old_position).units_;
  auto& pointing_here = link_to(old_position);
  ring(from).pop(units);
  const auto position = ring(to).push(units);
  std::memmove(&arena_[position], &arena_[old_position], units * unit_size);
  pointing_here = position;
  auto& entry = at(position);
  if (from != to) entry.frequency_ = 0;
  entry.queue_ = to;
}

void Store::link(Position position) {
  auto& entry = at(position);
  auto& head = bucket(entry.hash_);
  entry.next_ = head;
  head = position;
}

// The place that holds the position of this entry: its bucket, or the entry before it in the chain.
Position& Store::link_to(Position position) {
  auto* pointer = &bucket(at(position).hash_);
  while (*pointer != position) pointer = &at(*pointer).next_;
  return *pointer;
}

// Takes the entry out of the index. Its block stays until it is the oldest of its queue.
void Store::remove(Position position) {
  auto& entry = at(position);
  link_to(position) = entry.next_;
  entry.dead_ = true;
  count_removed(entry);
}

void Store::count_added(const Entry& entry) {
  ++entries_;
  units_ += entry.units_;
  if (entry.speaks_for_every_type()) ++denials_;
  publish();
}

void Store::count_removed(const Entry& entry) {
  --entries_;
  units_ -= entry.units_;
  if (entry.speaks_for_every_type()) --denials_;
  publish();
}

void Store::publish() {
  metrics_.entries.set(static_cast<double>(entries_));
  metrics_.bytes.set(static_cast<double>(units_ * unit_size));
}

}  // namespace pillion::cache
