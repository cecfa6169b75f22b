#include "server/client_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace pillion::server {
namespace {

__extension__ using Product = unsigned __int128;

/// Combines both halves of the product, so that each bit of both numbers has an influence.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<Product>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t load(const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

}  // namespace

std::string to_string(const ClientAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  in6_addr v6{};
  std::memcpy(&v6, address.data(), address.size());
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    ::inet_ntop(AF_INET, address.data() + 12, text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  }
  return text.data();
}

std::size_t HashAddress::operator()(const ClientAddress& address) const {
  // The factor depends on the seed. With a constant factor, an attacker could choose words that make the product zero.
  const auto factor = fold(seed ^ 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93) | 1U;
  const auto first = fold(seed ^ load(address.data()), factor);
  return fold(fold(first ^ load(address.data() + sizeof(std::uint64_t)), factor), 0xA0761D6478BD642F);
}

}  // namespace pillion::server
