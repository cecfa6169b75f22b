#include "app/upstream_reasons.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <utility>

namespace pillion::app {

std::vector<http::HealthReason> upstream_reasons(const upstream::UpstreamSources& sources) {
  struct Count {
    std::size_t servers = 0;
    std::size_t up = 0;
  };
  std::map<std::string, Count> counts;
  for (const auto& server : sources.upstream_servers) {
    auto& count = counts[server.upstream];
    ++count.servers;
    if (upstream::is_up(server)) ++count.up;
  }
  std::vector<http::HealthReason> reasons;
  for (const auto& [name, count] : counts) {
    auto text =
        "upstream " + name + ": " + std::to_string(count.up) + " of " + std::to_string(count.servers) + " servers up";
    if (count.up == 0) text += " (readiness does not depend on it)";
    reasons.push_back({count.up > 0, std::move(text)});
  }
  return reasons;
}

}  // namespace pillion::app
