#pragma once
// Decides when a drain ends. Pure: the caller passes the time.

#include "runtime/clock.hpp"

namespace pillion::app {

/// How long a drain lasts.
struct DrainTerms {
  runtime::Duration timeout = {};  ///< it ends after this at the latest, whatever is in progress
  runtime::Duration quiet = {};    ///< clients that were quiet for this long count as done
  runtime::Duration min = {};      ///< it lasts at least this long, but not longer than `timeout`
};

/// What the end of a drain depends on.
struct DrainFacts {
  bool is_busy = false;         ///< queries are in flight, or answers were not sent yet
  runtime::Time last_activity;  ///< the later of the last query and the last answer that was waited for
};

class Drain {
 public:
  /// How often a busy shard is checked, since there is no event for its end.
  static constexpr std::chrono::milliseconds busy_interval{20};

  Drain(const DrainTerms& terms, runtime::Time begun)
      : quiet_(terms.quiet), min_end_(begun + terms.min), end_(begun + terms.timeout) {}

  /// Lowers the latest end to `end`. Has no effect if the drain ends sooner.
  void cut_short(runtime::Time end);
  /// The latest end.
  [[nodiscard]] runtime::Time end() const { return end_; }

  /// False while new clients may come, since not every client knows that Pillion leaves.
  [[nodiscard]] bool is_past_min(runtime::Time now) const { return now >= min_end_; }
  [[nodiscard]] bool has_ended(const DrainFacts& facts, runtime::Time now) const;
  /// When to call has_ended() again if the drain has not ended at `now`; later than `now`, and at most end().
  [[nodiscard]] runtime::Time next_look(const DrainFacts& facts, runtime::Time now) const;
  /// Clients that have been quiet since this time may be closed.
  [[nodiscard]] runtime::Time quiet_since(runtime::Time now) const { return now - quiet_; }

 private:
  runtime::Duration quiet_;
  runtime::Time min_end_;
  runtime::Time end_;
};

}  // namespace pillion::app
