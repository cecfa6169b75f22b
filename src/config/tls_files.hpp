#pragma once
// The PEM files of `tls`: the authorities of ca_file, and the client's certificate with its key. The configuration
// check and the TLS context use the same functions, so that `pillion check` refuses what `pillion run` would refuse.

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "config/openssl_owners.hpp"

namespace pillion::config {

/// What Pillion uses a certificate of a ca_file for. A server's chain may end at a trust anchor (RFC 5280 section
/// 6.1.1), which need not be self-signed: a file that has an intermediate CA without its issuer can only mean the
/// intermediate CA as an anchor. If the file has the issuer too, chains end at the issuer, so that the issuer's end of
/// validity and its constraints apply.
enum class CaUse : std::uint8_t {
  root,                 ///< self-signed: a trust anchor
  anchor_intermediate,  ///< a CA whose issuer is not in the file: a trust anchor
  intermediate,         ///< a CA whose issuer is in the file: completes the chain of a server that does not send it
  none,                 ///< neither self-signed nor a CA: not used
};

struct CaCertificate {
  std::unique_ptr<X509, FreeX509> x509;
  CaUse use = CaUse::none;

  /// The subject's name as RFC 2253 writes it: "CN=Issuing CA 1,O=Example".
  [[nodiscard]] std::string subject() const;
  [[nodiscard]] std::string issuer() const;
};

/// The certificates of a PEM file of at most 2 MiB, in the file's order. At least one of them is a trust anchor. The
/// error says what is wrong with the file: "`ca.pem` has no certificate".
[[nodiscard]] std::expected<std::vector<CaCertificate>, std::string> read_ca_file(const std::string& path);

/// What is wrong with a client's certificate or key.
struct ClientFileFault {
  std::string_view key;  ///< "client_cert" or "client_key"
  std::string problem;   ///< names the file
};

/// Makes `context` send the client certificate in the file `cert`, with its chain, and use the key in the file `key`.
/// Each file has at most 1 MiB. A key with a passphrase is a fault, since nobody could enter it.
[[nodiscard]] std::expected<void, ClientFileFault> use_client_certificate(SSL_CTX* context, const std::string& cert,
                                                                          const std::string& key);
/// Checks that the two files can be used, without changing a context.
[[nodiscard]] std::expected<void, ClientFileFault> check_client_certificate(const std::string& cert,
                                                                            const std::string& key);

}  // namespace pillion::config
