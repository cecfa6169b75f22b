#include "support/tls_error.hpp"

#include <stdexcept>

#include <openssl/err.h>

namespace pillion::test {

std::string take_tls_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return {};
  const auto* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "error " + std::to_string(code) : reason;
}

void check_tls(bool done, std::string_view what) {
  if (!done) throw std::runtime_error(std::string(what) + ": " + take_tls_error());
}

}  // namespace pillion::test
