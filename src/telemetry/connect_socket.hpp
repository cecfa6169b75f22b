#pragma once
// Connected, non-blocking sockets for sinks.

#include <cstdint>
#include <expected>
#include <string>

#include "config/config.hpp"
#include "runtime/unique_descriptor.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// Connects a stream socket to the one at `path`. The error is an errno value; a full queue of the listener is an error
/// too.
[[nodiscard]] std::expected<runtime::UniqueDescriptor, int> connect_unix_socket(const std::string& path);

/// Connects to the endpoint by TCP within 5 s. The error is an errno value.
[[nodiscard]] std::expected<runtime::UniqueDescriptor, int> connect_tcp_socket(const config::Endpoint& endpoint,
                                                                               SinkWaits& waits);

/// Connects a UDP socket to the endpoint, so that the socket also reports the endpoint's ICMP errors. The error is an
/// errno value.
[[nodiscard]] std::expected<runtime::UniqueDescriptor, int> connect_udp_socket(const config::Endpoint& endpoint);

}  // namespace pillion::telemetry
