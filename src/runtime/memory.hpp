#pragma once
// The bytes that a shard may hold, divided by their use. Code that keeps data on behalf of a client or an upstream
// takes the bytes first, and refuses if there are none. So the bound holds before the work begins. Pure.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "runtime/enum_array.hpp"

namespace pillion::runtime {

/// The uses of memory: values of the label `what` of pillion_memory_used_bytes.
enum class MemoryUse : std::uint8_t {
  cache,        ///< answers in the cache
  connections,  ///< client connections, and the start of a small message or answer on each
  input,        ///< bytes that clients sent and Pillion has not handled yet
  output,       ///< answers that clients have not read yet
  queries,      ///< waiting queries, and the in-flight queries and exchanges for them
  walks,        ///< walks along the search list, with the answers to their steps
  count_,
};
inline constexpr auto memory_labels =
    enum_array<MemoryUse, std::string_view>({"cache", "connections", "input", "output", "queries", "walks"});

/// A limited number of bytes that are taken and given back. One thread writes it, any thread may read it.
class MemoryShare {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  explicit MemoryShare(std::size_t limit = unlimited) : limit_(limit) {}

  /// Takes `bytes`. False, and nothing is taken, if fewer are left.
  [[nodiscard]] bool take(std::size_t bytes) {
    if (bytes > room()) return false;
    set(used() + bytes);
    return true;
  }
  /// Takes `bytes` even if fewer are left; the next take() then fails. For small amounts whose use must not fail.
  void take_anyway(std::size_t bytes) { set(used() + bytes); }
  /// Gives `bytes` back, at most as many as were taken.
  void give(std::size_t bytes) { set(used() - bytes); }

  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t room() const { return limit_ - std::min(limit_, used()); }
  /// The most bytes in use since the last call. Only for the thread that writes.
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

/// Divides `bytes`, the memory that the program may hold beyond its own. The cache gets `cache` bytes, but at most a
/// quarter of all. The sum is at most `bytes`.
[[nodiscard]] MemoryDivision divide_memory(std::size_t bytes, std::size_t cache);

/// The shares of one shard. Without a division they are unlimited. The cache has no share here, since the store itself
/// keeps to its size.
struct MemoryShares {
  MemoryShares() = default;
  /// Gives one of `shards` shards an equal part of each use. `input` and `output` get at least 256 KiB, since a
  /// smaller share could not hold one large message of a client.
  MemoryShares(const MemoryDivision& division, std::size_t shards);

  MemoryShare connections;
  MemoryShare input;
  MemoryShare output;
  MemoryShare queries;
  MemoryShare walks;

  /// The sum of the peaks of all shares.
  [[nodiscard]] std::size_t take_peak() {
    return connections.take_peak() + input.take_peak() + output.take_peak() + queries.take_peak() + walks.take_peak();
  }
  /// The share of this use, or nullptr for the cache.
  [[nodiscard]] const MemoryShare* find(MemoryUse use) const;
};

/// Bytes that one holder has taken from a share. The destructor gives them back.
class MemoryHold {
 public:
  explicit MemoryHold(MemoryShare& share) : share_(share) {}
  MemoryHold(const MemoryHold&) = delete;
  MemoryHold& operator=(const MemoryHold&) = delete;
  ~MemoryHold() { share_.give(bytes_); }

  /// Changes the number of held bytes to `bytes`. False, and nothing changes, if the share has too few. A decrease
  /// never fails.
  [[nodiscard]] bool set(std::size_t bytes) {
    if (bytes > bytes_ && bytes - bytes_ > share_.room()) return false;
    set_anyway(bytes);
    return true;
  }
  /// Changes the number of held bytes to `bytes`, even if the share has too few.
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
