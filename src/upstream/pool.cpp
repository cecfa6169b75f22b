#include "upstream/pool.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace pillion::upstream {
namespace {

/// A connection that is still open so long after its quota was used up shows that there is none.
constexpr std::chrono::milliseconds quota_doubt{250};

}  // namespace

Pool::Pool(PoolContext context, ServerReport report, std::shared_ptr<EdnsSupport> edns, const PoolSettings& settings,
           MakeConnection make)
    : context_(std::move(context)),
      report_(std::move(report)),
      profile_(std::move(edns)),
      settings_(settings),
      make_(std::move(make)) {}

void Pool::start() {
  open();
}

Pool::Member& Pool::member(const Connection& connection) {
  return *std::ranges::find_if(members_, [&](const Member& m) { return m.connection.get() == &connection; });
}

template <typename Wanted>
std::size_t Pool::count(Wanted wanted) const {
  return static_cast<std::size_t>(std::ranges::count_if(members_, wanted));
}

std::optional<Error> Pool::submit(Query& query, runtime::Time now) {
  last_sent_ = now;
  query.without_edns = false;
  const bool is_suspect = query.suspicion.endings > 0;
  if (auto* const open_member = is_suspect ? nullptr : with_room(now)) {
    send(*open_member, query, now);
    return std::nullopt;
  }
  if (stopping_) return Error::no_server;
  if (!health().is_up()) try_again_soon();
  if (health().fails_fast(now)) return health().last_error();
  if (waiting_.size() + quarantine_.size() >= settings_.max_waiting) {
    report_.count_failure(Error::overloaded);
    return Error::overloaded;
  }
  query.carrier = this;
  if (is_suspect) {
    quarantine_.push_back(query);
    send_suspects(now);
  } else {
    waiting_.push_back(&query);
  }
  open_as_needed(now);
  return std::nullopt;
}

void Pool::abandon(Query& query) {
  if (quarantine_.erase(query)) return;
  // Queries expire in about the order in which they came, so the search ends early.
  waiting_.erase(std::ranges::find(waiting_, &query));
}

/// The first connection that takes a query: filling one before the next keeps them few, and the answers of a turn
/// together.
Pool::Member* Pool::with_room(runtime::Time now) {
  for (auto& candidate : members_) {
    if (candidate.lane || !takes_queries(candidate.state()) || !candidate.connection->has_room()) continue;
    const auto quota = profile_.quota();
    if (quota && candidate.sent >= *quota) {
      if (!candidate.used_up) candidate.used_up = now;
      if (now < quota_doubted_at(candidate)) continue;
      profile_.forget_quota();
    }
    return &candidate;
  }
  return nullptr;
}

/// When a used-up connection that is still open shows that there is no quota: its last answer has come, and no close
/// behind it.
runtime::Time Pool::quota_doubted_at(const Member& used) const {
  return *used.used_up + quota_doubt + 2 * health().latency().value_or(runtime::Duration{});
}

void Pool::send(Member& target, Query& query, runtime::Time now) {
  ++target.sent;
  ++query.sends;
  if (query.sends > 1) report_.metrics().replays.add();
  if (!settings_.encrypted) report_.metrics().plaintext_queries.add();
  report_.metrics().in_flight.add(1);
  if (!profile_.knows_edns(now)) query.without_edns = true;
  target.has_one_alone = target.connection->in_flight() == 0;
  target.connection->submit(query, now);
}

void Pool::send_waiting(runtime::Time now) {
  // First, since a lane that is through takes other queries.
  send_suspects(now);
  while (!waiting_.empty()) {
    auto* const target = with_room(now);
    if (target == nullptr) break;
    auto& query = *waiting_.front();
    waiting_.pop_front();
    send(*target, query, now);
  }
}

void Pool::send_suspects(runtime::Time now) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!members_[i].lane || !takes_queries(members_[i].state())) continue;
    auto& connection = *members_[i].connection;
    // The asker of the query on it has given up. Another one would be blamed for what that may still bring about.
    if (!quarantine_.empty() && connection.waited_for() == 0 && connection.in_flight() > 0) return connection.retire();
    while (connection.has_room()) {
      auto* const query = quarantine_.next(*members_[i].lane, connection.in_flight(), members_[i].has_a_recluse);
      if (query == nullptr) break;
      members_[i].has_a_recluse = query->suspicion.alone;
      send(members_[i], *query, now);
    }
    if (connection.in_flight() > 0 || !quarantine_.empty()) continue;
    members_[i].lane.reset();
    if (count([](const Member& m) { return !m.lane && takes_queries(m.state()); }) > settings_.max_connections)
      return connection.retire();
  }
}

bool Pool::may_open() const {
  return count([](const Member& m) { return is_opening(m.state()); }) < settings_.max_handshakes;
}

/// Opens what the queries need that wait: one connection, or several at once where each serves only a few; and lanes.
void Pool::open_as_needed(runtime::Time now) {
  if (stopping_ || (waiting_.empty() && quarantine_.empty())) return;
  if (!health().is_up() && now < health().retry_at_if_asked()) return try_again_soon();
  const auto is_coming = [](const Member& m) { return is_opening(m.state()) || m.state() == ConnectionState::proving; };
  // While the server is in doubt, one connection finds out for all.
  if ((in_doubt_ || !health().is_up()) && count(is_coming) > 0) return;
  const auto quota = profile_.quota();
  const auto wanted = quota ? (waiting_.size() + *quota - 1) / *quota : std::min<std::size_t>(waiting_.size(), 1);
  const auto used = [](const Member& m) { return !m.lane && m.state() <= ConnectionState::ready; };
  auto coming = count([&](const Member& m) { return !m.lane && is_coming(m); });
  for (; coming < wanted && count(used) < settings_.max_connections && may_open(); ++coming) open();
  const auto lanes = count([](const Member& m) { return m.lane && !has_ended(m.state()); });
  const auto lanes_coming = count([&](const Member& m) { return m.lane && is_coming(m); });
  if (!quarantine_.empty() && lanes_coming == 0 && lanes < settings_.max_lanes && may_open()) open(Quarantine::Lane{});
  if (quota && !waiting_.empty()) watch_quota();
}

/// The server is down, and somebody asks.
void Pool::try_again_soon() {
  const auto retry_at = health().retry_at_if_asked();
  if (!is_set() || retry_at < at()) context_.schedule.set_deadline(*this, retry_at);
}

/// Where every connection is used up and none closes, nothing else would let the waiting queries go on.
void Pool::watch_quota() {
  for (const auto& m : members_) {
    if (!takes_queries(m.state()) || !m.used_up || !m.connection->has_room()) continue;
    const auto doubted_at = quota_doubted_at(m);
    if (!is_set() || doubted_at < at()) context_.schedule.set_deadline(*this, doubted_at);
  }
}

void Pool::open(std::optional<Quarantine::Lane> lane) {
  report_.metrics().connections_opened.add();
  members_.push_back(Member{.connection = make_(*this, profile_), .lane = lane});
  auto& connection = *members_.back().connection;
  if (profile_.writes_singly(now())) connection.write_singly();
  connection.start();
  publish();
}

void Pool::keep_warm(runtime::Time now, bool had_answers) {
  const bool used_lately = last_sent_ && now - *last_sent_ < settings_.warm_for;
  const bool has_none = count([](const Member& m) { return !has_ended(m.state()); }) == 0;
  if (!stopping_ && health().is_up() && has_none && used_lately && had_answers) open();
}

void Pool::ready(Connection& connection, const Handshake& handshake) {
  report_.connected(handshake);
  tried_ = true;
  auto& opened = member(connection);
  opened.was_ready = true;
  if (stopping_) return connection.retire();
  // A handshake, or a socket that is bound, is no sign of a server that answers. The probe is one, whether or not
  // anybody asks.
  opened.has_to_prove = in_doubt_ || !health().is_up();
  if (opened.has_to_prove) connection.prove(now());
  serve();
}

void Pool::serve() {
  const auto at = now();
  send_waiting(at);
  open_as_needed(at);
  retire_worn();
  publish();
}

/// Make before break: those that wore out go when there is another.
void Pool::retire_worn() {
  const auto is_good = [](const Member& m) { return !m.lane && m.state() == ConnectionState::ready; };
  if (count(is_good) == 0) return;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].state() == ConnectionState::worn) members_[i].connection->retire();
  }
}

void Pool::received(Connection& connection, const Mux::Received& received) {
  const auto at = now();
  report_.metrics().in_flight.add(-1);
  auto& from = member(connection);
  if (from.lane) Quarantine::answered(*from.lane);
  // A datagram that matches nothing may be anybody's. Whoever hears of a recovery may submit: `from` may have moved.
  if (received.reply || received.reply.error() != Error::mismatched_reply) heard(from, at);
  auto* const query = received.query;
  if (!received.reply) {
    report_.count_failure(received.reply.error());
    if (query != nullptr) query->failed(received.reply.error());
  } else {
    report_.replied(*received.reply);
    // A refusal is quick; it must not make a server the fastest.
    if (is_usable(received.reply->rcode)) profile_.replied(received.reply->latency);
    if (query != nullptr && !retry_without_edns(*query, *received.reply, at)) query->replied(*received.reply);
  }
  if (waiting_.empty() && quarantine_.empty() && !has_lanes_) return;
  send_waiting(at);
  open_as_needed(at);
}

/// RFC 6891 section 7: a server that knows no EDNS says FORMERR or NOTIMP, and no OPT. Taken for one when it answers
/// the same question without.
bool Pool::retry_without_edns(Query& query, const Reply& reply, runtime::Time now) {
  const bool is_refusal = reply.rcode == dns::rcode::formerr || reply.rcode == dns::rcode::notimp;
  if (query.without_edns) {
    if (is_refusal || !profile_.knows_edns(now)) return false;
    profile_.turn_edns_off(now);
    report_.edns_turned_off();
    return false;
  }
  if (!is_refusal || query.opaque || (reply.message && reply.message->opt())) return false;
  query.without_edns = true;
  query.carrier = this;
  if (query.suspicion.endings > 0) {
    quarantine_.push_back(query);
  } else {
    waiting_.push_front(&query);
  }
  return true;
}

void Pool::heard(Member& from, runtime::Time now) {
  from.last_reply = now;
  in_doubt_ = false;
  if (health().is_responsive()) return;
  const bool was_down = !health().is_up();
  health().recovered();
  publish();
  if (!was_down) return;
  report_.answers_again();
  if (on_recovery_) on_recovery_();
}

void Pool::answered_probe(Connection& connection) {
  heard(member(connection), now());
  serve();
}

/// A proving connection is given one query all the same: some servers do not answer for the root.
void Pool::fell_silent(Connection& connection) {
  publish();
  if (connection.state() != ConnectionState::proving || connection.in_flight() > 0 || waiting_.empty()) return;
  auto& query = *waiting_.front();
  waiting_.pop_front();
  send(member(connection), query, now());
}

void Pool::ignored(Connection& /*connection*/, Error error) {
  report_.count_failure(error);
}

void Pool::needs_single_records(Connection& connection) {
  profile_.write_singly(now());
  connection.write_singly();
}

void Pool::wears_out(Connection& /*connection*/) {
  publish();
  const auto is_coming = [](const Member& m) { return !m.lane && m.state() <= ConnectionState::ready; };
  // One more than the limit for the moment of the change, so that a full pool can change at all.
  if (!stopping_ && count(is_coming) == 0) open();
  retire_worn();
}

void Pool::unsendable(Connection& /*connection*/, Query& query) {
  report_.metrics().in_flight.add(-1);
  report_.count_failure(Error::query_too_large);
  query.failed(Error::query_too_large);
}

void Pool::closed(Connection& connection, std::optional<Error> error, std::string detail, std::vector<Query*> lost) {
  const auto at = now();
  auto& ended = member(connection);
  report_.metrics().in_flight.set(0);
  for (const auto& m : members_) report_.metrics().in_flight.add(static_cast<double>(m.connection->in_flight()));
  const bool had_answers = ended.last_reply.has_value();
  if (const auto failure = verdict(ended, error, lost)) {
    server_failed(*failure, detail, lost, at);
  } else if (error == Error::stalled) {
    // Whoever asked may know a server that answers sooner; what waits here goes on by the next connection.
    report_.count_failure(Error::stalled);
    for (auto* const query : lost) query->failed(Error::stalled);
  } else {
    if (lost.empty()) report_.metrics().idle_closes.add();
    carry_over(ended, lost);
  }
  send_waiting(at);
  open_as_needed(at);
  if (!stopping_ && !health().is_up() && !is_set()) context_.schedule.set_deadline(*this, health().retry_at());
  keep_warm(at, had_answers);
  publish();
}

/// What the server is to blame for, if it is. What becomes of a connection that had answers says nothing of it: a path
/// forgets connections, and a server that closes with our queries unread resets them. Nor does the end of one without
/// an answer, where it had queries that may have brought it about.
std::optional<Error> Pool::verdict(const Member& ended, std::optional<Error> error, const std::vector<Query*>& lost) {
  if (stopping_ || ended.last_reply) return std::nullopt;
  if (!ended.was_ready || error == Error::stalled) return error;
  if (lost.empty()) return error || !ended.has_to_prove ? error : Error::closed;
  in_doubt_ = true;
  return std::nullopt;
}

void Pool::gone(Connection& connection) {
  std::erase_if(members_, [&](const Member& m) { return m.connection.get() == &connection; });
  open_as_needed(now());
  publish();
}

/// Time to doubt the quota; or to try a server that is down again, whether or not a query waits: the next one should
/// find it up.
void Pool::expired(runtime::Time now) {
  if (health().is_up()) {
    send_waiting(now);
    return open_as_needed(now);
  }
  if (now < health().retry_at_if_asked()) return try_again_soon();
  // One that is under way sets the next deadline when it ends.
  if (stopping_ || count([](const Member& m) { return m.state() <= ConnectionState::proving; }) > 0) return;
  // A connection that outlived the one that failed is as good as a new one.
  const auto outlived = std::ranges::find_if(members_, [](const Member& m) { return takes_queries(m.state()); });
  if (outlived == members_.end()) return open();
  outlived->connection->prove(now);
}

void Pool::server_failed(Error error, const std::string& detail, const std::vector<Query*>& lost, runtime::Time now) {
  tried_ = true;
  if (traits(error).is_of_handshake) report_.metrics().handshakes_failed.add();
  health().failed(error, now, context_.random());
  report_.failed(error, detail);
  give_back(lost, error);
}

/// Queries that a connection left unanswered wait for the next, before those that came later; apart from them where one
/// of the lost may have ended it.
void Pool::carry_over(const Member& ended, const std::vector<Query*>& lost) {
  if (lost.empty()) return;
  if (stopping_) return fail(lost, Error::closed);
  if (profile_.quota() == ended.connection->answered()) return put_back(lost);
  for (auto* const query : lost) query->carrier = this;
  const bool is_alone = ended.has_one_alone && lost.size() == 1;
  fail(quarantine_.take(lost, is_alone, ended.lane.has_value()), Error::closed);
}

/// The connection served as many queries as the server ever answers on one: nobody is to blame.
void Pool::put_back(const std::vector<Query*>& lost) {
  std::vector<Query*> given_up;
  for (auto query = lost.rbegin(); query != lost.rend(); ++query) {
    if (++(*query)->suspicion.endings >= Query::max_endings) {
      given_up.push_back(*query);
    } else {
      (*query)->carrier = this;
      waiting_.push_front(*query);
    }
  }
  fail(given_up, Error::closed);
}

void Pool::fail(const std::vector<Query*>& queries, Error error) {
  for (auto* const query : queries) query->failed(error);
}

/// The server failed: whoever asked may know another one.
void Pool::give_back(const std::vector<Query*>& lost, Error error) {
  // Taken out first: failed() may submit to this pool again.
  const auto waiting = std::exchange(waiting_, {});
  const auto suspects = quarantine_.release();
  fail(lost, error);
  for (auto* const query : waiting) query->failed(error);
  for (auto* const query : suspects) query->failed(error);
}

void Pool::stop() {
  stopping_ = true;
  context_.schedule.clear_deadline(*this);
  give_back({}, Error::no_server);
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
  std::array<double, static_cast<std::size_t>(ConnectionLabel::count_)> states{};
  bool is_silent = false;
  bool is_heard = false;
  has_lanes_ = false;
  for (const auto& m : members_) {
    states[static_cast<std::size_t>(label_of(m.state()))] += 1;
    is_silent |= m.state() == ConnectionState::silent;
    is_heard |= takes_queries(m.state());
    has_lanes_ |= m.lane.has_value();
  }
  for (std::size_t i = 0; i < states.size(); ++i) report_.metrics().connections[i].set(states[i]);
  health().set_silent(is_silent && !is_heard);
}

}  // namespace pillion::upstream
