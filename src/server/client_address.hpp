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

inline constexpr unsigned whole_address = 128;  ///< bits

/// The number of first bits of a client's address that identify the client, where IPv6 clients are identified by
/// `ipv6_prefix` bits, 64 to 128. IPv4, loopback and link-local addresses (RFC 4291 2.5.6) identify a client whole: all
/// hosts of a link have the same link-local prefix.
[[nodiscard]] unsigned identifying_bits(const ClientAddress& address, unsigned ipv6_prefix);

/// The address that stands for the client: only its identifying bits are set.
[[nodiscard]] ClientAddress identity_of(const ClientAddress& address, unsigned ipv6_prefix);

/// "10.1.2.3", "2001:db8::1", or "2001:db8::/64" where fewer bits than all identify the client.
[[nodiscard]] std::string to_string(const ClientAddress& address, unsigned bits = whole_address);

/// Hashes an address. The unpredictable seed prevents an attacker who forges addresses from choosing collisions.
struct HashAddress {
  std::uint64_t seed = 0;
  [[nodiscard]] std::size_t operator()(const ClientAddress& address) const;
};

}  // namespace pillion::server
