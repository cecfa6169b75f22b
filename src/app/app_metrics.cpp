// Where the exporter finds what it exports: the counters of the shards and of the servers.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <openssl/crypto.h>

#include "app/app.hpp"
#include "runtime/build_info.hpp"

namespace pillion::app {

namespace {

/// Adds what the shards count of server number `server` of upstream number `group`, and keeps it alive.
void add_counters(const std::vector<std::vector<GroupMetrics>>& metrics, std::size_t group, std::size_t server,
                  std::vector<const upstream::ServerMetrics*>& shards, telemetry::Sources& sources) {
  const auto add = [&](const std::shared_ptr<upstream::ServerMetrics>& counted) {
    shards.push_back(counted.get());
    sources.keep.push_back(counted);
  };
  for (const auto& shard : metrics) {
    const auto& counters = shard[group];
    add(counters.servers[server]);
    if (!counters.fallbacks.empty()) add(counters.fallbacks[server]);
  }
}

}  // namespace

void App::add_upstreams(const Plan& plan, const ShardMetrics& metrics, telemetry::Sources& sources) const {
  for (std::size_t group = 0; group < plan.config.upstreams.size(); ++group) {
    const auto& upstream = plan.config.upstreams[group];
    if (const auto& tls = plan.tls[group])
      sources.tls_upstreams.push_back(
          {.name = upstream.name, .authorities = tls->authorities(), .client_not_after = tls->client_not_after()});
    for (std::size_t i = 0; i < upstream.servers.size(); ++i) {
      telemetry::Sources::UpstreamServer server{.upstream = upstream.name,
                                                .server = config::to_string(upstream.servers[i].endpoint),
                                                .tls = upstream.protocol == config::Protocol::tls,
                                                .shards = {}};
      add_counters(metrics, group, i, server.shards, sources);
      sources.upstream_servers.push_back(std::move(server));
    }
  }
}

telemetry::Sources App::metric_sources(const Plan& plan, const ShardMetrics& metrics) const {
  telemetry::Sources sources;
  add_upstreams(plan, metrics, sources);
  if (http_) sources.internal_errors = http_->internal_errors();
  for (const auto& shard : shards_) {
    sources.internal_errors.push_back(&shard->loop().internal_errors().count());
    sources.shards.push_back(&shard->server_metrics());
    sources.resolvers.push_back(&shard->resolver().metrics());
    if (const auto* const cache = shard->resolver().cache_metrics()) sources.caches.push_back(cache);
  }
  for (const auto& shard : shards_) sources.memory.push_back(&shard->memory());
  sources.max_connections = shared_.limits.connections.limit();
  sources.max_in_flight = shared_.limits.queries.limit();
  sources.cache_limit = shared_.memory.division[runtime::MemoryUse::cache];
  sources.serve_stale = std::chrono::duration_cast<std::chrono::seconds>(plan.config.cache.serve_stale);
  sources.memory_limit = shared_.memory.bytes;
  sources.memory_program = shared_.memory.program;
  sources.searches = !plan.config.search.domains.empty();
  sources.asks_in_the_clear = std::ranges::any_of(
      plan.config.upstreams, [](const config::Upstream& one) { return one.protocol != config::Protocol::tls; });
  sources.bans = plan.config.clients.ban_after > 0;
  sources.reloads = &reloads_;
  sources.config_hash = plan.hash;
  sources.worker_restarts = handover_.restarts;
  observers_.add_sources(sources);
  if (const auto* const syslog = log_.receiver())
    sources.sinks.push_back({.name = "syslog",
                             .written = [syslog] { return syslog->written(); },
                             .dropped = [syslog] { return syslog->dropped(); }});
  sources.log_lines_dropped = [this] { return log_.dropped(); };
  sources.build = {.version = std::string(runtime::build_info::version()),
                   .commit = std::string(runtime::build_info::commit()),
                   .openssl = OpenSSL_version(OPENSSL_VERSION_STRING)};
  return sources;
}

}  // namespace pillion::app
