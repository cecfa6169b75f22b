#pragma once
// Decides when a connection is dead. One slow name is not enough, since the server would then still answer a question
// that every server answers at once. Pure.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/clock.hpp"

namespace pillion::upstream {

/// Watches for silence while queries wait, and requests a probe during it. The owner reports everything that it
/// receives.
///
/// `patience` is how long a silence is normal for this server (ServerProfile::patience()), limited to
/// longest_patience.
class Liveness {
 public:
  static constexpr std::chrono::milliseconds longest_patience{1000};
  /// The patience for a server in doubt. After it a client's query is sent too, since some servers do not answer for
  /// the root.
  static constexpr std::chrono::milliseconds patience_of_doubt{300};
  /// If neither the probe nor anything else is answered for this long, the connection is dead.
  static constexpr std::chrono::milliseconds probe_patience{1000};
  /// A query that has waited for this long is a reason for a probe even if others are answered. If the probe is not
  /// answered within probe_patience either, the connection should be replaced: the server may have forgotten what it
  /// was asked on it.
  static constexpr std::chrono::milliseconds trickle{2000};

  enum class Verdict : std::uint8_t {
    wait,
    probe,
    silent,         ///< the probe is late too: ask elsewhere meanwhile
    probe_ignored,  ///< others are answered, but the probe is not: the connection should be replaced
    dead,
  };

  /// The connection has become ready, or a reply to any query has arrived.
  void heard(runtime::Time now) {
    last_heard_ = now;
    probes_in_a_row_ = 0;
    is_extended_ = false;
  }
  /// The reply to the probe has arrived.
  void heard_of_probe(runtime::Time now) {
    last_heard_ = last_probe_answered_ = now;
    ++probes_in_a_row_;
    is_extended_ = false;
  }
  void probed(runtime::Time now) {
    probed_ = now;
    is_extended_ = false;
  }
  /// Gives this silence as much time again before the connection is dead. False if it already has.
  [[nodiscard]] bool extend_silence() { return !std::exchange(is_extended_, true); }

  /// `oldest` is when the oldest query that somebody waits for was sent, not counting the probe; nullopt if there is
  /// none. `is_probing` is true while a probe is in flight.
  [[nodiscard]] Verdict look(runtime::Time now, std::optional<runtime::Time> oldest, bool is_probing,
                             runtime::Duration patience) const {
    if (!oldest) return Verdict::wait;
    if (!is_probing) return now >= probe_at(*oldest, patience) ? Verdict::probe : Verdict::wait;
    if (now >= dead_at(*oldest)) return Verdict::dead;
    if (now >= probe_ignored_at(*oldest)) return Verdict::probe_ignored;
    return now >= silent_at(*oldest, patience) ? Verdict::silent : Verdict::wait;
  }
  /// When to call look() next while `oldest` waits; after `now`.
  [[nodiscard]] runtime::Time look_at(runtime::Time now, runtime::Time oldest, bool is_probing,
                                      runtime::Duration patience) const {
    if (!is_probing) return probe_at(oldest, patience);
    const auto next = now < silent_at(oldest, patience) ? silent_at(oldest, patience) : dead_at(oldest);
    return now < probe_ignored_at(oldest) ? std::min(next, probe_ignored_at(oldest)) : next;
  }

  [[nodiscard]] runtime::Time last_heard() const { return last_heard_; }

 private:
  /// If probes are answered, the name is slow: each probe waits twice as long as the one before.
  [[nodiscard]] runtime::Time probe_at(runtime::Time oldest, runtime::Duration patience) const {
    const auto wait = std::min<runtime::Duration>(patience * (1U << std::min(probes_in_a_row_, 10U)), longest_patience);
    // If the connection was idle, the silence begins with `oldest`, not with the last reply.
    const auto of_silence = std::max(oldest, last_heard_) + wait;
    return std::min(of_silence, std::max(oldest, last_probe_answered_) + trickle);
  }
  /// A probe that the server has ignored may be in flight since an earlier silence. This silence began with `oldest`.
  [[nodiscard]] runtime::Time silent_since(runtime::Time oldest) const {
    return std::max({probed_, last_heard_, oldest});
  }
  [[nodiscard]] runtime::Time silent_at(runtime::Time oldest, runtime::Duration patience) const {
    return silent_since(oldest) + std::min<runtime::Duration>(patience, longest_patience);
  }
  [[nodiscard]] runtime::Time dead_at(runtime::Time oldest) const {
    return silent_since(oldest) + (is_extended_ ? 2 * probe_patience : probe_patience);
  }
  [[nodiscard]] runtime::Time probe_ignored_at(runtime::Time oldest) const {
    return std::max(probed_, oldest + trickle) + probe_patience;
  }

  runtime::Time last_heard_;
  runtime::Time probed_;
  runtime::Time last_probe_answered_;
  unsigned probes_in_a_row_ = 0;
  bool is_extended_ = false;
};

}  // namespace pillion::upstream
