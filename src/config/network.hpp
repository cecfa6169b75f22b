#pragma once
// Networks of addresses, and the zones of the reverse look-ups of their addresses (RFC 1035 section 3.5, RFC 3596
// section 2.5).

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
  std::array<std::uint8_t, 16> address{};  ///< in network order, of IPv4 the first 4; no bit is set behind the prefix
  unsigned prefix = 0;                     ///< bits: 0 … 32 or 128
  bool is_ipv6 = false;
  friend bool operator==(const Network&, const Network&) = default;
};

/// "10.0.0.0/8", "fc00::/7". The error says what is wrong.
[[nodiscard]] std::expected<Network, std::string> parse_network(std::string_view text);

/// In the canonical form (RFC 5952): "10.0.0.0/8", "fc00::/7".
[[nodiscard]] std::string to_string(const Network& network);

/// The network as networks that one zone each stands for, in the order of their addresses: those whose prefix ends
/// where a label of the zone does, at a byte of IPv4 or half a byte of IPv6. At most 128 of IPv4 and 8 of IPv6.
[[nodiscard]] std::vector<Network> split_at_labels(const Network& network);

/// The zone of a network of split_at_labels(), written like Route::zone: "10.in-addr.arpa", "c.f.ip6.arpa".
[[nodiscard]] std::string reverse_zone(const Network& network);

/// A zone of names, and the index of the route that says where they are answered from.
struct RoutedZone {
  std::string zone;
  std::size_t route = 0;
};

/// The zones of routes that have been read, those of networks among them, each once, in the order of the routes. Of
/// several networks with a zone in common the longest prefix has it.
[[nodiscard]] std::vector<RoutedZone> routed_zones(const std::vector<Route>& routes);

}  // namespace pillion::config
