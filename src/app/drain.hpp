#pragma once
// When a drain ends. Pure: time comes in as an argument.

#include "runtime/clock.hpp"

namespace pillion::app {

/// How long a drain may last and has to.
struct DrainTerms {
  runtime::Duration timeout = {};  ///< it ends at the latest after this, whatever is under way
  runtime::Duration quiet = {};    ///< clients that were quiet for so long are taken to be done
  runtime::Duration min = {};      ///< it lasts at least so long, within `timeout`
};

/// What a drain's end depends on.
struct DrainFacts {
  bool is_busy = false;         ///< queries are in flight, or answers have not left
  runtime::Time last_activity;  ///< of clients: the last query, and the last answer that was waited for
};

class Drain {
 public:
  /// How often a busy shard is looked at: nobody tells when it no longer is.
  static constexpr std::chrono::milliseconds busy_interval{20};

  Drain(const DrainTerms& terms, runtime::Time begun)
      : quiet_(terms.quiet), min_end_(begun + terms.min), end_(begun + terms.timeout) {}

  /// It ends at `end` at the latest. Does nothing where it would end sooner.
  void cut_short(runtime::Time end);
  /// When it ends at the latest.
  [[nodiscard]] runtime::Time end() const { return end_; }

  /// False as long as new clients may come, since not everybody has heard that we leave.
  [[nodiscard]] bool is_past_min(runtime::Time now) const { return now >= min_end_; }
  [[nodiscard]] bool has_ended(const DrainFacts& facts, runtime::Time now) const;
  /// When to ask has_ended() again, where it has not ended at `now`: later than that, and at end() at the latest.
  [[nodiscard]] runtime::Time next_look(const DrainFacts& facts, runtime::Time now) const;
  /// Clients that were quiet since then may be left.
  [[nodiscard]] runtime::Time quiet_since(runtime::Time now) const { return now - quiet_; }

 private:
  runtime::Duration quiet_;
  runtime::Time min_end_;
  runtime::Time end_;
};

}  // namespace pillion::app
