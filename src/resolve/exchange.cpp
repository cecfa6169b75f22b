#include "resolve/exchange.hpp"

#include <algorithm>
#include <utility>

#include "dns/edns.hpp"
#include "upstream/quarantine.hpp"
#include "upstream/trace_events.hpp"

namespace pillion::resolve {

namespace trace = upstream::trace;
using trace::Cause;
using upstream::Error;

namespace {

/// The header and question of a query as an upstream gets it: all flags except RD and CD cleared, no other records. AD
/// is set, so that the answer says whether it was validated (RFC 6840 5.7), also for clients that ask later.
void take_question(const dns::QueryView& query, dns::Buffer& out) {
  const auto bytes = query.message.bytes().first(query.message.question_end());
  out.assign(bytes.begin(), bytes.end());
  constexpr std::uint16_t kept = dns::flag::rd | dns::flag::cd;
  dns::write_u16(out, 2, static_cast<std::uint16_t>((query.message.header().flags() & kept) | dns::flag::ad));
  dns::write_u16(out, 6, 0);
  dns::write_u16(out, 8, 0);
  dns::write_u16(out, 10, 0);
}

}  // namespace

void Attempt::replied(const upstream::Reply& reply) {
  exchange_->replied(*this, reply);
}
void Attempt::failed(Error error) {
  exchange_->failed(*this, error);
}
void Attempt::delayed() {
  exchange_->delayed(*this);
}

Exchange::Exchange() {
  for (auto& attempt : attempts_) attempt.exchange_ = this;
}

void Exchange::start(const ExchangeTerms& terms, const dns::QueryView& query, Request& request) {
  terms_ = &terms;
  request_ = &request;
  tried_ = 0;
  refused_ = 0;
  endings_ = 0;
  has_second_round_ = false;
  is_ending_ = has_ended_ = false;
  auto& first = attempts_.front();
  first.opaque = query.message.is_signed();
  first.dnssec_ok = query.edns.dnssec_ok;
  if (first.opaque) {
    first.message.assign(query.message.bytes().begin(), query.message.bytes().end());
  } else {
    take_question(query, first.message);
  }
  const auto started = now();
  give_up_ = started + terms.budget;
  if (!ask_another(started, false, Cause::first)) answer_failure();
}

bool Exchange::is_waiting() const {
  return std::ranges::any_of(attempts_, &Attempt::is_live_);
}

/// The servers that have the question now.
upstream::ServerSet Exchange::waited_for() const {
  upstream::ServerSet servers = 0;
  for (const auto& attempt : attempts_) {
    if (attempt.is_live_) servers |= upstream::ServerSet{1} << attempt.server_;
  }
  return servers;
}

Attempt* Exchange::free_attempt() {
  const auto found = std::ranges::find(attempts_, false, &Attempt::is_live_);
  return found == attempts_.end() ? nullptr : &*found;
}

/// Assigns a free attempt to `server`. If the attempt was a hedge before, that hedge is counted as lost.
void Exchange::take(Attempt& attempt, std::size_t server, Cause cause) {
  if (attempt.is_hedge_) terms_->servers.hedged(attempt.server_, false);
  trace::note(trace(), [&] {
    auto chosen = terms_->servers.explain(server, tried_);
    chosen.cause = cause;
    return chosen;
  });
  tried_ |= upstream::ServerSet{1} << server;
  attempt.server_ = server;
  attempt.is_hedge_ = cause == Cause::hedge;
  attempt.trace = &trace();
}

/// Asks the best server that has not had the question yet. False if there is none, or if every one of them refuses at
/// once.
bool Exchange::ask_another(runtime::Time now, bool only_responsive, Cause cause) {
  auto* const attempt = free_attempt();
  if (attempt == nullptr) return false;
  const bool is_first = !is_waiting();
  while (const auto server = terms_->servers.choose(tried_, only_responsive)) {
    take(*attempt, *server, cause);
    next_at_ = now + terms_->next_after;
    const auto slow_after = is_first ? terms_->servers.slow_after(*server) : std::nullopt;
    hedge_at_ = slow_after ? std::optional(now + *slow_after) : std::nullopt;
    set_deadline();
    if (submit(*attempt, now)) return true;
  }
  return false;
}

void Exchange::set_deadline() {
  auto at = std::min(give_up_, next_at_);
  if (hedge_at_) at = std::min(at, *hedge_at_);
  terms_->schedule.set_deadline(*this, at);
}

bool Exchange::submit(Attempt& attempt, runtime::Time now) {
  const auto& first = attempts_.front();
  if (&attempt != &first) {
    attempt.message = first.message;
    attempt.dnssec_ok = first.dnssec_ok;
    attempt.opaque = first.opaque;
  }
  // The query remains under suspicion with this server, but may still be answered alone.
  attempt.suspicion = {.endings = endings_, .endings_alone = 0, .alone = endings_ > 0};
  attempt.is_live_ = true;
  const auto error = terms_->servers.submit(attempt, now);
  if (!error) return true;
  attempt.is_live_ = false;
  failure_.note_error(attempt.server_, *error);
  return false;
}

void Exchange::note_end(Attempt& attempt) {
  attempt.is_live_ = false;
  endings_ = std::max(endings_, attempt.suspicion.endings);
}

void Exchange::abandon(Attempt& attempt) {
  note_end(attempt);
  attempt.holder->abandon(attempt);
}

void Exchange::replied(Attempt& attempt, const upstream::Reply& reply) {
  note_end(attempt);
  if (is_ending_) return;
  trace::note(trace(), [&] { return trace::replied(server_of(attempt), reply); });
  if (upstream::is_usable(reply.rcode) || upstream::is_bogus(reply)) return answer(attempt, reply);
  refused_ |= upstream::ServerSet{1} << attempt.server_;
  failure_.note_refusal(attempt.server_, reply);
  if (ask_another(now(), true, Cause::refusal) || is_waiting()) return;
  answer_failure();
}

void Exchange::failed(Attempt& attempt, Error error) {
  note_end(attempt);
  if (is_ending_) return;
  trace::note(trace(), [&] { return trace::Failed{.server = server_of(attempt), .error = error}; });
  failure_.note_error(attempt.server_, error);
  const auto at = now();
  const bool may_retry = upstream::traits(error).ask_another && at < give_up_;
  if (may_retry && ask_another(at, false, Cause::failure)) return;
  if (is_waiting()) return;
  if (may_retry && !failure_.has_refusal()) {
    // Every server has had the question. The server may only be restarting, so that all are asked once more, unless
    // this query is what ends the connections. A connection that it ended alone may have been the restart's.
    tried_ = 0;
    const bool ends_connections = attempt.suspicion.endings_alone >= upstream::Quarantine::endings_alone_to_fail;
    const bool is_its_own_fault = upstream::traits(error).blame == upstream::Blame::query;
    if (!ends_connections && !(is_its_own_fault && has_second_round_) && endings_ < upstream::Query::max_endings) {
      has_second_round_ = true;
      if (ask_another(at, false, Cause::new_round)) return;
    }
  }
  answer_failure();
}

/// A connection with this query has fallen silent. Asks another server, but only one that is up and not silent.
void Exchange::delayed(const Attempt& attempt) {
  if (is_ending_ || now() >= give_up_) return;
  trace::note(trace(), [&] { return trace::FellSilent{.server = server_of(attempt)}; });
  ask_another(now(), true, Cause::silence);
}

void Exchange::fail() {
  if (has_ended_) return;
  auto& request = *request_;
  const auto source = terms_->source;
  end(nullptr);
  auto failure = internal_error;
  failure.source = source;
  request.answered(failure);
}

void Exchange::expired(runtime::Time now) {
  terms_->schedule.contain("query", [&] { look(now); }, [this] { fail(); });
}

/// Acts on a deadline: the budget is used up, a hedge is due, or the servers take too long.
void Exchange::look(runtime::Time now) {
  if (now >= give_up_) return give_up();
  if (hedge_at_ && now >= *hedge_at_) hedge(now);
  if (now >= next_at_) ask_late(now);
  set_deadline();
}

void Exchange::hedge(runtime::Time now) {
  hedge_at_.reset();
  auto* const attempt = free_attempt();
  const auto server = terms_->servers.choose(tried_, true);
  if (attempt == nullptr || !server) return;
  if (!terms_->servers.take_hedge(*server)) {
    trace::note(trace(), [&] { return trace::HedgeWithheld{.server = std::string(terms_->servers.name_of(*server))}; });
    return;
  }
  take(*attempt, *server, Cause::hedge);
  if (submit(*attempt, now)) return;
  attempt->is_hedge_ = false;
  terms_->servers.give_hedge_back();
}

/// Asks another server. If every one has had the question, asks one that failed, since it may be back.
void Exchange::ask_late(runtime::Time now) {
  next_at_ = now + terms_->next_after;
  const auto tried_before = tried_;
  if (ask_another(now, false, Cause::late) || tried_ != tried_before) return;
  tried_ = waited_for() | refused_;
  ask_another(now, false, Cause::new_round);
}

void Exchange::give_up() {
  is_ending_ = true;
  trace::note(trace(), [&] { return trace::GaveUp{.budget = terms_->budget}; });
  for (auto& attempt : attempts_) {
    if (!attempt.is_live_) continue;
    abandon(attempt);
    // A query that could not be sent already has the reason.
    if (failure_.explains(attempt.server_)) continue;
    // A server that is backed off from has already been counted.
    const auto trouble = terms_->servers.trouble_of(attempt.server_);
    if (!trouble) terms_->servers.timed_out(attempt.server_);
    const auto error = trouble.value_or(Error::timeout);
    trace::note(trace(), [&] { return trace::Failed{.server = server_of(attempt), .error = error}; });
    failure_.note_error(attempt.server_, error);
  }
  answer_failure();
}

/// Ends the exchange before the request is answered, since the request may ask again. `answered` is the attempt whose
/// reply is the answer, or nullptr if there is none.
void Exchange::end(const Attempt* answered) {
  is_ending_ = has_ended_ = true;
  for (auto& attempt : attempts_) {
    if (std::exchange(attempt.is_hedge_, false)) terms_->servers.hedged(attempt.server_, &attempt == answered);
    if (attempt.is_live_) abandon(attempt);
  }
  terms_->schedule.clear_deadline(*this);
  for (auto& attempt : attempts_) dns::recycle(attempt.message);
  failure_.recycle();
  terms_->servers.ended(*this);
}

void Exchange::answer(const Attempt& attempt, const upstream::Reply& reply) {
  auto& request = *request_;
  const Answer answer{
      .source = terms_->source, .message = reply.message, .rcode = reply.rcode, .server = named(attempt.server_)};
  end(&attempt);
  request.answered(answer);
}

void Exchange::answer_failure() {
  auto& request = *request_;
  const auto failure = std::exchange(failure_, {});
  const auto server = failure.server();
  std::string text;
  auto answer = failure.answer(terms_->servers.name_of(server), text);
  answer.source = terms_->source;
  answer.server = named(server);
  end(nullptr);
  request.answered(answer);
}

}  // namespace pillion::resolve
