#pragma once
// From the configuration to what a resolver is made of: groups, routes, zones, cache.

#include <cstdint>
#include <vector>

#include "app/upstreams.hpp"
#include "config/config.hpp"
#include "resolve/resolver.hpp"
#include "runtime/loop.hpp"

namespace pillion::app {

/// Random numbers for the configuration's upstreams, in their order: of their loop probes.
[[nodiscard]] std::vector<std::uint64_t> draw_loop_labels(const config::Config& config);

/// `tls`, `loop_labels` and `metrics` have an element for each upstream; `tls`, `memory` and `metrics` outlive the
/// resolver. The configuration has been validated.
[[nodiscard]] resolve::Setup make_setup(runtime::Loop& loop, const config::Config& config, const TlsContexts& tls,
                                        const std::vector<std::uint64_t>& loop_labels, runtime::MemoryShares& memory,
                                        std::vector<GroupMetrics>& metrics);

}  // namespace pillion::app
