#pragma once
// Temporary certificates for tests and the demo: EC P-256 keys, made in memory with OpenSSL 3.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace pillion::test {

using KeyPointer = std::shared_ptr<EVP_PKEY>;
using X509Pointer = std::shared_ptr<X509>;

/// The content of a certificate. The defaults make a valid server certificate. Times count from now.
struct CertificateOptions {
  std::string common_name = "dot.example";
  std::vector<std::string> dns_names = {"dot.example"};  ///< SAN dNSName (RFC 6125); empty for none
  std::vector<std::string> addresses = {};               ///< SAN iPAddress, in presentation form
  std::chrono::seconds not_before = -std::chrono::hours{1};
  std::chrono::seconds not_after = std::chrono::hours{24 * 30};
  enum class Purpose { server, client } purpose = Purpose::server;  ///< extended key usage
};

/// A key, its certificate, and its intermediates.
class Identity {
 public:
  Identity(KeyPointer key, X509Pointer certificate, std::vector<X509Pointer> chain);

  /// PEM: the certificate, then the intermediates, like the certificate file of a server.
  [[nodiscard]] std::string certificate_pem() const;
  /// PEM, PKCS #8, not encrypted.
  [[nodiscard]] std::string key_pem() const;
  /// "sha256/BASE64=": the digest of the SubjectPublicKeyInfo (RFC 7858 appendix A, RFC 7469 2.4), in the form of
  /// the key `pins`.
  [[nodiscard]] std::string pin() const;

  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }
  [[nodiscard]] X509* certificate() const { return certificate_.get(); }
  [[nodiscard]] const std::vector<X509Pointer>& chain() const { return chain_; }

 private:
  KeyPointer key_;
  X509Pointer certificate_;
  std::vector<X509Pointer> chain_;
};

/// A certificate authority, root or intermediate. Throws std::runtime_error if OpenSSL fails.
class CertificateAuthority {
 public:
  /// A new root.
  explicit CertificateAuthority(const std::string& common_name = "Throwaway test CA");
  /// A CA below this one. Its certificates come with its own certificate as their chain.
  [[nodiscard]] CertificateAuthority intermediate(const std::string& common_name) const;
  [[nodiscard]] Identity issue(const CertificateOptions& options = {}) const;
  /// PEM of this CA's own certificate, for `ca_file`.
  [[nodiscard]] std::string certificate_pem() const;
  [[nodiscard]] X509* certificate() const { return certificate_.get(); }

 private:
  CertificateAuthority(KeyPointer key, X509Pointer certificate, std::vector<X509Pointer> chain);
  KeyPointer key_;
  X509Pointer certificate_;
  std::vector<X509Pointer> chain_;  ///< from this CA up to the root, which is not included
};

/// A self-signed leaf certificate.
[[nodiscard]] Identity self_signed(const CertificateOptions& options = {});

/// Reads PEM files like a server: the leaf first, then its chain. Throws std::runtime_error with the file's name.
[[nodiscard]] Identity read_identity(const std::string& certificate_file, const std::string& key_file);

}  // namespace pillion::test
