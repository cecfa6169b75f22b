#include "upstream/rejected_certificate.hpp"

#include <algorithm>
#include <cstddef>

#include "config/scalar.hpp"
#include "upstream/certificate.hpp"

namespace pillion::upstream {
namespace {

std::string names_text(const X509* certificate) {
  constexpr std::size_t most = 4;
  const auto names = alternative_names(certificate);
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text.empty() ? "no name" : text;
}

/// Who signed the certificate, for which no trusted issuer is known.
std::string issuer_text(X509_STORE_CTX* verification, const X509* certificate) {
  const auto* const issuer = X509_get_issuer_name(certificate);
  auto text = "is signed by " + config::one_line(to_text(issuer));
  // A CA that was made anew often has the name of the old one.
  auto* const namesakes = X509_STORE_CTX_get1_certs(verification, issuer);
  if (sk_X509_num(namesakes) > 0) text += "; the trusted CA of that name has another key";
  sk_X509_pop_free(namesakes, X509_free);
  return text;
}

/// What the certificates say of the error; empty if nothing.
std::string reason_of(X509_STORE_CTX* verification, const config::Server& server) {
  const auto* const own = X509_STORE_CTX_get0_cert(verification);
  const auto* const current = X509_STORE_CTX_get_current_cert(verification);
  const auto* const at_fault = current == nullptr ? own : current;
  if (own == nullptr) return {};
  auto subject = config::one_line(to_text(X509_get_subject_name(at_fault)));
  switch (X509_STORE_CTX_get_error(verification)) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "wanted " + (server.tls_name.empty() ? server.endpoint.address : server.tls_name) +
             ", the certificate is for " + names_text(own);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return subject + " was valid until " + to_text(X509_get0_notAfter(at_fault));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return subject + " is not valid before " + to_text(X509_get0_notBefore(at_fault));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return subject + " " + issuer_text(verification, at_fault);
    default:
      return subject;
  }
}

}  // namespace

std::string rejection_text(X509_STORE_CTX* verification, const config::Server& server) {
  std::string text = X509_verify_cert_error_string(X509_STORE_CTX_get_error(verification));
  if (const auto reason = reason_of(verification, server); !reason.empty()) text += ": " + reason;
  return text;
}

}  // namespace pillion::upstream
