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
  /// `record` is a MessageRecord that pack() has written.
  void append(std::span<const std::uint8_t> record, std::string& out) override { append(unpack_message(record), out); }
  void append(const MessageRecord& record, std::string& out);

 private:
  void encode_message(const MessageRecord& record);

  std::string identity_;
  std::string version_;
  std::chrono::nanoseconds to_system_{};  // system time minus steady time
  std::string message_;                   // buffer of encode_message()
};

}  // namespace pillion::telemetry
