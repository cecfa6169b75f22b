#include "server/client_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
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

unsigned identifying_bits(const ClientAddress& address, unsigned ipv6_prefix) {
  in6_addr v6{};
  std::memcpy(&v6, address.data(), address.size());
  const bool is_whole = IN6_IS_ADDR_V4MAPPED(&v6) || IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6);
  return is_whole ? whole_address : ipv6_prefix;
}

ClientAddress identity_of(const ClientAddress& address, unsigned ipv6_prefix) {
  if (ipv6_prefix == whole_address) return address;
  auto identity = address;
  const auto bits = identifying_bits(address, ipv6_prefix);
  for (unsigned i = 0; i < identity.size(); ++i) {
    const auto kept = std::clamp<unsigned>(bits - std::min(bits, 8 * i), 0, 8);
    identity[i] &= static_cast<std::uint8_t>(0xFF00U >> kept);
  }
  return identity;
}

std::string to_string(const ClientAddress& address, unsigned bits) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  in6_addr v6{};
  std::memcpy(&v6, address.data(), address.size());
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    ::inet_ntop(AF_INET, address.data() + 12, text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  }
  return bits == whole_address ? text.data() : text.data() + ("/" + std::to_string(bits));
}

std::size_t HashAddress::operator()(const ClientAddress& address) const {
  // The factor depends on the seed. With a constant factor, an attacker could choose words that make the product zero.
  const auto factor = fold(seed ^ 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93) | 1U;
  const auto first = fold(seed ^ load(address.data()), factor);
  return fold(fold(first ^ load(address.data() + sizeof(std::uint64_t)), factor), 0xA0761D6478BD642F);
}

}  // namespace pillion::server
