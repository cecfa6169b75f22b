#include "admin/sbom.hpp"

#include <array>
#include <fstream>
#include <iterator>
#include <string_view>

#include <openssl/evp.h>

namespace pillion::admin {
namespace {

constexpr const char* sbom_file = "/usr/share/doc/pillion/sbom.spdx.json";

}  // namespace

std::string read_sbom_digest() {
  std::ifstream file(sbom_file, std::ios::binary);
  if (!file) return {};
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (std::size_t i = 0; i < size; ++i) hex.append({digits[digest[i] >> 4U], digits[digest[i] & 0xFU]});
  return hex;
}

}  // namespace pillion::admin
