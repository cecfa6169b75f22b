#pragma once
// One thread's worth of Pillion: a loop, listeners, upstream pools and counters of its own. Shards share nothing that
// is written but the counts of what the process may have.

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "app/memory_limit.hpp"
#include "app/resolver_setup.hpp"
#include "app/trimmer.hpp"
#include "app/upstreams.hpp"
#include "config/config.hpp"
#include "resolve/resolver.hpp"
#include "runtime/loop.hpp"
#include "runtime/memory.hpp"
#include "server/dns_server.hpp"

namespace pillion::app {

/// What the shards have in common.
struct SharedParts {
  /// Throws as make_tls_contexts() does. `inherited_sockets` are for the shards' listeners.
  explicit SharedParts(const config::Config& config, server::InheritedSockets inherited_sockets = {})
      : inherited(std::move(inherited_sockets)),
        tls(make_tls_contexts(config)),
        memory(memory_limit(config)),
        limits(config.dns.max_connections),
        loop_labels(draw_loop_labels(config)) {}

  server::InheritedSockets inherited;
  TlsContexts tls;
  MemoryLimit memory;  ///< after the TLS contexts, which are the largest part of the program itself
  server::SharedLimits limits;
  std::vector<std::uint64_t> loop_labels;
};

class Shard {
 public:
  /// Binds; throws server::BindError. `shared` outlives this.
  Shard(const config::Config& config, server::PortUse port_use, SharedParts& shared, runtime::Log& log);

  /// To be called before run(), or within it.
  void start();
  /// Runs the loop until the shard has drained.
  void run() { loop_.run(); }
  /// Thread-safe. Stops accepting, goes on answering until clients are quiet or `grace` has passed, then closes
  /// everything and calls `done` on the shard's thread. A second call with a shorter grace cuts the first one short.
  void drain(runtime::Duration grace, std::function<void()> done);

  /// Closes the addresses of `shards` shards, all of which have bound them, to everybody else.
  void keep_addresses_to(std::size_t shards) { server_.keep_addresses_to(shards); }

  [[nodiscard]] runtime::Loop& loop() { return loop_; }
  /// For threads other than the shard's: only before it runs.
  [[nodiscard]] std::vector<config::Endpoint> addresses() const { return server_.addresses(); }
  [[nodiscard]] const server::DnsMetrics& server_metrics() const { return metrics_; }
  [[nodiscard]] const runtime::MemoryShares& memory() const { return memory_; }
  /// In the order of the configuration's upstreams.
  [[nodiscard]] const std::vector<GroupMetrics>& group_metrics() const { return group_metrics_; }
  [[nodiscard]] const resolve::Resolver& resolver() const { return resolver_; }
  /// True once a first upstream handshake was made, or failed. Any thread may ask.
  [[nodiscard]] bool is_warm() const { return resolver_.is_warm(); }

 private:
  [[nodiscard]] boost::asio::awaitable<void> finish(std::function<void()> done);

  runtime::Loop loop_;
  runtime::MemoryShares memory_;
  server::DnsMetrics metrics_;
  std::vector<GroupMetrics> group_metrics_;
  resolve::Resolver resolver_;
  server::DnsServer server_;
  Trimmer trimmer_;
  bool draining_ = false;
  runtime::Time drain_until_;
};

}  // namespace pillion::app
