#pragma once
// TLS with one server: what its certificate must show, with pins (RFC 7858 section 4.2), and its newest session ticket.

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <openssl/ssl.h>

#include "config/config.hpp"
#include "upstream/certificate.hpp"
#include "upstream/error.hpp"
#include "upstream/group_fallback.hpp"

namespace pillion::upstream {

class TlsContext;

/// The verified facts of a handshake.
struct TlsFacts {
  bool resumed = false;
  /// The soonest end of validity in the server's chain, including the authority.
  std::chrono::system_clock::time_point not_after;
  std::string version;        ///< "TLSv1.3"
  std::string group;          ///< "X25519MLKEM768"; if TLS 1.2 resumes, that of the first connection
  std::string cipher;         ///< IANA's name: "TLS_AES_256_GCM_SHA384"
  std::string verified_name;  ///< the name or address that was verified
  std::string pin;            ///< the configured pin of the certificate's key; empty if none is configured
  std::string subject;        ///< subject of the server's certificate, as RFC 2253 writes it
  std::string issuer;         ///< issuer of the server's certificate, in the same form
};

/// A failed handshake: the error, and OpenSSL's message.
struct TlsFailure {
  Error error;
  std::string detail;
};

/// Receives the certificates of a full handshake, the server's own first: up to the authority if they are verified,
/// else as far as a chain could be built. They are valid only during the call.
using LookAtCertificates = std::function<void(const STACK_OF(X509) * certificates)>;

/// The identity of one server, and its newest session ticket. One for each server and shard; it must outlive its
/// connections.
class TlsIdentity {
 public:
  /// Throws std::runtime_error for pins that are not "sha256/" and the base64 of 32 bytes, and for a name or address
  /// that OpenSSL cannot verify. The configuration refuses these already.
  explicit TlsIdentity(const config::Server& server);

  /// Makes an SSL of `context` verify this server (name or IP SAN), send SNI and ALPN, and offer the kept session.
  /// Returns the groups that it offers. After a failure `ssl` must not be used, since it might not verify the name.
  [[nodiscard]] std::expected<Groups, TlsFailure> prepare(SSL* ssl, const TlsContext& context, runtime::Time now);
  /// Called when a handshake has ended in any way. Records whether its ClientHello was answered.
  void note_end(const SSL* ssl, const TlsContext& context, Groups offered, runtime::Time now);
  /// Called after every successful handshake. Checks pins, ALPN and the certificate's dates, which OpenSSL does not
  /// check for a resumed session.
  [[nodiscard]] std::expected<TlsFacts, TlsFailure> check(SSL* ssl);
  /// Why a handshake failed, from the verification result and OpenSSL's error code, which is 0 if the server closed
  /// the connection. Forgets the session.
  [[nodiscard]] TlsFailure explain(SSL* ssl, unsigned long openssl_error);
  /// From now on calls `look` in each full handshake, whatever the verification result is.
  void watch_certificates(LookAtCertificates look) { look_ = std::move(look); }

 private:
  struct FreeSession {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  };

  friend class TlsContext;
  static int keep_session(SSL* ssl, SSL_SESSION* session);
  static int verify(X509_STORE_CTX* verification, void* argument);

  config::Server server_;
  std::vector<SpkiDigest> pins_;
  GroupFallback fallback_;
  LookAtCertificates look_;  // empty if nobody watches
  std::string rejection_;    // why the certificates of the newest full handshake were rejected; empty if they were not
  std::unique_ptr<SSL_SESSION, FreeSession> session_;
  std::optional<std::chrono::system_clock::time_point> chain_not_after_;  // of the last full handshake
};

}  // namespace pillion::upstream
