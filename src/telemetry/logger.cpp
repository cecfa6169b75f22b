#include "telemetry/logger.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <mutex>
#include <string>
#include <utility>

#include <limits.h>
#include <pthread.h>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>

namespace pillion::telemetry {
namespace {

/// Only the main thread handles signals.
void prepare_thread() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "pillion-log");
}

/// Only the pool's single thread writes, so that no mutex is needed.
class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit LineSink(Logger::Sink write_line) : write_line_(std::move(write_line)) {}
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (!write_line_({message.payload.data(), message.payload.size()}))
      refused_.fetch_add(1, std::memory_order_relaxed);
  }
  void flush_() override {}

  Logger::Sink write_line_;
  std::atomic<std::uint64_t> refused_{0};
};

spdlog::level::level_enum spdlog_level(runtime::LogLevel level) {
  switch (level) {
    case runtime::LogLevel::debug:
      return spdlog::level::debug;
    case runtime::LogLevel::info:
      return spdlog::level::info;
    case runtime::LogLevel::warn:
      return spdlog::level::warn;
    case runtime::LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

struct Logger::Backend {
  Backend(std::size_t queue_lines, Sink output)
      : sink(std::make_shared<LineSink>(std::move(output))),
        pool(std::make_shared<spdlog::details::thread_pool>(std::max<std::size_t>(queue_lines, 1), 1, prepare_thread)),
        logger(std::make_shared<spdlog::async_logger>("pillion", sink, pool,
                                                      spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_level(spdlog::level::trace);  // runtime::Log has already decided
  }
  // The thread ends first: the lines that it still writes hold the logger, and the last of them would destroy it.
  ~Backend() { pool.reset(); }
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  std::shared_ptr<LineSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

Logger::Logger(const LoggerOptions& options) : Logger(options, descriptor_sink(STDERR_FILENO)) {}

Logger::Logger(const LoggerOptions& options, Sink sink)
    : Log(options.level),
      format_(options.format),
      backend_(std::make_unique<Backend>(options.queue_lines, std::move(sink))) {}

Logger::~Logger() = default;

std::uint64_t Logger::dropped() const {
  return backend_->pool->overrun_counter() + backend_->sink->refused();
}

void Logger::write(runtime::LogLevel level, std::string_view message, std::span<const runtime::Field> fields) {
  std::string line;
  line.reserve(256);
  const auto now = std::chrono::system_clock::now();
  append_log_line(line, format_, now, level, message, fields);
  if (auto* const receiver = receiver_.load(std::memory_order_acquire)) receiver->take(level, now, line);
  backend_->logger->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

Logger::Sink descriptor_sink(int descriptor, int patience_ms) {
  return [descriptor, patience_ms, stuck = false, torn = false](std::string_view line) mutable {
    const auto write_piece = [&](std::string_view piece) -> std::size_t {
      for (;;) {
        pollfd ready{descriptor, POLLOUT, 0};
        const int count = ::poll(&ready, 1, stuck ? 0 : patience_ms);
        if (count < 0 && errno == EINTR) continue;
        stuck = count <= 0;
        if (stuck) return 0;
        const auto written = ::write(descriptor, piece.data(), piece.size());
        if (written < 0 && errno == EINTR) continue;
        return written < 0 ? 0 : static_cast<std::size_t>(written);
      }
    };
    // The newline ends a line that was written in part, so that two lines do not run together.
    if (torn && write_piece("\n") == 0) return false;
    torn = false;
    while (!line.empty()) {
      // A blocking pipe that is writable has room for PIPE_BUF bytes (pipe(7)), so that a write of such a piece never
      // blocks.
      const std::size_t written = write_piece(line.substr(0, PIPE_BUF));
      if (written == 0) return false;
      line.remove_prefix(written);
      torn = !line.empty();
    }
    return true;
  };
}

}  // namespace pillion::telemetry
