#pragma once
// TLS as a client of a DNS-over-TLS resolver: the strict profile of RFC 8310 section 5, with pins (RFC 7858
// section 4.2).

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/ssl/context.hpp>
#include <openssl/ssl.h>

#include "config/config.hpp"
#include "upstream/error.hpp"
#include "upstream/group_fallback.hpp"

namespace pillion::upstream {

/// The TLS settings and trust anchors of one upstream group. Its connections share them, and so do the shards, which
/// OpenSSL allows.
class TlsContext {
 public:
  /// Throws std::runtime_error with the file and the reason if the CA file, the client's certificate or its key cannot
  /// be used.
  explicit TlsContext(const config::Tls& settings);

  /// True if both make the same handshakes: the settings, authorities and client certificate are equal, whatever the
  /// files' names are.
  friend bool operator==(const TlsContext& a, const TlsContext& b) { return a.digest_ == b.digest_; }
  /// The soonest end of validity in the client certificate's chain, or nullopt if there is no client certificate.
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> client_not_after() const {
    return client_not_after_;
  }
  /// The number of certificates of the CA file that are used.
  [[nodiscard]] std::size_t authorities() const { return authorities_; }

  [[nodiscard]] boost::asio::ssl::context& native() { return context_; }
  /// The groups without the post-quantum ones, in the form of SSL_CTX_set1_groups_list(3). Empty if there are none of
  /// either kind, so that no fallback is possible.
  [[nodiscard]] const std::string& classical_groups() const { return classical_groups_; }

 private:
  void trust(const std::string& ca_file, EVP_MD_CTX* digest);
  void show_client_certificate(const config::Tls& settings, EVP_MD_CTX* digest);

  boost::asio::ssl::context context_;
  std::string classical_groups_;
  std::array<std::uint8_t, 32> digest_{};  // SHA-256 of everything that a handshake depends on
  std::optional<std::chrono::system_clock::time_point> client_not_after_;
  std::size_t authorities_ = 0;
};

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

using SpkiDigest = std::array<std::uint8_t, 32>;
/// The SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7858 section 4.2), which is a pin; nullopt if OpenSSL
/// cannot compute it.
[[nodiscard]] std::optional<SpkiDigest> spki_digest(X509* certificate);

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
  std::unique_ptr<SSL_SESSION, FreeSession> session_;
  std::optional<std::chrono::system_clock::time_point> chain_not_after_;  // of the last full handshake
};

}  // namespace pillion::upstream
