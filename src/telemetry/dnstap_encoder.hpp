#pragma once
// Encodes messages as `Dnstap` of dnstap.proto (https://dnstap.info), in the wire format of Protocol Buffers.

#include <chrono>
#include <string>

#include "telemetry/message_record.hpp"
#include "telemetry/record_sink.hpp"

namespace pillion::telemetry {

class DnstapEncoder final : public RecordEncoder {
 public:
  DnstapEncoder(std::string identity, std::string version)
      : identity_(std::move(identity)), version_(std::move(version)) {}

  void set_time(std::chrono::steady_clock::time_point steady, std::chrono::system_clock::time_point system) override {
    to_system_ = system.time_since_epoch() - steady.time_since_epoch();
  }
  /// The records are MessageRecords that pack() has written.
  void take(RecordRing& ring, std::size_t limit, RecordBatch& batch) override {
    take_each(ring, limit, batch,
              [&](std::span<const std::uint8_t> record) { append(unpack_message(record), batch.bytes); });
  }

 private:
  void append(const MessageRecord& record, std::string& out);
  void encode_message(const MessageRecord& record);

  std::string identity_;
  std::string version_;
  std::chrono::nanoseconds to_system_{};  // system time minus steady time
  std::string message_;                   // buffer of encode_message()
};

}  // namespace pillion::telemetry
