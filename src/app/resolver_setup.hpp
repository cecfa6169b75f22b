#pragma once
// Makes the parts of a resolver from the configuration: groups, routes, zones, cache.

#include "app/upstreams.hpp"
#include "config/config.hpp"
#include "resolve/generation.hpp"

namespace pillion::app {

/// `upstreams` are the configuration's, in its order. The configuration must be valid.
[[nodiscard]] resolve::Setup make_setup(const config::Config& config, const ShardUpstreams& upstreams);

}  // namespace pillion::app
