#pragma once
// Many deadlines, one timer. An intrusive binary heap: setting, moving and clearing a deadline never allocates once the
// heap has grown.

#include <cstddef>
#include <optional>
#include <vector>

#include "runtime/clock.hpp"

namespace pillion::runtime {

class DeadlineHeap;

/// Something that happens at a time unless it is cleared before. Clears itself when destroyed.
class Deadline {
 public:
  Deadline() = default;
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  [[nodiscard]] bool is_set() const { return index_ != unset; }
  [[nodiscard]] Time at() const { return at_; }

 protected:
  virtual ~Deadline();
  /// Called once, with the deadline no longer set; may set it anew or destroy it.
  virtual void expired(Time now) = 0;

 private:
  friend class DeadlineHeap;
  static constexpr std::size_t unset = static_cast<std::size_t>(-1);
  Time at_;
  std::size_t index_ = unset;
  DeadlineHeap* heap_ = nullptr;
};

/// Pure: the caller says what time it is. Outlives every deadline that is set in it.
class DeadlineHeap {
 public:
  /// Sets or moves.
  void set(Deadline& deadline, Time at);
  void clear(Deadline& deadline);
  /// The earliest deadline.
  [[nodiscard]] std::optional<Time> next() const;
  /// Fires every deadline that is due at `now`, the earliest first. Deadlines set meanwhile that are due too wait for
  /// the next call. What one of them throws leaves at once; the next call goes on behind it.
  void expire(Time now);
  [[nodiscard]] std::size_t size() const { return heap_.size(); }

 private:
  void place(std::size_t index, Deadline* deadline);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);

  std::vector<Deadline*> heap_;
  std::vector<Deadline*> due_;  // taken out by expire() and not yet fired; a cleared one becomes null
};

}  // namespace pillion::runtime
