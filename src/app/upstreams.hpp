#pragma once
// From the configuration of an upstream to its pools.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/plan.hpp"
#include "app/server_metrics_table.hpp"
#include "config/config.hpp"
#include "resolve/generation.hpp"
#include "runtime/loop.hpp"
#include "runtime/memory.hpp"
#include "upstream/channel.hpp"
#include "upstream/metrics.hpp"
#include "upstream/observer.hpp"
#include "upstream/tls.hpp"

namespace pillion::app {

/// What one shard counts about the servers of a group, in the order of the configuration. A UDP server has a second
/// one, for its fallback to TCP.
struct GroupMetrics {
  std::vector<std::shared_ptr<upstream::ServerMetrics>> servers;
  std::vector<std::shared_ptr<upstream::ServerMetrics>> fallbacks;  // empty unless the protocol is udp
};

/// What a group refers to, and what it was made from.
struct GroupParts {
  config::Upstream settings;
  std::string probe_zone;                     ///< of its loop probe: the first zone that leads to it
  std::shared_ptr<upstream::TlsContext> tls;  ///< nullptr unless the protocol is tls
  GroupMetrics metrics;
};

/// An upstream as one shard has it.
struct ShardUpstream {
  std::shared_ptr<const GroupParts> parts;
  std::shared_ptr<resolve::UpstreamGroup> group;  ///< keeps `parts`
  std::vector<const upstream::Channel*> servers;  ///< the group's, in the order of the configuration
};
using ShardUpstreams = std::vector<ShardUpstream>;

/// Makes who is told of the messages of one server; empty, or nullptr: nobody is.
using MakeMessageObserver =
    std::function<std::unique_ptr<upstream::MessageObserver>(const config::Endpoint& server, config::Protocol)>;

/// What is counted of each.
[[nodiscard]] std::vector<GroupMetrics> metrics_of(const ShardUpstreams& upstreams);

/// The upstreams of `plan` for one shard, in its order. Those that are as they are in `current` are shared with it; a
/// server that is in `current`, if in another upstream, begins with what is known of it. `loop`, `memory` and `metrics`
/// outlive them.
[[nodiscard]] ShardUpstreams make_upstreams(runtime::Loop& loop, const Plan& plan, const ShardUpstreams& current,
                                            runtime::MemoryShare& memory, ServerMetricsTable& metrics,
                                            const MakeMessageObserver& make_observer = {});

}  // namespace pillion::app
