#pragma once
// The PEM files of `tls`: the authorities of ca_file, and the client's certificate with its key. The configuration is
// checked with what the TLS context is made with, so that `pillion check` refuses what `pillion run` would.

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace pillion::config {

/// What a certificate of a ca_file is used for. A trust anchor (RFC 5280 section 6.1.1) is where a server's chain may
/// end. It need not be self-signed: who lists an intermediate CA without its issuer can only mean that one. Where the
/// issuer is listed too, chains end there, so that the issuer's end of validity and its constraints hold.
enum class CaUse : std::uint8_t {
  root,                 ///< self-signed: a trust anchor
  anchor_intermediate,  ///< a CA whose issuer is not in the file: a trust anchor
  intermediate,         ///< a CA whose issuer is in the file: completes chains to it, for servers that do not send it
  none,                 ///< neither self-signed nor a CA: not used
};

struct CaCertificate {
  struct FreeX509 {
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  std::unique_ptr<X509, FreeX509> x509;
  CaUse use = CaUse::none;

  /// The subject's name as RFC 2253 writes it: "CN=Issuing CA 1,O=Example".
  [[nodiscard]] std::string subject() const;
  [[nodiscard]] std::string issuer() const;
};

/// The certificates of a PEM file of at most 2 MiB, in its order; at least one is a trust anchor. The error says what
/// is wrong with the file: "`ca.pem` has no certificate".
[[nodiscard]] std::expected<std::vector<CaCertificate>, std::string> read_ca_file(const std::string& path);

/// What is wrong with a client's certificate or key.
struct ClientFileFault {
  std::string_view key;  ///< "client_cert" or "client_key"
  std::string problem;   ///< names the file
};

/// Makes `context` show the client certificate of one file, its chain included, and use the key of the other. A key
/// with a passphrase is a fault, since nobody is there to be asked.
[[nodiscard]] std::expected<void, ClientFileFault> use_client_certificate(SSL_CTX* context, const std::string& cert,
                                                                          const std::string& key);
/// The same without a context: whether the two files can be used.
[[nodiscard]] std::expected<void, ClientFileFault> check_client_certificate(const std::string& cert,
                                                                            const std::string& key);

}  // namespace pillion::config
