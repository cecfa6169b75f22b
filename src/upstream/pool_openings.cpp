// When the pool opens connections, replaces them, and tries a server that is down.

#include <algorithm>
#include <utility>

#include "upstream/pool.hpp"

namespace pillion::upstream {

/// Opens what the waiting queries need: one connection, or several if each serves only a few queries; and lanes.
void Pool::open_as_needed(runtime::Time now) {
  if (stopping_ || (waiting_.empty() && quarantine_.empty())) return;
  if (!health().is_up() && now < health().retry_at_if_asked()) return try_again_soon();
  // While the server is in doubt, one connection tests it for all queries.
  auto coming = members_.coming(false);
  const auto lanes_coming = members_.coming(true);
  if ((is_in_doubt() || !health().is_up()) && coming + lanes_coming > 0) return;
  const auto query_limit = profile_.query_limit();
  const auto wanted =
      query_limit ? (waiting_.size() + *query_limit - 1) / *query_limit : std::min<std::size_t>(waiting_.size(), 1);
  const auto may_open = [this] { return members_.opening() < settings_.max_handshakes; };
  // Lanes first, since the other connections could take all handshakes.
  if (!quarantine_.empty() && lanes_coming == 0 && members_.lanes() < settings_.max_lanes && may_open())
    open(Quarantine::Lane{});
  for (; coming < wanted && members_.in_use() < settings_.max_connections && may_open(); ++coming) open();
  // If every connection is used up and none closes, only this lets the waiting queries go on.
  if (waiting_.empty() || !query_limit) return;
  if (const auto doubted_at = members_.query_limit_doubted_at(profile_)) wake_at(*doubted_at);
}

/// The server is down and queries wait: tries it again sooner.
void Pool::try_again_soon() {
  wake_at(health().retry_at_if_asked());
}

void Pool::wake_at(runtime::Time time) {
  if (!is_set() || time < at()) context_.schedule.set_deadline(*this, time);
}

void Pool::open(std::optional<Quarantine::Lane> lane) {
  report_.metrics().connections_opened.add();
  auto& connection = *members_.add(make_(*this, profile_), lane).connection;
  if (profile_.writes_singly(now())) connection.write_singly();
  connection.start();
  publish();
}

void Pool::keep_warm(runtime::Time now, bool had_answers) {
  const bool used_lately = last_sent_ && now - *last_sent_ < settings_.warm_for;
  if (!stopping_ && health().is_up() && members_.have_all_ended() && used_lately && had_answers) open();
}

/// Opens another connection if the present ones have as much in flight as usual, unless one is being opened.
void Pool::open_beside() {
  if (stopping_ || is_in_doubt() || !health().is_up() || members_.coming(false) > 0) return;
  if (members_.in_use() < settings_.max_connections && members_.opening() < settings_.max_handshakes) open();
}

/// Make before break: connections to be replaced are retired once another is ready.
void Pool::retire_replaced() {
  if (members_.ready() == 0) return;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].state() == ConnectionState::retiring) members_[i].connection->retire();
  }
}

void Pool::needs_replacement(Connection& /*connection*/) {
  publish();
  // A connection to be replaced does not count against the limit, so that even a full pool can replace it.
  if (!stopping_ && members_.in_use() == 0) open();
  retire_replaced();
  open_as_needed(now());
}

/// Tests the query limit, or tries a server that is down, even if no query waits, so that the next query finds it up.
void Pool::expired(runtime::Time now) {
  const auto again_later = [&] { wake_at(now + Health::longest_backoff_asked); };
  context_.schedule.contain("upstream pool", [&] { wake(now); }, again_later);
}

void Pool::wake(runtime::Time now) {
  if (health().is_up()) {
    send_waiting(now);
    return open_as_needed(now);
  }
  if (now < health().retry_at_if_asked()) return try_again_soon();
  // A connection that is being opened sets the next deadline when it ends.
  if (stopping_ || members_.coming(false) + members_.coming(true) > 0) return;
  // A connection that outlived the one that failed is as good as a new one.
  auto* const outlived = members_.any_ready();
  if (outlived == nullptr) return open();
  outlived->connection->prove(now);
}

}  // namespace pillion::upstream
