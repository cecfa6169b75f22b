#pragma once
// Why OpenSSL has rejected a certificate, in the words that a person needs to find the fault.

#include <string>

#include <openssl/x509.h>

#include "config/config.hpp"

namespace pillion::upstream {

/// OpenSSL's text of the verification error, and what the certificates say of it: the wanted name and those of the
/// certificate, the missing issuer, or the end of validity. One line, bounded whatever the server has sent.
[[nodiscard]] std::string rejection_text(X509_STORE_CTX* verification, const config::Server& server);

}  // namespace pillion::upstream
