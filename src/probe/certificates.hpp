#pragma once
// Reads the facts of a server's certificates.

#include <vector>

#include <openssl/x509.h>

#include "probe/figures.hpp"

namespace pillion::probe {

/// The facts of each certificate, in the order of the chain.
[[nodiscard]] std::vector<CertificateFacts> read_certificates(const STACK_OF(X509) * chain);

}  // namespace pillion::probe
