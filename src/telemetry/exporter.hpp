#pragma once
// Reads the shards' counters and sums them into the metrics of metric_table. Counters are read while the shards write
// them: no locks.

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

/// Where the numbers are. Everything pointed to must outlive the exporter, or the replace() that takes it away.
struct Sources {
  struct UpstreamServer {
    std::string upstream;  ///< name of the group: the label `upstream`
    std::string server;    ///< "1.1.1.1:853": the label `server`
    bool tls = true;       ///< false: no TLS metrics for it
    std::vector<const upstream::ServerMetrics*> shards;
  };
  struct Upstream {
    std::string name;
    std::size_t authorities = 0;                                            ///< trusted certificates of its CA file
    std::optional<std::chrono::system_clock::time_point> client_not_after;  ///< nullopt: no client certificate
  };
  /// How reloading went.
  struct Reloads {
    runtime::Counter succeeded;
    runtime::Counter failed;
    runtime::Flag last_failed;
    runtime::Gauge loaded_at;  ///< Unix seconds of the last successful load
  };
  /// One that writes records down.
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
  bool searches = false;                           ///< false: no metrics of search walks
  bool bans = false;                               ///< false: no metrics of bans
  std::vector<const cache::CacheMetrics*> caches;  ///< none: there is no cache, and no metric of it
  std::vector<UpstreamServer> upstream_servers;
  std::size_t max_connections = 0;                   ///< of the process; 0: not exported
  std::size_t max_in_flight = 0;                     ///< likewise
  std::size_t cache_limit = 0;                       ///< bytes for all caches
  std::size_t memory_limit = 0;                      ///< bytes; 0: not exported
  std::size_t memory_program = 0;                    ///< bytes, of the program itself
  std::vector<const runtime::MemoryShares*> memory;  ///< of each shard
  std::vector<Upstream> tls_upstreams;
  const Reloads* reloads = nullptr;  ///< none: not exported
  std::string config_hash;           ///< of the configuration in use; empty: not exported
  /// Whatever is pointed to and does not outlive the exporter by itself.
  std::vector<std::shared_ptr<const void>> keep;
  std::vector<const runtime::Counter*> internal_errors;
  std::uint64_t worker_restarts = 0;
  std::vector<Sink> sinks;                           ///< none: no metrics of them
  std::function<std::uint64_t()> log_lines_dropped;  ///< none: not exported
  Build build;
};

/// Belongs to the thread that serves HTTP. Counters that enumerate many combinations (requests, responses, rejected,
/// failures) show those that are not 0, and one of 0 while none is, so that the number of series stays small. Reasons
/// that an alert chooses are there from the start: the first event of a series that begins with it is no increase.
class Exporter final : public prometheus::Collectable {
 public:
  explicit Exporter(Sources sources) : sources_(std::move(sources)) {}

  /// Good until the next replace().
  [[nodiscard]] const Sources& sources() const { return sources_; }
  /// After a reload.
  void replace(Sources sources) { sources_ = std::move(sources); }

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  /// The text exposition format, version 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  Sources sources_;
};

}  // namespace pillion::telemetry
