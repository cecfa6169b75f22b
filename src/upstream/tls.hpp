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

/// Settings and trust of one upstream group, shared by its connections and, since OpenSSL allows it, by the shards.
class TlsContext {
 public:
  /// Throws std::runtime_error that names the file and the reason where the CA file, the client's certificate or its
  /// key cannot be used.
  explicit TlsContext(const config::Tls& settings);

  /// True if handshakes of both go alike: the same settings, authorities and client certificate, whatever the files are
  /// called.
  friend bool operator==(const TlsContext& a, const TlsContext& b) { return a.digest_ == b.digest_; }
  /// When the client's certificate, or one of its chain, ends first; nullopt where there is none.
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> client_not_after() const {
    return client_not_after_;
  }
  /// How many certificates of the CA file are trusted.
  [[nodiscard]] std::size_t authorities() const { return authorities_; }

  [[nodiscard]] boost::asio::ssl::context& native() { return context_; }
  /// The groups without the post-quantum ones, as SSL_set1_groups_list(3) takes them; empty where there are none of the
  /// one kind or of the other, so that there is nothing to fall back from, or to.
  [[nodiscard]] const std::string& classical_groups() const { return classical_groups_; }

 private:
  void trust(const std::string& ca_file, EVP_MD_CTX* digest);
  void show_client_certificate(const config::Tls& settings, EVP_MD_CTX* digest);

  boost::asio::ssl::context context_;
  std::string classical_groups_;
  std::array<std::uint8_t, 32> digest_{};  // SHA-256 of all that a handshake depends on
  std::optional<std::chrono::system_clock::time_point> client_not_after_;
  std::size_t authorities_ = 0;
};

/// What we are sure of after a handshake.
struct TlsFacts {
  bool resumed = false;
  std::chrono::system_clock::time_point not_after;  ///< the soonest in the server's chain, the authority included
  std::string version;                              ///< "TLSv1.3"
  std::string group;                                ///< "X25519MLKEM768"; of the first connection where TLS 1.2 resumes
  std::string cipher;                               ///< IANA's name: "TLS_AES_256_GCM_SHA384"
  std::string verified_name;                        ///< the name, or else the address, that was verified
  std::string pin;      ///< the configured one that the certificate's key has; empty where none is configured
  std::string subject;  ///< of the server's certificate, as RFC 2253 writes it
  std::string issuer;   ///< likewise
};

/// A failed handshake: what it counts as, and what OpenSSL says of it.
struct TlsFailure {
  Error error;
  std::string detail;
};

/// Looks at the certificates that a server shows in a full handshake, its own first: up to the authority where they are
/// verified, else as far as a chain could be built. To be used during the call only.
using LookAtCertificates = std::function<void(const STACK_OF(X509) * certificates)>;

using SpkiDigest = std::array<std::uint8_t, 32>;
/// The SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7858 section 4.2), which pins are; nullopt where OpenSSL
/// cannot tell it.
[[nodiscard]] std::optional<SpkiDigest> spki_digest(X509* certificate);

/// The identity of one server and its newest session ticket. One per server and shard; outlives its connections.
class TlsIdentity {
 public:
  /// Throws std::runtime_error for pins that are not "sha256/" and 32 bytes in base64, and for a name or address that
  /// OpenSSL cannot verify certificates for; the configuration has refused them already.
  explicit TlsIdentity(const config::Server& server);

  /// Makes an SSL of `context` verify this server (name or IP SAN), send SNI and ALPN, and offer the session that is
  /// kept. Returns the groups that it offers. After a failure `ssl` must not be used: it might verify no name.
  [[nodiscard]] std::expected<Groups, TlsFailure> prepare(SSL* ssl, const TlsContext& context, runtime::Time now);
  /// To be called when a handshake is over, however it ended: notes whether its ClientHello was answered.
  void note_end(const SSL* ssl, const TlsContext& context, Groups offered, runtime::Time now);
  /// To be called after every successful handshake: pins, ALPN and the certificate's dates, which a resumed session
  /// does not check again.
  [[nodiscard]] std::expected<TlsFacts, TlsFailure> check(SSL* ssl);
  /// Why a handshake failed, from the verification's verdict and OpenSSL's error code, 0 where the server closed the
  /// connection; forgets the session.
  [[nodiscard]] TlsFailure explain(SSL* ssl, unsigned long openssl_error);
  /// From now on `look` is called in each full handshake, whatever the verdict on the certificates is.
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
  LookAtCertificates look_;  // empty: nobody looks
  std::unique_ptr<SSL_SESSION, FreeSession> session_;
  std::optional<std::chrono::system_clock::time_point> chain_not_after_;  // of the last full handshake
};

}  // namespace pillion::upstream
