#pragma once
// Puts the records of one shard into a sink. The sink's thread sees them at the end of the loop's turn, so that a turn
// with many records publishes them once, and wakes the thread at most once.

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/loop.hpp"
#include "telemetry/record_sink.hpp"

namespace pillion::telemetry {

/// Only the loop's thread may use it.
class TurnRecords final : private runtime::Flushable {
 public:
  /// `writer` is the index of the sink's ring. `sink` and `loop` must outlive the last call.
  TurnRecords(RecordSink& sink, std::size_t writer, runtime::Loop& loop)
      : sink_(sink), ring_(sink.ring(writer)), writer_(writer), loop_(loop) {}

  /// These are the ring's: see RecordRing.
  [[nodiscard]] bool admits(std::size_t size) { return ring_.admits(size); }
  [[nodiscard]] std::span<std::uint8_t> begin(std::size_t size) { return ring_.begin(size); }
  /// The record is complete.
  void commit() {
    ring_.commit();
    if (!is_scheduled_) [[unlikely]]
      schedule();
  }

 private:
  void schedule() noexcept;
  void flush() override;

  RecordSink& sink_;
  RecordRing& ring_;
  std::size_t writer_;
  runtime::Loop& loop_;
  bool is_scheduled_ = false;  // True if the loop will call flush()
};

}  // namespace pillion::telemetry
