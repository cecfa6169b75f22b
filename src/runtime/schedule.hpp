#pragma once
// The time of the turn and what is to happen later: all that logic which waits needs of a loop. Tests turn one by hand.

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

  /// Calls `work`. Where it throws, that is counted and told, and `give_up` is called, which ends what the work was
  /// for: a client, a query, a connection. True if it did not throw.
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
  /// To be called while an exception is handled, where contain() cannot be used.
  virtual void note_exception(std::string_view during) noexcept = 0;

 protected:
  Schedule() = default;
  ~Schedule() = default;

  /// Whoever drives the schedule looks here whether its timer has to fire sooner.
  virtual void deadline_set(Time at) = 0;
  [[nodiscard]] DeadlineHeap& deadlines() { return deadlines_; }

 private:
  TurnClock clock_;
  DeadlineHeap deadlines_;
};

}  // namespace pillion::runtime
