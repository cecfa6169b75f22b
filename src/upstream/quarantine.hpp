#pragma once
// Queries that may be what ends connections, and their way to an answer apart from all others. Pure.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "upstream/query.hpp"

namespace pillion::upstream {

/// What was in flight when a connection ended without answering it is under suspicion. It is tried again over lanes,
/// which are connections that carry nothing else: one query first, then twice as many after each answer, so that those
/// that merely were in bad company are soon through. Where a lane ends, too, each query that it had goes alone. One
/// that has ended two connections alone is guilty, and fails; nothing else does.
class Quarantine {
 public:
  /// Connections that a query has ended alone when it is given up.
  static constexpr unsigned endings_alone_to_fail = 2;

  /// A connection for suspects.
  struct Lane {
    std::size_t window = 1;  ///< queries at once
  };

  /// Notes for each of `lost`, in the order they were sent, that a connection ended while it was in flight. `is_alone`:
  /// it was the only one ever since it was sent. `was_lane`: the connection was one for suspects. Returns those that
  /// are to be given up; the others wait here, before those that came later.
  [[nodiscard]] std::vector<Query*> take(std::span<Query* const> lost, bool is_alone, bool was_lane);
  /// Takes a query that another server's connections ended with.
  void push_back(Query& query);
  /// Of a query that waits here (Query::waits_apart).
  void erase(Query& query);
  /// Everything that waits here, in order; then it is empty.
  [[nodiscard]] std::deque<Query*> release();

  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }
  /// The next query for a lane with so many in flight, of which the newest is `alone_under_way` to stay the only one;
  /// nullptr if it gets none now.
  [[nodiscard]] Query* next(const Lane& lane, std::size_t in_flight, bool alone_under_way);
  /// A query on the lane was answered.
  static void answered(Lane& lane) { lane.window = std::min(lane.window * 2, widest); }

 private:
  static constexpr std::size_t widest = 64;
  std::deque<Query*> waiting_;
};

}  // namespace pillion::upstream
