#pragma once
// Binds what the shards listen on: each has sockets of its own.

#include <cstddef>
#include <vector>

#include "config/config.hpp"
#include "server/bound_address.hpp"

namespace pillion::app {

/// For each thread the sockets of all `listen`, in their order; nobody but the threads can share them. Those that
/// `inherited` has are taken from there. A port of 0 that the kernel chose for the first thread is the others' too.
/// Throws server::BindError, or boost::system::system_error.
[[nodiscard]] std::vector<std::vector<server::ListenAddress>> bind_addresses(
    const std::vector<config::Endpoint>& listen, std::size_t threads, server::InheritedSockets& inherited);

/// The same where nothing is inherited.
[[nodiscard]] std::vector<std::vector<server::ListenAddress>> bind_addresses(
    const std::vector<config::Endpoint>& listen, std::size_t threads);

}  // namespace pillion::app
