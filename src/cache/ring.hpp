#pragma once
// A first-in, first-out queue of blocks of different sizes inside one run of memory: the book-keeping, not the memory.

#include <cstdint>

namespace pillion::cache {

/// Blocks lie one behind the other and are each contiguous; the queue bites its tail where the memory ends. Sizes and
/// positions are in whatever unit the owner counts, positions absolute. The owner knows each block's size.
class Ring {
 public:
  /// Uses [begin, begin + capacity).
  Ring(std::uint32_t begin, std::uint32_t capacity) : begin_(begin), capacity_(capacity) {}

  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] bool empty() const { return blocks_ == 0; }
  /// True if there is room for a block of `size` as things are.
  [[nodiscard]] bool fits(std::uint32_t size) const {
    if (wrapped_) return first_ - next_ >= size;
    return capacity_ - next_ >= size || first_ >= size;
  }
  /// Takes room for a block, which must fit; its position.
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
  /// The position of the block that was pushed first. There must be one.
  [[nodiscard]] std::uint32_t oldest() const { return begin_ + first_; }
  /// Gives back the oldest block, which is of `size`. A push of at most that size then fits: a block can be moved to
  /// the other end, where it may overlap itself.
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
  std::uint32_t next_ = 0;   // where the next one goes
  std::uint32_t end_ = 0;    // while wrapped: where the blocks from first_ on end
  std::uint32_t blocks_ = 0;
  bool wrapped_ = false;  // next_ has passed the end and stands before first_
};

}  // namespace pillion::cache
