// What follows from the end of a connection: for the server, and for the queries that were on it.

#include <algorithm>
#include <utility>

#include "upstream/liveness.hpp"
#include "upstream/pool.hpp"

namespace pillion::upstream {

void Pool::closed(Connection& connection, std::optional<Error> error, std::string detail, std::vector<Query*> lost) {
  const auto at = now();
  auto& ended = members_.of(connection);
  in_flight_.set(static_cast<double>(members_.in_flight()));
  const bool had_answers = ended.last_reply.has_value();
  const bool is_our_fault = error && traits(*error).blame == Blame::us;
  if (is_our_fault) {
    report_.count_failure(*error, now());
    give_back(lost, *error, detail);
  } else if (const auto failure = verdict(ended, error, lost)) {
    server_failed(*failure, detail, lost, at);
  } else if (error == Error::stalled) {
    // Whoever asked may know a server that answers sooner; what waits here goes on by the next connection.
    report_.count_failure(Error::stalled, now());
    retire_unheard(at);
    // The next one may be no better, and has to prove itself before queries wait on it.
    if (members_.any_ready() == nullptr) fruitless_ = fruitless_to_doubt;
    for (auto* const query : lost) {
      note_ending(*query, error, detail, false);
      query->failed(Error::stalled);
    }
  } else {
    // A reset or a close is in the course of things; what is no DNS is not, and has no query to be counted with.
    if (error && traits(*error).blame == Blame::query) report_.count_failure(*error, now());
    if (lost.empty() && connection.was_ended_by_server()) report_.metrics().idle_closes.add();
    carry_over(ended, lost, error, detail);
  }
  send_waiting(at);
  open_as_needed(at);
  if (!stopping_ && !health().is_up() && !is_set()) {
    // What failed for want of descriptors says nothing of the server, whose back-off may be over; it would fail again.
    const auto soonest = is_our_fault ? at + Health::longest_backoff_asked : health().retry_at();
    context_.schedule.set_deadline(*this, std::max(health().retry_at(), soonest));
  }
  keep_warm(at, had_answers);
  publish();
}

/// A path that has forgotten one connection has forgotten those as well on which nothing was heard since, be it a
/// handshake.
void Pool::retire_unheard(runtime::Time now) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& m = members_[i];
    if (!m.takes_queries() || m.connection->in_flight() > 0) continue;
    if (now - m.last_reply.value_or(*m.ready_at) >= Liveness::probe_patience) m.connection->retire();
  }
}

/// What the server is to blame for, if it is. What becomes of a connection that had answers says nothing of it: a path
/// forgets connections, and a server that closes with our queries unread resets them. Nor does the end of one without
/// an answer, where it had queries that may have brought it about.
std::optional<Error> Pool::verdict(const Member& ended, std::optional<Error> error, const std::vector<Query*>& lost) {
  const bool is_ours = !error && !ended.connection->was_ended_by_server();
  if (stopping_ || is_ours || ended.last_reply) return std::nullopt;
  if (!ended.ready_at || error == Error::stalled) return error;
  // Of a datagram the system says so whenever nobody is there.
  if (error && traits(*error).blame == Blame::server && !traits(*error).is_of_handshake) return error;
  if (lost.empty()) return error || !ended.has_to_prove ? error : Error::closed;
  // The suspect on a lane explains its end.
  if (!ended.lane) ++fruitless_;
  return std::nullopt;
}

void Pool::server_failed(Error error, const std::string& detail, const std::vector<Query*>& lost, runtime::Time now) {
  tried_ = true;
  if (traits(error).is_of_handshake) report_.metrics().handshakes_failed.add();
  health().failed(error, now, context_.random());
  report_.failed(error, detail, now);
  last_detail_ = detail;
  give_back(lost, error, detail);
}

/// Queries that a connection left unanswered wait for the next, before those that came later; apart from them where one
/// of the lost may have ended it.
void Pool::carry_over(const Member& ended, const std::vector<Query*>& lost, std::optional<Error> error,
                      const std::string& detail) {
  if (lost.empty()) return;
  if (stopping_) return fail(lost, Error::stopped);
  for (auto* const query : lost) {
    query->carrier = this;
    query->was_lost = true;
  }
  if (profile_.quota() == ended.connection->answered()) {
    for (const auto* const query : lost) note_ending(*query, error, detail, true);
    put_back(lost);
    return acquit();
  }
  const bool is_alone = ended.has_one_alone && lost.size() == 1;
  if (is_alone && ended.lane && ended.connection->answered() == 0) profile_.closed_at_query();
  const auto guilty = quarantine_.take(lost, is_alone, ended.lane.has_value());
  for (const auto* const query : lost)
    note_ending(*query, error, detail, std::ranges::find(guilty, query) == guilty.end());
  for (std::size_t i = 0; i < guilty.size(); ++i) report_.count_failure(Error::closed, now());
  fail(guilty, Error::closed);
}

/// The connection served as many queries as the server ever answers on one: nobody is to blame. The ending counts all
/// the same, since such a number may be chance: otherwise a query that ends connections would never be given up.
void Pool::put_back(const std::vector<Query*>& lost) {
  std::vector<Query*> given_up;
  for (auto query = lost.rbegin(); query != lost.rend(); ++query) {
    if (++(*query)->suspicion.endings >= Query::max_endings) {
      given_up.push_back(*query);
    } else {
      waiting_.push_front(*query);
    }
  }
  fail(given_up, Error::closed);
}

/// Those who were lost before the quota was known were beyond it, too.
void Pool::acquit() {
  const auto suspects = quarantine_.release();
  waiting_.insert(waiting_.begin(), suspects.begin(), suspects.end());
}

void Pool::fail(const std::vector<Query*>& queries, Error error) {
  for (auto* const query : queries) query->failed(error);
}

/// The server failed: whoever asked may know another one.
void Pool::give_back(const std::vector<Query*>& lost, Error error, const std::string& detail) {
  // Taken out first: failed() may submit to this pool again.
  const auto waiting = std::exchange(waiting_, {});
  const auto suspects = quarantine_.release();
  const auto give = [&](Query* query) {
    note_ending(*query, error, detail, false);
    query->failed(error);
  };
  std::ranges::for_each(lost, give);
  std::ranges::for_each(waiting, give);
  std::ranges::for_each(suspects, give);
}

void Pool::note_ending(const Query& query, std::optional<Error> error, const std::string& detail,
                       bool is_sent_again) const {
  trace::note(*query.trace, [&] {
    return trace::ConnectionEnded{
        .server = report_.server(), .error = error, .detail = detail, .is_sent_again = is_sent_again};
  });
}

}  // namespace pillion::upstream
