#pragma once
// Chooses upstreams from the measurements. Pure.

#include <string>
#include <vector>

#include "config/config.hpp"
#include "probe/findings.hpp"

namespace pillion::probe {

/// `known` with the servers of each upstream in the order of `servers` (which are ranked), without those that have
/// failed. If all servers of an upstream have failed, it stays unchanged.
[[nodiscard]] std::vector<config::Upstream> chosen_upstreams(const std::vector<config::Upstream>& known,
                                                             const std::vector<ProbedServer>& servers);

/// Upstreams and routes as YAML that `pillion check` accepts. Its comments say which servers were left out and why,
/// and which pins could be set.
[[nodiscard]] std::string chosen_yaml(const std::vector<config::Upstream>& known,
                                      const std::vector<config::Route>& routes,
                                      const std::vector<ProbedServer>& servers);

}  // namespace pillion::probe
