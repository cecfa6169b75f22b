#include "upstream/openssl_error.hpp"

#include <array>
#include <stdexcept>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace pillion::upstream {
namespace {

/// What an alert of the server means for who configures Pillion; empty if its name says it.
std::string_view meaning_of(int alert) {
  switch (alert) {
    // Most servers without a cipher suite in common send this alert, and under TLS 1.2 those that miss a certificate.
    case SSL_AD_HANDSHAKE_FAILURE:
      return "it may accept none of Pillion's cipher suites, which for TLS 1.2 are only those with ECDHE and AEAD, or "
             "may require a client certificate";
    case SSL_AD_PROTOCOL_VERSION:
      return "it does not speak TLS 1.2 or, if tls.min_version is higher, that version";
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return "it requires a client certificate, which tls.client_cert names";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
      return "it does not accept the client certificate, which tls.client_cert names";
    case SSL_AD_UNRECOGNIZED_NAME:
      return "it does not serve the TLS name";
    default:
      return {};
  }
}

std::string alert_text(int alert) {
  // OpenSSL 3.0 has no name for this one.
  const char* const name =
      alert == TLS13_AD_CERTIFICATE_REQUIRED ? "certificate required" : SSL_alert_desc_string_long(alert);
  auto text = std::string("the server sent the alert \"") + name + '"';
  if (const auto meaning = meaning_of(alert); !meaning.empty()) text.append(": ").append(meaning);
  return text;
}

/// What an error of libssl other than an alert means for who configures Pillion; empty if its reason says it.
std::string_view meaning_of_failure(unsigned long code) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return {};
  switch (ERR_GET_REASON(code)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return ": what the server sent is not TLS";
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return ": the server speaks only TLS versions below 1.2 or, if tls.min_version is higher, below that version";
    default:
      return {};
  }
}

}  // namespace

std::optional<int> alert_of(unsigned long code) {
  const auto reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET || reason > SSL_AD_REASON_OFFSET + 255)
    return {};
  return reason - SSL_AD_REASON_OFFSET;
}

std::string openssl_text(unsigned long code) {
  if (code == 0) return "OpenSSL gives no reason";
  if (const auto alert = alert_of(code)) return alert_text(*alert);
  if (const char* reason = ERR_reason_error_string(code)) return reason + std::string(meaning_of_failure(code));
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

void must(bool done, const std::string& what) {
  if (!done) throw std::runtime_error(what + ": " + openssl_text(ERR_get_error()));
}

}  // namespace pillion::upstream
