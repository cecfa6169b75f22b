#include "probe/choice.hpp"

#include <algorithm>

#include "config/load.hpp"

namespace pillion::probe {

std::vector<config::Upstream> chosen_upstreams(const std::vector<config::Upstream>& known,
                                               const std::vector<ProbedServer>& servers) {
  auto chosen = known;
  for (auto& upstream : chosen) {
    std::vector<config::Server> good;
    for (const auto& server : servers) {
      if (server.target.upstream == upstream.name && !has_failed(server.findings)) good.push_back(server.target.server);
    }
    if (!good.empty()) upstream.servers = std::move(good);
  }
  return chosen;
}

std::string chosen_yaml(const std::vector<config::Upstream>& known, const std::vector<config::Route>& routes,
                        const std::vector<ProbedServer>& servers) {
  std::string comments;
  for (const auto& server : servers) {
    const auto& [target, figures, findings] = server;
    const auto address = config::to_string(target.server.endpoint);
    if (has_failed(findings)) {
      const bool has_better = std::ranges::any_of(servers, [&](const ProbedServer& other) {
        return other.target.upstream == target.upstream && !has_failed(other.findings);
      });
      comments += "# " + address +
                  (has_better ? " left out: " : " has failed, and the upstream has no other server: ") +
                  findings.front().text + "\n";
    } else if (figures.tls && !figures.tls->chain.empty()) {
      comments += "# " + address + " may be pinned: \"" + figures.tls->chain.front().pin + "\"\n";
    }
  }
  return comments + config::upstreams_to_yaml(chosen_upstreams(known, servers), routes);
}

}  // namespace pillion::probe
