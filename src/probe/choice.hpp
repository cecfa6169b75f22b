#pragma once
// The upstreams that follow from what was measured. Pure.

#include <string>
#include <vector>

#include "config/config.hpp"
#include "probe/findings.hpp"

namespace pillion::probe {

/// `known`, with the servers of each upstream in the order of `servers`, which are ranked, and without those that have
/// failed. An upstream of which all have failed stays as it is.
[[nodiscard]] std::vector<config::Upstream> chosen_upstreams(const std::vector<config::Upstream>& known,
                                                             const std::vector<ProbedServer>& servers);

/// Upstreams and routes as YAML that `pillion check` accepts, in which comments say what was left out and why, and
/// which pins could be set.
[[nodiscard]] std::string chosen_yaml(const std::vector<config::Upstream>& known,
                                      const std::vector<config::Route>& routes,
                                      const std::vector<ProbedServer>& servers);

}  // namespace pillion::probe
