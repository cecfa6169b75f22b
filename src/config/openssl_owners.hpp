#pragma once
// Owners of OpenSSL's objects: deleters for std::unique_ptr.

#include <openssl/bio.h>
#include <openssl/x509.h>

namespace pillion::config {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

}  // namespace pillion::config
