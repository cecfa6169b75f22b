#pragma once
// When a connection is dead. One slow name does not make it so: a question that every server answers at once is still
// answered then. Pure.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/clock.hpp"

namespace pillion::upstream {

/// Watches the silence while queries wait, and sends a probe into it. What anything but silence is, its owner sees by
/// itself.
///
/// `patience` is how long a silence is nothing unusual at this server (ServerProfile::patience()); at most
/// longest_patience counts.
class Liveness {
 public:
  static constexpr std::chrono::milliseconds longest_patience{1000};
  /// A server in doubt gets an answer to show for itself sooner than one that has only become slow: a silence of so
  /// long and it is given a query as well, since some servers do not answer for the root.
  static constexpr std::chrono::milliseconds patience_of_doubt{300};
  /// So long without any reply to a probe, or to anything else: the connection is dead.
  static constexpr std::chrono::milliseconds probe_patience{1000};
  /// A query that has waited for so long is reason for a probe though others are answered, and where that has no answer
  /// either within probe_patience, the connection is worn: the server may have forgotten what it was asked on it.
  static constexpr std::chrono::milliseconds trickle{2000};

  enum class Verdict : std::uint8_t {
    wait,
    probe,
    silent,  ///< the probe is late as well: ask elsewhere meanwhile
    worn,    ///< others are answered, and the probe is not
    dead,
  };

  /// A connection is ready, or a reply arrived, whichever query it answers.
  void heard(runtime::Time now) {
    last_heard_ = now;
    probes_in_a_row_ = 0;
    is_borne_ = false;
  }
  /// The probe's reply arrived.
  void heard_of_probe(runtime::Time now) {
    last_heard_ = last_probe_answered_ = now;
    ++probes_in_a_row_;
    is_borne_ = false;
  }
  void probed(runtime::Time now) {
    probed_ = now;
    is_borne_ = false;
  }
  /// This silence is given as much time again before the connection is dead; false if it has been.
  [[nodiscard]] bool bear_with_silence() { return !std::exchange(is_borne_, true); }

  /// `oldest`: when the oldest query that is waited for, the probe apart, was sent; nullopt if there is none.
  /// `is_probing`: a probe is under way.
  [[nodiscard]] Verdict look(runtime::Time now, std::optional<runtime::Time> oldest, bool is_probing,
                             runtime::Duration patience) const {
    if (!oldest) return Verdict::wait;
    if (!is_probing) return now >= probe_at(*oldest, patience) ? Verdict::probe : Verdict::wait;
    if (now >= dead_at(*oldest)) return Verdict::dead;
    if (now >= worn_at(*oldest)) return Verdict::worn;
    return now >= silent_at(*oldest, patience) ? Verdict::silent : Verdict::wait;
  }
  /// When to look again while `oldest` waits: after `now`.
  [[nodiscard]] runtime::Time look_at(runtime::Time now, runtime::Time oldest, bool is_probing,
                                      runtime::Duration patience) const {
    if (!is_probing) return probe_at(oldest, patience);
    const auto next = now < silent_at(oldest, patience) ? silent_at(oldest, patience) : dead_at(oldest);
    return now < worn_at(oldest) ? std::min(next, worn_at(oldest)) : next;
  }

  [[nodiscard]] runtime::Time last_heard() const { return last_heard_; }

 private:
  /// Probes that are answered show that the name is slow: each waits twice as long as the one before.
  [[nodiscard]] runtime::Time probe_at(runtime::Time oldest, runtime::Duration patience) const {
    const auto wait = std::min<runtime::Duration>(patience * (1U << std::min(probes_in_a_row_, 10U)), longest_patience);
    // Not from the last reply on where the connection was idle since.
    const auto of_silence = std::max(oldest, last_heard_) + wait;
    return std::min(of_silence, std::max(oldest, last_probe_answered_) + trickle);
  }
  /// A probe that the server ignored may still be under way from an earlier silence: this one began with `oldest`.
  [[nodiscard]] runtime::Time silent_since(runtime::Time oldest) const {
    return std::max({probed_, last_heard_, oldest});
  }
  [[nodiscard]] runtime::Time silent_at(runtime::Time oldest, runtime::Duration patience) const {
    return silent_since(oldest) + std::min<runtime::Duration>(patience, longest_patience);
  }
  [[nodiscard]] runtime::Time dead_at(runtime::Time oldest) const {
    return silent_since(oldest) + (is_borne_ ? 2 * probe_patience : probe_patience);
  }
  [[nodiscard]] runtime::Time worn_at(runtime::Time oldest) const {
    return std::max(probed_, oldest + trickle) + probe_patience;
  }

  runtime::Time last_heard_;
  runtime::Time probed_;
  runtime::Time last_probe_answered_;
  unsigned probes_in_a_row_ = 0;
  bool is_borne_ = false;
};

}  // namespace pillion::upstream
