// The pool's reactions to what a connection receives, or does not: replies, the answer to a probe, silence.

#include "upstream/pool.hpp"

namespace pillion::upstream {

void Pool::received(Connection& connection, const Mux::Received& received) {
  const auto at = now();
  in_flight_.add(-1);
  auto& from = members_.of(connection);
  const bool from_lane = from.lane.has_value();
  if (from_lane) Quarantine::answered(*from.lane);
  // A datagram that matches nothing may come from anybody. heard() may tell a listener that submits queries, so that
  // `from` may be invalid after it.
  if (received.reply || received.reply.error() != Error::mismatched_reply) heard(from, at);
  auto* const query = received.query;
  if (!received.reply) {
    report_.count_failure(received.reply.error(), now());
    if (query != nullptr) query->failed(received.reply.error());
  } else {
    report_.replied(*received.reply);
    // A refusal is quick and must not make a server the fastest.
    if (is_usable(received.reply->rcode)) profile_.replied(received.reply->latency);
    if (query != nullptr && at >= learn_at_) learn_question(*query, *received.reply, at);
    if (query != nullptr && !retry_without_edns(*query, *received.reply, at)) query->replied(*received.reply);
  }
  if (waiting_.empty() && quarantine_.empty() && !from_lane) return;
  send_waiting(at);
  open_as_needed(at);
}

/// Keeps a question that the server answers quickly, for probes. Not a signed one, which is its client's alone.
void Pool::learn_question(const Query& query, const Reply& reply, runtime::Time now) {
  const bool is_quick = 2 * reply.latency <= profile_.patience();
  if (!is_quick || reply.rcode != dns::rcode::noerror || !reply.message || query.opaque) return;
  const bool is_authoritative = (reply.message->header().flags() & dns::flag::aa) != 0;
  profile_.known_question().learn(query.message, is_authoritative);
  learn_at_ = now + learn_every;
}

/// RFC 6891 section 7: a server without EDNS replies FORMERR or NOTIMP and sends no OPT. The pool assumes such a
/// server once it answers the same question without EDNS.
bool Pool::retry_without_edns(Query& query, const Reply& reply, runtime::Time now) {
  const bool is_refusal = reply.rcode == dns::rcode::formerr || reply.rcode == dns::rcode::notimp;
  if (query.without_edns) {
    if (is_refusal || !query.was_refused_with_edns || !profile_.knows_edns(now)) return false;
    profile_.turn_edns_off(now);
    report_.edns_turned_off();
    return false;
  }
  if (!is_refusal || query.opaque || (reply.message && reply.message->opt())) return false;
  trace::note(*query.trace, [&] { return trace::SentWithoutEdns{.server = report_.server()}; });
  query.without_edns = query.was_refused_with_edns = true;
  query.holder = this;
  if (query.suspicion.endings > 0) {
    quarantine_.push_back(query);
  } else {
    waiting_.push_front(&query);
  }
  return true;
}

void Pool::heard(Member& from, runtime::Time now) {
  from.last_reply = now;
  profile_.heard(now);
  unanswered_in_a_row_ = 0;
  if (health().is_responsive()) return;
  const bool was_down = !health().is_up();
  health().recovered();
  publish();
  if (!was_down) return;
  report_.answers_again();
  if (on_recovery_) on_recovery_();
}

void Pool::answered_probe(Connection& connection) {
  auto& from = members_.of(connection);
  // A suspect that is still unanswered is slow, and did not end the connection. Others may be sent too.
  if (from.lane && connection.in_flight() > 0) {
    Quarantine::answered(*from.lane);
    from.keeps_alone = false;
  }
  heard(members_.of(connection), now());
  serve();
}

void Pool::fell_silent(Connection& connection) {
  publish();
  members_.of(connection).is_late = true;
  try_late(now());
}

void Pool::ignored(Connection& /*connection*/, Error error) {
  report_.count_failure(error, now());
}

void Pool::needs_single_records(Connection& connection) {
  profile_.write_singly(now());
  if (profile_.writes_singly(now())) connection.write_singly();
}

}  // namespace pillion::upstream
