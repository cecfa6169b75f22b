#pragma once
// Exceptions that should not have been: where they end.

#include <exception>
#include <string_view>

#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/log_limiter.hpp"
#include "runtime/metrics.hpp"

namespace pillion::runtime {

/// Counts them, and tells of them in the log now and then. Belongs to one thread, but for count().
class InternalErrors {
 public:
  explicit InternalErrors(Log& log) : log_(log) {}

  /// To be called while an exception is handled. `during` says what for, as "TCP client".
  void note(std::string_view during) noexcept {
    count_.add();
    try {
      const auto suppressed = limiter_.admit(during, Clock::now());
      if (suppressed)
        log_.error("internal error", {{"during", during}, {"error", what()}, {"suppressed", *suppressed}});
    } catch (...) {
      // Without memory for a line, the counter has to do.
      return;
    }
  }
  [[nodiscard]] const Counter& count() const { return count_; }

 private:
  /// Of the exception that is being handled. Views it.
  static std::string_view what() {
    try {
      throw;
    } catch (const std::exception& error) {
      return error.what();
    } catch (...) {
      return "an exception of unknown type";
    }
  }

  Log& log_;
  LogLimiter limiter_;
  Counter count_;
};

}  // namespace pillion::runtime
