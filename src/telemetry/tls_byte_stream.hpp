#pragma once
// TLS connections to a reader of records.

#include <expected>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "telemetry/byte_stream.hpp"

namespace pillion::telemetry {

/// The reader's address, and how its certificate is verified.
struct TlsPeer {
  config::Endpoint endpoint;
  std::string name;     ///< in the certificate, and sent as SNI; empty: the certificate has the endpoint's address
  std::string ca_file;  ///< PEM
};

/// Does a TLS handshake over a connected, non-blocking TCP socket, within 5 s. Requires TLS 1.2 or later and a valid
/// certificate (RFC 5425 section 4.2). The error says what was wrong.
[[nodiscard]] std::expected<std::unique_ptr<ByteStream>, std::string> tls_stream(runtime::UniqueDescriptor socket,
                                                                                 const TlsPeer& peer, SinkWaits& waits);

}  // namespace pillion::telemetry
