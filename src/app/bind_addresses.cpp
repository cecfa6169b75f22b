#include "app/bind_addresses.hpp"

#include "server/shared_port.hpp"

namespace pillion::app {

std::vector<std::vector<server::BoundAddress>> bind_addresses(std::vector<config::Endpoint> listen,
                                                              std::size_t threads) {
  std::vector<std::vector<server::BoundAddress>> bound(threads);
  for (std::size_t thread = 0; thread < threads; ++thread) {
    const auto use = threads == 1  ? server::PortUse::alone
                     : thread == 0 ? server::PortUse::first
                                   : server::PortUse::joined;
    for (auto& endpoint : listen) {
      bound[thread].push_back(server::bind_address(endpoint, use));
      endpoint.port = bound[thread].back().port;
    }
  }
  if (threads == 1) return bound;
  for (const auto& address : bound.front()) {
    const auto family = address.address.is_v4() ? server::IpFamily::ipv4 : server::IpFamily::ipv6;
    for (const auto* const socket : {&address.udp, &address.tcp}) server::keep_to(socket->get(), family, threads);
  }
  return bound;
}

}  // namespace pillion::app
