#pragma once
// Many deadlines with one timer. The intrusive binary heap does not allocate when a deadline is set, moved or cleared,
// once the heap has grown.

#include <cstddef>
#include <optional>
#include <vector>

#include "runtime/clock.hpp"

namespace pillion::runtime {

class DeadlineHeap;

/// Something that happens at a time, unless it is cleared before. The destructor clears it.
class Deadline {
 public:
  Deadline() = default;
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  [[nodiscard]] bool is_set() const { return index_ != unset; }
  [[nodiscard]] Time at() const { return at_; }

 protected:
  virtual ~Deadline();
  /// Called once. The deadline is no longer set; the function may set it again or destroy it.
  virtual void expired(Time now) = 0;

 private:
  friend class DeadlineHeap;
  static constexpr std::size_t unset = static_cast<std::size_t>(-1);
  Time at_;
  std::size_t index_ = unset;
  DeadlineHeap* heap_ = nullptr;
};

/// Pure: the caller passes the time. The heap must outlive every deadline that is set in it.
class DeadlineHeap {
 public:
  /// Sets or moves a deadline.
  void set(Deadline& deadline, Time at);
  void clear(Deadline& deadline);
  /// The time of the earliest deadline, or nullopt if none is set.
  [[nodiscard]] std::optional<Time> next() const;
  /// Fires every deadline that is due at `now`, the earliest first. A deadline that is set meanwhile fires in the next
  /// call at the earliest. If a deadline throws, expire() passes the exception on, and the next call fires the
  /// remaining ones.
  void expire(Time now);
  [[nodiscard]] std::size_t size() const { return heap_.size(); }

 private:
  void place(std::size_t index, Deadline* deadline);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);

  std::vector<Deadline*> heap_;
  std::vector<Deadline*> due_;  // taken out by expire() and not fired yet; nullptr where one was cleared meanwhile
};

}  // namespace pillion::runtime
