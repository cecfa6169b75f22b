#pragma once
// TLS to a reader of records.

#include <expected>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "telemetry/byte_stream.hpp"

namespace pillion::telemetry {

/// Whom to trust, and for what.
struct TlsPeer {
  config::Endpoint endpoint;
  std::string name;     ///< in the certificate, and sent as SNI; empty: the endpoint's address is in the certificate
  std::string ca_file;  ///< PEM
};

/// Shakes hands over a connected TCP socket that does not block, for 5 s at the most: TLS 1.2 or later, the certificate
/// verified (RFC 5425 section 4.2). The error says what was wrong.
[[nodiscard]] std::expected<std::unique_ptr<ByteStream>, std::string> tls_stream(runtime::UniqueDescriptor socket,
                                                                                 const TlsPeer& peer, SinkWaits& waits);

}  // namespace pillion::telemetry
