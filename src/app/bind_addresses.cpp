#include "app/bind_addresses.hpp"

#include <algorithm>
#include <utility>

#include "server/shared_port.hpp"

namespace pillion::app {
namespace {

/// `bind(endpoint, use, configured)` binds one address of one thread.
template <typename Bind>
std::vector<std::vector<server::ListenAddress>> bind_all(const std::vector<config::Endpoint>& listen,
                                                         std::size_t threads, Bind bind) {
  std::vector<std::vector<server::ListenAddress>> all(threads);
  for (std::size_t thread = 0; thread < threads; ++thread) {
    const auto use = threads == 1  ? server::PortUse::alone
                     : thread == 0 ? server::PortUse::first
                                   : server::PortUse::joined;
    for (std::size_t i = 0; i < listen.size(); ++i) {
      auto endpoint = listen[i];
      if (thread > 0) endpoint.port = all.front()[i].bound.port;
      all[thread].push_back({.endpoint = listen[i], .bound = bind(endpoint, use, listen[i])});
    }
  }
  if (threads == 1) return all;
  for (const auto& [endpoint, bound] : all.front()) {
    const auto family = bound.address.is_v4() ? server::IpFamily::ipv4 : server::IpFamily::ipv6;
    for (const auto* const socket : {&bound.udp, &bound.tcp}) server::keep_to(socket->get(), family, threads);
  }
  return all;
}

}  // namespace

std::vector<std::vector<server::ListenAddress>> bind_addresses(const std::vector<config::Endpoint>& listen,
                                                               std::size_t threads,
                                                               server::InheritedSockets& inherited) {
  return bind_all(listen, threads, [&](const auto& endpoint, server::PortUse use, const auto& /*configured*/) {
    auto bound = inherited.take(endpoint, use);
    return bound ? std::move(*bound) : server::bind_address(endpoint, use);
  });
}

std::vector<std::vector<server::ListenAddress>> bind_addresses(const std::vector<config::Endpoint>& listen,
                                                               std::size_t threads,
                                                               const std::vector<config::Endpoint>& released) {
  return bind_all(listen, threads, [&](const auto& endpoint, server::PortUse use, const auto& configured) {
    const bool is_released = std::ranges::find(released, configured) != released.end();
    return server::bind_address(endpoint, use, is_released ? server::Occupant::released : server::Occupant::none);
  });
}

}  // namespace pillion::app
