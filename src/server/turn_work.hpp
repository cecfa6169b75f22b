#pragma once
// How much is done for TCP clients in one turn of the loop. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
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
    if (!has_upstream_query_) first_upstream_query_ = now;
    has_upstream_query_ = true;
    queries_ += now - first_upstream_query_ < max_upstream_time ? max_queries / max_upstream_queries : max_queries;
  }
  void note_output(std::uint64_t turn, std::size_t bytes) {
    begin(turn);
    output_ += bytes;
  }
  /// False if this turn has handled enough queries.
  [[nodiscard]] bool may_handle(std::uint64_t turn) const { return turn != turn_ || queries_ < max_queries; }
  /// False if this turn has composed enough.
  [[nodiscard]] bool may_compose(std::uint64_t turn) const { return turn != turn_ || output_ < max_output; }

 private:
  void begin(std::uint64_t turn) {
    if (std::exchange(turn_, turn) == turn) return;
    queries_ = 0;
    output_ = 0;
    has_upstream_query_ = false;
  }

  std::uint64_t turn_ = 0;
  std::size_t queries_ = 0;  // one to an upstream counts as several
  std::size_t output_ = 0;
  bool has_upstream_query_ = false;
  runtime::Time first_upstream_query_;  // when it had been handled
};

}  // namespace pillion::server
