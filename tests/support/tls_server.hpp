#pragma once
// The TLS side of the test servers: an SSL_CTX made from an identity and a choice of good and bad manners.

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "support/certificates.hpp"

namespace pillion::test {

/// How a server conducts the handshake. The defaults are a good DNS-over-TLS server's.
struct TlsManners {
  int min_version = TLS1_2_VERSION;
  int max_version = TLS1_3_VERSION;
  /// RFC 7301: choose "dot" where the client offers it, choose nothing, choose "h2" whatever was offered (a violation),
  /// or end the handshake with the alert no_application_protocol.
  enum class Alpn { dot, none, other, refuse } alpn = Alpn::dot;
  bool tickets = true;         ///< false: no session can be resumed
  std::string client_ca = {};  ///< PEM; where set, a client certificate from this CA is required

  bool operator==(const TlsManners&) const = default;
};

using TlsContext = std::shared_ptr<SSL_CTX>;

/// Throws std::runtime_error if OpenSSL refuses. Each context has ticket keys of its own: the tickets of another are
/// not accepted.
[[nodiscard]] TlsContext make_tls_context(const Identity& identity, const TlsManners& manners);

/// The first protocol that the client offered by ALPN on this connection, "" for none.
[[nodiscard]] std::string offered_alpn(const SSL* ssl);

}  // namespace pillion::test
