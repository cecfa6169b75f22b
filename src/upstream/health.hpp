#pragma once
// Tracks whether one server is worth asking, and when to try it again. Pure.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/clock.hpp"
#include "upstream/error.hpp"

namespace pillion::upstream {

/// Backs off from a server that fails: 100 ms, doubled by each failure in a row, with jitter between half and the
/// whole of it. The limit is longest_backoff while there are no queries, and longest_backoff_asked while there are, so
/// that a server that is back is found within a second. The server is up again once it has answered a query or a
/// probe.
class Health {
 public:
  static constexpr std::chrono::milliseconds first_backoff{100};
  static constexpr std::chrono::milliseconds longest_backoff{5000};
  static constexpr std::chrono::milliseconds longest_backoff_asked{500};
  /// A server that has been down for less than this may be restarting: queries wait for it within their own budget.
  /// After that they fail at once.
  static constexpr std::chrono::milliseconds grace{4000};

  /// A reply to a query arrived. Smooths the latency like TCP's round-trip time (RFC 6298: one eighth of the new
  /// value).
  void replied(runtime::Duration latency) {
    latency_ = latency_ ? *latency_ + (latency - *latency_) / 8 : latency;
    recovered();
  }
  /// A reply to a query or to a probe arrived.
  void recovered() {
    failures_ = 0;
    down_since_.reset();
    last_error_.reset();
  }
  /// The server failed on a fresh connection. `jitter` is in [0, 1).
  void failed(Error error, runtime::Time now, double jitter) {
    last_error_ = error;
    if (!down_since_) down_since_ = now;
    const auto whole = std::min<runtime::Duration>(longest_backoff, first_backoff * (1U << std::min(failures_, 6U)));
    ++failures_;
    const auto part = 0.5 + jitter / 2;
    retry_at_ = now + std::chrono::duration_cast<runtime::Duration>(whole * part);
    const auto asked = std::min<runtime::Duration>(whole, longest_backoff_asked);
    retry_at_if_asked_ = now + std::chrono::duration_cast<runtime::Duration>(asked * part);
  }
  /// Set to true if every connection to the server is silent.
  void set_silent(bool silent) { silent_ = silent; }

  [[nodiscard]] bool is_up() const { return !down_since_; }
  [[nodiscard]] bool is_silent() const { return silent_; }
  /// True if the server is up and not silent on every connection. Such servers are asked before others.
  [[nodiscard]] bool is_responsive() const { return is_up() && !silent_; }
  /// When to try the next connection if there are no queries. In the past if the server is up.
  [[nodiscard]] runtime::Time retry_at() const { return retry_at_; }
  /// When to try the next connection if there are queries.
  [[nodiscard]] runtime::Time retry_at_if_asked() const { return retry_at_if_asked_; }
  /// True if a query should not wait for the server: it has been down for long, or for a reason that waiting does not
  /// cure (a certificate).
  [[nodiscard]] bool fails_fast(runtime::Time now) const {
    return !is_up() && (traits(*last_error_).is_lasting || now - *down_since_ >= grace);
  }
  /// True if it is time to try a server that is down. Call only if the server is down.
  [[nodiscard]] bool may_be_tried(runtime::Time now) const {
    return !traits(*last_error_).is_lasting && now >= retry_at_if_asked_;
  }
  [[nodiscard]] std::optional<Error> last_error() const { return last_error_; }
  /// The smoothed latency, or nullopt before the first reply.
  [[nodiscard]] std::optional<runtime::Duration> latency() const { return latency_; }

 private:
  std::optional<runtime::Duration> latency_;
  std::optional<Error> last_error_;
  std::optional<runtime::Time> down_since_;
  runtime::Time retry_at_ = runtime::Time::min();
  runtime::Time retry_at_if_asked_ = runtime::Time::min();
  unsigned failures_ = 0;
  bool silent_ = false;
};

}  // namespace pillion::upstream
