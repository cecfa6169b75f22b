#pragma once
// Hand-turned time: a clock that only the test advances.

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "runtime/schedule.hpp"

namespace pillion::testing {

/// When hand-turned time starts.
inline constexpr runtime::Time start_time{std::chrono::hours(1)};

class HandTurned final : public runtime::Schedule {
 public:
  HandTurned() { clock().turn_to(start()); }

  [[nodiscard]] static constexpr runtime::Time start() { return start_time; }
  /// The time since the start.
  [[nodiscard]] runtime::Duration elapsed() { return clock().now() - start(); }
  /// Fires the deadlines until then, each at its own time.
  void turn_to(runtime::Duration since_start) {
    const auto end = start() + since_start;
    while (const auto next = deadlines().next()) {
      if (*next > end) break;
      clock().turn_to(std::max(*next, clock().now()));
      deadlines().expire(clock().now());
    }
    clock().turn_to(end);
  }
  void pass(runtime::Duration time) { turn_to(elapsed() + time); }
  void note_exception(std::string_view /*during*/) noexcept override { ++exceptions; }
  std::size_t exceptions = 0;
  [[nodiscard]] std::size_t deadline_count() { return deadlines().size(); }

 private:
  void deadline_set(runtime::Time /*at*/) override {}
};

}  // namespace pillion::testing
