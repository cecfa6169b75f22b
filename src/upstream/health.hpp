#pragma once
// What is known of one server: how fast it answers, and whether it is worth asking. Pure.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/clock.hpp"
#include "upstream/error.hpp"

namespace pillion::upstream {

/// Backs off from a server that fails: 100 ms, doubled by each failure in a row up to 5 s, each time between half and
/// the whole of it. One that takes connections but does not answer gets one query after each back-off, on trial.
class Health {
 public:
  static constexpr std::chrono::milliseconds first_backoff{100};
  static constexpr std::chrono::milliseconds longest_backoff{5000};
  /// A server that has been down for less than this may be restarting: queries wait for it within their own budget.
  /// After that they fail at once.
  static constexpr std::chrono::milliseconds grace{4000};

  /// A reply arrived. Smoothed like TCP's round-trip time (RFC 6298: one eighth of the new value).
  void replied(runtime::Duration latency) {
    latency_ = latency_ ? *latency_ + (latency - *latency_) / 8 : latency;
    recovered();
  }
  /// A reply arrived, to a query or to a probe.
  void recovered() {
    failures_ = 0;
    down_since_.reset();
    last_error_.reset();
    on_trial_ = false;
  }
  /// A connection is ready: a query, or a probe, has to show that the server is up.
  void offer_trial() { on_trial_ = down_since_.has_value(); }
  /// A query was given to the server.
  void asked() { on_trial_ = false; }
  /// A connection failed or stalled. `jitter` in [0, 1).
  void failed(Error error, runtime::Time now, double jitter) {
    last_error_ = error;
    if (!down_since_) down_since_ = now;
    const auto whole = std::min<runtime::Duration>(longest_backoff, first_backoff * (1U << std::min(failures_, 6U)));
    ++failures_;
    on_trial_ = false;
    retry_at_ = now + std::chrono::duration_cast<runtime::Duration>(whole * (0.5 + jitter / 2));
  }

  [[nodiscard]] bool is_up() const { return !down_since_; }
  /// Up, or to be given a query to find out.
  [[nodiscard]] bool may_be_asked() const { return is_up() || on_trial_; }
  /// When the next connection may be tried; in the past for a server that is up.
  [[nodiscard]] runtime::Time retry_at() const { return retry_at_; }
  /// Down for so long, or for a reason that waiting does not mend (a certificate), that a query should not wait for it.
  [[nodiscard]] bool fails_fast(runtime::Time now) const {
    return !may_be_asked() && (is_certificate_error(*last_error_) || now - *down_since_ >= grace);
  }
  [[nodiscard]] std::optional<Error> last_error() const { return last_error_; }
  /// nullopt before the first reply.
  [[nodiscard]] std::optional<runtime::Duration> latency() const { return latency_; }

 private:
  [[nodiscard]] static bool is_certificate_error(Error error) {
    return error >= Error::certificate_expired && error <= Error::alpn_mismatch;
  }

  std::optional<runtime::Duration> latency_;
  std::optional<Error> last_error_;
  std::optional<runtime::Time> down_since_;
  runtime::Time retry_at_ = runtime::Time::min();
  unsigned failures_ = 0;
  bool on_trial_ = false;
};

}  // namespace pillion::upstream
