#pragma once
// The program's log. The caller formats each line, and a background thread writes it, so that a slow reader of
// standard error never delays an answer.

#include <atomic>
#include <chrono>
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
  /// Lines that wait to be written (0.4 kB each); beyond this the oldest is dropped and counted.
  std::size_t queue_lines = 256;
};

/// Receives a copy of each line of the log.
class LineReceiver {
 public:
  /// The thread that logs calls this. It must neither wait nor throw.
  virtual void take(runtime::LogLevel level, std::chrono::system_clock::time_point time, std::string_view line) = 0;
  // The numbers of lines that were passed on and that were dropped. Any thread may call these.
  [[nodiscard]] virtual std::uint64_t written() const = 0;
  [[nodiscard]] virtual std::uint64_t dropped() const = 0;

 protected:
  ~LineReceiver() = default;
};

/// The App owns it and passes it down by reference. The destructor writes the waiting lines.
class Logger final : public runtime::Log {
 public:
  /// Takes one whole line with its newline. Returns false if it could not be written; the line then counts as dropped.
  /// Only the background thread calls it. It must not throw.
  using Sink = std::function<bool(std::string_view line)>;

  /// Throws std::system_error if the thread cannot be started.
  explicit Logger(const LoggerOptions& options);  // writes to standard error
  Logger(const LoggerOptions& options, Sink sink);
  ~Logger() override;

  /// Lines that were not written, because the queue was full or the sink refused them. Any thread may call this.
  [[nodiscard]] std::uint64_t dropped() const;

  /// From now on gives each line to `receiver` too; nullptr: to no receiver.
  void copy_to(LineReceiver* receiver) { receiver_.store(receiver, std::memory_order_release); }
  /// The receiver of copies, or nullptr if there is none.
  [[nodiscard]] const LineReceiver* receiver() const { return receiver_.load(std::memory_order_acquire); }

 private:
  void write(runtime::LogLevel level, std::string_view message, std::span<const runtime::Field> fields) override;

  struct Backend;
  LineFormat format_;
  std::unique_ptr<Backend> backend_;
  std::atomic<LineReceiver*> receiver_{nullptr};
};

/// A sink that writes to a file descriptor, which it does not own. If the reader does not read, the first line waits
/// `patience_ms` for it, and the following ones are refused at once, so that a program whose output is stuck can still
/// end. The program must ignore SIGPIPE, which a write to a pipe without readers would raise.
[[nodiscard]] Logger::Sink descriptor_sink(int descriptor, int patience_ms = 1000);

}  // namespace pillion::telemetry
