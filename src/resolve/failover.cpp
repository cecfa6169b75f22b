#include "resolve/failover.hpp"

#include <algorithm>
#include <utility>

namespace pillion::resolve {
namespace {

/// The longest wait for an answer over UDP before the query is sent again, since a datagram may be lost.
constexpr std::chrono::milliseconds resend_after{1000};

/// Bytes of most queries as an upstream gets them, without EDNS.
constexpr std::size_t usual_message_size = 64;

/// When the next server is asked too. Each of up to three servers, also the last, gets the same time before the budget
/// ends.
runtime::Duration next_after(const config::Upstream& settings) {
  const auto share = settings.timeout / static_cast<int>(std::clamp<std::size_t>(settings.servers.size(), 1, 3) + 1);
  return settings.protocol == config::Protocol::udp ? std::min<runtime::Duration>(share, resend_after) : share;
}

std::vector<AnsweringServer> names_of(const config::Upstream& settings,
                                      const std::vector<std::unique_ptr<upstream::Channel>>& servers) {
  std::vector<AnsweringServer> names;
  names.reserve(servers.size());
  for (const auto& server : servers)
    names.push_back({.upstream = settings.name, .address = std::string(server->server())});
  return names;
}

}  // namespace

Failover::Failover(runtime::Schedule& schedule, const config::Upstream& settings,
                   std::vector<std::unique_ptr<upstream::Channel>> servers, runtime::MemoryShare& memory,
                   std::function<double()> random)
    : names_(names_of(settings, servers)),
      terms_{.schedule = schedule,
             .servers = *this,
             .source = settings.protocol == config::Protocol::tls ? Source::upstream : Source::cluster,
             .budget = settings.timeout,
             .next_after = next_after(settings),
             .names = names_},
      // No hedges in the clear, since each would show the name once more.
      may_hedge_(settings.protocol == config::Protocol::tls && servers.size() > 1),
      servers_(std::move(servers)),
      policy_(settings.policy, std::move(random)),
      memory_(memory),
      exchanges_(max_exchanges, memory, sizeof(Exchange) + Exchange::max_attempts * usual_message_size) {
  health_.reserve(servers_.size());
  for (const auto& server : servers_) {
    health_.push_back(&server->profile().health());
    server->on_recovery([this] { recovered_at_ = terms_.schedule.clock().now(); });
  }
}

void Failover::start() {
  for (auto& server : servers_) server->start();
}

void Failover::resolve(const dns::QueryView& query, Request& request) {
  auto* const exchange = exchanges_.acquire();
  constexpr auto no_memory = refusal(Shortage::memory, "no memory for the query");
  if (exchange == nullptr)
    return request.answered(exchanges_.is_full() ? refusal(Shortage::places, "too many queries in flight") : no_memory);
  exchange->unusual_size = Exchange::unusual_size_of(query);
  if (!memory_.take(exchange->unusual_size)) {
    exchanges_.release(*exchange);
    return request.answered(no_memory);
  }
  hedges_.earn();
  terms_.schedule.contain("query", [&] { exchange->start(terms_, query, request); }, [&] { exchange->fail(); });
}

std::optional<std::size_t> Failover::choose(upstream::ServerSet tried, bool only_responsive) {
  const auto server = policy_.choose(health_, tried);
  // choose() prefers responsive servers: if its choice is not responsive, none is.
  return server && only_responsive && !health_[*server]->is_responsive() ? std::nullopt : server;
}

std::optional<upstream::Error> Failover::submit(Attempt& attempt, runtime::Time now) {
  return servers_[attempt.server()]->submit(attempt, now);
}

std::optional<runtime::Duration> Failover::slow_after(std::size_t server) const {
  // Below this a timer costs more than waiting.
  constexpr std::chrono::milliseconds soonest{10};
  if (!may_hedge_) return std::nullopt;
  const auto slow = servers_[server]->profile().slow_after();
  return slow ? std::optional(std::max<runtime::Duration>(*slow, soonest)) : std::nullopt;
}

bool Failover::take_hedge(std::size_t server) {
  if (hedges_.take()) return true;
  count(server, upstream::Hedge::over_budget);
  return false;
}

void Failover::hedged(std::size_t server, bool has_won) {
  count(server, has_won ? upstream::Hedge::won : upstream::Hedge::lost);
}

void Failover::count(std::size_t server, upstream::Hedge result) {
  servers_[server]->metrics().hedges[result].add();
}

std::optional<upstream::Error> Failover::trouble_of(std::size_t server) const {
  return health_[server]->last_error();
}

void Failover::timed_out(std::size_t server) {
  servers_[server]->count_failure(upstream::Error::timeout, terms_.schedule.clock().now());
}

std::string_view Failover::name_of(std::size_t server) const {
  return servers_[server]->server();
}

upstream::trace::ServerChosen Failover::explain(std::size_t server, upstream::ServerSet tried) const {
  using State = upstream::trace::ServerState;
  std::vector<upstream::trace::Considered> considered;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const auto& health = *health_[i];
    const bool was_tried = (tried >> i & 1U) != 0;
    considered.push_back({.server = servers_[i]->server(),
                          .state = was_tried                ? State::tried
                                   : !health.is_up()        ? State::backed_off
                                   : health.is_responsive() ? State::responsive
                                                            : State::silent,
                          .latency = health.latency(),
                          .trouble = health.last_error()});
  }
  return {.server = servers_[server]->server(),
          .why = policy_.explain(health_, tried, server),
          .considered = std::move(considered)};
}

void Failover::ended(Exchange& exchange) {
  memory_.give(exchange.unusual_size);
  exchanges_.release(exchange);
}

bool Failover::trim() {
  bool is_more = exchanges_.trim();
  for (auto& server : servers_) is_more |= server->trim();
  return is_more;
}

void Failover::stop() {
  for (auto& server : servers_) server->stop();
}

bool Failover::is_stopped() const {
  return std::ranges::all_of(servers_, [](const auto& server) { return server->empty(); });
}

bool Failover::is_down() const {
  return std::ranges::none_of(health_, [](const upstream::Health* health) { return health->is_up(); });
}

bool Failover::is_warm() const {
  return std::ranges::any_of(servers_, [](const auto& server) { return server->tried(); });
}

}  // namespace pillion::resolve
