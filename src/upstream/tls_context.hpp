#pragma once
// What the TLS connections of one upstream group share: the strict profile of RFC 8310 section 5.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/asio/ssl/context.hpp>
#include <openssl/evp.h>

#include "config/config.hpp"

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

}  // namespace pillion::upstream
