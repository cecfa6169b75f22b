#pragma once
// Wakes a thread that sleeps. If it does not sleep, this costs one comparison.

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace pillion::telemetry {

/// An eventfd(2) that is readable while it is set.
class EventDescriptor {
 public:
  /// Throws std::system_error.
  EventDescriptor() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  EventDescriptor(const EventDescriptor&) = delete;
  EventDescriptor& operator=(const EventDescriptor&) = delete;
  ~EventDescriptor() { ::close(descriptor_); }

  void set() {
    const std::uint64_t one = 1;
    // It can only fail if the counter is at its maximum, and then the event is set anyway.
    [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
  }
  void clear() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(descriptor_, &count, sizeof count);
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

class Wakeup {
 public:
  /// Any thread calls this after it has published work for the sleeper with a sequentially consistent store.
  void notify() {
    if (is_asleep_.load(std::memory_order_seq_cst) && is_asleep_.exchange(false)) event_.set();
  }
  /// The sleeper calls this before its last look for work. From then on the first notify() sets `event()`.
  void fall_asleep() { is_asleep_.store(true, std::memory_order_seq_cst); }
  void wake() {
    is_asleep_.store(false, std::memory_order_seq_cst);
    event_.clear();
  }
  [[nodiscard]] const EventDescriptor& event() const { return event_; }

 private:
  std::atomic<bool> is_asleep_{false};
  EventDescriptor event_;
};

}  // namespace pillion::telemetry
