#pragma once
// When a connection is dead. One slow name does not make it so: a question that every server answers at once is still
// answered then. Pure.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/clock.hpp"

namespace pillion::upstream {

/// Watches the silence while queries wait. What anything but silence is, its owner sees by itself.
class Liveness {
 public:
  /// So long without any reply, while the oldest query waits: a probe is sent.
  static constexpr std::chrono::milliseconds probe_after{1000};
  /// So long without any reply to it, or to anything else: the connection is dead.
  static constexpr std::chrono::milliseconds probe_patience{1000};

  enum class Verdict : std::uint8_t { wait, probe, dead };

  /// A connection is ready, or a reply arrived, whichever it answers.
  void heard(runtime::Time now) { last_heard_ = now; }
  /// A probe is sent.
  void probed(runtime::Time now) { probed_ = now; }
  /// `oldest`: when the oldest query that is waited for, the probe apart, was sent; nullopt if there is none.
  /// `is_probing`: a probe is under way.
  [[nodiscard]] Verdict look(runtime::Time now, std::optional<runtime::Time> oldest, bool is_probing) const {
    if (!oldest) return Verdict::wait;
    if (is_probing) return now >= dead_at() ? Verdict::dead : Verdict::wait;
    if (now < silent_since(*oldest) + probe_after) return Verdict::wait;
    return Verdict::probe;
  }
  /// When to look again while `oldest` waits.
  [[nodiscard]] runtime::Time look_at(runtime::Time oldest, bool is_probing) const {
    return is_probing ? dead_at() : silent_since(oldest) + probe_after;
  }

  [[nodiscard]] runtime::Time last_heard() const { return last_heard_; }

 private:
  /// Not from the last reply on where the connection was idle since.
  [[nodiscard]] runtime::Time silent_since(runtime::Time oldest) const { return std::max(oldest, last_heard_); }
  [[nodiscard]] runtime::Time dead_at() const { return std::max(probed_, last_heard_) + probe_patience; }

  runtime::Time last_heard_;
  runtime::Time probed_;
};

}  // namespace pillion::upstream
