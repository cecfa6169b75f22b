#pragma once
// From the configuration of an upstream to its pools.

#include <memory>
#include <vector>

#include "config/config.hpp"
#include "resolve/failover.hpp"
#include "runtime/loop.hpp"
#include "upstream/metrics.hpp"
#include "upstream/tls.hpp"

namespace pillion::app {

/// The TLS settings and trust of the configuration's upstreams, in their order; nullptr for those in the clear.
using TlsContexts = std::vector<std::unique_ptr<upstream::TlsContext>>;

/// Throws as upstream::TlsContext does.
[[nodiscard]] TlsContexts make_tls_contexts(const config::Config& config);

/// What one shard counts about the servers of a group, in the order of the configuration. A UDP server has a second
/// one, for its fallback to TCP.
struct GroupMetrics {
  explicit GroupMetrics(const config::Upstream& settings);
  std::vector<std::unique_ptr<upstream::ServerMetrics>> servers;
  std::vector<std::unique_ptr<upstream::ServerMetrics>> fallbacks;  // empty unless the protocol is udp
};

/// `tls` is the group's context, nullptr unless the protocol is tls; it outlives the group, as do `memory` and
/// `metrics`.
[[nodiscard]] std::unique_ptr<resolve::Failover> make_group(runtime::Loop& loop, const config::Upstream& settings,
                                                            upstream::TlsContext* tls, runtime::MemoryShare& memory,
                                                            GroupMetrics& metrics);

}  // namespace pillion::app
