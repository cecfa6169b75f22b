#include "resolve/generation.hpp"

#include <algorithm>
#include <utility>

#include "dns/name.hpp"
#include "resolve/special_zones.hpp"

namespace pillion::resolve {
namespace {

RouteTable::Target root_target(const Setup& setup) {
  const auto root =
      std::ranges::find_if(setup.routes, [](const Setup::GroupRoute& route) { return route.zone.size() == 1; });
  return static_cast<RouteTable::Target>(root->group);
}

}  // namespace

Generation::Generation(runtime::Schedule& schedule, Setup setup)
    : groups_(std::move(setup.groups)),
      routes_(root_target(setup)),
      search_(std::move(setup.search)),
      cache_(setup.cache),
      rotates_(setup.rotate) {
  // The configuration takes precedence over the special-use zones, also for a part of such a zone.
  const auto is_configured = [&](dns::Bytes name) {
    const auto covers = [&](dns::Bytes zone) { return zone.size() > 1 && dns::NameView(name).is_within(zone); };
    return std::ranges::any_of(setup.routes, covers, &Setup::GroupRoute::zone) ||
           std::ranges::any_of(setup.zones, covers, &Setup::Zone::name);
  };
  for (auto& special : special_zones()) {
    if (!is_configured(special.name)) zones_.push_back({.name = special.name, .zone = std::move(special.zone)});
  }
  special_zones_ = zones_.size();
  for (auto& zone : setup.zones) zones_.push_back(std::move(zone));
  for (const auto& route : setup.routes) {
    routes_.add(route.zone, static_cast<RouteTable::Target>(route.group));
    if (search_) search_->allow(route.zone);
  }
  for (std::size_t i = 0; i < zones_.size(); ++i)
    routes_.add(zones_[i].name, static_cast<RouteTable::Target>(first_zone + i));
  make_loop_probes(schedule, setup.routes);
}

/// True if `name` is a special-use zone itself and the public DNS may delegate it. The root delegates none of the
/// special-use top-level domains, and is not asked about them (RFC 7686 section 2).
bool Generation::is_delegated_special_use(dns::NameView name) const {
  const bool has_zone_above = name.label_count() > 1;
  return has_zone_above && is_special_use(name) && zone_of(name).size() == name.size();
}

void Generation::make_loop_probes(runtime::Schedule& schedule, const std::vector<Setup::GroupRoute>& routes) {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    auto& group = *groups_[i];
    const auto route = std::ranges::find(routes, i, &Setup::GroupRoute::group);
    if (group.encrypted || route == routes.end()) continue;
    if (!group.loop_probe)
      group.loop_probe = std::make_unique<LoopProbe>(schedule, group.loop_label, *group.group, group.name, route->zone);
    loop_probes_.push_back(group.loop_probe.get());
  }
}

void Generation::start() {
  for (const auto& each : groups_) {
    if (std::exchange(each->is_started, true)) continue;
    each->group->start();
    if (each->loop_probe) each->loop_probe->start();
  }
}

bool Generation::is_warm() const {
  return std::ranges::all_of(groups_, [](const auto& each) { return each->group->is_warm(); });
}

LoopProbe* Generation::asking_probe(const dns::QueryView& query) const {
  const auto probe =
      std::ranges::find_if(loop_probes_, [&](const LoopProbe* each) { return each->is_asked_by(query); });
  return probe == loop_probes_.end() ? nullptr : *probe;
}

}  // namespace pillion::resolve
