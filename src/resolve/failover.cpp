#include "resolve/failover.hpp"

#include <algorithm>
#include <utility>

namespace pillion::resolve {

using upstream::Error;

namespace {

/// The longest wait for an answer over UDP before the query is sent again: a datagram may be lost.
constexpr std::chrono::milliseconds udp_attempt{1000};

/// The share of the budget that one server gets before the next is asked. The budget is not cut into more than three.
runtime::Duration attempt_of(const config::Upstream& settings) {
  const auto share = settings.timeout / static_cast<int>(std::clamp<std::size_t>(settings.servers.size(), 1, 3));
  return settings.protocol == config::Protocol::udp ? std::min<runtime::Duration>(share, udp_attempt) : share;
}

/// The header and question of a query as an upstream gets it: flags but RD and CD cleared, no other records. AD is set,
/// so that the answer says whether it was validated (RFC 6840 5.7) to whoever asks later, too.
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

void Exchange::replied(const upstream::Reply& reply) {
  owner->replied(*this, reply);
}
void Exchange::failed(Error error) {
  owner->failed(*this, error);
}
void Exchange::expired(runtime::Time now) {
  owner->expired(*this, now);
}

Failover::Failover(runtime::Loop& loop, const config::Upstream& settings, std::vector<GroupServer> servers)
    : loop_(loop),
      protocol_(settings.protocol),
      source_(settings.protocol == config::Protocol::tls ? Source::upstream : Source::cluster),
      budget_(settings.timeout),
      attempt_(attempt_of(settings)),
      servers_(std::move(servers)),
      policy_(settings.policy, [&loop] { return loop.random().unit(); }) {
  health_.reserve(servers_.size());
  for (const auto& server : servers_) health_.push_back(&server.pool->health());
}

void Failover::start() {
  for (auto& server : servers_) server.pool->start();
}

void Failover::resolve(const dns::QueryView& query, Request& request) {
  auto* const exchange = exchanges_.acquire();
  if (exchange == nullptr) {
    return request.answered(
        {.rcode = dns::rcode::refused, .info_code = dns::extended_error::other, .text = "too many queries under way"});
  }
  const auto now = loop_.clock().now();
  exchange->owner = this;
  exchange->request = &request;
  exchange->give_up = now + budget_;
  exchange->tried = 0;
  exchange->over_tcp = false;
  exchange->last_error = Error::timeout;
  exchange->fruitless_sends = 0;
  exchange->sends = 0;
  exchange->dnssec_ok = query.edns.dnssec_ok;
  exchange->opaque = query.message.is_signed();
  if (exchange->opaque) {
    exchange->message.assign(query.message.bytes().begin(), query.message.bytes().end());
  } else {
    take_question(query, exchange->message);
  }
  send_or_fail(*exchange, now);
}

upstream::Pool& Failover::pool_of(const Exchange& exchange) {
  const auto& server = servers_[exchange.server];
  return exchange.over_tcp ? *server.tcp : *server.pool;
}

/// Hands the query to the best server that has not had it yet; false when every one refuses.
bool Failover::send(Exchange& exchange, runtime::Time now) {
  while (const auto server = policy_.choose(health_, exchange.tried)) {
    exchange.server = *server;
    exchange.tried |= upstream::ServerSet{1} << *server;
    // Set first: an error may come from within submit().
    loop_.set_deadline(exchange, std::min(exchange.give_up, now + attempt_));
    const auto error = pool_of(exchange).submit(exchange, now);
    if (!error) return true;
    exchange.last_error = *error;
  }
  return false;
}

void Failover::send_or_fail(Exchange& exchange, runtime::Time now) {
  if (!send(exchange, now)) give_up(exchange);
}

void Failover::replied(Exchange& exchange, const upstream::Reply& reply) {
  if (protocol_ == config::Protocol::udp && !exchange.over_tcp && reply.message &&
      reply.message->header().is_truncated()) {
    const auto now = loop_.clock().now();
    exchange.over_tcp = true;
    loop_.set_deadline(exchange, exchange.give_up);
    if (const auto error = pool_of(exchange).submit(exchange, now)) {
      exchange.last_error = *error;
      give_up(exchange);
    }
    return;
  }
  auto& request = *exchange.request;
  const Answer answer{.source = source_, .message = reply.message, .rcode = reply.rcode};
  // The exchange holds nothing that the answer views; it is free before the request may ask again.
  release(exchange);
  request.answered(answer);
}

void Failover::failed(Exchange& exchange, Error error) {
  exchange.last_error = error;
  const auto now = loop_.clock().now();
  if (!upstream::traits(error).retry || now >= exchange.give_up) return give_up(exchange);
  exchange.over_tcp = false;
  if (send(exchange, now)) return;
  // Every server has had it. One that may only be restarting is waited for, unless the query is what ends its
  // connections.
  exchange.tried = 0;
  if (exchange.is_exhausted()) return give_up(exchange);
  send_or_fail(exchange, now);
}

/// A server's share of the budget, or all of it, is used up.
void Failover::expired(Exchange& exchange, runtime::Time now) {
  auto& pool = pool_of(exchange);
  if (now >= exchange.give_up) {
    exchange.carrier->abandon(exchange);
    // A query that never left says why it could not.
    exchange.last_error = pool.health().last_error().value_or(Error::timeout);
    return give_up(exchange);
  }
  const auto all = (upstream::ServerSet{1} << servers_.size()) - 1;
  if (exchange.tried == all) {
    if (protocol_ != config::Protocol::udp) return loop_.set_deadline(exchange, exchange.give_up);
    exchange.tried = 0;
  }
  exchange.carrier->abandon(exchange);
  exchange.over_tcp = false;
  send_or_fail(exchange, now);
}

void Failover::give_up(Exchange& exchange) {
  auto& request = *exchange.request;
  const auto& traits = upstream::traits(exchange.last_error);
  const auto text = std::string(traits.text) + " at " + servers_[exchange.server].pool->server();
  release(exchange);
  request.answered({.source = source_, .rcode = dns::rcode::servfail, .info_code = traits.info_code, .text = text});
}

void Failover::release(Exchange& exchange) {
  loop_.clear_deadline(exchange);
  exchanges_.release(exchange);
}

void Failover::stop() {
  for (auto& server : servers_) {
    server.pool->stop();
    if (server.tcp) server.tcp->stop();
  }
}

bool Failover::is_stopped() const {
  return std::ranges::all_of(
      servers_, [](const GroupServer& server) { return server.pool->empty() && (!server.tcp || server.tcp->empty()); });
}

bool Failover::is_down() const {
  return std::ranges::none_of(health_, [](const upstream::Health* health) { return health->is_up(); });
}

bool Failover::is_warm() const {
  return std::ranges::any_of(servers_, [](const GroupServer& server) { return server.pool->tried(); });
}

}  // namespace pillion::resolve
