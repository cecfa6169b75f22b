#pragma once
// Time as the data path knows it: read once where an event enters, then passed along.

#include <chrono>

namespace pillion::runtime {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

/// The time of the current turn of the loop. Whoever is called by the kernel (a read, a timer) refreshes it first.
class TurnClock {
 public:
  Time refresh() { return now_ = Clock::now(); }
  /// For clocks that are turned by hand.
  void turn_to(Time now) { now_ = now; }
  [[nodiscard]] Time now() const { return now_; }

 private:
  Time now_ = Clock::now();
};

}  // namespace pillion::runtime
