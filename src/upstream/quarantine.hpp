#pragma once
// Queries that may have ended a connection, which are sent apart from all others. Pure.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "upstream/query.hpp"

namespace pillion::upstream {

/// A query that was in flight when a connection ended without answering it is a suspect. Suspects are sent again on
/// lanes, which are connections for suspects only: first one query, then twice as many after each answer, so that
/// the others are soon answered. If a lane ends too, each of its queries is sent alone. A query that has ended two
/// connections alone fails; no other query fails for this reason.
class Quarantine {
 public:
  /// A query that has ended this many connections alone is given up.
  static constexpr unsigned endings_alone_to_fail = 2;

  /// A connection for suspects.
  struct Lane {
    std::size_t window = 1;  ///< the most queries in flight on the lane
  };

  /// Records for each of `lost`, which are in the order of sending, that a connection ended while it was in flight.
  /// `is_alone`: it was the only query on the connection ever since it was sent. `was_lane`: the connection was a
  /// lane. Returns the queries to give up. The others wait here, before later ones.
  [[nodiscard]] std::vector<Query*> take(std::span<Query* const> lost, bool is_alone, bool was_lane);
  /// Adds a query that ended connections of another server.
  void push_back(Query& query);
  /// Removes a query that waits here (Query::waits_apart).
  void erase(Query& query);
  /// Removes and returns all queries that wait here, in order.
  [[nodiscard]] std::deque<Query*> release();

  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }
  /// The next query for a lane with `in_flight` queries, or nullptr if it gets none now. `alone_under_way`: the newest
  /// of them must stay the only one.
  [[nodiscard]] Query* next(const Lane& lane, std::size_t in_flight, bool alone_under_way);
  /// A query on the lane was answered.
  static void answered(Lane& lane) { lane.window = std::min(lane.window * 2, widest); }

 private:
  static constexpr std::size_t widest = 64;
  std::deque<Query*> waiting_;
};

}  // namespace pillion::upstream
