#pragma once
// Makes the pools of an upstream from its configuration.

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
#include "upstream/tls_context.hpp"

namespace pillion::app {

/// One shard's counters of the servers of a group, in the order of the configuration. A UDP server has a second
/// counter set for its TCP connections.
struct GroupMetrics {
  std::vector<std::shared_ptr<upstream::ServerMetrics>> servers;
  std::vector<std::shared_ptr<upstream::ServerMetrics>> fallbacks;  // empty unless the protocol is udp
};

/// What a group refers to, and the settings that it was made from.
struct GroupParts {
  config::Upstream settings;
  std::string probe_zone;                     ///< zone of its loop probe: the first one that is routed to it
  std::shared_ptr<upstream::TlsContext> tls;  ///< nullptr unless the protocol is tls
  GroupMetrics metrics;
};

/// An upstream of one shard.
struct ShardUpstream {
  std::shared_ptr<const GroupParts> parts;
  std::shared_ptr<resolve::UpstreamGroup> group;  ///< keeps `parts`
  std::vector<const upstream::Channel*> servers;  ///< the group's, in the order of the configuration
};
using ShardUpstreams = std::vector<ShardUpstream>;

/// Makes who is told of the messages of one server; empty, or nullptr: nobody is.
using MakeMessageObserver =
    std::function<std::unique_ptr<upstream::MessageObserver>(const config::Endpoint& server, config::Protocol)>;

/// The counters of each upstream.
[[nodiscard]] std::vector<GroupMetrics> metrics_of(const ShardUpstreams& upstreams);

/// The upstreams of `plan` for one shard, in its order. Unchanged ones are shared with `current`. A server that is in
/// `current`, even in another upstream, starts with its present profile. `loop`, `memory` and `metrics` must outlive
/// them.
[[nodiscard]] ShardUpstreams make_upstreams(runtime::Loop& loop, const Plan& plan, const ShardUpstreams& current,
                                            runtime::MemoryShare& memory, ServerMetricsTable& metrics,
                                            const MakeMessageObserver& make_observer = {});

}  // namespace pillion::app
