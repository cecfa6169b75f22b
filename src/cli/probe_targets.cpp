#include "cli/probe_targets.hpp"

#include <algorithm>

#include "config/network.hpp"
#include "config/scalar.hpp"
#include "dns/name.hpp"

namespace pillion::cli {
namespace {

/// The zones of the routes to the upstream, in the order of the routes.
std::vector<std::string> zones_of(const config::Config& config, const std::string& upstream) {
  std::vector<std::string> zones;
  for (const auto& each : config::routed_zones(config.routes)) {
    if (config.routes[each.route].upstream == upstream) zones.push_back(each.zone);
  }
  return zones;
}

}  // namespace

std::expected<config::Server, std::string> parse_server(const std::string& text, bool may_use_tls) {
  const auto at = text.find('#');
  const auto endpoint = config::parse_endpoint(text.substr(0, at));
  if (!endpoint) return std::unexpected(endpoint.error());
  if (endpoint->port == 0) return std::unexpected(config::in_quotes(text) + " has port 0");
  config::Server server;
  server.endpoint = *endpoint;
  if (at == std::string::npos) return server;
  server.tls_name = text.substr(at + 1);
  if (server.tls_name.empty())
    return std::unexpected(config::in_quotes(text) +
                           " has no name behind #; without #, the certificate must have the address");
  if (!may_use_tls) return std::unexpected(config::in_quotes(text) + " has a TLS name, but its protocol is not tls");
  if (const auto problem = config::check_tls_name(server.tls_name); !problem.empty())
    return std::unexpected(config::in_quotes(text) + ": " + problem);
  return server;
}

std::vector<probe::ProbeTarget> targets_of(const config::Config& config, const dns::Buffer& zone, bool is_zone_given) {
  std::vector<probe::ProbeTarget> targets;
  for (const auto& upstream : config.upstreams) {
    const auto zones = zones_of(config, upstream.name);
    const bool is_general = zones.empty() || std::ranges::find(zones, ".") != zones.end();
    const auto own = is_general || is_zone_given ? zone : dns::parse_name(zones.front()).value_or(zone);
    for (const auto& server : upstream.servers) {
      targets.push_back({.upstream = upstream.name,
                         .protocol = upstream.protocol,
                         .server = server,
                         .tls = upstream.tls,
                         .padding = upstream.padding,
                         .zone = own,
                         .is_general = is_general});
    }
  }
  return targets;
}

}  // namespace pillion::cli
