#include "resolve/failover.hpp"

#include <algorithm>
#include <utility>

namespace pillion::resolve {
namespace {

/// The longest wait for an answer over UDP before the query is sent again: a datagram may be lost.
constexpr std::chrono::milliseconds resend_after{1000};

/// When the next server is asked as well: so that each of up to three has the same time before the budget ends, the
/// last too.
runtime::Duration next_after(const config::Upstream& settings) {
  const auto share = settings.timeout / static_cast<int>(std::clamp<std::size_t>(settings.servers.size(), 1, 3) + 1);
  return settings.protocol == config::Protocol::udp ? std::min<runtime::Duration>(share, resend_after) : share;
}

}  // namespace

Failover::Failover(runtime::Loop& loop, const config::Upstream& settings, std::vector<GroupServer> servers)
    : terms_{.schedule = loop,
             .servers = *this,
             .source = settings.protocol == config::Protocol::tls ? Source::upstream : Source::cluster,
             .budget = settings.timeout,
             .next_after = next_after(settings),
             .over_datagrams = settings.protocol == config::Protocol::udp},
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
  exchange->start(terms_, query, request);
}

std::optional<std::size_t> Failover::choose(upstream::ServerSet tried, bool only_usable) {
  const auto server = policy_.choose(health_, tried);
  // Those that may be asked come first, so that there is none behind one that may not.
  return server && only_usable && !health_[*server]->may_be_asked() ? std::nullopt : server;
}

std::optional<upstream::Error> Failover::submit(Attempt& attempt, runtime::Time now) {
  const auto& server = servers_[attempt.server()];
  return (attempt.is_over_tcp() ? *server.tcp : *server.pool).submit(attempt, now);
}

std::optional<upstream::Error> Failover::trouble_of(std::size_t server) const {
  return health_[server]->last_error();
}

std::string_view Failover::name_of(std::size_t server) const {
  return servers_[server].pool->server();
}

void Failover::ended(Exchange& exchange) {
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
