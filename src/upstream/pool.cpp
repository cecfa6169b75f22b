#include "upstream/pool.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "upstream/trace_events.hpp"

namespace pillion::upstream {

Pool::Pool(PoolContext context, ServerReport report, ServerProfile profile, const PoolSettings& settings,
           MakeConnection make)
    : context_(std::move(context)),
      report_(std::move(report)),
      profile_(std::move(profile)),
      settings_(settings),
      make_(std::move(make)) {}

void Pool::start() {
  open();
}

ServerFacts Pool::facts(runtime::Time now) const {
  const auto& health = profile_.health();
  ServerFacts facts{.is_tried = tried_,
                    .is_up = health.is_up(),
                    .is_silent = health.is_silent(),
                    .latency = health.latency(),
                    .latencies = profile_.latencies(),
                    .idle_timeout = profile_.idle_timeout(),
                    .query_limit = profile_.query_limit(),
                    .knows_edns = profile_.knows_edns(now),
                    .writes_singly = profile_.writes_singly(now),
                    .last_handshake = report_.last_handshake(),
                    .last_failure = report_.last_failure()};
  for (const auto& member : members_) {
    const auto& connection = *member.connection;
    facts.connections.push_back({.state = connection.state(),
                                 .is_lane = member.lane.has_value(),
                                 .in_flight = connection.in_flight(),
                                 .waited_for = connection.waited_for(),
                                 .sent = member.sent,
                                 .answered = connection.answered(),
                                 .ready_at = member.ready_at,
                                 .last_reply = member.last_reply});
  }
  return facts;
}

std::optional<Error> Pool::submit(Query& query, runtime::Time now) {
  last_sent_ = now;
  query.without_edns = query.was_refused_with_edns = query.was_lost = false;
  const bool is_suspect = query.suspicion.endings > 0;
  if (auto* const open_member = is_suspect ? nullptr : members_.with_room(profile_, settings_.usual_in_flight, now)) {
    send(*open_member, query, now);
    return std::nullopt;
  }
  if (stopping_) return refuse(query, Error::stopped);
  if (!health().is_up()) try_again_soon();
  if (health().fails_fast(now) && !is_trial(now)) return refuse(query, *health().last_error());
  if (waiting_.size() + quarantine_.size() >= settings_.max_waiting) {
    report_.count_failure(Error::overloaded, now);
    return refuse(query, Error::overloaded);
  }
  query.holder = this;
  note_wait(query, is_suspect, now);
  if (is_suspect) {
    quarantine_.push_back(query);
    send_suspects(now);
  } else {
    waiting_.push_back(&query);
  }
  try_late(now);
  open_as_needed(now);
  return std::nullopt;
}

Error Pool::refuse(const Query& query, Error error) const {
  trace::note(*query.trace, [&] {
    const bool is_of_server = health().last_error() == error;
    return trace::NotAsked{
        .server = report_.server(), .error = error, .detail = is_of_server ? last_detail_ : std::string()};
  });
  return error;
}

void Pool::note_wait(const Query& query, bool is_suspect, runtime::Time now) const {
  trace::note(*query.trace, [&] {
    using For = trace::Waits::For;
    const bool is_for_retry = !health().is_up() && now < health().retry_at_if_asked();
    return trace::Waits{.server = report_.server(),
                        .what = is_suspect     ? For::lane
                                : is_for_retry ? For::retry
                                               : For::connection};
  });
}

/// True if a query that comes now tests whether the server is back, and so waits for the result. It should not fail
/// just because no query has come for a while.
bool Pool::is_trial(runtime::Time now) const {
  const auto& health = profile_.health();
  return health.may_be_tried(now) && members_.coming(false) + members_.coming(true) == 0;
}

void Pool::abandon(Query& query) {
  // Queries are abandoned in about the order in which they came, so that the search ends early.
  if (query.waits_apart) return quarantine_.erase(query);
  const auto found = std::ranges::find(waiting_, &query);
  if (found != waiting_.end()) waiting_.erase(found);
}

void Pool::send(Member& target, Query& query, runtime::Time now) {
  trace::note(*query.trace, [&] { return trace::sent(report_.server(), settings_.protocol, target, now); });
  ++target.sent;
  if (query.was_lost) report_.metrics().replays.add();
  if (settings_.protocol != config::Protocol::tls) report_.metrics().plaintext_queries.add();
  in_flight_.add(1);
  if (!profile_.knows_edns(now)) query.without_edns = true;
  const auto in_flight = target.connection->in_flight();
  target.has_one_alone = in_flight == 0;
  target.connection->submit(query, now);
  // Done after submit(), since opening a connection moves the members.
  if (in_flight >= settings_.usual_in_flight) open_beside();
}

void Pool::send_waiting(runtime::Time now) {
  // First, since a lane without suspects becomes an ordinary connection.
  send_suspects(now);
  while (!waiting_.empty()) {
    auto* const target = members_.with_room(profile_, settings_.usual_in_flight, now);
    if (target == nullptr) break;
    auto& query = *waiting_.front();
    waiting_.pop_front();
    send(*target, query, now);
  }
}

void Pool::send_suspects(runtime::Time now) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!members_[i].lane || !members_[i].takes_queries()) continue;
    auto& connection = *members_[i].connection;
    // The query on this lane was abandoned, and may still end the connection. Another query on it would then be taken
    // for the cause.
    if (!quarantine_.empty() && connection.waited_for() == 0 && connection.in_flight() > 0) return connection.retire();
    while (connection.has_room()) {
      auto* const query = quarantine_.next(*members_[i].lane, connection.in_flight(), members_[i].keeps_alone);
      if (query == nullptr) break;
      members_[i].keeps_alone = query->suspicion.alone;
      send(members_[i], *query, now);
    }
    if (connection.in_flight() > 0 || !quarantine_.empty()) continue;
    members_[i].lane.reset();
    if (members_.in_use() > settings_.max_connections) return connection.retire();
  }
}

/// Gives a proving connection whose probe is late one query, since some servers do not answer for the root.
void Pool::try_late(runtime::Time now) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    auto& m = members_[i];
    if (m.state() != ConnectionState::proving || !m.is_late || m.connection->in_flight() > 0) continue;
    auto* query = m.lane ? quarantine_.next(*m.lane, 0, false) : nullptr;
    if (query == nullptr && !waiting_.empty()) {
      query = waiting_.front();
      waiting_.pop_front();
    }
    if (query == nullptr) return;
    send(m, *query, now);
  }
}

void Pool::ready(Connection& connection, const Handshake& handshake) {
  report_.connected(handshake, now());
  tried_ = true;
  auto& opened = members_.of(connection);
  opened.ready_at = now();
  opened.handshake = handshake;
  if (stopping_) return connection.retire();
  // A completed handshake, or a bound socket, does not show that the server answers. The probe does, even if there are
  // no queries.
  opened.has_to_prove = is_in_doubt() || !health().is_up();
  if (opened.has_to_prove) connection.prove(now());
  serve();
}

void Pool::serve() {
  const auto at = now();
  send_waiting(at);
  open_as_needed(at);
  retire_replaced();
  publish();
}

void Pool::unsendable(Connection& /*connection*/, Query& query) {
  in_flight_.add(-1);
  report_.count_failure(Error::query_too_large, now());
  query.failed(Error::query_too_large);
}

void Pool::gone(Connection& connection) {
  members_.remove(connection);
  open_as_needed(now());
  publish();
}

void Pool::stop() {
  stopping_ = true;
  context_.schedule.clear_deadline(*this);
  give_back({}, Error::stopped, {});
  for (std::size_t i = 0; i < members_.size(); ++i) {
    auto& connection = *members_[i].connection;
    if (has_ended(connection.state())) continue;
    if (connection.waited_for() == 0) {
      connection.retire();
    } else {
      connection.close();
    }
  }
}

void Pool::publish() {
  const auto by_label = members_.by_label();
  for (const auto label : runtime::enumerators<ConnectionLabel>)
    connections_[label].set(static_cast<double>(by_label[label]));
  // If a silent connection has died, the server stays silent until another connection is ready.
  if (members_.are_silent()) {
    health().set_silent(true);
  } else if (members_.any_ready() != nullptr) {
    health().set_silent(false);
  }
}

}  // namespace pillion::upstream
