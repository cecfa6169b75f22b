#pragma once
// Sends the log's lines as syslog messages (RFC 5424). A separate thread sends them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "runtime/log.hpp"
#include "telemetry/logger.hpp"
#include "telemetry/record_sink.hpp"
#include "telemetry/syslog_header.hpp"

namespace pillion::telemetry {

class SyslogLog final : public LineReceiver {
 public:
  /// Bytes of lines that may wait to be sent. Further ones are dropped and counted.
  static constexpr std::size_t queue_size = std::size_t{128} << 10U;
  /// A longer line is cut. Collectors accept this length by default.
  static constexpr std::size_t max_line = 8000;  // bytes

  struct Options {
    SyslogHeader header;
    std::string address;  ///< in the log: the destination of the lines
  };

  /// Takes each line of `log` from now on. `log` must outlive this object. Throws std::system_error if the thread
  /// cannot be started.
  SyslogLog(Logger& log, Options options, std::unique_ptr<RecordOutput> output);
  /// Sends the waiting lines, for at most one second. No other thread may log meanwhile.
  ~SyslogLog();
  SyslogLog(const SyslogLog&) = delete;
  SyslogLog& operator=(const SyslogLog&) = delete;

  void take(runtime::LogLevel level, std::chrono::system_clock::time_point time, std::string_view line) override;
  [[nodiscard]] std::uint64_t written() const override { return sink_.written(); }
  [[nodiscard]] std::uint64_t dropped() const override { return sink_.dropped(); }

 private:
  Logger& log_;
  std::mutex mutex_;  // the ring has one writer, and any thread may log
  RecordSink sink_;
};

}  // namespace pillion::telemetry
