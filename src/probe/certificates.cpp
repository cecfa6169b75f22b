#include "probe/certificates.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "config/openssl_owners.hpp"
#include "config/scalar.hpp"
#include "upstream/certificate.hpp"

namespace pillion::probe {
namespace asio = boost::asio;
namespace {

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string address_text(std::string_view bytes) {
  if (bytes.size() == 4) {
    asio::ip::address_v4::bytes_type v4{};
    bytes.copy(reinterpret_cast<char*>(v4.data()), v4.size());
    return asio::ip::address_v4(v4).to_string();
  }
  if (bytes.size() != 16) return {};
  asio::ip::address_v6::bytes_type v6{};
  bytes.copy(reinterpret_cast<char*>(v6.data()), v6.size());
  return asio::ip::address_v6(v6).to_string();
}

std::vector<std::string> alternative_names(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> texts;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* const name = sk_GENERAL_NAME_value(names.get(), i);
    int type = 0;
    const auto* const value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &type));
    if (type != GEN_DNS && type != GEN_IPADD) continue;
    const std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                 static_cast<std::size_t>(ASN1_STRING_length(value)));
    auto text = type == GEN_DNS ? config::one_line(bytes) : address_text(bytes);
    if (!text.empty()) texts.push_back(std::move(text));
  }
  return texts;
}

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
                     .names = alternative_names(certificate),
                     .not_before = upstream::to_time_point(X509_get0_notBefore(certificate)),
                     .not_after = upstream::to_time_point(X509_get0_notAfter(certificate)),
                     .pin = pin_of(certificate)});
  }
  return facts;
}

}  // namespace pillion::probe
