#include "upstream/rejected_certificate.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include "config/openssl_owners.hpp"
#include "config/scalar.hpp"
#include "upstream/certificate.hpp"

namespace pillion::upstream {
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

std::string names_text(const X509* certificate) {
  constexpr std::size_t most = 4;
  const auto names = alternative_names(certificate);
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text.empty() ? "no name" : text;
}

std::string time_text(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, config::FreeBio> out(BIO_new(BIO_s_mem()));
  if (!out || ASN1_TIME_print(out.get(), time) != 1) return "a time that cannot be read";
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(std::max(size, 0L))};
}

/// What the certificates say of the error; empty if nothing.
std::string reason_of(X509_STORE_CTX* verification, const config::Server& server) {
  const auto* const own = X509_STORE_CTX_get0_cert(verification);
  const auto* const current = X509_STORE_CTX_get_current_cert(verification);
  const auto* const at_fault = current == nullptr ? own : current;
  if (own == nullptr) return {};
  const auto subject = config::one_line(to_text(X509_get_subject_name(at_fault)));
  switch (X509_STORE_CTX_get_error(verification)) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "wanted " + (server.tls_name.empty() ? server.endpoint.address : server.tls_name) +
             ", the certificate is for " + names_text(own);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return subject + " was valid until " + time_text(X509_get0_notAfter(at_fault));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return subject + " is not valid before " + time_text(X509_get0_notBefore(at_fault));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return subject + " is signed by " + config::one_line(to_text(X509_get_issuer_name(at_fault)));
    default:
      return std::string(subject);
  }
}

}  // namespace

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

std::string rejection_text(X509_STORE_CTX* verification, const config::Server& server) {
  std::string text = X509_verify_cert_error_string(X509_STORE_CTX_get_error(verification));
  if (const auto reason = reason_of(verification, server); !reason.empty()) text += ": " + reason;
  return text;
}

}  // namespace pillion::upstream
