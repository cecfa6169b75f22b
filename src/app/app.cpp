#include "app/app.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <string>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <openssl/crypto.h>

#include "app/supervisor.hpp"
#include "runtime/build_info.hpp"

namespace pillion::app {
namespace asio = boost::asio;

namespace {

/// /startupz does not wait longer than this for the first upstream handshake.
constexpr std::chrono::seconds startup_patience{5};

}  // namespace

App::App(const config::Config& config, telemetry::Logger& log, std::size_t http_connections, Handover handover)
    : config_(config),
      handover_(std::move(handover)),
      log_(log),
      shared_(config, server::InheritedSockets(handover_.sockets)),
      signals_([&]() -> asio::io_context& {
        make_shards();
        return shards_.front()->loop().io();
      }()) {
  addresses_ = shards_.front()->addresses();
  config_loaded_.set(static_cast<double>(std::time(nullptr)));
  if (!config_.http.listen.empty()) make_http(http_connections);
  exporter_.emplace(metric_sources());
}

App::~App() = default;

void App::make_shards() {
  const bool is_alone = config_.threads == 1;
  auto config = config_;
  config.cache.size = shared_.memory.division[static_cast<std::size_t>(runtime::MemoryUse::cache)] / config.threads;
  shards_.push_back(
      std::make_unique<Shard>(config, is_alone ? server::PortUse::alone : server::PortUse::first, shared_, log_));
  // Ports that the kernel chose for the first shard are the others' too.
  config.dns.listen = shards_.front()->addresses();
  while (shards_.size() < config_.threads)
    shards_.push_back(std::make_unique<Shard>(config, server::PortUse::joined, shared_, log_));
  if (!is_alone) shards_.front()->keep_addresses_to(shards_.size());
  for (const int descriptor : shared_.inherited.close_rest()) release_inherited_socket(handover_, descriptor);
  for (const auto& shard : shards_) pulses_.push_back(std::make_unique<LoopPulse>(shard->loop().io()));
}

void App::make_http(std::size_t max_connections) {
  std::vector<http::HttpServer::Endpoint> endpoints;
  endpoints.reserve(config_.http.listen.size());
  for (const auto& endpoint : config_.http.listen)
    endpoints.emplace_back(asio::ip::make_address(endpoint.address), endpoint.port);
  try {
    http_ =
        std::make_unique<HttpThread>(log_, endpoints, http::Options{.max_connections = max_connections},
                                     http::Routes{.metrics = [this] { return exporter_->text(); },
                                                  .health = [this](http::HealthProbe probe) { return health(probe); }});
  } catch (const http::ListenError& error) {
    throw server::BindError(error.what());
  }
}

std::vector<config::Endpoint> App::http_addresses() const {
  std::vector<config::Endpoint> addresses;
  if (!http_) return addresses;
  for (const auto& endpoint : http_->endpoints())
    addresses.push_back({endpoint.address().to_string(), endpoint.port()});
  return addresses;
}

telemetry::Sources App::metric_sources() const {
  telemetry::Sources sources;
  for (std::size_t group = 0; group < config_.upstreams.size(); ++group) {
    const auto& upstream = config_.upstreams[group];
    for (std::size_t i = 0; i < upstream.servers.size(); ++i) {
      telemetry::Sources::UpstreamServer server{.upstream = upstream.name,
                                                .server = config::to_string(upstream.servers[i].endpoint),
                                                .tls = upstream.protocol == config::Protocol::tls,
                                                .shards = {}};
      for (const auto& shard : shards_) {
        const auto& metrics = shard->group_metrics()[group];
        server.shards.push_back(metrics.servers[i].get());
        if (!metrics.fallbacks.empty()) server.shards.push_back(metrics.fallbacks[i].get());
      }
      sources.upstream_servers.push_back(std::move(server));
    }
  }
  if (http_) sources.internal_errors.push_back(&http_->internal_errors());
  for (const auto& shard : shards_) {
    sources.internal_errors.push_back(&shard->loop().internal_errors().count());
    sources.shards.push_back(&shard->server_metrics());
    sources.resolvers.push_back(&shard->resolver().metrics());
    if (const auto* const cache = shard->resolver().cache_metrics()) sources.caches.push_back(cache);
  }
  for (const auto& shard : shards_) sources.memory.push_back(&shard->memory());
  sources.memory_limit = shared_.memory.bytes;
  sources.memory_program = shared_.memory.program;
  sources.searches = !config_.search.domains.empty();
  sources.bans = config_.clients.ban_after > 0;
  sources.config_loaded = &config_loaded_;
  sources.worker_restarts = handover_.restarts;
  sources.log_lines_dropped = [this] { return log_.dropped(); };
  sources.build = {.version = std::string(runtime::build_info::version()),
                   .commit = std::string(runtime::build_info::commit()),
                   .openssl = OpenSSL_version(OPENSSL_VERSION_STRING)};
  return sources;
}

/// Each loop is asked whether it turns.
http::HealthReport App::liveness() const {
  const auto now = runtime::Clock::now();
  http::HealthReport report{.ok = true, .reasons = {}};
  for (std::size_t i = 0; i < pulses_.size(); ++i) {
    const auto silent_for = pulses_[i]->look(now);
    const bool turns = silent_for < LoopPulse::patience;
    auto text = pulses_.size() == 1 ? std::string("event loop") : "event loop " + std::to_string(i + 1);
    text += turns ? " turns"
                  : " has not turned for " +
                        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(silent_for).count()) + " s";
    report.ok = report.ok && turns;
    report.reasons.push_back({turns, std::move(text)});
  }
  return report;
}

http::HealthReport App::health(http::HealthProbe probe) const {
  switch (probe) {
    case http::HealthProbe::live:
      return liveness();
    case http::HealthProbe::ready: {
      const bool draining = draining_.value();
      return {.ok = !draining,
              .reasons = {{true, "configuration loaded"},
                          {true, "listeners bound"},
                          {!draining, draining ? "draining" : "not draining"}}};
    }
    case http::HealthProbe::startup: {
      const bool warm = shards_.front()->is_warm();
      const bool patient = runtime::Clock::now() - started_ < startup_patience;
      return {.ok = warm || !patient,
              .reasons = {{true, "listeners bound"},
                          {warm || !patient, warm      ? "first upstream connection tried"
                                             : patient ? "waiting for the first upstream connection"
                                                       : "first upstream connection took too long"}}};
    }
  }
  return {.ok = false, .reasons = {}};
}

void App::run() {
  started_ = runtime::Clock::now();
  shards_running_ = shards_.size();
  sigset_t listened_to;
  sigemptyset(&listened_to);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    signals_.add(number);
    sigaddset(&listened_to, number);
  }
  // A supervisor starts its worker with them blocked. No other thread of ours has to take them.
  ::pthread_sigmask(SIG_UNBLOCK, &listened_to, nullptr);
  await_signal();
  for (const auto& shard : shards_) shard->start();
  log_start();
  if (http_) http_->start();
  try {
    for (std::size_t i = 1; i < shards_.size(); ++i) threads_.emplace_back([&shard = *shards_[i]] { shard.run(); });
  } catch (...) {
    // A thread could not be started. Those that were are waited for, and end when they have drained.
    for (std::size_t i = 1; i <= threads_.size(); ++i) shards_[i]->drain(runtime::Duration::zero(), [] {});
    throw;
  }
  shards_.front()->run();
  threads_.clear();
  http_.reset();
  log_.info("stopped");
}

void App::log_start() {
  log_.info("pillion started", {{"version", runtime::build_info::version()},
                                {"commit", runtime::build_info::commit()},
                                {"threads", config_.threads}});
  log_memory();
  for (const auto& address : addresses_)
    log_.info("listening for DNS", {{"address", config::to_string(address)}, {"transports", "udp tcp"}});
  for (const auto& address : http_addresses())
    log_.info("listening for HTTP", {{"address", config::to_string(address)}});
}

void App::log_memory() {
  const auto of = [this](runtime::MemoryUse use) { return shared_.memory.division[static_cast<std::size_t>(use)]; };
  const auto cache = of(runtime::MemoryUse::cache);
  log_.info("memory divided", {{"limit", shared_.memory.bytes},
                               {"program", shared_.memory.program},
                               {"cache", cache},
                               {"connections", of(runtime::MemoryUse::connections)},
                               {"input", of(runtime::MemoryUse::input)},
                               {"output", of(runtime::MemoryUse::output)},
                               {"queries", of(runtime::MemoryUse::queries)},
                               {"walks", of(runtime::MemoryUse::walks)}});
  if (shared_.memory.is_tight)
    log_.warn("the memory limit is too low to work well",
              {{"limit", shared_.memory.bytes}, {"program", shared_.memory.program}});
  if (cache < config_.cache.size * config_.threads)
    log_.info("the cache is smaller than cache.size, since the memory limit leaves no more",
              {{"bytes", cache}, {"configured", config_.cache.size * config_.threads}});
}

void App::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (!error) on_signal(number);
  });
}

void App::on_signal(int number) {
  if (number == SIGHUP) {
    log_.warn("SIGHUP: the configuration is not reloaded while running; restart to apply it");
  } else if (draining_.value()) {
    log_.info("second signal: closing now");
    begin_drain(runtime::Duration::zero());
  } else {
    begin_drain(config_.drain_timeout);
  }
  await_signal();
}

void App::stop() {
  asio::post(shards_.front()->loop().io(), [this] { begin_drain(config_.drain_timeout); });
}

void App::begin_drain(runtime::Duration grace) {
  if (!draining_.value()) {
    draining_.set(true);
    log_.info("draining", {{"grace_seconds", std::chrono::duration<double>(grace).count()}});
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->drain(grace, [this, i] {
      pulses_[i]->end();
      asio::post(shards_.front()->loop().io(), [this] { shard_done(); });
    });
  }
}

/// The last shard to end lets go of what keeps the first one's loop alive.
void App::shard_done() {
  if (--shards_running_ > 0) return;
  signals_.cancel();
}

}  // namespace pillion::app
