#include "probe/certificates.hpp"

#include <array>
#include <string>

#include <openssl/evp.h>

#include "upstream/certificate.hpp"

namespace pillion::probe {
namespace {

std::string pin_of(X509* certificate) {
  const auto digest = upstream::spki_digest(certificate);
  if (!digest) return {};
  std::array<unsigned char, 45> base64{};  // 44 characters and the final zero of EVP_EncodeBlock
  const auto size = EVP_EncodeBlock(base64.data(), digest->data(), static_cast<int>(digest->size()));
  return "sha256/" + std::string(base64.begin(), base64.begin() + size);
}

}  // namespace

std::vector<CertificateFacts> read_certificates(const STACK_OF(X509) * chain) {
  std::vector<CertificateFacts> facts;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    auto* const certificate = sk_X509_value(chain, i);
    facts.push_back({.subject = upstream::to_text(X509_get_subject_name(certificate)),
                     .issuer = upstream::to_text(X509_get_issuer_name(certificate)),
                     .names = upstream::alternative_names(certificate),
                     .not_before = upstream::to_time_point(X509_get0_notBefore(certificate)),
                     .not_after = upstream::to_time_point(X509_get0_notAfter(certificate)),
                     .pin = pin_of(certificate)});
  }
  return facts;
}

}  // namespace pillion::probe
