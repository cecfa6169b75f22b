#pragma once
// What a server's certificates say.

#include <vector>

#include <openssl/x509.h>

#include "probe/figures.hpp"

namespace pillion::probe {

/// In the order of the chain.
[[nodiscard]] std::vector<CertificateFacts> read_certificates(const STACK_OF(X509) * chain);

}  // namespace pillion::probe
