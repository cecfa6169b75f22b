#pragma once
// Networks of addresses and their reverse zones (RFC 1035 section 3.5, RFC 3596 section 2.5).

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

struct Network {
  /// Network byte order; IPv4 uses the first 4 bytes; the bits after the prefix are 0.
  std::array<std::uint8_t, 16> address{};
  unsigned prefix = 0;  ///< bits: 0 … 32 for IPv4, 0 … 128 for IPv6
  bool is_ipv6 = false;
  friend bool operator==(const Network&, const Network&) = default;
};

/// Parses "10.0.0.0/8" or "fc00::/7". The error says what is wrong.
[[nodiscard]] std::expected<Network, std::string> parse_network(std::string_view text);

/// The canonical form (RFC 5952): "10.0.0.0/8", "fc00::/7".
[[nodiscard]] std::string to_string(const Network& network);

/// Divides the network into networks that have exactly one reverse zone each, ordered by address. The prefix of such a
/// network ends where a label of the zone ends: after a byte of IPv4, or half a byte of IPv6. Returns at most 128
/// networks for IPv4 and 8 for IPv6.
[[nodiscard]] std::vector<Network> split_at_labels(const Network& network);

/// The reverse zone of a network that split_at_labels() returned, written like Route::zone: "10.in-addr.arpa",
/// "c.f.ip6.arpa".
[[nodiscard]] std::string reverse_zone(const Network& network);

/// A zone, and the index of the route that answers its names.
struct RoutedZone {
  std::string zone;
  std::size_t route = 0;
};

/// The zones of `routes`, including those of networks, each once, in the order of the routes. If several networks have
/// a zone in common, the network with the longest prefix gets it. `routes` must have been read without a fault.
[[nodiscard]] std::vector<RoutedZone> routed_zones(const std::vector<Route>& routes);

}  // namespace pillion::config
