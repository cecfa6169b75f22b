#pragma once
// Hashes names with HMAC-SHA256 (RFC 2104), so that a reader of the query log can compare names but not read them.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include "dns/wire.hpp"

namespace pillion::telemetry {

class NameHash {
 public:
  /// Throws std::runtime_error if OpenSSL has no HMAC-SHA256.
  explicit NameHash(std::string_view key);
  /// Uses a random key, so that hashes of equal names are equal only within the lifetime of this object.
  [[nodiscard]] static NameHash with_random_key();

  /// The hash of the name in wire form and lower case, as 64 hexadecimal digits; empty if OpenSSL fails. Valid until
  /// the next call.
  [[nodiscard]] std::string_view hex(dns::Bytes name);

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const;
  };
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
  std::array<char, 64> digits_{};
};

}  // namespace pillion::telemetry
