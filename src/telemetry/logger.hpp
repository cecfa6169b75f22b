#pragma once
// The program's log: lines are made by the caller and written by one background thread, so that a slow reader of
// standard error never holds up an answer.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/log.hpp"
#include "telemetry/log_line.hpp"

namespace pillion::telemetry {

struct LoggerOptions {
  runtime::LogLevel level = runtime::LogLevel::info;
  LineFormat format = LineFormat::json;
  std::size_t queue_lines = 256;  ///< waiting to be written (0.4 kB each); over it the oldest is dropped and counted
};

/// Owned by the App and passed down by reference. The destructor writes what still waits.
class Logger final : public runtime::Log {
 public:
  /// Takes one whole line with its newline; false: it could not be written, and is counted as dropped. Called by the
  /// background thread only. It must not throw.
  using Sink = std::function<bool(std::string_view line)>;

  /// Throws std::system_error when the thread cannot be started.
  explicit Logger(const LoggerOptions& options);  // to standard error
  Logger(const LoggerOptions& options, Sink sink);
  ~Logger() override;

  /// Lines that were not written: the queue was full, or the sink refused them. Any thread may ask.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  void write(runtime::LogLevel level, std::string_view message, std::span<const runtime::Field> fields) override;

  struct Backend;
  LineFormat format_;
  std::unique_ptr<Backend> backend_;
};

/// Writes to a file descriptor, which it does not own. While the reader does not read, the first line waits
/// `patience_ms` for it and the following ones are refused at once, so that a program whose output is stuck can still
/// end. A write to a pipe without readers fails only if the program ignores SIGPIPE.
[[nodiscard]] Logger::Sink descriptor_sink(int descriptor, int patience_ms = 1000);

}  // namespace pillion::telemetry
