#include "server/dns_server.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

namespace pillion::server {
namespace {

/// The limits of one shard, whose memory may hold fewer connections and queries than the configuration allows.
ClientTable::Limits limits_of(const config::Config& settings, const runtime::MemoryShares& memory) {
  const auto sessions = TcpSession::count_in(memory.connections.limit());
  return {.connections = std::min<std::size_t>(settings.dns.max_connections, sessions),
          .connections_per_client = settings.dns.max_connections_per_client,
          .in_flight = std::min(SharedLimits::max_in_flight, memory.queries.limit() / WaitingQueries::usual_cost),
          .ban_after = settings.clients.ban_after,
          .ban_for = settings.clients.ban_for,
          .ipv6_prefix = settings.clients.ipv6_prefix};
}

}  // namespace

DnsServer::DnsServer(runtime::Loop& loop, const config::Config& settings, SharedLimits& limits,
                     resolve::Resolver& resolver, runtime::MemoryShares& memory, DnsMetrics& metrics)
    : loop_(loop),
      process_(limits),
      admission_(loop, loop.log(), limits_of(settings, memory), loop.random().u64(), metrics,
                 limits.shards > 1 ? &limits : nullptr),
      handler_(loop, settings.dns, limits, resolver, admission_, memory, metrics),
      memory_(loop, memory),
      turns_(loop) {
  const auto own = limits_of(settings, memory);
  metrics.connections_limit.set(static_cast<double>(own.connections));
  metrics.in_flight_limit.set(static_cast<double>(own.in_flight));
  handler_.recent().resize(settings.admin.recent);
  process_.clients.add_listener(*this);
}

/// Wakes the shard's thread, which takes the bans that other shards have begun.
void DnsServer::bans_wait() {
  boost::asio::post(loop_.io(), [this] {
    loop_.clock().refresh();
    loop_.contain("ban", [this] { admission_.adopt(process_.clients.take_bans(*this)); }, [] {});
  });
}

template <typename Action>
void DnsServer::for_each(Action action) {
  for (auto& each : listeners_) action(each);
  for (auto& each : released_) action(each);
}

template <typename Predicate>
bool DnsServer::any_of(Predicate predicate) const {
  return std::ranges::any_of(listeners_, predicate) || std::ranges::any_of(released_, predicate);
}

void DnsServer::configure(const config::Config& settings) {
  const bool is_shorter = settings.dns.idle_timeout < handler_.settings().idle_timeout;
  handler_.configure(settings.dns);
  // Sessions look at the timeout when the one that they have set is over.
  if (is_shorter) for_each([](Listeners& each) { each.tcp->shorten_timeouts(); });
  admission_.configure(settings.clients);
  handler_.recent().resize(settings.admin.recent);
}

void DnsServer::listen(ListenAddress address) {
  auto udp = std::make_unique<UdpListener>(loop_, address.bound, handler_);
  auto tcp = std::make_unique<TcpListener>(
      loop_, address.bound, SessionTools{.handler = handler_, .memory = memory_, .turns = turns_, .limits = limits_});
  listeners_.push_back({.endpoint = std::move(address.endpoint), .udp = std::move(udp), .tcp = std::move(tcp)});
  if (is_started_) start(listeners_.back());
}

void DnsServer::start(Listeners& listeners) {
  listeners.udp->start();
  listeners.tcp->start();
}

void DnsServer::keep_only(const std::vector<config::Endpoint>& listen, const std::function<void(int)>& released) {
  for (auto& each : listeners_) {
    if (std::ranges::find(listen, each.endpoint) != listen.end()) continue;
    const int udp = each.udp->native_handle();
    const int tcp = each.tcp->native_handle();
    each.udp->finish();
    each.tcp->stop_accepting();
    each.tcp->finish_sessions();
    released(udp);
    released(tcp);
    released_.push_back(std::move(each));
  }
  // Often nothing has to be waited for, and the address is free at once.
  stop_unused();
  std::erase_if(listeners_, [](const Listeners& each) { return each.udp == nullptr; });
  if (!released_.empty()) loop_.set_deadline(*this, loop_.clock().now() + look_every);
}

std::vector<config::Endpoint> DnsServer::let_take_back() {
  std::vector<config::Endpoint> addresses;
  for (const auto& each : released_) {
    if (!each.udp->is_open()) continue;
    each.udp->let_take_back();
    addresses.push_back(each.endpoint);
  }
  return addresses;
}

void DnsServer::stop_unused() {
  for (auto& each : released_) {
    if (!each.udp->is_busy()) each.udp->stop();
  }
}

/// Stops released addresses on which nothing is in progress any more.
void DnsServer::expired(runtime::Time now) {
  stop_unused();
  std::erase_if(released_, [](const Listeners& each) {
    return !each.udp->is_busy() && !each.udp->is_waiting() && !each.tcp->has_sessions() && !each.tcp->is_accepting();
  });
  if (!released_.empty()) loop_.set_deadline(*this, now + look_every);
}

void DnsServer::start() {
  is_started_ = true;
  for (auto& each : listeners_) start(each);
}

void DnsServer::let_go(runtime::Time idle_since) {
  for (auto& each : listeners_) {
    each.tcp->stop_accepting();
    each.tcp->finish_idle_sessions(idle_since);
  }
}

bool DnsServer::is_busy() const {
  return handler_.in_flight() > 0 || any_of([](const Listeners& each) { return each.tcp->is_busy(); });
}

runtime::Time DnsServer::last_activity() const {
  auto last = handler_.last_activity();
  for (const auto& each : listeners_) last = std::max(last, each.tcp->last_write());
  return last;
}

void DnsServer::finish() {
  for (auto& each : listeners_) {
    each.udp->finish();
    each.tcp->stop_accepting();
    each.tcp->finish_sessions();
  }
}

bool DnsServer::is_finished() const {
  return handler_.in_flight() == 0 && !any_of([](const Listeners& each) { return each.tcp->has_sessions(); });
}

void DnsServer::stop() {
  loop_.clear_deadline(*this);
  for_each([](Listeners& each) {
    each.tcp->stop_accepting();
    each.tcp->close_sessions();
    each.udp->stop();
  });
}

bool DnsServer::is_stopped() const {
  return is_finished() && !any_of([](const Listeners& each) { return each.udp->is_waiting(); });
}

std::vector<config::Endpoint> DnsServer::addresses() const {
  std::vector<config::Endpoint> result;
  result.reserve(listeners_.size());
  for (const auto& each : listeners_) {
    const auto address = each.udp->address();
    result.push_back({address.address().to_string(), address.port()});
  }
  return result;
}

}  // namespace pillion::server
