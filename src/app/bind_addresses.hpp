#pragma once
// Binds the addresses of the shards, each of which has its own sockets.

#include <cstddef>
#include <vector>

#include "config/config.hpp"
#include "server/bound_address.hpp"

namespace pillion::app {

/// The sockets of all `listen`, in their order, for each thread. No other process can share them. Sockets that
/// `inherited` has are taken from there. If a port is 0, the kernel chooses it for the first thread, and the others
/// use the same. Throws server::BindError or boost::system::system_error.
[[nodiscard]] std::vector<std::vector<server::ListenAddress>> bind_addresses(
    const std::vector<config::Endpoint>& listen, std::size_t threads, server::InheritedSockets& inherited);

/// Binds all sockets anew. `released` has the addresses that sockets of this process still have (Occupant::released).
[[nodiscard]] std::vector<std::vector<server::ListenAddress>> bind_addresses(
    const std::vector<config::Endpoint>& listen, std::size_t threads,
    const std::vector<config::Endpoint>& released = {});

}  // namespace pillion::app
