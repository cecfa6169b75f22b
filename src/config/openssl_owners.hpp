#pragma once
// Owners of OpenSSL's objects: deleters for std::unique_ptr.

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace pillion::config {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

}  // namespace pillion::config
