#include "app/app.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <openssl/crypto.h>

#include "runtime/build_info.hpp"

namespace pillion::app {
namespace asio = boost::asio;

namespace {

/// /startupz does not wait longer than this for the first upstream handshake.
constexpr std::chrono::seconds startup_patience{5};

}  // namespace

App::App(const config::Config& config, telemetry::Logger& log, std::size_t http_connections)
    : config_(config),
      log_(log),
      tls_(make_tls_contexts(config)),
      limits_(config.dns.max_connections),
      signals_([&]() -> asio::io_context& {
        auto shard_config = config_;
        for (std::uint32_t i = 0; i < config_.threads; ++i) {
          shards_.push_back(std::make_unique<Shard>(shard_config, tls_, limits_, log_));
          // Ports that the kernel chose for the first shard are the others' too.
          shard_config.dns.listen = shards_.front()->addresses();
        }
        return shards_.front()->loop().io();
      }()) {
  addresses_ = shards_.front()->addresses();
  config_loaded_.set(static_cast<double>(std::time(nullptr)));
  exporter_.emplace(metric_sources());
  if (!config_.http.listen.empty()) start_http(http_connections);
}

App::~App() = default;

void App::start_http(std::size_t max_connections) {
  std::vector<http::HttpServer::Endpoint> endpoints;
  endpoints.reserve(config_.http.listen.size());
  for (const auto& endpoint : config_.http.listen)
    endpoints.emplace_back(asio::ip::make_address(endpoint.address), endpoint.port);
  try {
    http_ = std::make_unique<http::HttpServer>(
        shards_.front()->loop().io().get_executor(), log_, endpoints, http::Options{.max_connections = max_connections},
        http::Routes{.metrics = [this] { return exporter_->text(); },
                     .health = [this](http::HealthProbe probe) { return health(probe); }});
  } catch (const http::ListenError& error) {
    throw server::BindError(error.what());
  }
}

std::optional<config::Endpoint> App::http_address() const {
  if (!http_) return std::nullopt;
  const auto endpoint = http_->endpoints().front();
  return config::Endpoint{endpoint.address().to_string(), endpoint.port()};
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
  for (const auto& shard : shards_) {
    sources.shards.push_back(&shard->server_metrics());
    sources.resolvers.push_back(&shard->resolver().metrics());
    if (const auto* const cache = shard->resolver().cache_metrics()) sources.caches.push_back(cache);
  }
  sources.searches = !config_.search.domains.empty();
  sources.config_loaded = &config_loaded_;
  sources.log_lines_dropped = [this] { return log_.dropped(); };
  sources.build = {.version = std::string(runtime::build_info::version()),
                   .commit = std::string(runtime::build_info::commit()),
                   .openssl = OpenSSL_version(OPENSSL_VERSION_STRING)};
  return sources;
}

http::HealthReport App::health(http::HealthProbe probe) const {
  switch (probe) {
    case http::HealthProbe::live:
      // This is answered by the loop that answers queries: that it comes says all.
      return {.ok = true, .reasons = {{true, "event loop turns"}}};
    case http::HealthProbe::ready:
      return {.ok = !draining_,
              .reasons = {{true, "configuration loaded"},
                          {true, "listeners bound"},
                          {!draining_, draining_ ? "draining" : "not draining"}}};
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
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) signals_.add(number);
  await_signal();
  if (http_) http_->start();
  for (const auto& shard : shards_) shard->start();
  log_start();
  for (std::size_t i = 1; i < shards_.size(); ++i) threads_.emplace_back([&shard = *shards_[i]] { shard.run(); });
  shards_.front()->run();
  threads_.clear();
  log_.info("stopped");
}

void App::log_start() {
  log_.info("pillion started", {{"version", runtime::build_info::version()},
                                {"commit", runtime::build_info::commit()},
                                {"threads", config_.threads}});
  for (const auto& address : addresses_)
    log_.info("listening for DNS", {{"address", config::to_string(address)}, {"transports", "udp tcp"}});
  if (const auto address = http_address()) log_.info("listening for HTTP", {{"address", config::to_string(*address)}});
}

void App::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (!error) on_signal(number);
  });
}

void App::on_signal(int number) {
  if (number == SIGHUP) {
    log_.warn("SIGHUP: the configuration is not reloaded while running; restart to apply it");
  } else if (draining_) {
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
  if (!std::exchange(draining_, true)) {
    log_.info("draining", {{"grace_seconds", std::chrono::duration<double>(grace).count()}});
  }
  for (const auto& shard : shards_) {
    shard->drain(grace, [this] { asio::post(shards_.front()->loop().io(), [this] { shard_done(); }); });
  }
}

/// The last shard to end lets go of what keeps the first one's loop alive.
void App::shard_done() {
  if (--shards_running_ > 0) return;
  signals_.cancel();
  if (http_) http_->stop();
}

}  // namespace pillion::app
