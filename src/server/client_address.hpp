#pragma once
// The addresses that identify clients. Pure.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pillion::server {

/// An IP address as 16 bytes; IPv4 addresses are mapped (RFC 4291 2.5.5.2).
using ClientAddress = std::array<std::uint8_t, 16>;

/// True for 127.0.0.0/8 and ::1.
[[nodiscard]] constexpr bool is_loopback(const ClientAddress& address) {
  constexpr ClientAddress ipv6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  constexpr std::array<std::uint8_t, 13> ipv4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};
  return address == ipv6 || std::equal(ipv4.begin(), ipv4.end(), address.begin());
}

/// "10.1.2.3" or "2001:db8::1".
[[nodiscard]] std::string to_string(const ClientAddress& address);

/// Hashes an address. The unpredictable seed prevents an attacker who forges addresses from choosing collisions.
struct HashAddress {
  std::uint64_t seed = 0;
  [[nodiscard]] std::size_t operator()(const ClientAddress& address) const;
};

}  // namespace pillion::server
