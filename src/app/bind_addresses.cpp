#include "app/bind_addresses.hpp"

#include <utility>

#include "server/shared_port.hpp"

namespace pillion::app {

std::vector<std::vector<server::ListenAddress>> bind_addresses(const std::vector<config::Endpoint>& listen,
                                                               std::size_t threads,
                                                               server::InheritedSockets& inherited) {
  std::vector<std::vector<server::ListenAddress>> all(threads);
  for (std::size_t thread = 0; thread < threads; ++thread) {
    const auto use = threads == 1  ? server::PortUse::alone
                     : thread == 0 ? server::PortUse::first
                                   : server::PortUse::joined;
    for (std::size_t i = 0; i < listen.size(); ++i) {
      auto endpoint = listen[i];
      if (thread > 0) endpoint.port = all.front()[i].bound.port;
      auto bound = inherited.take(endpoint, use);
      all[thread].push_back(
          {.endpoint = listen[i], .bound = bound ? std::move(*bound) : server::bind_address(endpoint, use)});
    }
  }
  if (threads == 1) return all;
  for (const auto& [endpoint, bound] : all.front()) {
    const auto family = bound.address.is_v4() ? server::IpFamily::ipv4 : server::IpFamily::ipv6;
    for (const auto* const socket : {&bound.udp, &bound.tcp}) server::keep_to(socket->get(), family, threads);
  }
  return all;
}

std::vector<std::vector<server::ListenAddress>> bind_addresses(const std::vector<config::Endpoint>& listen,
                                                               std::size_t threads) {
  server::InheritedSockets none;
  return bind_addresses(listen, threads, none);
}

}  // namespace pillion::app
