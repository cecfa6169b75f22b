// The consequences of a connection's end for the server and for the queries on it.

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
    // The lost queries fail, since another server may answer sooner. The queries that wait here continue on the next
    // connection.
    report_.count_failure(Error::stalled, now());
    retire_unheard(at);
    // The next connection may be no better, and must prove itself before queries wait on it.
    if (members_.any_ready() == nullptr) unanswered_in_a_row_ = unanswered_to_doubt;
    for (auto* const query : lost) {
      note_ending(*query, error, detail, false);
      query->failed(Error::stalled);
    }
  } else {
    // A reset or a close is normal. Data that is not DNS is not, and there is no query to count it with.
    if (error && traits(*error).blame == Blame::query) report_.count_failure(*error, now());
    if (lost.empty() && connection.was_ended_by_server()) report_.metrics().idle_closes.add();
    carry_over(ended, lost, error, detail);
  }
  send_waiting(at);
  open_as_needed(at);
  if (!stopping_ && !health().is_up() && !is_set()) {
    // A failure for lack of descriptors says nothing about the server, whose back-off may be over. It would fail again
    // at once.
    const auto soonest = is_our_fault ? at + Health::longest_backoff_asked : health().retry_at();
    context_.schedule.set_deadline(*this, std::max(health().retry_at(), soonest));
  }
  keep_warm(at, had_answers);
  publish();
}

/// A path that has forgotten one connection has also forgotten those on which nothing was received since, not even a
/// handshake.
void Pool::retire_unheard(runtime::Time now) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& m = members_[i];
    if (!m.takes_queries() || m.connection->in_flight() > 0) continue;
    if (now - m.last_reply.value_or(*m.ready_at) >= Liveness::probe_patience) m.connection->retire();
  }
}

/// The error that the server is to blame for, or nullopt if it is not to blame. The end of a connection that had
/// answers says nothing about the server: a path forgets connections, and a server that closes with unread queries
/// resets them. Nor does the end of a connection without an answer if its queries may have caused it.
std::optional<Error> Pool::verdict(const Member& ended, std::optional<Error> error, const std::vector<Query*>& lost) {
  const bool is_ours = !error && !ended.connection->was_ended_by_server();
  if (stopping_ || is_ours || ended.last_reply) return std::nullopt;
  if (!ended.ready_at || error == Error::stalled) return error;
  // For a datagram, the system reports this when no process listens.
  if (error && traits(*error).blame == Blame::server && !traits(*error).is_of_handshake) return error;
  if (lost.empty()) return error || !ended.has_to_prove ? error : Error::closed;
  // On a lane, the suspect explains the end.
  if (!ended.lane) ++unanswered_in_a_row_;
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

/// Queries that a connection left unanswered wait for the next one, before later queries. If one of them may have
/// ended it, they wait apart from the others.
void Pool::carry_over(const Member& ended, const std::vector<Query*>& lost, std::optional<Error> error,
                      const std::string& detail) {
  if (lost.empty()) return;
  if (stopping_) return fail(lost, Error::stopped);
  for (auto* const query : lost) {
    query->holder = this;
    query->was_lost = true;
  }
  if (profile_.query_limit() == ended.connection->answered()) {
    for (const auto* const query : lost) note_ending(*query, error, detail, true);
    put_back(lost);
    return release_suspects();
  }
  const bool is_alone = ended.has_one_alone && lost.size() == 1;
  if (is_alone && ended.lane && ended.connection->answered() == 0) profile_.closed_at_query();
  const auto given_up = quarantine_.take(lost, is_alone, ended.lane.has_value());
  for (const auto* const query : lost)
    note_ending(*query, error, detail, std::ranges::find(given_up, query) == given_up.end());
  for (std::size_t i = 0; i < given_up.size(); ++i) report_.count_failure(Error::closed, now());
  fail(given_up, Error::closed);
}

/// The connection served as many queries as the server answers on any, so that no query is to blame. The end still
/// counts for each query, since the number may be chance: a query that ends connections must be given up at some
/// point.
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

/// Queries that were lost before the query limit was known were beyond it too.
void Pool::release_suspects() {
  const auto suspects = quarantine_.release();
  waiting_.insert(waiting_.begin(), suspects.begin(), suspects.end());
}

void Pool::fail(const std::vector<Query*>& queries, Error error) {
  for (auto* const query : queries) query->failed(error);
}

/// The server failed: fails all queries, since another server may answer them.
void Pool::give_back(const std::vector<Query*>& lost, Error error, const std::string& detail) {
  // Removed first, since failed() may submit to this pool again.
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
