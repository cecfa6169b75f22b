#pragma once
// Records on their way from a thread that must not wait to one that may: a ring of bytes with one writer and one
// reader, without a lock. Where there is no room a record is dropped and counted. Pure.

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
  /// Room for `capacity` bytes of records and what it takes to part them, rounded up to a power of two. All of it is
  /// written to once, so that it is resident before memory is divided.
  explicit RecordRing(std::size_t capacity)
      : bytes_(std::bit_ceil(std::max(capacity, std::size_t{2} * unit)), 0), mask_(bytes_.size() - 1) {}

  /// The writer: where to write a record of `size` bytes, followed by commit(); empty, and counted, where there is no
  /// room. Aligned to 8 bytes.
  [[nodiscard]] std::span<std::uint8_t> begin(std::size_t size) {
    const auto needed = rounded(size + unit);
    const auto head = head_.load(std::memory_order_relaxed);
    const auto to_end = bytes_.size() - (head & mask_);
    const auto skipped = needed <= to_end ? 0 : to_end;
    if (needed > bytes_.size() || !has_room(head + skipped + needed)) {
      dropped_.add();
      return {};
    }
    // There is always room for the mark, since every record takes whole units.
    if (skipped > 0) write_size(head, skip_mark);
    write_size(head + skipped, size);
    next_head_ = head + skipped + needed;
    return std::span(bytes_).subspan(((head + skipped) & mask_) + unit, size);
  }
  /// The record that was begun is whole. Ordered before what the writer looks at next (Wakeup).
  void commit() { head_.store(next_head_, std::memory_order_seq_cst); }

  /// The reader: the oldest record, until pop(); empty data where there is none.
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
  static constexpr std::size_t unit = 8;  // bytes: of the size before each record, and what records are aligned to
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
  // Positions grow for ever; what they say of the ring is their remainder.
  alignas(cache_line) std::atomic<std::size_t> head_{0};  // the writer's
  std::size_t next_head_ = 0;
  std::size_t known_tail_ = 0;
  alignas(cache_line) std::atomic<std::size_t> tail_{0};  // the reader's
  std::size_t next_tail_ = 0;
};

}  // namespace pillion::telemetry
