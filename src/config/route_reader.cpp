#include "config/route_reader.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "config/network.hpp"
#include "config/record_check.hpp"
#include "config/scalar.hpp"
#include "dns/name.hpp"
#include "presentation/zone_text.hpp"

namespace pillion::config {
namespace {

bool has_upstream(const Config& config, std::string_view name) {
  return std::ranges::find(config.upstreams, name, &Upstream::name) != config.upstreams.end();
}

/// The zones and networks of the routes so far; finds conflicts of another route with them.
class RoutedNames {
 public:
  /// Returns what is wrong with the route; empty if nothing is. `label` names the route in messages, such as
  /// routes[0].
  std::string add(const Route& route, const std::string& label) {
    return route.network.empty() ? add_zone(route, label) : add_network(route, label);
  }

 private:
  /// The route that has a zone. `network` and `part` are empty if the route names the zone itself; else `part` is the
  /// part of `network` that the zone stands for.
  struct Owner {
    std::string label;
    std::string network{};
    std::string part{};
    bool has_records = false;
  };

  std::string add_zone(const Route& route, const std::string& label) {
    const bool has_records = !route.records.empty();
    const auto [found, is_new] = owners_.try_emplace(route.zone, Owner{.label = label, .has_records = has_records});
    if (is_new) return {};
    const auto& owner = found->second;
    auto fault = "zone " + in_quotes(route.zone);
    if (owner.network.empty()) return fault + " is given twice; allowed: once";
    fault += owner.part == owner.network ? " is network " : " is a part of network ";
    return fault + owner.network + " of " + owner.label + remedy(owner.part, owner.network, has_records);
  }

  std::string add_network(const Route& route, const std::string& label) {
    if (!networks_.insert(route.network).second)
      return "network " + in_quotes(route.network) + " is given twice; allowed: once";
    for (const auto& part : split_at_labels(parse_network(route.network).value())) {
      const auto zone = reverse_zone(part);
      const auto part_text = to_string(part);
      const auto [found, is_new] =
          owners_.try_emplace(zone, Owner{.label = label, .network = route.network, .part = part_text});
      const auto& owner = found->second;
      // Networks may overlap: the one with the longer prefix wins.
      if (is_new || !owner.network.empty()) continue;
      return "network " + in_quotes(route.network) + (part_text == route.network ? " is zone " : " holds zone ") +
             in_quotes(zone) + " of " + owner.label + remedy(part_text, route.network, owner.has_records);
    }
    return {};
  }

  static std::string remedy(const std::string& part, const std::string& network, bool has_records) {
    if (part == network) return "; allowed: one of them";
    if (has_records) return "; allowed: networks without that zone, since a zone has records and a network does not";
    return "; allowed: network " + part + " instead of that zone: the longer prefix takes precedence";
  }

  std::unordered_map<std::string, Owner> owners_;  // by zone
  std::unordered_set<std::string> networks_;
};

/// Empty if a route may have this zone; else what is wrong.
std::string check_zone(const std::string& text) {
  const auto zone = parse_domain(text);
  if (!zone) return zone.error();
  if (zone->starts_with("*.") || zone == "*")
    return in_quotes(text) + " has a wildcard; a zone needs none, since it includes all names that end in it";
  return {};
}

/// Empty if a route may have this network; else what is wrong.
std::string check_network(const std::string& text) {
  const auto network = parse_network(text);
  return network ? std::string{} : network.error();
}

void read_records(const Section& section, const dns::Buffer& zone, std::vector<std::string>& records) {
  const std::string allowed(section.key_of("records").description);
  RecordCheck check(zone);
  for (const auto& element : section.elements("records")) {
    auto text = read_text(element, element.name, allowed, section.faults());
    if (!text) continue;
    const auto record = presentation::parse_zone_record(*text, zone);
    const auto problem = record ? check.add(*record) : record.error();
    if (!problem.empty()) section.faults().add(value_mark(element), element.name + ": " + problem);
    records.push_back(std::move(*text));
  }
}

Route read_route(const YamlEntry& entry, const Config& config, Faults& faults) {
  Route route;
  const Section section(entry, "routes[]", entry.name, faults);
  section.read("zone", route.zone, check_zone);
  if (!route.zone.empty()) route.zone = *parse_domain(route.zone);
  section.read("network", route.network, check_network);
  if (!route.network.empty()) route.network = to_string(*parse_network(route.network));
  section.read("upstream", route.upstream, [&](const std::string& name) {
    return has_upstream(config, name) ? std::string{} : in_quotes(name) + " is not one of the upstreams";
  });
  if (!entry.value.IsMap()) return route;

  const bool has_network = section.find("network") != nullptr;
  if (!has_network) {
    section.require("zone");
  } else if (section.find("zone") != nullptr) {
    section.refuse_key("network", "is given together with zone; allowed: only one of the two");
  }
  if (section.find("records") == nullptr) {
    section.require("upstream");
  } else if (section.find("upstream") != nullptr) {
    section.refuse_key("records", "is given together with upstream; allowed: only one of the two");
  } else if (has_network) {
    section.refuse_key("records", "are given for a network; allowed: upstream for a network, records for a zone");
  } else if (route.zone == ".") {
    section.refuse_key("records", "are given for all names; allowed: upstream for zone `.`, records for other zones");
  } else if (const auto zone = dns::parse_name(route.zone)) {
    read_records(section, *zone, route.records);
  }
  return route;
}

/// Adds a route for "." if the document has none.
void add_root_route(const Section& top, Config& config) {
  if (std::ranges::find(config.routes, std::string_view("."), &Route::zone) != config.routes.end()) return;
  const auto only = config.upstreams.size() == 1 ? config.upstreams.front().name : std::string("public");
  if (has_upstream(config, only)) {
    config.routes.push_back({.zone = ".", .upstream = only, .records = {}});
  } else if (top.find("routes") != nullptr) {
    top.refuse_key(
        "routes",
        R"(no route is for zone ".", and none of the upstreams is named public; allowed: a route such as {zone: ".", upstream: NAME})");
  } else if (!config.upstreams.empty()) {
    top.refuse_key(
        "upstreams",
        R"(none of the upstreams is named public, and no route says which one to ask; allowed: routes: [{zone: ".", upstream: NAME}])");
  }
}

void check_all_used(const Section& top, const Config& config) {
  const auto* const entry = top.find("upstreams");
  if (entry == nullptr || !entry->value.IsMap()) return;
  for (const auto& pair : entry->value) {
    const auto& name = pair.first.Scalar();
    if (!has_upstream(config, name)) continue;  // a faulty upstream, which is reported elsewhere
    if (std::ranges::find(config.routes, name, &Route::upstream) != config.routes.end()) continue;
    top.faults().add(pair.first.Mark(), "upstreams." + name, "no route uses it",
                     "a route such as {zone: example.org, upstream: " + name + "}, or no upstream of this name");
  }
}

}  // namespace

void read_routes(const Section& top, Config& config) {
  auto& faults = top.faults();
  const auto faults_before = faults.size();
  config.routes.clear();
  RoutedNames names;
  for (const auto& element : top.elements("routes")) {
    auto route = read_route(element, config, faults);
    const bool is_named = route.zone.empty() != route.network.empty();  // else read_route() has reported the fault
    if (const auto problem = is_named ? names.add(route, element.name) : std::string{}; !problem.empty())
      faults.add(value_mark(element), element.name + ": " + problem);
    config.routes.push_back(std::move(route));
  }
  // Whether a route is missing is only known once all routes are free of faults.
  if (faults.size() == faults_before) add_root_route(top, config);
  if (faults.size() == faults_before) check_all_used(top, config);
}

}  // namespace pillion::config
