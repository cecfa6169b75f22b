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
      : bytes_(std::bit_ceil(std::max(capacity, std::size_t{2} * unit)), 0),
        data_(bytes_.data()),
        capacity_(bytes_.size()) {}

  /// For the writer: false if there is no room for a record of `size` bytes, a multiple of `alignment`; then counts a
  /// dropped record. So a writer need not make a record that will be dropped. True is no promise that begin() finds
  /// room.
  [[nodiscard]] bool admits(std::size_t size) {
    if (has_room(committed_ + size + unit)) [[likely]]
      return true;
    dropped_.add();
    return false;
  }
  /// For the writer: returns the place for a record of `size` bytes, with `alignment`. The writer fills it and calls
  /// commit(). If there is no room, returns an empty span and counts a dropped record.
  [[nodiscard]] std::span<std::uint8_t> begin(std::size_t size) {
    const auto needed = rounded(size + unit);
    const auto place = place_for(needed);
    if (!has_room(place + needed)) [[unlikely]] {
      dropped_.add();
      return {};
    }
    // There is always room for the mark, since positions are multiples of a unit.
    if (place != committed_) [[unlikely]]
      write_size(committed_, skip_mark);
    write_size(place, size);
    begun_ = place + needed;
    return {data_ + offset(place) + unit, size};
  }
  /// For the writer: the record is complete. The reader sees it after the next publish().
  void commit() { committed_ = begun_; }
  /// For the writer: makes all complete records visible to the reader. Sequentially consistent, as Wakeup::notify()
  /// requires.
  void publish() { head_.store(committed_, std::memory_order_seq_cst); }

  /// For the reader: the oldest record, valid until release(). Its data() is nullptr if there is none.
  [[nodiscard]] std::span<const std::uint8_t> front() {
    if (read_ == known_head_) {
      known_head_ = head_.load(std::memory_order_seq_cst);
      if (read_ == known_head_) return {};
    }
    auto size = read_size(read_);
    if (size == skip_mark) [[unlikely]] {
      read_ += to_end(read_);
      size = read_size(read_);
    }
    next_ = read_ + rounded(size + unit);
    return {data_ + offset(read_) + unit, size};
  }
  /// For the reader: goes on to the record after front().
  void pop() { read_ = next_; }
  /// For the reader: gives the room of all records that it has popped back to the writer.
  void release() { tail_.store(read_, std::memory_order_release); }

  [[nodiscard]] std::uint64_t dropped() const { return dropped_.value(); }

 private:
  static constexpr std::size_t unit = alignment;  // bytes: also those of the size field before each record
  static constexpr std::size_t skip_mark = ~std::size_t{0};

  [[nodiscard]] static constexpr std::size_t rounded(std::size_t size) { return (size + unit - 1) / unit * unit; }
  [[nodiscard]] std::size_t offset(std::size_t position) const { return position & (capacity_ - 1); }
  [[nodiscard]] std::size_t to_end(std::size_t position) const { return capacity_ - offset(position); }
  /// The position of the next record if it takes `needed` bytes. A record is in one piece.
  [[nodiscard]] std::size_t place_for(std::size_t needed) const {
    const auto left = to_end(committed_);
    return needed <= left ? committed_ : committed_ + left;
  }
  /// True if the reader has left everything that is a ring's size before `end`.
  [[nodiscard]] bool has_room(std::size_t end) {
    if (end - known_tail_ <= capacity_) [[likely]]
      return true;
    known_tail_ = tail_.load(std::memory_order_acquire);
    return end - known_tail_ <= capacity_;
  }
  void write_size(std::size_t position, std::size_t size) { std::memcpy(data_ + offset(position), &size, sizeof size); }
  [[nodiscard]] std::size_t read_size(std::size_t position) const {
    std::size_t size = 0;
    std::memcpy(&size, data_ + offset(position), sizeof size);
    return size;
  }

  static constexpr std::size_t cache_line = 64;

  std::vector<std::uint8_t> bytes_;
  std::uint8_t* data_;  // of bytes_
  std::size_t capacity_;
  // Positions only grow. The offset in the ring is the position modulo the ring's size.
  alignas(cache_line) std::atomic<std::size_t> head_{0};  // written by the writer: end of the published records
  alignas(cache_line) std::atomic<std::size_t> tail_{0};  // written by the reader: start of the records in use
  // Only the writer uses these.
  alignas(cache_line) std::size_t committed_ = 0;  // end of the complete records
  std::size_t begun_ = 0;                          // end of the record that begin() has made
  std::size_t known_tail_ = 0;
  runtime::Counter dropped_;
  // Only the reader uses these.
  alignas(cache_line) std::size_t read_ = 0;  // start of the oldest record
  std::size_t next_ = 0;                      // start of the one behind it
  std::size_t known_head_ = 0;
};

}  // namespace pillion::telemetry
