#pragma once
// Outputs that send syslog messages to a collector. Each record is one message; the newline at its end is not sent.

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "telemetry/byte_stream.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// Sends each message in a datagram (RFC 5426). An ICMP error for an earlier datagram, such as a closed port, is an
/// error of the next write.
[[nodiscard]] std::unique_ptr<RecordOutput> syslog_datagram_output(const config::Endpoint& collector);

using ConnectStream = std::function<std::expected<std::unique_ptr<ByteStream>, std::string>(SinkWaits& waits)>;

/// Sends each message over a connection, with its length in bytes in front (RFC 6587 section 3.4.1; RFC 5425 section
/// 4.3 for TLS). If a connection ends within a message, the message is sent again on the next connection.
[[nodiscard]] std::unique_ptr<RecordOutput> syslog_stream_output(ConnectStream connect);

}  // namespace pillion::telemetry
