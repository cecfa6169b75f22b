#include "inject/sidecar_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include "config/load.hpp"
#include "config/network.hpp"
#include "config/scalar.hpp"
#include "inject/editor.hpp"
#include "inject/yaml_documents.hpp"
#include "inject/yaml_writer.hpp"

namespace pillion::inject {
namespace {

constexpr std::string_view cluster_upstream = "cluster";
constexpr std::string_view public_upstream = "public";
/// Private networks of RFC 1918, 6598 and 4193.
constexpr std::array private_networks = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"};

json::object server(std::string_view address, std::string_view tls_name) {
  return {{"address", address}, {"tls_name", tls_name}};
}

json::object public_upstreams(bool ipv6) {
  const json::array servers{server(ipv6 ? "[2606:4700:4700::1111]:853" : "1.1.1.1:853", "cloudflare-dns.com"),
                            server(ipv6 ? "[2620:fe::fe]:853" : "9.9.9.9:853", "dns.quad9.net")};
  return {{public_upstream, json::object{{"servers", servers}}}};
}

/// The zone in lower case, without the final dot except for the root.
std::string canonical(std::string_view zone) {
  if (zone.size() > 1 && zone.ends_with('.')) zone.remove_suffix(1);
  std::string result(zone);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

/// The reverse zones of the network; empty if `network` is invalid.
std::vector<std::string> zones_of(std::string_view network) {
  std::vector<std::string> zones;
  const auto parsed = config::parse_network(network);
  if (!parsed) return zones;
  for (const auto& part : config::split_at_labels(*parsed)) zones.push_back(config::reverse_zone(part));
  return zones;
}

/// Adds routes to those of the values.
class Routes {
 public:
  explicit Routes(json::array given) : routes_(std::move(given)) {
    for (const auto& route : routes_) {
      if (const auto* const zone = find_string(route, "/zone")) known_.insert(canonical(*zone));
      if (const auto* const network = find_string(route, "/network")) {
        const auto zones = zones_of(*network);
        known_.insert(zones.begin(), zones.end());
      }
    }
  }

  void add_zone(const std::string& zone, std::string_view upstream) {
    if (known_.insert(canonical(zone)).second) add("zone", zone, upstream);
  }

  /// Adds a route for the network. If another route already has a part of it, adds one route for each other zone of it
  /// instead.
  void add_network(const std::string& network, std::string_view upstream) {
    const auto zones = zones_of(network);
    std::vector<std::string> missing;
    std::ranges::copy_if(zones, std::back_inserter(missing), [&](const auto& zone) { return !known_.contains(zone); });
    known_.insert(missing.begin(), missing.end());
    if (missing.size() == zones.size()) return add("network", network, upstream);
    for (const auto& zone : missing) add("zone", zone, upstream);
  }

  [[nodiscard]] bool has(const std::string& zone) const { return known_.contains(zone); }
  [[nodiscard]] bool uses(std::string_view upstream) const {
    return std::ranges::any_of(routes_, [&](const auto& route) { return text_at(route, "/upstream") == upstream; });
  }
  [[nodiscard]] json::array take() { return std::move(routes_); }

 private:
  void add(const char* key, const std::string& value, std::string_view upstream) {
    routes_.emplace_back(json::object{{key, value}, {"upstream", upstream}});
  }

  json::array routes_;
  std::set<std::string> known_;
};

/// The upstream for names without another route. If it is not clear which one, adds a fault and returns an empty text.
std::string default_upstream(const json::object& upstreams, ValueFaults& faults) {
  if (upstreams.contains(public_upstream)) return std::string(public_upstream);
  std::string names;
  std::string last;
  std::size_t count = 0;
  for (const auto& [name, upstream] : upstreams) {
    if (name == cluster_upstream) continue;
    last = name;
    names += (names.empty() ? "" : ", ") + last;
    ++count;
  }
  if (count == 1) return last;
  faults.push_back("config.routes: needs a route for the zone \".\": the upstreams are " + names +
                   ", and none is named public");
  return {};
}

/// What is wrong with the address of the cluster's DNS, when it is needed; empty if nothing is. That it is not an
/// address at all is reported elsewhere.
std::string check_cluster_address(const ConfigValues& values) {
  const auto& address = values.cluster_address;
  if (address.empty())
    return "is not given. It is the nameserver in /etc/resolv.conf of any pod without Pillion. If pods need no names "
           "of "
           "the cluster, set clusterDNS.enabled: false";
  const bool is_address = config::parse_endpoint(bracketed(address) + ":53").has_value();
  const bool is_ipv6 = address.contains(':');
  if (!is_address || is_ipv6 == values.ipv6) return {};
  return "`" + address + "` is not of the family of ipFamily, which must be that of the pods' first address";
}

void add_cluster(const ConfigValues& values, json::object& upstreams, Routes& routes, ValueFaults& faults) {
  if (!upstreams.contains(cluster_upstream)) {
    if (const auto problem = check_cluster_address(values); !problem.empty())
      faults.push_back("clusterDNS.address: " + problem);
    const json::array servers{json::object{{"address", bracketed(values.cluster_address) + ":53"}}};
    upstreams[cluster_upstream] = json::object{{"protocol", "udp"}, {"servers", servers}};
  }
  routes.add_zone(values.cluster_domain, cluster_upstream);
  for (const auto zone : platform_zones(values.platform)) routes.add_zone(std::string(zone), cluster_upstream);
  for (const auto* const network : private_networks) routes.add_network(network, cluster_upstream);
  for (const auto& network : values.cluster_networks) {
    if (const auto parsed = config::parse_network(network); !parsed)
      faults.push_back("clusterDNS.networks: " + parsed.error());
    routes.add_network(network, cluster_upstream);
  }
}

/// Removes the keys that name files.
void strip_files(json::object& config) {
  if (auto* const search = config.if_contains("search"); search != nullptr && search->is_object())
    search->get_object().stable_erase("resolv_conf");
  auto* const upstreams = config.if_contains("upstreams");
  if (upstreams == nullptr || !upstreams->is_object()) return;
  for (auto& [name, upstream] : upstreams->get_object()) {
    auto* const tls = upstream.is_object() ? upstream.get_object().if_contains("tls") : nullptr;
    if (tls == nullptr || !tls->is_object()) continue;
    for (const auto* const key : {"ca_file", "client_cert", "client_key"}) tls->get_object().stable_erase(key);
  }
}

/// The message of "FILE:LINE:COLUMN: MESSAGE".
std::string without_place(const std::string& line) {
  const auto colon = line.find(": ");
  return colon == std::string::npos ? line : line.substr(colon + 2);
}

}  // namespace

std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos ? address : '[' + address + ']';
}

json::object sidecar_config(const ConfigValues& values, ValueFaults& faults) {
  json::object config = values.given;
  json::object upstreams = public_upstreams(values.ipv6);
  const auto* const given = config.if_contains("upstreams");
  const bool has_own = given != nullptr && given->is_object() && !given->get_object().empty();
  if (has_own) upstreams = given->get_object();
  const auto* const given_routes = config.if_contains("routes");
  Routes routes(given_routes != nullptr && given_routes->is_array() ? given_routes->get_array() : json::array{});

  const std::string other = routes.has(".") ? std::string() : default_upstream(upstreams, faults);
  if (values.cluster_dns) add_cluster(values, upstreams, routes, faults);
  if (!other.empty()) routes.add_zone(".", other);
  if (!has_own && !routes.uses(public_upstream)) upstreams.stable_erase(public_upstream);

  const std::string loopback = values.ipv6 ? "[::1]" : "127.0.0.1";
  auto& dns = config["dns"];
  if (!dns.is_object()) dns = json::object{};
  dns.get_object()["listen"] = json::array{loopback + ":53"};
  config["http"] = json::object{{"listen", (values.ipv6 ? "[::]:" : "0.0.0.0:") + std::to_string(values.http_port)}};
  config["upstreams"] = std::move(upstreams);
  config["routes"] = routes.take();
  // The only value that may be given is false.
  if (config.contains("search")) {
    config.stable_erase("search");
  } else {
    config["search"] = json::object{{"resolv_conf", "/etc/resolv.conf"}};
  }
  return config;
}

ValueFaults check_config(std::string_view text) {
  const auto documents = read_documents(text);
  if (!documents) return {documents.error()};
  if (documents->size() != 1 || !documents->front().value.is_object()) return {"must be one map"};
  auto config = documents->front().value.get_object();
  strip_files(config);
  ValueFaults faults;
  try {
    static_cast<void>(config::parse_config(to_yaml(config), "config"));
  } catch (const config::ConfigError& error) {
    std::istringstream lines(error.what());
    for (std::string line; std::getline(lines, line);) faults.push_back(without_place(line));
  }
  return faults;
}

std::vector<std::uint16_t> encrypted_ports(std::string_view config) {
  std::set<std::uint16_t> ports;
  const auto documents = read_documents(config);
  const auto* const upstreams =
      documents && !documents->empty() ? find_object(documents->front().value, "/upstreams") : nullptr;
  if (upstreams == nullptr) return {};
  for (const auto& [name, upstream] : *upstreams) {
    const auto* const protocol = find_string(upstream, "/protocol");
    const auto* const servers = find_array(upstream, "/servers");
    if (servers == nullptr || (protocol != nullptr && *protocol != "tls")) continue;
    for (const auto& each : *servers) {
      const auto* const address = find_string(each, "/address");
      if (address == nullptr) continue;
      const std::string_view text = *address;
      const auto port = text.substr(text.rfind(':') + 1);
      std::uint16_t number = 0;
      if (std::from_chars(port.data(), port.data() + port.size(), number).ec == std::errc{}) ports.insert(number);
    }
  }
  return {ports.begin(), ports.end()};
}

}  // namespace pillion::inject
