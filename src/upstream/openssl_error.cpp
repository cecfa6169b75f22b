#include "upstream/openssl_error.hpp"

#include <array>
#include <stdexcept>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace pillion::upstream {
namespace {

std::string alert_text(int alert) {
  auto text = std::string("the server sent the alert \"") + SSL_alert_desc_string_long(alert) + '"';
  // Most servers without a cipher suite in common send this alert.
  if (alert == SSL_AD_HANDSHAKE_FAILURE)
    text += ": it may accept none of Pillion's cipher suites, which for TLS 1.2 are only those with ECDHE and AEAD";
  return text;
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
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

void must(bool done, const std::string& what) {
  if (!done) throw std::runtime_error(what + ": " + openssl_text(ERR_get_error()));
}

}  // namespace pillion::upstream
