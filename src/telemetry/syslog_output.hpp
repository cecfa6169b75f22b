#pragma once
// Messages of syslog on their way to a collector. Each record is one, with a newline at its end that is not sent.

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "telemetry/byte_stream.hpp"
#include "telemetry/record_output.hpp"

namespace pillion::telemetry {

/// A datagram each (RFC 5426). What the collector's host says of an earlier one, such as that nobody listens, is an
/// error.
[[nodiscard]] std::unique_ptr<RecordOutput> syslog_datagram_output(const config::Endpoint& collector);

using ConnectStream = std::function<std::expected<std::unique_ptr<ByteStream>, std::string>(SinkWaits& waits)>;

/// Over a connection, each behind the number of its bytes (RFC 6587 section 3.4.1, which RFC 5425 has for TLS). One
/// that was cut by the end of a connection is sent again on the next.
[[nodiscard]] std::unique_ptr<RecordOutput> syslog_stream_output(ConnectStream connect);

}  // namespace pillion::telemetry
