#pragma once
// An encoder for tests of what is done with records, whatever they hold.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "telemetry/record_sink.hpp"

namespace pillion::telemetry {

/// Each record, which is a text, becomes a line.
class LineEncoder final : public RecordEncoder {
 public:
  void set_time(std::chrono::steady_clock::time_point /*steady*/,
                std::chrono::system_clock::time_point /*system*/) override {}
  void take(RecordRing& ring, std::size_t limit, RecordBatch& batch) override {
    take_each(ring, limit, batch, [&](std::span<const std::uint8_t> record) {
      batch.bytes.append(record.begin(), record.end());
      batch.bytes += '\n';
    });
  }
};

}  // namespace pillion::telemetry
