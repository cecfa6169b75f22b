#pragma once
// Objects of one type at fixed addresses, which are reused instead of freed. Once warm, the data path acquires and
// releases them without allocating. trim() frees what a peak has left.

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/memory.hpp"

namespace pillion::runtime {

/// T is default-constructible. A released object keeps its state and the capacity of its buffers. The next user resets
/// what it needs.
template <typename T>
class Slab {
 public:
  /// At most `limit` objects are in use at once. Each takes `cost` bytes from `memory`: its own size, and that of the
  /// buffers that it usually fills.
  Slab(std::size_t limit, MemoryShare& memory, std::size_t cost) : limit_(limit), memory_(memory), cost_(cost) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { memory_.give(in_use() * cost_); }

  /// An object, or nullptr if `limit` objects are in use or `memory` has fewer than `cost` bytes left.
  [[nodiscard]] T* acquire() {
    if (in_use() == limit_ || cost_ > memory_.room()) return nullptr;
    if (free_.empty()) grow();
    memory_.take_anyway(cost_);
    T* const object = free_.back();
    free_.pop_back();
    return object;
  }
  void release(T& object) {
    memory_.give(cost_);
    free_.push_back(&object);
  }
  /// True if `limit` objects are in use, so that acquire() fails for another reason than memory.
  [[nodiscard]] bool is_full() const { return in_use() == limit_; }
  [[nodiscard]] std::size_t in_use() const { return chunks_.size() * chunk_size - free_.size(); }

  /// Frees up to `at_once` unused objects and leaves about `keep` of them. True if there are more to free. No
  /// reference to a released object may be left.
  [[nodiscard]] bool trim(std::size_t keep = 256, std::size_t at_once = 512) {
    if (free_.size() < keep + chunk_size) return false;
    std::size_t freed = 0;
    bool is_more = false;
    // The searches below need this order. acquire() then takes the objects with the lowest addresses first.
    std::ranges::sort(free_, std::greater<>{});
    std::erase_if(chunks_, [&](const std::unique_ptr<Chunk>& chunk) {
      if (is_more || free_.size() < keep + chunk_size) return false;
      const auto first = std::ranges::lower_bound(free_, &chunk->back(), std::greater<>{});
      const auto end = std::ranges::upper_bound(free_, &chunk->front(), std::greater<>{});
      if (end - first != static_cast<std::ptrdiff_t>(chunk_size)) return false;
      is_more = freed + chunk_size > at_once;
      if (is_more) return false;
      free_.erase(first, end);
      freed += chunk_size;
      return true;
    });
    return is_more;
  }

 private:
  static constexpr std::size_t chunk_size = 16;
  using Chunk = std::array<T, chunk_size>;

  void grow() {
    // Reserves the room for the objects' return now, so that release() cannot fail. This may throw and so comes first.
    free_.reserve(std::max(free_.capacity(), (chunks_.size() + 1) * chunk_size));
    chunks_.push_back(std::make_unique<Chunk>());
    for (auto& object : *chunks_.back()) free_.push_back(&object);
  }

  std::size_t limit_;
  MemoryShare& memory_;
  std::size_t cost_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<T*> free_;
};

}  // namespace pillion::runtime
