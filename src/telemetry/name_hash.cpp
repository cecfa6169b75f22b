#include "telemetry/name_hash.hpp"

#include <cstddef>
#include <stdexcept>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace pillion::telemetry {
namespace {

constexpr std::size_t digest_size = 32;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

void NameHash::Free::operator()(EVP_MAC_CTX* context) const {
  EVP_MAC_CTX_free(context);
}

NameHash::NameHash(std::string_view key) {
  auto* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  context_.reset(EVP_MAC_CTX_new(mac));
  EVP_MAC_free(mac);
  std::string digest = "SHA256";
  const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                              OSSL_PARAM_construct_end()};
  if (context_ == nullptr || EVP_MAC_init(context_.get(), bytes_of(key), key.size(), parameters.data()) != 1)
    throw std::runtime_error("OpenSSL has no HMAC-SHA256 with this key");
}

NameHash NameHash::with_random_key() {
  std::array<unsigned char, digest_size> key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) throw std::runtime_error("no random key");
  return NameHash({reinterpret_cast<const char*>(key.data()), key.size()});
}

std::string_view NameHash::hex(dns::Bytes name) {
  std::array<unsigned char, dns::max_name_size> lower{};
  for (std::size_t i = 0; i < name.size(); ++i)
    lower[i] = static_cast<unsigned char>(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
  std::array<unsigned char, digest_size> digest{};
  std::size_t size = 0;
  // Without a key, EVP_MAC_init() uses the previous one again.
  const bool is_done = EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
                       EVP_MAC_update(context_.get(), lower.data(), name.size()) == 1 &&
                       EVP_MAC_final(context_.get(), digest.data(), &size, digest.size()) == 1;
  if (!is_done || size != digest.size()) return {};
  constexpr std::string_view hexadecimal = "0123456789abcdef";
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digits_[2 * i] = hexadecimal[digest[i] >> 4U];
    digits_[2 * i + 1] = hexadecimal[digest[i] & 0xFU];
  }
  return {digits_.data(), digits_.size()};
}

}  // namespace pillion::telemetry
