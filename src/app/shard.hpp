#pragma once
// One thread's worth of Pillion: a loop, listeners, upstream pools and counters of its own. Shards share nothing that
// is written but the counts of what the process may have.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "app/drain.hpp"
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
  /// Throws as make_tls_contexts() does.
  explicit SharedParts(const config::Config& config)
      : tls(make_tls_contexts(config)),
        memory(memory_limit(config)),
        limits(config.dns.max_connections),
        loop_labels(draw_loop_labels(config)) {}

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
  /// Called on the shard's thread when it has drained, with the number of answers that were thrown away.
  using OnDrained = std::function<void(std::uint64_t undelivered)>;
  /// Thread-safe. Goes on answering as `terms` say, stops accepting within, then closes everything and calls `done`.
  /// Of a second call only the timeout counts, from then on, and only where it cuts the first one short.
  void drain(const DrainTerms& terms, OnDrained done);

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
  [[nodiscard]] boost::asio::awaitable<void> run_drain(OnDrained done);
  [[nodiscard]] boost::asio::awaitable<void> answer_until_quiet();
  [[nodiscard]] boost::asio::awaitable<void> deliver();
  [[nodiscard]] boost::asio::awaitable<void> pause_until(runtime::Time time);

  runtime::Loop loop_;
  runtime::MemoryShares memory_;
  server::DnsMetrics metrics_;
  std::vector<GroupMetrics> group_metrics_;
  resolve::Resolver resolver_;
  server::DnsServer server_;
  Trimmer trimmer_;
  std::optional<Drain> drain_;
  boost::asio::steady_timer drain_timer_{loop_.io()};
};

}  // namespace pillion::app
