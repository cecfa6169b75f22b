#include "config/network.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <unordered_map>

#include "config/scalar.hpp"

namespace pillion::config {
namespace {

constexpr unsigned byte_bits = 8;

int family_of(const Network& network) {
  return network.is_ipv6 ? AF_INET6 : AF_INET;
}

/// Bits of the address.
unsigned width_of(const Network& network) {
  return network.is_ipv6 ? 128 : 32;
}

/// Bits of the address that one label of the reverse zone stands for.
unsigned label_bits(const Network& network) {
  return network.is_ipv6 ? 4 : byte_bits;
}

/// Clears the bits behind the prefix.
Network without_host_bits(Network network) {
  for (unsigned bit = network.prefix; bit < width_of(network); ++bit)
    network.address.at(bit / byte_bits) &= static_cast<std::uint8_t>(~(0x80U >> (bit % byte_bits)));
  return network;
}

/// The label that stands for the bits from `bit` on.
std::string label_at(const Network& network, unsigned bit) {
  const auto byte = network.address.at(bit / byte_bits);
  if (!network.is_ipv6) return std::to_string(byte);
  constexpr std::string_view digits = "0123456789abcdef";
  return std::string(1, digits[bit % byte_bits == 0 ? byte >> 4U : byte & 0xFU]);
}

}  // namespace

std::expected<Network, std::string> parse_network(std::string_view text) {
  const auto complaint = [&](const std::string& problem) { return std::unexpected(in_quotes(text) + " " + problem); };
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  Network network{.is_ipv6 = address.find(':') != std::string::npos};
  // inet_pton stops at a zero byte, which a quoted YAML scalar can hold.
  if (address.find('\0') != std::string::npos ||
      ::inet_pton(family_of(network), address.c_str(), network.address.data()) != 1)
    return complaint("does not begin with an IPv4 or IPv6 address");
  const auto width = width_of(network);
  if (slash == std::string_view::npos)
    return complaint("has no prefix length; the address alone is " + address + "/" + std::to_string(width));
  const auto prefix = parse_integer(text.substr(slash + 1));
  if (!prefix || *prefix < 0 || *prefix > width) {
    return complaint("has a bad prefix length; " + std::string(network.is_ipv6 ? "IPv6" : "IPv4") + " has 0 to " +
                     std::to_string(width));
  }
  network.prefix = static_cast<unsigned>(*prefix);
  const auto whole = without_host_bits(network);
  if (whole != network) return complaint("has bits set after its prefix; the network is " + to_string(whole));
  return network;
}

std::string to_string(const Network& network) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family_of(network), network.address.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(network.prefix);
}

std::vector<Network> split_at_labels(const Network& network) {
  const auto bits = label_bits(network);
  auto part = network;
  part.prefix = (network.prefix + bits - 1) / bits * bits;
  const auto count = 1U << (part.prefix - network.prefix);
  std::vector<Network> parts;
  for (unsigned i = 0; i < count; ++i) {
    parts.push_back(part);
    if (i + 1 == count) break;
    // The label ends at the end of a byte, or in the middle of one.
    auto& byte = part.address.at((part.prefix - 1) / byte_bits);
    byte = static_cast<std::uint8_t>(byte + (part.prefix % byte_bits == 0 ? 1 : 16));
  }
  return parts;
}

std::string reverse_zone(const Network& network) {
  const auto bits = label_bits(network);
  std::string zone;
  for (auto bit = network.prefix; bit > 0; bit -= bits) zone += label_at(network, bit - bits) + ".";
  return zone + (network.is_ipv6 ? "ip6.arpa" : "in-addr.arpa");
}

std::vector<RoutedZone> routed_zones(const std::vector<Route>& routes) {
  struct Taken {
    std::size_t index;  // index in `zones`
    unsigned prefix;
  };
  std::vector<RoutedZone> zones;
  std::unordered_map<std::string, Taken> taken;
  for (std::size_t route = 0; route < routes.size(); ++route) {
    if (routes[route].network.empty()) {
      zones.push_back({.zone = routes[route].zone, .route = route});
      continue;
    }
    const auto network = parse_network(routes[route].network).value();
    for (const auto& part : split_at_labels(network)) {
      auto zone = reverse_zone(part);
      const auto [found, is_new] = taken.try_emplace(zone, Taken{.index = zones.size(), .prefix = network.prefix});
      if (is_new) {
        zones.push_back({.zone = std::move(zone), .route = route});
      } else if (found->second.prefix < network.prefix) {
        zones[found->second.index].route = route;
        found->second.prefix = network.prefix;
      }
    }
  }
  return zones;
}

}  // namespace pillion::config
