#pragma once
// A first-in, first-out queue of blocks of different sizes in a contiguous piece of memory: positions, not the memory.

#include <cstdint>

namespace pillion::cache {

/// Blocks stand one after the other, each contiguous. The queue continues at the beginning of the memory after the last
/// block that fits. Sizes and positions are in a unit of the owner, and positions are absolute. The owner knows the
/// size of each block.
class Ring {
 public:
  /// Uses the positions from `begin` on, `capacity` of them.
  Ring(std::uint32_t begin, std::uint32_t capacity) : begin_(begin), capacity_(capacity) {}

  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] bool empty() const { return blocks_ == 0; }
  /// True if there is room for a block of `size` without pop().
  [[nodiscard]] bool fits(std::uint32_t size) const {
    if (wrapped_) return first_ - next_ >= size;
    return capacity_ - next_ >= size || first_ >= size;
  }
  /// Adds a block, which must fit. Returns its position.
  std::uint32_t push(std::uint32_t size) {
    if (!wrapped_ && capacity_ - next_ < size) {
      end_ = next_;
      next_ = 0;
      wrapped_ = true;
    }
    const auto position = next_;
    next_ += size;
    ++blocks_;
    return begin_ + position;
  }
  /// The position of the block that was pushed first. The queue is not empty.
  [[nodiscard]] std::uint32_t oldest() const { return begin_ + first_; }
  /// Removes the oldest block, which has this `size`. A push of at most that size then fits, so that the owner can move
  /// the block to the other end, where it may overlap its old place.
  void pop(std::uint32_t size) {
    first_ += size;
    if (--blocks_ == 0) {
      first_ = next_ = 0;
      wrapped_ = false;
    } else if (wrapped_ && first_ == end_) {
      first_ = 0;
      wrapped_ = false;
    }
  }

 private:
  std::uint32_t begin_;
  std::uint32_t capacity_;
  std::uint32_t first_ = 0;  // the oldest block
  std::uint32_t next_ = 0;   // the place of the next block
  std::uint32_t end_ = 0;    // while wrapped: the end of the blocks from first_ on
  std::uint32_t blocks_ = 0;
  bool wrapped_ = false;  // next_ has continued at the beginning and stands before first_
};

}  // namespace pillion::cache
