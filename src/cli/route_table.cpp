#include "cli/route_table.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "dns/name.hpp"

namespace pillion::cli {
namespace {

using Row = std::array<std::string, 4>;

/// How many labels the zone has; a zone that holds another has fewer.
std::size_t label_count(const config::Route& route) {
  const auto name = dns::parse_name(route.zone);
  std::size_t count = 0;
  for (std::size_t at = 0; name && (*name)[at] != 0; at += std::size_t{(*name)[at]} + 1) ++count;
  return count;
}

std::string count_text(std::size_t records) {
  return std::to_string(records) + (records == 1 ? " record" : " records");
}

Row row_of(const config::Config& config, const config::Route& route) {
  if (!route.records.empty()) return {route.zone, count_text(route.records.size()), "", ""};
  const auto upstream = std::ranges::find(config.upstreams, route.upstream, &config::Upstream::name);
  if (upstream == config.upstreams.end()) return {route.zone, route.upstream, "", ""};
  std::string servers;
  for (const auto& server : upstream->servers)
    servers.append(servers.empty() ? "" : ", ").append(to_string(server.endpoint));
  return {route.zone, route.upstream, std::string(to_string(upstream->protocol)), servers};
}

}  // namespace

std::string route_table(const config::Config& config) {
  auto routes = config.routes;
  std::ranges::sort(routes, [](const config::Route& a, const config::Route& b) {
    const auto count_a = label_count(a);
    const auto count_b = label_count(b);
    return count_a != count_b ? count_a > count_b : a.zone < b.zone;
  });
  std::vector<Row> rows{{"zone", "answered by", "protocol", "servers"}};
  for (const auto& route : routes) rows.push_back(row_of(config, route));

  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
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
