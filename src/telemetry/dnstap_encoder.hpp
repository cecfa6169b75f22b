#pragma once
// Messages as dnstap has them: Dnstap of dnstap.proto (https://dnstap.info), in the wire format of Protocol Buffers.

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
  /// A MessageRecord as pack() wrote it.
  void append(std::span<const std::uint8_t> record, std::string& out) override { append(unpack_message(record), out); }
  void append(const MessageRecord& record, std::string& out);

 private:
  void encode_message(const MessageRecord& record);

  std::string identity_;
  std::string version_;
  std::chrono::nanoseconds to_system_{};  // from the one clock to the other
  std::string message_;                   // of the record at hand
};

}  // namespace pillion::telemetry
