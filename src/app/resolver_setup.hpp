#pragma once
// From the configuration to what a resolver is made of: groups, routes, zones, cache.

#include "app/upstreams.hpp"
#include "config/config.hpp"
#include "resolve/generation.hpp"

namespace pillion::app {

/// `upstreams` are the configuration's, in its order. The configuration has been validated.
[[nodiscard]] resolve::Setup make_setup(const config::Config& config, const ShardUpstreams& upstreams);

}  // namespace pillion::app
