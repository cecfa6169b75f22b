#include "app/resolver_setup.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "config/network.hpp"
#include "dns/name.hpp"
#include "dns/zone_record.hpp"
#include "presentation/zone_text.hpp"

namespace pillion::app {
namespace {

std::chrono::seconds seconds(std::chrono::milliseconds time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time);
}

cache::Settings cache_settings(const config::Cache& cache) {
  return {.size = cache.size,
          .min_ttl = seconds(cache.min_ttl),
          .max_ttl = seconds(cache.max_ttl),
          .max_negative_ttl = seconds(cache.max_negative_ttl),
          .serve_stale = seconds(cache.serve_stale),
          .failure_ttl = seconds(cache.failure_ttl),
          .nxdomain_cut = cache.nxdomain_cut,
          .prefetch = cache.prefetch};
}

resolve::Setup::Zone make_zone(const config::Route& route) {
  const auto origin = dns::parse_name(route.zone).value();
  std::vector<dns::ZoneRecord> records;
  records.reserve(route.records.size());
  for (const auto& line : route.records) records.push_back(presentation::parse_zone_record(line, origin).value());
  return {.name = origin, .zone = resolve::LocalZone(origin, std::move(records))};
}

}  // namespace

resolve::Setup make_setup(const config::Config& config, const ShardUpstreams& upstreams) {
  resolve::Setup setup;
  for (const auto& upstream : upstreams) setup.groups.push_back(upstream.group);
  for (const auto& [zone, index] : config::routed_zones(config.routes)) {
    const auto& route = config.routes[index];
    if (route.upstream.empty()) {
      setup.zones.push_back(make_zone(route));
      continue;
    }
    const auto group = std::ranges::find(config.upstreams, route.upstream, &config::Upstream::name);
    setup.routes.push_back(
        {.zone = dns::parse_name(zone).value(), .group = static_cast<std::size_t>(group - config.upstreams.begin())});
  }
  setup.cache = cache_settings(config.cache);
  setup.rotate = config.cache.rotate;
  if (!config.search.domains.empty()) {
    std::vector<dns::Buffer> domains;
    domains.reserve(config.search.domains.size());
    for (const auto& domain : config.search.domains) domains.push_back(dns::parse_name(domain).value());
    setup.search.emplace(std::move(domains), config.search.ndots);
  }
  return setup;
}

}  // namespace pillion::app
