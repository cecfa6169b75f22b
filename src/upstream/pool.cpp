#include "upstream/pool.hpp"

#include <algorithm>
#include <utility>

namespace pillion::upstream {
namespace {

/// Closes in a row without an answer that count as a failure. The first may be an idle close that crossed the query.
constexpr unsigned fruitless_closes_to_fail = 2;
/// A close so soon after an answer is because of it; later, it is an idle close.
constexpr std::chrono::milliseconds quota_window{50};
/// A connection that is still open so long after its quota was used up shows that there is none.
constexpr std::chrono::milliseconds quota_doubt{250};
/// How long queries are written one by one after a stall that this may mend.
constexpr std::chrono::minutes singly_for{10};

}  // namespace

Pool::Pool(runtime::Loop& loop, std::string upstream, std::string server, ServerMetrics& metrics,
           const PoolSettings& settings, MakeConnection make)
    : loop_(loop),
      upstream_(std::move(upstream)),
      server_(std::move(server)),
      metrics_(metrics),
      settings_(settings),
      make_(std::move(make)) {
  publish_up();
}

void Pool::start() {
  open();
}

Pool::Member& Pool::member(const Connection& connection) {
  return *std::ranges::find_if(members_, [&](const Member& m) { return m.connection.get() == &connection; });
}

std::optional<Error> Pool::submit(Query& query, runtime::Time now) {
  last_sent_ = now;
  if (auto* const open_member = with_room(now)) {
    send(*open_member, query, now);
    return std::nullopt;
  }
  if (stopping_) return Error::no_server;
  if (health_.fails_fast(now)) return health_.last_error();
  if (waiting_.size() >= settings_.max_waiting) {
    metrics_.failures[static_cast<std::size_t>(Error::overloaded)].add();
    return Error::overloaded;
  }
  query.carrier = this;
  health_.asked();
  waiting_.push_back(&query);
  open_as_needed(now);
  return std::nullopt;
}

void Pool::abandon(Query& query) {
  // Queries expire in about the order in which they came, so the search ends early.
  waiting_.erase(std::ranges::find(waiting_, &query));
}

/// The first connection that takes a query: filling one before the next keeps them few, and the answers of a turn
/// together.
Pool::Member* Pool::with_room(runtime::Time now) {
  for (auto& candidate : members_) {
    if (candidate.connection->state() != ConnectionState::ready || candidate.ended || !candidate.connection->has_room())
      continue;
    if (quota_ && candidate.sent >= *quota_) {
      if (!candidate.used_up) candidate.used_up = now;
      if (now < quota_doubted_at(candidate)) continue;
      quota_.reset();
    }
    return &candidate;
  }
  return nullptr;
}

/// When a used-up connection that is still open shows that there is no quota: its last answer has come, and no close
/// behind it.
runtime::Time Pool::quota_doubted_at(const Member& used) const {
  return *used.used_up + quota_doubt + 2 * health_.latency().value_or(runtime::Duration{});
}

void Pool::send(Member& target, Query& query, runtime::Time now) {
  health_.asked();
  ++target.sent;
  ++query.sends;
  if (query.sends > 1) metrics_.replays.add();
  if (!settings_.encrypted) metrics_.plaintext_queries.add();
  metrics_.in_flight.add(1);
  target.connection->submit(query, now);
}

void Pool::drain_waiting(runtime::Time now) {
  while (!waiting_.empty()) {
    auto* const target = with_room(now);
    if (target == nullptr) break;
    auto& query = *waiting_.front();
    waiting_.pop_front();
    send(*target, query, now);
  }
}

/// Opens what the waiting queries need: one connection, or several at once where each serves only a few.
void Pool::open_as_needed(runtime::Time now) {
  if (stopping_ || waiting_.empty()) return;
  if (!health_.is_up() && now < health_.retry_at()) return loop_.set_deadline(*this, health_.retry_at());
  const auto connecting = std::ranges::count_if(
      members_, [](const Member& m) { return !m.ended && m.connection->state() == ConnectionState::connecting; });
  const auto wanted = quota_ ? (waiting_.size() + *quota_ - 1) / *quota_ : std::size_t{1};
  for (auto n = static_cast<std::size_t>(connecting); n < wanted && members_.size() < settings_.max_connections; ++n)
    open();
  if (quota_) watch_quota();
}

/// Where every connection is used up and none closes, nothing else would let the waiting queries go on.
void Pool::watch_quota() {
  for (const auto& m : members_) {
    if (m.ended || !m.used_up || !m.connection->has_room()) continue;
    const auto doubted_at = quota_doubted_at(m);
    if (!is_set() || doubted_at < at()) loop_.set_deadline(*this, doubted_at);
  }
}

void Pool::open() {
  metrics_.connections_opened.add();
  members_.push_back(Member{.connection = make_(*this), .sent = 0, .last_reply = {}, .used_up = {}});
  if (loop_.clock().now() < singly_until_) members_.back().connection->write_singly();
  members_.back().connection->start();
  publish();
}

void Pool::ready(Connection& connection, const Handshake& handshake) {
  const auto now = loop_.clock().now();
  if (handshake.encrypted) {
    (handshake.resumed ? metrics_.handshakes_resumed : metrics_.handshakes_full).add();
    metrics_.handshake_duration.observe(handshake.duration);
    metrics_.certificate_not_after.set(static_cast<double>(std::chrono::system_clock::to_time_t(handshake.not_after)));
    metrics_.tls_connections.add(handshake.version, handshake.group, handshake.cipher);
    note_groups(handshake);
  }
  const auto milliseconds = std::chrono::duration<double, std::milli>(handshake.duration).count();
  const auto level = std::exchange(was_ready_, true) ? runtime::LogLevel::debug : runtime::LogLevel::info;
  loop_.log().log(level, "upstream connected",
                  {{"upstream", upstream_},
                   {"server", server_},
                   {"tls", handshake.version},
                   {"group", handshake.group},
                   {"resumed", handshake.resumed},
                   {"ms", milliseconds}});
  tried_ = true;
  if (stopping_) return connection.retire();
  // A handshake, or a socket that is bound, is no sign of a server that answers. The probe is one, whether or not
  // anybody asks.
  if (!health_.is_up()) {
    health_.offer_trial();
    connection.probe(now);
  }
  drain_waiting(now);
  open_as_needed(now);
  // Make before break: those that wore out go now that there is another.
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].replaced && !members_[i].ended) members_[i].connection->retire();
  }
  publish();
}

/// Says once that the post-quantum groups are left out, and once that they are offered again.
void Pool::note_groups(const Handshake& handshake) {
  if (handshake.fell_back) metrics_.group_fallbacks.add();
  if (handshake.fell_back == std::exchange(fell_back_, handshake.fell_back)) return;
  const auto* const text = handshake.fell_back
                               ? "upstream gave no answer to post-quantum key exchange: going on without it"
                               : "upstream answers to post-quantum key exchange again";
  loop_.log().log(handshake.fell_back ? runtime::LogLevel::warn : runtime::LogLevel::info, text,
                  {{"upstream", upstream_}, {"server", server_}, {"group", handshake.group}});
}

void Pool::received(Connection& connection, const Mux::Received& received) {
  const auto now = loop_.clock().now();
  metrics_.in_flight.add(-1);
  heard(connection, now);
  if (received.reply) {
    const auto& reply = *received.reply;
    metrics_.responses[std::min<std::size_t>(reply.rcode, labelled_rcodes)].add();
    metrics_.request_duration.observe(reply.latency);
    recovered();
    // A refusal is quick; it must not make a server the fastest.
    if (is_usable(reply.rcode)) health_.replied(reply.latency);
    if (received.query != nullptr) received.query->replied(reply);
  } else {
    metrics_.failures[static_cast<std::size_t>(received.reply.error())].add();
    if (received.query != nullptr) received.query->failed(received.reply.error());
    if (!health_.may_be_asked()) loop_.set_deadline(*this, std::max(now, health_.retry_at()));
  }
  if (!waiting_.empty()) drain_waiting(now);
}

void Pool::heard(Connection& connection, runtime::Time now) {
  fruitless_closes_ = 0;
  member(connection).last_reply = now;
}

void Pool::recovered() {
  health_.recovered();
  publish_up();
  if (!std::exchange(reported_, std::nullopt)) return;
  loop_.log().log(runtime::LogLevel::info, "upstream answers again", {{"upstream", upstream_}, {"server", server_}});
}

void Pool::answered_probe(Connection& connection) {
  const auto now = loop_.clock().now();
  heard(connection, now);
  recovered();
  drain_waiting(now);
}

void Pool::ignored(Connection& /*connection*/, Error error) {
  metrics_.failures[static_cast<std::size_t>(error)].add();
}

/// Some servers (NSD 4.6 is one) look at the first query of a TLS record and forget the others until more arrives, as
/// the probe does. It may have been something else, so the remedy, which costs a record for each query, is tried for a
/// while only.
void Pool::needs_single_records(Connection& connection) {
  singly_until_ = loop_.clock().now() + singly_for;
  connection.write_singly();
}

void Pool::wears_out(Connection& connection) {
  auto& worn = member(connection);
  if (worn.replaced || stopping_) return;
  worn.replaced = true;
  // One more than the limit for the moment of the change, so that a full pool can change at all.
  if (members_.size() <= settings_.max_connections) open();
}

void Pool::closed(Connection& connection, std::optional<Error> error, std::string detail, std::vector<Query*> lost) {
  const auto now = loop_.clock().now();
  auto& ended = member(connection);
  ended.ended = true;
  const auto was_connecting = ended.sent == 0 && ended.last_reply == runtime::Time{};
  const auto fruitless = ended.last_reply == runtime::Time{};
  metrics_.in_flight.set(0);
  for (const auto& m : members_) metrics_.in_flight.add(m.ended ? 0 : static_cast<double>(m.connection->in_flight()));

  // What becomes of a connection that had answers is no verdict on the server, unless it breaks the protocol: a path
  // forgets connections, and a server that closes with our queries unread resets them.
  const bool has_aged = error && !fruitless && (*error == Error::reset || *error == Error::stalled);
  const bool failure = error && !has_aged;
  if (!failure && lost.empty()) metrics_.idle_closes.add();
  // A stall is our own verdict: the server did not close, so nothing is known of how much it takes.
  const bool is_stalled = error == Error::stalled;
  if (!is_stalled && (!failure || fruitless)) learn_quota(ended, lost.size(), now);
  const bool disappointing = fruitless && (!lost.empty() || !waiting_.empty()) && !stopping_;
  if (disappointing) ++fruitless_closes_;

  if (failure) {
    if (was_connecting && *error >= Error::handshake_timeout && *error <= Error::alpn_mismatch)
      metrics_.handshakes_failed.add();
    server_failed(*error, detail, now);
    give_back(lost, *error);
  } else if (is_stalled) {
    // Whoever asked may know a server that answers sooner; what waits here goes on by the next connection.
    metrics_.failures[static_cast<std::size_t>(Error::stalled)].add();
    for (auto* const query : lost) query->failed(Error::stalled);
  } else if (disappointing && fruitless_closes_ >= fruitless_closes_to_fail) {
    server_failed(Error::closed, "closed before any answer", now);
    give_back(lost, Error::closed);
  } else {
    carry_over(lost, fruitless);
  }
  drain_waiting(now);
  open_as_needed(now);
  if (!stopping_ && !health_.may_be_asked()) loop_.set_deadline(*this, std::max(now, health_.retry_at()));
  const bool used_lately = last_sent_ != runtime::Time::min() && now - last_sent_ < settings_.warm_for;
  const bool alone = std::ranges::all_of(members_, &Member::ended);
  if (!stopping_ && health_.is_up() && alone && used_lately && !fruitless) open();
  publish();
}

void Pool::gone(Connection& connection) {
  std::erase_if(members_, [&](const Member& m) { return m.connection.get() == &connection; });
  open_as_needed(loop_.clock().now());
  publish();
}

/// Time to doubt the quota; or to try a server that is down again, whether or not a query waits: the next one should
/// find it up.
void Pool::expired(runtime::Time now) {
  if (health_.is_up()) {
    drain_waiting(now);
    return open_as_needed(now);
  }
  // A connection that outlived the one that failed is as good as a new one.
  const auto is_ready = [](const Member& m) { return !m.ended && m.connection->state() == ConnectionState::ready; };
  if (const auto outlived = std::ranges::find_if(members_, is_ready); outlived != members_.end()) {
    health_.offer_trial();
    return outlived->connection->probe(now);
  }
  const bool trying = std::ranges::any_of(
      members_, [](const Member& m) { return !m.ended && m.connection->state() != ConnectionState::draining; });
  if (!stopping_ && !trying) open();
}

/// Some servers answer a few queries on a connection and close it. Sending more than that on one only loses them, so
/// the number is learned, and unlearned as soon as a connection outlives it. Where there was no answer at all, one of
/// the queries may be what ends the connection: sent one by one, it takes no others with it.
void Pool::learn_quota(const Member& ended, std::size_t lost, runtime::Time now) {
  const auto answered = ended.connection->answered();
  if (lost > 0 && answered > 0 && now - ended.last_reply < quota_window) quota_ = answered;
  if (lost > 1 && answered == 0) quota_ = 1;
}

void Pool::server_failed(Error error, const std::string& detail, runtime::Time now) {
  metrics_.failures[static_cast<std::size_t>(error)].add();
  health_.failed(error, now, loop_.random().unit());
  publish_up();
  tried_ = true;
  const auto level = reported_ == error ? runtime::LogLevel::debug : runtime::LogLevel::warn;
  loop_.log().log(level, "upstream failed",
                  {{"upstream", upstream_},
                   {"server", server_},
                   {"reason", traits(error).reason},
                   {"error", traits(error).text},
                   {"detail", detail}});
  reported_ = error;
}

/// Queries that an ordinary close left unanswered wait for the next connection, before those that came later.
void Pool::carry_over(const std::vector<Query*>& lost, bool fruitless) {
  std::vector<Query*> given_up;
  for (auto query = lost.rbegin(); query != lost.rend(); ++query) {
    if (fruitless) ++(*query)->fruitless_sends;
    if (stopping_ || (*query)->is_exhausted()) {
      given_up.push_back(*query);
    } else {
      (*query)->carrier = this;
      waiting_.push_front(*query);
    }
  }
  for (auto* const query : given_up) query->failed(Error::closed);
}

/// The server failed: whoever asked may know another one.
void Pool::give_back(const std::vector<Query*>& lost, Error error) {
  // Taken out first: failed() may submit to this pool again.
  const auto waiting = std::exchange(waiting_, {});
  for (auto* const query : lost) query->failed(error);
  for (auto* const query : waiting) query->failed(error);
}

void Pool::stop() {
  stopping_ = true;
  loop_.clear_deadline(*this);
  give_back({}, Error::no_server);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    auto& connection = *members_[i].connection;
    if (members_[i].ended) continue;
    if (connection.waited_for() == 0) {
      connection.retire();
    } else {
      connection.close();
    }
  }
}

void Pool::publish() {
  std::array<double, static_cast<std::size_t>(ConnectionState::count_)> states{};
  for (const auto& m : members_) states[static_cast<std::size_t>(m.connection->state())] += 1;
  for (std::size_t i = 0; i < states.size(); ++i) metrics_.connections[i].set(states[i]);
  publish_up();
}

void Pool::publish_up() {
  if (!settings_.is_fallback) metrics_.up.set(health_.is_up() ? 1 : 0);
}

}  // namespace pillion::upstream
