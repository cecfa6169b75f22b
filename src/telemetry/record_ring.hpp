#pragma once
// A ring of bytes that hands records from one writer thread to one reader thread without a lock, so that the writer
// never waits. If there is no room, the writer drops the record and counts it. Pure.

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "runtime/metrics.hpp"

namespace pillion::telemetry {

class RecordRing {
 public:
  static constexpr std::size_t alignment = 8;  ///< of records, in bytes

  /// `capacity` is in bytes, includes 8 bytes per record for its size, and is rounded up to a power of two. The
  /// constructor writes to every byte, so that the ring is resident before the memory is divided into shares.
  explicit RecordRing(std::size_t capacity)
      : bytes_(std::bit_ceil(std::max(capacity, std::size_t{2} * unit)), 0), mask_(bytes_.size() - 1) {}

  /// For the writer: returns the place for a record of `size` bytes, with `alignment`. The writer fills it and calls
  /// commit(). If there is no room, returns an empty span and counts a dropped record.
  [[nodiscard]] std::span<std::uint8_t> begin(std::size_t size) {
    const auto needed = rounded(size + unit);
    const auto head = head_.load(std::memory_order_relaxed);
    const auto to_end = bytes_.size() - (head & mask_);
    const auto skipped = needed <= to_end ? 0 : to_end;
    if (needed > bytes_.size() || !has_room(head + skipped + needed)) {
      dropped_.add();
      return {};
    }
    // There is always room for the mark, since positions are multiples of a unit.
    if (skipped > 0) write_size(head, skip_mark);
    write_size(head + skipped, size);
    next_head_ = head + skipped + needed;
    return std::span(bytes_).subspan(((head + skipped) & mask_) + unit, size);
  }
  /// For the writer: makes the record visible to the reader. Sequentially consistent, as Wakeup::notify() requires.
  void commit() { head_.store(next_head_, std::memory_order_seq_cst); }

  /// For the reader: the oldest record, valid until pop(). Its data() is nullptr if there is none.
  [[nodiscard]] std::span<const std::uint8_t> front() {
    const auto head = head_.load(std::memory_order_seq_cst);
    auto tail = tail_.load(std::memory_order_relaxed);
    if (tail == head) return {};
    if (read_size(tail) == skip_mark) {
      tail += bytes_.size() - (tail & mask_);
      tail_.store(tail, std::memory_order_release);
    }
    const auto size = read_size(tail);
    next_tail_ = tail + rounded(size + unit);
    return std::span(bytes_).subspan((tail & mask_) + unit, size);
  }
  void pop() { tail_.store(next_tail_, std::memory_order_release); }

  [[nodiscard]] std::uint64_t dropped() const { return dropped_.value(); }

 private:
  static constexpr std::size_t unit = alignment;  // bytes: also those of the size field before each record
  static constexpr std::size_t skip_mark = ~std::size_t{0};

  [[nodiscard]] static constexpr std::size_t rounded(std::size_t size) { return (size + unit - 1) / unit * unit; }
  [[nodiscard]] bool has_room(std::size_t next_head) {
    if (next_head - known_tail_ <= bytes_.size()) return true;
    known_tail_ = tail_.load(std::memory_order_acquire);
    return next_head - known_tail_ <= bytes_.size();
  }
  void write_size(std::size_t position, std::size_t size) {
    std::memcpy(bytes_.data() + (position & mask_), &size, sizeof size);
  }
  [[nodiscard]] std::size_t read_size(std::size_t position) const {
    std::size_t size = 0;
    std::memcpy(&size, bytes_.data() + (position & mask_), sizeof size);
    return size;
  }

  static constexpr std::size_t cache_line = 64;

  std::vector<std::uint8_t> bytes_;
  std::size_t mask_;
  runtime::Counter dropped_;
  // Positions only grow. The offset in the ring is the position modulo the ring's size.
  alignas(cache_line) std::atomic<std::size_t> head_{0};  // written by the writer
  std::size_t next_head_ = 0;
  std::size_t known_tail_ = 0;
  alignas(cache_line) std::atomic<std::size_t> tail_{0};  // written by the reader
  std::size_t next_tail_ = 0;
};

}  // namespace pillion::telemetry
