#pragma once
// A file that is valid for every key that names a PEM file.

#include <string>

#include "support/certificates.hpp"

namespace pillion::config {

/// PEM of a client's certificate, of its key, and of the root that has signed it.
inline std::string pem_of_everything() {
  const test::CertificateAuthority authority;
  const auto identity = authority.issue();
  return identity.certificate_pem() + identity.key_pem() + authority.certificate_pem();
}

}  // namespace pillion::config
