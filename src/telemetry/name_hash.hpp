#pragma once
// Names that can be told apart and not read: HMAC-SHA256 (RFC 2104) with a key.

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
  /// Throws std::runtime_error where OpenSSL cannot make one.
  explicit NameHash(std::string_view key);
  /// With a key that nobody knows: equal names are seen to be equal as long as this lives.
  [[nodiscard]] static NameHash with_random_key();

  /// 64 hexadecimal digits, of the name in wire form and lower case; empty where OpenSSL fails. Valid until the next
  /// call.
  [[nodiscard]] std::string_view hex(dns::Bytes name);

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const;
  };
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
  std::array<char, 64> digits_{};
};

}  // namespace pillion::telemetry
