#pragma once
// The TLS side of the test servers: an SSL_CTX of an identity and of settings for right or wrong behaviour.

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "support/certificates.hpp"

namespace pillion::test {

/// The behaviour of a server in the handshake. The defaults are those of a correct DNS-over-TLS server.
struct TlsManners {
  int min_version = TLS1_2_VERSION;
  int max_version = TLS1_3_VERSION;
  /// RFC 7301: choose "dot" if the client offers it, choose nothing, choose "h2" whatever was offered (a violation),
  /// or end the handshake with the alert no_application_protocol.
  enum class Alpn { dot, none, other, refuse } alpn = Alpn::dot;
  bool tickets = true;         ///< false: no session can be resumed
  std::string client_ca = {};  ///< PEM; if not empty, a client certificate of this CA is required

  bool operator==(const TlsManners&) const = default;
};

using TlsContext = std::shared_ptr<SSL_CTX>;

/// Throws std::runtime_error if OpenSSL refuses. Each context has its own ticket keys, and refuses the tickets of
/// others.
[[nodiscard]] TlsContext make_tls_context(const Identity& identity, const TlsManners& manners);

/// The first protocol that the client offered by ALPN on this connection, "" for none.
[[nodiscard]] std::string offered_alpn(const SSL* ssl);

}  // namespace pillion::test
