#pragma once
// The log's lines as messages of syslog (RFC 5424), by a thread of its own.

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
  /// Bytes of lines that wait to be sent; more are dropped and counted.
  static constexpr std::size_t queue_size = std::size_t{128} << 10U;
  /// What a longer line has beyond is cut: what collectors take unless told otherwise.
  static constexpr std::size_t max_line = 8000;  // bytes

  struct Options {
    SyslogHeader header;
    std::string address;  ///< for the log: where the lines go
  };

  /// Is given each line of `log`, which outlives this, from now on. Throws std::system_error where the thread cannot be
  /// started.
  SyslogLog(Logger& log, Options options, std::unique_ptr<RecordOutput> output);
  /// Sends what waits, for a second at the most. Nobody but this may log at the same time.
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
