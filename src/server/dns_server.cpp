#include "server/dns_server.hpp"

#include <algorithm>
#include <utility>

namespace pillion::server {
namespace {

/// Of one shard, whose memory may hold fewer than the configuration allows.
ClientTable::Limits limits_of(const config::Config& settings, const runtime::MemoryShares& memory) {
  return {
      .connections = std::min<std::size_t>(settings.dns.max_connections, memory.connections.limit() / TcpSession::cost),
      .connections_per_client = settings.dns.max_connections_per_client,
      .in_flight = std::min(SharedLimits::max_in_flight, memory.queries.limit() / QueryHandler::usual_cost),
      .ban_after = settings.clients.ban_after,
      .ban_for = settings.clients.ban_for};
}

}  // namespace

DnsServer::DnsServer(runtime::Loop& loop, const config::Config& settings,
                     const std::vector<config::Endpoint>& addresses, PortUse port_use, InheritedSockets& inherited,
                     SharedLimits& limits, resolve::Resolver& resolver, runtime::MemoryShares& memory,
                     DnsMetrics& metrics)
    : loop_(loop),
      admission_(loop, loop.log(), limits_of(settings, memory), loop.random().u64(), metrics),
      handler_(loop, settings.dns, limits, resolver, admission_, memory, metrics),
      memory_(loop, memory) {
  for (const auto& endpoint : addresses) {
    auto bound = inherited.take(endpoint, port_use);
    listen(bound ? std::move(*bound) : bind_address(endpoint, port_use));
  }
}

void DnsServer::configure(const config::Config& settings) {
  handler_.configure(settings.dns);
  admission_.configure(settings.clients);
}

void DnsServer::listen(BoundAddress bound) {
  udp_.push_back(std::make_unique<UdpListener>(loop_, bound, handler_));
  tcp_.push_back(std::make_unique<TcpListener>(loop_, bound, handler_, memory_, limits_));
}

void DnsServer::keep_addresses_to(std::size_t sockets) {
  for (auto& listener : udp_) listener->keep_address_to(sockets);
  for (auto& listener : tcp_) listener->keep_address_to(sockets);
}

void DnsServer::start() {
  for (auto& listener : udp_) listener->start();
  for (auto& listener : tcp_) listener->start();
}

void DnsServer::let_go(runtime::Time idle_since) {
  for (auto& listener : tcp_) {
    listener->stop_accepting();
    listener->finish_idle_sessions(idle_since);
  }
}

bool DnsServer::is_busy() const {
  return handler_.in_flight() > 0 || std::ranges::any_of(tcp_, [](const auto& l) { return l->is_busy(); });
}

runtime::Time DnsServer::last_activity() const {
  auto last = handler_.last_activity();
  for (const auto& listener : tcp_) last = std::max(last, listener->last_write());
  return last;
}

void DnsServer::finish() {
  for (auto& listener : udp_) listener->finish();
  for (auto& listener : tcp_) {
    listener->stop_accepting();
    listener->finish_sessions();
  }
}

bool DnsServer::is_finished() const {
  return handler_.in_flight() == 0 && std::ranges::none_of(tcp_, [](const auto& l) { return l->has_sessions(); });
}

void DnsServer::stop() {
  for (auto& listener : tcp_) {
    listener->stop_accepting();
    listener->close_sessions();
  }
  for (auto& listener : udp_) listener->stop();
}

bool DnsServer::is_stopped() const {
  return is_finished() && std::ranges::none_of(udp_, [](const auto& l) { return l->is_waiting(); });
}

std::vector<config::Endpoint> DnsServer::addresses() const {
  std::vector<config::Endpoint> result;
  result.reserve(udp_.size());
  for (const auto& listener : udp_)
    result.push_back({listener->address().address().to_string(), listener->address().port()});
  return result;
}

}  // namespace pillion::server
