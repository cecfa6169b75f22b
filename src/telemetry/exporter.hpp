#pragma once
// Reads the shards' counters and sums them into the metrics of metric_table. Counters are read while the shards write
// them: no locks.

#include <cstdint>
#include <functional>
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

/// Where the numbers are. Everything pointed to must outlive the exporter, or the replace() that takes it away.
struct Sources {
  struct UpstreamServer {
    std::string upstream;  ///< name of the group: the label `upstream`
    std::string server;    ///< "1.1.1.1:853": the label `server`
    bool tls = true;       ///< false: no TLS metrics for it
    std::vector<const upstream::ServerMetrics*> shards;
  };
  struct Build {
    std::string version;
    std::string commit;
    std::string openssl;
  };

  std::vector<const server::DnsMetrics*> shards;
  std::vector<const resolve::ResolverMetrics*> resolvers;
  bool searches = false;                           ///< false: no metrics of search walks
  bool bans = false;                               ///< false: no metrics of bans
  std::vector<const cache::CacheMetrics*> caches;  ///< none: there is no cache, and no metric of it
  std::vector<UpstreamServer> upstream_servers;
  std::size_t memory_limit = 0;                      ///< bytes; 0: not exported
  std::size_t memory_program = 0;                    ///< bytes, of the program itself
  std::vector<const runtime::MemoryShares*> memory;  ///< of each shard
  const runtime::Gauge* config_loaded = nullptr;     ///< Unix seconds of the last successful load; none: not exported
  std::vector<const runtime::Counter*> internal_errors;
  std::uint64_t worker_restarts = 0;
  std::function<std::uint64_t()> log_lines_dropped;  ///< none: not exported
  Build build;
};

/// Belongs to the thread that serves HTTP. Counters that enumerate many combinations (requests, responses, rejected,
/// failures) show those that are not 0, and one of 0 while none is, so that the number of series stays small.
class Exporter final : public prometheus::Collectable {
 public:
  explicit Exporter(Sources sources) : sources_(std::move(sources)) {}

  /// After a reload.
  void replace(Sources sources) { sources_ = std::move(sources); }

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  /// The text exposition format, version 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  Sources sources_;
};

}  // namespace pillion::telemetry
