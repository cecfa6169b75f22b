#pragma once
// A shard: one thread with its own loop, listeners, upstream pools and counters. Shards share no writable data except
// the counts of process-wide limits.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "admin/shard_view.hpp"
#include "app/drain.hpp"
#include "app/memory_limit.hpp"
#include "app/plan.hpp"
#include "app/server_metrics_table.hpp"
#include "app/trimmer.hpp"
#include "app/upstreams.hpp"
#include "config/config.hpp"
#include "resolve/resolver.hpp"
#include "runtime/loop.hpp"
#include "runtime/memory.hpp"
#include "server/dns_server.hpp"
#include "server/explainer.hpp"

namespace pillion::app {

/// What the shards share as long as they live.
struct SharedParts {
  /// Made after the TLS contexts, which are the largest part of the program's own memory.
  explicit SharedParts(const config::Config& config)
      : memory(memory_limit(config)), limits(config.dns.max_connections, config.threads) {}

  /// The bytes of one shard's cache.
  [[nodiscard]] std::size_t cache_size(const config::Config& config) const {
    return memory.division[runtime::MemoryUse::cache] / config.threads;
  }

  MemoryLimit memory;
  server::SharedLimits limits;
};

/// Who is told of what goes through a shard, on its thread.
struct ShardObservers {
  std::vector<server::QueryObserver*> of_queries;
  std::vector<server::AnswerObserver*> of_answers;
  MakeMessageObserver of_server;
};
/// Makes the observers of the shard that has this loop. They outlive the shard.
using MakeShardObservers = std::function<ShardObservers(runtime::Loop& loop)>;
[[nodiscard]] inline ShardObservers no_observers(runtime::Loop& /*loop*/) {
  return {};
}

class Shard final : public admin::ShardView {
 public:
  /// Listens on `addresses`, which are its own, once started. `shared` outlives this.
  Shard(const Plan& plan, std::vector<server::ListenAddress> addresses, SharedParts& shared, runtime::Log& log,
        const MakeShardObservers& make_observers = no_observers);

  /// Called before run(), or within it.
  void start();
  /// Runs the loop until the shard has drained.
  void run() { loop_.run(); }
  /// Called on the shard's thread when it has drained, with the number of discarded answers.
  using OnDrained = std::function<void(std::uint64_t undelivered)>;
  /// Drains: goes on answering as `terms` say, then stops accepting, closes everything and calls `done`. In a second
  /// call only the timeout counts, from then on, and only if it ends the drain sooner. Any thread may call this.
  void drain(const DrainTerms& terms, OnDrained done);

  [[nodiscard]] runtime::Loop& loop() { return loop_; }
  /// Other threads than the shard's may call this only before the shard runs.
  [[nodiscard]] std::vector<config::Endpoint> addresses() const { return server_.addresses(); }
  [[nodiscard]] const server::DnsMetrics& server_metrics() const { return metrics_; }
  [[nodiscard]] const runtime::MemoryShares& memory() const { return memory_; }
  [[nodiscard]] const resolve::Resolver& resolver() const { return resolver_; }
  /// Calls the function on the shard's thread if its loop still runs. Any thread may call this.
  void look(std::function<void(admin::ShardView&)> visit);
  /// In the order of the configuration's upstreams. Other threads may call this only before the shard runs.
  [[nodiscard]] const ShardUpstreams& upstreams() const { return upstreams_; }

  /// Calls `done` on the shard's thread with the addresses that a reload has removed and from which this shard still
  /// sends answers. From then on sockets of this process can be bound to them. Any thread may call this.
  void let_take_back(std::function<void(std::vector<config::Endpoint>)> done);
  /// Makes a generation of `plan` and opens its connections, while the present one stays in use. Calls `done` on the
  /// shard's thread when the connections are open or have failed, or `patience` is over; the error says why it could
  /// not be made. `added` has the addresses that the plan in use does not have. Any thread may call this.
  void prepare(std::shared_ptr<const Plan> plan, std::vector<server::ListenAddress> added, runtime::Duration patience,
               std::function<void(std::optional<std::string> error)> done);
  /// Uses the prepared generation and its addresses from now on. On the shard's thread calls `released` with each
  /// socket that is no longer listened on, then `done` with the upstreams. If a drain has begun, or nothing was
  /// prepared, nothing changes, and the upstreams are nullptr. Any thread may call this.
  void commit(std::function<void(int)> released, std::function<void(const ShardUpstreams* upstreams)> done);
  /// Discards the prepared generation if there is one. Any thread may call this.
  void discard();

 private:
  [[nodiscard]] runtime::Time now() override { return loop_.clock().now(); }
  [[nodiscard]] std::vector<admin::ServerView> servers() override;
  [[nodiscard]] std::vector<server::ClientFacts> clients() override { return server_.clients(loop_.clock().now()); }
  [[nodiscard]] const server::RecentQueries& recent() override { return server_.recent(); }
  [[nodiscard]] cache::Store* cache() override { return resolver_.cache(); }
  void explain(const server::ExplainedQuestion& question,
               std::function<void(std::optional<server::Explanation>)> done) override;

  struct Prepared {
    std::shared_ptr<const Plan> plan;
    ShardUpstreams upstreams;
    std::unique_ptr<resolve::Generation> generation;
    std::vector<server::ListenAddress> added;
  };

  void discard_prepared();
  [[nodiscard]] resolve::Setup setup_of(const Plan& plan, const ShardUpstreams& upstreams) const;
  [[nodiscard]] boost::asio::awaitable<void> warm(runtime::Time until,
                                                  std::function<void(std::optional<std::string> error)> done);
  [[nodiscard]] boost::asio::awaitable<void> run_drain(OnDrained done);
  [[nodiscard]] boost::asio::awaitable<void> answer_until_quiet();
  [[nodiscard]] boost::asio::awaitable<void> deliver();
  [[nodiscard]] boost::asio::awaitable<void> pause_until(runtime::Time time);

  runtime::Loop loop_;
  runtime::MemoryShares memory_;
  server::DnsMetrics metrics_;
  ServerMetricsTable server_metrics_;
  std::size_t cache_size_;
  ShardObservers observers_;
  ShardUpstreams upstreams_;
  resolve::Resolver resolver_;
  server::DnsServer server_;
  server::Explainer explainer_;
  Trimmer trimmer_;
  std::optional<Prepared> prepared_;
  std::optional<Drain> drain_;
  boost::asio::steady_timer drain_timer_{loop_.io()};
};

}  // namespace pillion::app
