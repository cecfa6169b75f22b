#pragma once
// Counts and logs exceptions that no code expected.

#include <exception>
#include <string_view>

#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/log_limiter.hpp"
#include "runtime/metrics.hpp"

namespace pillion::runtime {

/// Logs at most one line for each value of `during` in ten seconds. Only count() may be called from other threads than
/// the owner's.
class InternalErrors {
 public:
  explicit InternalErrors(Log& log) : log_(log) {}

  /// Called while an exception is being handled. `during` names the work that threw, such as "TCP client".
  void note(std::string_view during) noexcept {
    count_.add();
    try {
      const auto suppressed = limiter_.admit(during, Clock::now());
      if (suppressed)
        log_.error("internal error", {{"during", during}, {"error", what()}, {"suppressed", *suppressed}});
    } catch (...) {
      // There is no memory for a log line, so that only the counter shows the error.
      return;
    }
  }
  [[nodiscard]] const Counter& count() const { return count_; }

 private:
  /// The text of the exception that is being handled. It is valid as long as that exception.
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
