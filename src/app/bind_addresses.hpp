#pragma once
// Binds what the shards listen on: each has sockets of its own.

#include <cstddef>
#include <vector>

#include "config/config.hpp"
#include "server/bound_address.hpp"

namespace pillion::app {

/// For each thread the sockets of all `listen`, in their order; nobody but the threads can share them. A port of 0 that
/// the kernel chose for the first thread is the others' too. Throws server::BindError.
[[nodiscard]] std::vector<std::vector<server::BoundAddress>> bind_addresses(std::vector<config::Endpoint> listen,
                                                                            std::size_t threads);

}  // namespace pillion::app
