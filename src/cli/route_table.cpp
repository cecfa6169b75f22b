#include "cli/route_table.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "config/network.hpp"
#include "dns/name.hpp"

namespace pillion::cli {
namespace {

using TableRow = std::array<std::string, 4>;

/// A route with its sort key.
struct ZoneText {
  std::size_t labels = 0;  ///< labels of each of its zones; a zone that contains another has fewer
  unsigned prefix = 0;  ///< prefix length of a network; if two networks have a zone in common, the longer prefix wins
  std::string text;     ///< "cluster.local", "10.0.0.0/8 (10.in-addr.arpa)"
};

std::size_t label_count(std::string_view zone) {
  const auto name = dns::parse_name(zone);
  return name ? dns::NameView(*name).label_count() : 0;
}

ZoneText zone_text(const config::Route& route) {
  if (route.network.empty()) return {.labels = label_count(route.zone), .text = route.zone};
  const auto network = config::parse_network(route.network).value();
  const auto parts = config::split_at_labels(network);
  const auto first = config::reverse_zone(parts.front());
  const auto others = parts.size() > 1 ? " to " + config::reverse_zone(parts.back()) : std::string{};
  return {.labels = label_count(first), .prefix = network.prefix, .text = route.network + " (" + first + others + ")"};
}

bool goes_before(const ZoneText& a, const ZoneText& b) {
  if (a.labels != b.labels) return a.labels > b.labels;
  return a.prefix != b.prefix ? a.prefix > b.prefix : a.text < b.text;
}

std::string count_text(std::size_t records) {
  return std::to_string(records) + (records == 1 ? " record" : " records");
}

TableRow row_of(const config::Config& config, const config::Route& route, const std::string& zone) {
  if (!route.records.empty()) return {zone, count_text(route.records.size()), "", ""};
  const auto upstream = std::ranges::find(config.upstreams, route.upstream, &config::Upstream::name);
  if (upstream == config.upstreams.end()) return {zone, route.upstream, "", ""};
  std::string servers;
  for (const auto& server : upstream->servers)
    servers.append(servers.empty() ? "" : ", ").append(to_string(server.endpoint));
  return {zone, route.upstream, std::string(to_string(upstream->protocol)), servers};
}

}  // namespace

std::string route_table(const config::Config& config) {
  std::vector<std::pair<ZoneText, const config::Route*>> routes;
  routes.reserve(config.routes.size());
  for (const auto& route : config.routes) routes.emplace_back(zone_text(route), &route);
  std::ranges::sort(routes, goes_before, &std::pair<ZoneText, const config::Route*>::first);
  std::vector<TableRow> rows{{"zone", "answered by", "protocol", "servers"}};
  for (const auto& [zone, route] : routes) rows.push_back(row_of(config, *route, zone.text));

  std::array<std::size_t, std::tuple_size_v<TableRow>> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths.at(i) = std::max(widths.at(i), row.at(i).size());
  }
  std::string table;
  for (const auto& row : rows) {
    std::string line = "#";
    std::size_t gap = 1;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row.at(i).empty()) break;
      line.append(gap, ' ').append(row.at(i));
      gap = widths.at(i) - row.at(i).size() + 2;
    }
    table += line + "\n";
  }
  return table;
}

}  // namespace pillion::cli
