#pragma once
// The clock of the data path: read once when an event enters, then passed as an argument.

#include <chrono>

namespace pillion::runtime {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

/// The time of the current turn of the loop. Each handler that the kernel's events start (a read, a timer) calls
/// refresh() first.
class TurnClock {
 public:
  Time refresh() {
    now_ = Clock::now();
    return now_;
  }
  /// Sets the time by hand, for tests.
  void turn_to(Time now) { now_ = now; }
  [[nodiscard]] Time now() const { return now_; }

 private:
  Time now_ = Clock::now();
};

}  // namespace pillion::runtime
