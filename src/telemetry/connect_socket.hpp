#pragma once
// Sockets of sinks: connected, and never waited on but by poll(2).

#include <cstdint>
#include <expected>
#include <string>

#include "config/config.hpp"
#include "runtime/unique_descriptor.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// A stream socket that is connected to the one at `path`; the error is errno's. Where the listener's queue is full
/// that is an error, too.
[[nodiscard]] std::expected<runtime::UniqueDescriptor, int> connect_unix_socket(const std::string& path);

/// A TCP connection to the endpoint, waited for 5 s at the most.
[[nodiscard]] std::expected<runtime::UniqueDescriptor, int> connect_tcp_socket(const config::Endpoint& endpoint,
                                                                               SinkWaits& waits);

/// A UDP socket that sends to the endpoint, and hears of errors from there.
[[nodiscard]] std::expected<runtime::UniqueDescriptor, int> connect_udp_socket(const config::Endpoint& endpoint);

}  // namespace pillion::telemetry
