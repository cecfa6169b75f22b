#include "config/own_address.hpp"

#include <algorithm>
#include <string_view>

#include "config/scalar.hpp"

namespace pillion::config {
namespace {

/// The address that the kernel sends packets for `address` to. The kernel treats an IPv4-mapped address (RFC 4291
/// 2.5.5.2) as IPv4, and a wildcard destination as loopback.
std::string destination(std::string_view address) {
  constexpr std::string_view mapped = "::ffff:";
  if (address.starts_with(mapped) && address.find('.') != std::string_view::npos) address.remove_prefix(mapped.size());
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "::") return "::1";
  return std::string(address);
}

bool reaches(const Endpoint& server, const Endpoint& listener) {
  if (server.port != listener.port) return false;
  const auto address = destination(server.address);
  if (listener.address == "0.0.0.0") return address.starts_with("127.");
  if (listener.address == "::") return address == "::1";
  return address == listener.address;
}

}  // namespace

std::string check_not_own(const Endpoint& server, const std::vector<Endpoint>& listeners) {
  const auto own = std::ranges::find_if(listeners, [&](const Endpoint& listener) { return reaches(server, listener); });
  if (own == listeners.end()) return {};
  return in_quotes(to_string(server)) + " is an address of Pillion itself (dns.listen has " +
         in_quotes(to_string(*own)) + "): Pillion would ask itself";
}

}  // namespace pillion::config
