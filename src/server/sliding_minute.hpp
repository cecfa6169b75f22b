#pragma once
// Counts the events of the last minute. Pure: the caller passes the time.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "runtime/clock.hpp"

namespace pillion::server {

/// An event is forgotten between 50 and 60 s after it. The time must not go back.
class SlidingMinute {
 public:
  static constexpr std::size_t slot_count = 6;
  static constexpr runtime::Duration slot_length = std::chrono::seconds(10);

  void add(runtime::Time now) {
    advance(now);
    auto& slot = slots_[static_cast<std::size_t>(newest_ % slots_.size())];
    if (slot < std::numeric_limits<std::uint32_t>::max()) ++slot;
  }
  [[nodiscard]] std::uint64_t count(runtime::Time now) const {
    const auto at = slot_of(now);
    std::uint64_t sum = 0;
    for (std::uint64_t age = 0; age < slots_.size(); ++age) {
      const auto slot = newest_ - age;
      if (age <= newest_ && slot + slots_.size() > at) sum += slots_[static_cast<std::size_t>(slot % slots_.size())];
    }
    return sum;
  }
  void clear() { slots_.fill(0); }

 private:
  [[nodiscard]] static std::uint64_t slot_of(runtime::Time time) {
    return static_cast<std::uint64_t>(time.time_since_epoch() / slot_length);
  }
  /// Empties the slots between the last event and `now`.
  void advance(runtime::Time now) {
    const auto at = slot_of(now);
    const auto passed = std::min<std::uint64_t>(at - newest_, slots_.size());
    for (std::uint64_t i = 0; i < passed; ++i) slots_[static_cast<std::size_t>((at - i) % slots_.size())] = 0;
    newest_ = at;
  }

  std::array<std::uint32_t, slot_count> slots_{};
  std::uint64_t newest_ = 0;  // number of the slot, counted from the clock's epoch
};

}  // namespace pillion::server
