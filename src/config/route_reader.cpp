#include "config/route_reader.hpp"

#include <algorithm>

#include "config/record_check.hpp"
#include "config/scalar.hpp"
#include "dns/name.hpp"
#include "dns/zone_text.hpp"

namespace pillion::config {
namespace {

bool has_upstream(const Config& config, std::string_view name) {
  return std::ranges::find(config.upstreams, name, &Upstream::name) != config.upstreams.end();
}

bool has_route(const Config& config, std::string_view zone) {
  return std::ranges::find(config.routes, zone, &Route::zone) != config.routes.end();
}

/// Empty where a route may have this zone; else what is wrong.
std::string check_zone(const std::string& text) {
  const auto zone = parse_domain(text);
  if (!zone) return zone.error();
  if (zone->starts_with("*.") || zone == "*")
    return in_quotes(text) + " has a wildcard, but a zone stands for all names that end in it";
  return {};
}

void read_records(const Section& section, const dns::Buffer& zone, std::vector<std::string>& records) {
  const std::string allowed(section.key_of("records").description);
  RecordCheck check(zone);
  for (const auto& element : section.elements("records")) {
    auto text = read_text(element, element.name, allowed, section.faults());
    if (!text) continue;
    const auto record = dns::parse_zone_record(*text, zone);
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
  section.read("upstream", route.upstream, [&](const std::string& name) {
    return has_upstream(config, name) ? std::string{} : in_quotes(name) + " is not one of the upstreams";
  });
  if (!entry.value.IsMap()) return route;

  section.require("zone");
  if (section.find("records") == nullptr) {
    section.require("upstream");
  } else if (section.find("upstream") != nullptr) {
    section.refuse_key("records", "stands beside upstream; allowed: one of them");
  } else if (route.zone == ".") {
    section.refuse_key("records",
                       "are not for all names; allowed: upstream for zone `.`, records for zones beneath it");
  } else if (const auto zone = dns::parse_name(route.zone)) {
    read_records(section, *zone, route.records);
  }
  return route;
}

/// The route for what has no longer zone, where no route says so.
void add_root_route(const Section& top, Config& config) {
  if (has_route(config, ".")) return;
  const auto only = config.upstreams.size() == 1 ? config.upstreams.front().name : std::string("public");
  if (has_upstream(config, only)) {
    config.routes.push_back({.zone = ".", .upstream = only, .records = {}});
  } else if (top.find("routes") != nullptr) {
    top.refuse_key(
        "routes",
        R"(none is for zone ".", and none of several upstreams is named public; allowed: one such as {zone: ".", upstream: NAME})");
  } else if (!config.upstreams.empty()) {
    top.refuse_key(
        "upstreams",
        R"(none of several is named public, and no route says which one is asked; allowed: routes: [{zone: ".", upstream: NAME}])");
  }
}

void check_all_used(const Section& top, const Config& config) {
  const auto* const entry = top.find("upstreams");
  if (entry == nullptr || !entry->value.IsMap()) return;
  for (const auto& pair : entry->value) {
    const auto& name = pair.first.Scalar();
    if (!has_upstream(config, name)) continue;  // one that is a fault itself
    if (std::ranges::find(config.routes, name, &Route::upstream) != config.routes.end()) continue;
    top.faults().add(pair.first.Mark(), "upstreams." + name, "no route uses it",
                     "routes with one such as {zone: example.org, upstream: " + name + "}, or no such upstream");
  }
}

}  // namespace

void read_routes(const Section& top, Config& config) {
  auto& faults = top.faults();
  const auto faults_before = faults.size();
  config.routes.clear();
  for (const auto& element : top.elements("routes")) {
    auto route = read_route(element, config, faults);
    if (!route.zone.empty() && has_route(config, route.zone)) {
      faults.add(value_mark(element),
                 element.name + ": zone " + in_quotes(route.zone) + " is given twice; allowed: once");
    }
    config.routes.push_back(std::move(route));
  }
  // What is missing can only be told once all routes are what they are meant to be.
  if (faults.size() == faults_before) add_root_route(top, config);
  if (faults.size() == faults_before) check_all_used(top, config);
}

}  // namespace pillion::config
