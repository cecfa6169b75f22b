#pragma once
// How much is done for TCP clients in one turn of the loop. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/clock.hpp"

namespace pillion::server {

/// Counts what all sessions of a shard do in a turn. Once that is enough, a session with more to do continues in the
/// next turn, after the other sockets. So a client waits for a small part of what others have asked, and the queries
/// that a client pipelines wait in its own socket, not at the upstream server before those of others.
class TurnWork {
 public:
  /// Queries that are handled in one turn, if all have their answers at once. With fewer, sessions with many queries
  /// would go through the end of a turn so often that it shows in the time of each answer.
  static constexpr std::size_t max_queries = 256;
  /// Queries that are handled in one turn, if all are passed to an upstream. With more, a query waits longer there.
  static constexpr std::size_t max_upstream_queries = 32;
  /// Time in which further queries for an upstream are handled in one turn. A search walk over UDP takes ten times as
  /// long as a query of a TLS connection.
  static constexpr std::chrono::microseconds max_upstream_time{100};
  /// Bytes of answers that are composed in one turn.
  static constexpr std::size_t max_output = std::size_t{64} << 10U;
  /// A session with fewer queries in flight may always handle this many each time that it has read, if these are no
  /// more than so many bytes. So a client that asks little never waits for others: a stub resolver asks for A and AAAA
  /// at once.
  static constexpr unsigned modest_queries = 2;
  static constexpr std::size_t modest_input = 512;
  /// Time after the first session of a turn in which new sessions are served at once, those that no answer was sent to
  /// yet. Many that come at the same moment, each with a query for a large answer, would keep all others waiting. Those
  /// that wait have as much time again, once the turn's output was written.
  static constexpr std::chrono::microseconds max_time_for_new{100};
  /// Time in which other sessions that wait go on in one turn.
  static constexpr std::chrono::microseconds max_queue_time{100};
  /// A session with less output than this, in bytes, never waits for those with much.
  static constexpr std::size_t modest_output = 8192;

  /// `turn` is Loop::turn(). The same is true of all functions.
  void note_answered_query(std::uint64_t turn) {
    begin(turn);
    ++queries_;
  }
  /// `now` is when the query had been handled.
  void note_upstream_query(std::uint64_t turn, runtime::Time now) {
    begin(turn);
    queries_ +=
        time_since(first_upstream_query_, now) < max_upstream_time ? max_queries / max_upstream_queries : max_queries;
  }
  /// A session has something to do. `now` is the time.
  void note_session(std::uint64_t turn, runtime::Time now) {
    begin(turn);
    is_late_ = time_since(first_session_, now) >= max_time_for_new;
  }
  void note_output(std::uint64_t turn, std::size_t bytes) {
    begin(turn);
    output_ += bytes;
  }
  /// False if this turn has handled enough queries.
  [[nodiscard]] bool may_handle(std::uint64_t turn) const { return turn != turn_ || queries_ < max_queries; }
  /// False if new sessions wait for the others of this turn.
  [[nodiscard]] bool may_serve_new(std::uint64_t turn) const { return turn != turn_ || !is_late_; }
  /// False if the new sessions that wait have been served for long enough in this turn. `now` is the time; that of the
  /// first call in a turn is when they began.
  [[nodiscard]] bool may_serve_waiting_new(std::uint64_t turn, runtime::Time now) {
    begin(turn);
    return time_since(new_since_, now) < max_time_for_new;
  }
  /// False if the other sessions that wait have gone on for long enough in this turn, or it has handled enough queries.
  /// `now` is the time; that of the first call in a turn is when they began.
  [[nodiscard]] bool may_go_on(std::uint64_t turn, runtime::Time now) {
    begin(turn);
    return time_since(queue_since_, now) < max_queue_time && may_handle(turn);
  }
  /// False if this turn has composed enough.
  [[nodiscard]] bool may_compose(std::uint64_t turn) const { return turn != turn_ || output_ < max_output; }

 private:
  /// The time from the first call in a turn, which sets `first`, to `now`.
  static runtime::Duration time_since(std::optional<runtime::Time>& first, runtime::Time now) {
    if (!first) first = now;
    return now - *first;
  }
  void begin(std::uint64_t turn) {
    if (std::exchange(turn_, turn) == turn) return;
    queries_ = 0;
    output_ = 0;
    is_late_ = false;
    first_upstream_query_.reset();
    first_session_.reset();
    new_since_.reset();
    queue_since_.reset();
  }

  std::uint64_t turn_ = 0;
  std::size_t queries_ = 0;  // one to an upstream counts as several
  std::size_t output_ = 0;
  bool is_late_ = false;                               // for new sessions
  std::optional<runtime::Time> first_upstream_query_;  // when it had been handled
  std::optional<runtime::Time> first_session_;         // when it began
  std::optional<runtime::Time> new_since_;             // when the first of the new sessions that wait went on
  std::optional<runtime::Time> queue_since_;           // when the first of the others went on
};

}  // namespace pillion::server
