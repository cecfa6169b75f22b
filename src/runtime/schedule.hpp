#pragma once
// The time of the turn and the deadlines: everything that logic which waits needs of a loop. Tests have one whose time
// they set by hand.

#include <string_view>

#include "runtime/clock.hpp"
#include "runtime/deadline_heap.hpp"

namespace pillion::runtime {

class Schedule {
 public:
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  [[nodiscard]] TurnClock& clock() { return clock_; }
  /// Sets or moves a deadline.
  void set_deadline(Deadline& deadline, Time at) {
    deadlines_.set(deadline, at);
    deadline_set(at);
  }
  void clear_deadline(Deadline& deadline) { deadlines_.clear(deadline); }

  /// Calls `work`. If it throws, contain() counts and logs the exception and calls `give_up`, which must end what the
  /// work was for: a client, a query, a connection. True if `work` did not throw.
  template <typename Work, typename GiveUp>
  bool contain(std::string_view during, Work work, GiveUp give_up) {
    try {
      work();
      return true;
    } catch (...) {
      note_exception(during);
    }
    give_up();
    return false;
  }
  /// Called while an exception is being handled, where contain() cannot be used.
  virtual void note_exception(std::string_view during) noexcept = 0;

 protected:
  Schedule() = default;
  ~Schedule() = default;

  /// Called after a deadline was set at `at`. The loop checks here whether its timer must fire sooner.
  virtual void deadline_set(Time at) = 0;
  [[nodiscard]] DeadlineHeap& deadlines() { return deadlines_; }

 private:
  TurnClock clock_;
  DeadlineHeap deadlines_;
};

}  // namespace pillion::runtime
