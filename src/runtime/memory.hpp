#pragma once
// The bytes that a shard may hold, divided by what they are for. Whoever keeps something on behalf of others takes its
// bytes first, and refuses where there are none; so the bound is looked at before the work. Pure.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "runtime/enum_array.hpp"

namespace pillion::runtime {

/// What memory is for: the label `what` of pillion_memory_used_bytes.
enum class MemoryUse : std::uint8_t {
  cache,        ///< answers that are kept
  connections,  ///< client connections, and the start of a small message or answer on each
  input,        ///< what clients have sent and is not handled yet
  output,       ///< answers that clients have not taken yet
  queries,      ///< queries that wait, and what is under way for them
  walks,        ///< walks along the search list, with the answers to their steps
  count_,
};
inline constexpr auto memory_labels =
    enum_array<MemoryUse, std::string_view>({"cache", "connections", "input", "output", "queries", "walks"});

/// A number of bytes, taken and given back. Written by one thread, read by any.
class MemoryShare {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  explicit MemoryShare(std::size_t limit = unlimited) : limit_(limit) {}

  /// False, and nothing is taken, if there are not so many.
  [[nodiscard]] bool take(std::size_t bytes) {
    if (bytes > room()) return false;
    set(used() + bytes);
    return true;
  }
  /// Takes them even where there are not so many, which the next take() then sees: for what is small and must not fail.
  void take_anyway(std::size_t bytes) { set(used() + bytes); }
  /// No more than was taken.
  void give(std::size_t bytes) { set(used() - bytes); }

  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t room() const { return limit_ - std::min(limit_, used()); }
  /// The most that was used since the last call of this. For the thread that takes.
  [[nodiscard]] std::size_t take_peak() { return std::exchange(peak_, used()); }

 private:
  void set(std::size_t used) {
    used_.store(used, std::memory_order_relaxed);
    if (used > peak_) peak_ = used;
  }

  std::size_t limit_;
  std::size_t peak_ = 0;
  std::atomic<std::size_t> used_{0};
};

/// Bytes by use.
using MemoryDivision = EnumArray<MemoryUse, std::size_t>;

/// Divides `bytes`, which is what the program may hold beyond itself. The cache gets what it wants, `cache` bytes, up
/// to a quarter; the sum is at most `bytes`.
[[nodiscard]] MemoryDivision divide_memory(std::size_t bytes, std::size_t cache);

/// The shares of one shard; made without a division, they are unlimited. The cache's is its size, kept by itself.
struct MemoryShares {
  MemoryShares() = default;
  /// An equal part for one of `shards`, though never less than one large message of a client takes: a smaller share
  /// would be one that nobody could ever use.
  MemoryShares(const MemoryDivision& division, std::size_t shards);

  MemoryShare connections;
  MemoryShare input;
  MemoryShare output;
  MemoryShare queries;
  MemoryShare walks;

  /// The sum of their peaks.
  [[nodiscard]] std::size_t take_peak() {
    return connections.take_peak() + input.take_peak() + output.take_peak() + queries.take_peak() + walks.take_peak();
  }
  /// nullptr for the cache.
  [[nodiscard]] const MemoryShare* find(MemoryUse use) const;
};

/// Bytes held by somebody of a share, given back with the holder.
class MemoryHold {
 public:
  explicit MemoryHold(MemoryShare& share) : share_(share) {}
  MemoryHold(const MemoryHold&) = delete;
  MemoryHold& operator=(const MemoryHold&) = delete;
  ~MemoryHold() { share_.give(bytes_); }

  /// From now on `bytes`; false, and nothing changes, if the share has not so many. Fewer than before never fails.
  [[nodiscard]] bool set(std::size_t bytes) {
    if (bytes > bytes_ && bytes - bytes_ > share_.room()) return false;
    set_anyway(bytes);
    return true;
  }
  /// The same, where it must not fail.
  void set_anyway(std::size_t bytes) {
    if (bytes > bytes_) {
      share_.take_anyway(bytes - bytes_);
    } else {
      share_.give(bytes_ - bytes);
    }
    bytes_ = bytes;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  MemoryShare& share_;
  std::size_t bytes_ = 0;
};

}  // namespace pillion::runtime
