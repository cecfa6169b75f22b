#pragma once
// From the configuration to what a resolver is made of: groups, routes, zones, cache.

#include <vector>

#include "app/upstreams.hpp"
#include "config/config.hpp"
#include "resolve/resolver.hpp"
#include "runtime/loop.hpp"

namespace pillion::app {

/// `tls` and `metrics` have an element for each upstream; they and `memory` outlive the resolver. The configuration has been
/// validated.
[[nodiscard]] resolve::Setup make_setup(runtime::Loop& loop, const config::Config& config, const TlsContexts& tls,
                                        runtime::MemoryShares& memory, std::vector<GroupMetrics>& metrics);

}  // namespace pillion::app
