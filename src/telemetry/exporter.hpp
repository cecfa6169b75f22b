#pragma once
// Reads the shards' counters and sums them into the metrics of metric_table. The shards may write the counters
// meanwhile; no locks are needed.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "cache/metrics.hpp"
#include "resolve/metrics.hpp"
#include "runtime/memory.hpp"
#include "runtime/metrics.hpp"
#include "server/metrics.hpp"
#include "upstream/metrics.hpp"

namespace pillion::telemetry {

/// The locations of the counters. Everything pointed to must outlive the exporter, or its use until replace().
struct Sources {
  struct UpstreamServer {
    std::string upstream;  ///< name of the group: the label `upstream`
    std::string server;    ///< "1.1.1.1:853": the label `server`
    bool tls = true;       ///< False: there are no TLS metrics for it
    std::vector<const upstream::ServerMetrics*> shards;
  };
  struct Upstream {
    std::string name;
    std::size_t authorities = 0;  ///< number of trusted certificates in its CA file
    /// Nullopt if there is no client certificate.
    std::optional<std::chrono::system_clock::time_point> client_not_after;
  };
  /// The outcome of reloads.
  struct Reloads {
    runtime::Counter succeeded;
    runtime::Counter failed;
    runtime::Flag last_failed;
    runtime::Gauge loaded_at;  ///< Unix seconds of the last successful load
  };
  /// The query log or dnstap.
  struct Sink {
    std::string name;  ///< the label `sink`
    std::function<std::uint64_t()> written;
    std::function<std::uint64_t()> dropped;
  };
  struct Build {
    std::string version;
    std::string commit;
    std::string openssl;
  };

  std::vector<const server::DnsMetrics*> shards;
  std::vector<const resolve::ResolverMetrics*> resolvers;
  bool searches = false;                           ///< False: there are no metrics of search walks
  bool bans = false;                               ///< False: there are no metrics of bans
  std::vector<const cache::CacheMetrics*> caches;  ///< empty: there is no cache, and no metric of it
  std::vector<UpstreamServer> upstream_servers;
  std::size_t max_connections = 0;                   ///< for the process; 0: not exported
  std::size_t max_in_flight = 0;                     ///< for the process; 0: not exported
  std::size_t cache_limit = 0;                       ///< bytes for all caches
  std::size_t memory_limit = 0;                      ///< bytes; 0: not exported
  std::size_t memory_program = 0;                    ///< bytes of the program itself
  std::vector<const runtime::MemoryShares*> memory;  ///< of each shard
  std::vector<Upstream> tls_upstreams;
  const Reloads* reloads = nullptr;  ///< nullptr: not exported
  std::string config_hash;           ///< hash of the configuration in use; empty: not exported
  /// Keeps alive what is pointed to and would not outlive the exporter itself.
  std::vector<std::shared_ptr<const void>> keep;
  std::vector<const runtime::Counter*> internal_errors;
  std::uint64_t worker_restarts = 0;
  std::vector<Sink> sinks;                           ///< empty: there are no metrics of sinks
  std::function<std::uint64_t()> log_lines_dropped;  ///< empty: not exported
  Build build;
};

/// Used only by the thread that serves HTTP. Counters with many label combinations (requests, responses, rejected,
/// failures) only show series that are not 0, and one with 0 if there are none, so that the number of series stays
/// small. Reasons that an alert selects are shown from the start, since the first event of a new series is not an
/// increase.
class Exporter final : public prometheus::Collectable {
 public:
  explicit Exporter(Sources sources) : sources_(std::move(sources)) {}

  /// Valid until the next replace().
  [[nodiscard]] const Sources& sources() const { return sources_; }
  /// Called after a reload.
  void replace(Sources sources) { sources_ = std::move(sources); }

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  /// All metrics in the text exposition format, version 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  Sources sources_;
};

}  // namespace pillion::telemetry
