#pragma once
// What `/readyz?verbose` says of the upstreams.

#include <vector>

#include "http/router.hpp"
#include "upstream/metric_table.hpp"

namespace pillion::app {

/// One line for each upstream, which do not decide about the report: without an upstream, Pillion still answers from
/// its cache and from other upstreams.
[[nodiscard]] std::vector<http::HealthReason> upstream_reasons(const upstream::UpstreamSources& sources);

}  // namespace pillion::app
