#include "app/app.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <iterator>
#include <string>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include "app/bind_addresses.hpp"
#include "app/stop_signals.hpp"
#include "app/supervised_worker.hpp"
#include "app/upstream_reasons.hpp"
#include "runtime/build_info.hpp"

namespace pillion::app {
namespace asio = boost::asio;

namespace {

/// /startupz waits at most this long for the first upstream handshake.
constexpr std::chrono::seconds startup_patience{5};

DrainTerms drain_terms(const config::Config& config) {
  return {.timeout = config.drain_timeout, .quiet = config.drain_quiet, .min = config.drain_min};
}

std::vector<std::unique_ptr<LoopPulse>> pulses_of(const std::vector<std::unique_ptr<Shard>>& shards) {
  std::vector<std::unique_ptr<LoopPulse>> pulses;
  pulses.reserve(shards.size());
  for (const auto& shard : shards) pulses.push_back(std::make_unique<LoopPulse>(shard->loop().io()));
  return pulses;
}

/// The counters of the servers of the root zone's upstream. `metrics` has those of the configured upstreams, in order.
std::vector<std::shared_ptr<const upstream::ServerMetrics>> servers_of_root(const config::Config& config,
                                                                            const std::vector<GroupMetrics>& metrics) {
  const auto root = std::ranges::find(config.routes, std::string_view("."), &config::Route::zone);
  const auto group = std::ranges::find(config.upstreams, root->upstream, &config::Upstream::name);
  const auto& servers = metrics[static_cast<std::size_t>(group - config.upstreams.begin())].servers;
  return {servers.begin(), servers.end()};
}

}  // namespace

App::App(config::Config config, telemetry::Logger& log, std::size_t http_connections, Handover handover)
    : plan_(make_plan(std::move(config), nullptr)),
      handover_(std::move(handover)),
      log_(log),
      observers_(plan_->config, log_),
      shared_(plan_->config),
      shards_(make_shards()),
      pulses_(pulses_of(shards_)),
      signals_(shards_.front()->loop().io()),
      dns_addresses_(bound_addresses(plan_->config.dns.listen, *shards_.front())) {
  dns_texts_ = dns_texts();
  reloads_.loaded_at.set(static_cast<double>(std::time(nullptr)));
  for (const auto& shard : shards_) metrics_.push_back(metrics_of(shard->upstreams()));
  first_asked_ = servers_of_root(plan_->config, metrics_.front());
  make_http(http_connections);
  exporter_.emplace(metric_sources(*plan_, metrics_));
}

App::~App() = default;

/// Binds the addresses and makes a shard for each thread. Uses the plan and the members that the shards share.
std::vector<std::unique_ptr<Shard>> App::make_shards() {
  std::vector<std::unique_ptr<Shard>> shards;
  server::InheritedSockets inherited(handover_.sockets);
  for (auto& addresses : bind_addresses(plan_->config.dns.listen, plan_->config.threads, inherited)) {
    const auto make_observers = [&](runtime::Loop& loop) { return observers_.of_shard(shards.size(), loop); };
    shards.push_back(std::make_unique<Shard>(*plan_, std::move(addresses), shared_, log_, make_observers));
  }
  for (const int descriptor : inherited.close_rest()) release_socket(handover_, descriptor);
  return shards;
}

/// The addresses for DNS, which the first shard has bound in the order of `configured`.
std::vector<App::DnsAddress> App::bound_addresses(const std::vector<config::Endpoint>& configured, const Shard& first) {
  const auto bound = first.addresses();
  std::vector<DnsAddress> addresses;
  addresses.reserve(bound.size());
  for (std::size_t i = 0; i < bound.size(); ++i) addresses.push_back({.configured = configured[i], .bound = bound[i]});
  return addresses;
}

ListenAddresses App::listen_addresses() const {
  ListenAddresses addresses{.dns = {}, .http = http_addresses_, .admin = admin_addresses_};
  for (const auto& address : dns_addresses_) addresses.dns.push_back(address.bound);
  return addresses;
}

/// Reports whether each event loop turns.
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
      http::HealthReport report{.ok = !draining,
                                .reasons = {{true, "configuration loaded"},
                                            {true, "listeners bound"},
                                            {!draining, draining ? "draining" : "not draining"}}};
      if (!draining) std::ranges::copy(upstream_reasons(exporter_->sources()), std::back_inserter(report.reasons));
      return report;
    }
    case http::HealthProbe::startup: {
      const bool warm = std::ranges::any_of(first_asked_, [](const auto& server) { return server->tried.value(); });
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
  for (const int number : stop_signals) signals_.add(number);
  await_signal();
  for (const auto& shard : shards_) shard->start();
  log_start();
  if (reloader_) reloader_->start(listen_addresses());
  if (http_) http_->start();
  try {
    for (std::size_t i = 1; i < shards_.size(); ++i) threads_.emplace_back([&shard = *shards_[i]] { shard.run(); });
  } catch (...) {
    // A thread could not be started. The threads that run drain, end, and are joined.
    for (std::size_t i = 1; i <= threads_.size(); ++i) shards_[i]->drain({}, [](std::uint64_t) {});
    throw;
  }
  {
    // The destructor of signals_ gives each signal its default effect again, so they are blocked before it.
    const StopSignalsUnblocked unblocked;
    shards_.front()->run();
  }
  // Stopped first, since its handlers use the reloader.
  if (http_) http_->stop();
  reloader_.reset();
  threads_.clear();
  http_.reset();
  log_.info("stopped");
}

void App::log_start() {
  log_.info("pillion started", {{"version", runtime::build_info::version()},
                                {"commit", runtime::build_info::commit()},
                                {"threads", plan_->config.threads}});
  log_memory();
  const auto [dns_addresses, http_addresses, admin_addresses] = listen_addresses();
  for (const auto& address : dns_addresses)
    log_.info("listening for DNS", {{"address", config::to_string(address)}, {"transports", "udp tcp"}});
  for (const auto& address : http_addresses) log_.info("listening for HTTP", {{"address", config::to_string(address)}});
  for (const auto& address : admin_addresses)
    log_.info("listening for the admin server",
              {{"address", config::to_string(address)}, {"read_only", plan_->config.admin.read_only}});
}

void App::log_memory() {
  const auto of = [this](runtime::MemoryUse use) { return shared_.memory.division[use]; };
  const auto cache = of(runtime::MemoryUse::cache);
  log_.info("memory divided", {{"limit", shared_.memory.bytes},
                               {"program", shared_.memory.program},
                               {"cache", cache},
                               {"connections", of(runtime::MemoryUse::connections)},
                               {"input", of(runtime::MemoryUse::input)},
                               {"output", of(runtime::MemoryUse::output)},
                               {"queries", of(runtime::MemoryUse::queries)},
                               {"walks", of(runtime::MemoryUse::walks)}});
  for (const auto& warning : shared_.memory.warnings) log_.warn("configuration warning", {{"warning", warning}});
  if (shared_.memory.is_tight)
    log_.warn("the memory limit is too low to work well",
              {{"limit", shared_.memory.bytes}, {"program", shared_.memory.program}});
  if (cache < plan_->config.cache.size * plan_->config.threads)
    log_.info("the cache is smaller than cache.size, since the memory limit leaves no room for more",
              {{"bytes", cache}, {"configured", plan_->config.cache.size * plan_->config.threads}});
  const auto connections = server::TcpSession::count_in(of(runtime::MemoryUse::connections));
  if (connections < plan_->config.dns.max_connections)
    log_.info("fewer TCP clients are allowed than dns.max_connections, since the memory limit leaves no room for more",
              {{"connections", connections}, {"configured", plan_->config.dns.max_connections}});
}

void App::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (!error) on_signal(number);
  });
}

void App::on_signal(int number) {
  if (number == SIGHUP) {
    if (reloader_) reloader_->request("SIGHUP");
  } else if (!draining_.value()) {
    begin_drain(drain_terms(plan_->config));
  } else if (!is_drain_cut_short_) {
    is_drain_cut_short_ = true;
    log_.info("second signal: ending without a drain");
    begin_drain({});
    // No further signal has an effect. However many come, they must not keep the loop from its end.
    block_stop_signals();
  }
  await_signal();
}

void App::stop() {
  asio::post(shards_.front()->loop().io(), [this] { begin_drain(drain_terms(plan_->config)); });
}

void App::begin_drain(const DrainTerms& terms) {
  if (!draining_.value()) {
    draining_.set(true);
    log_.info("draining", {{"grace_seconds", std::chrono::duration<double>(terms.timeout).count()}});
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->drain(terms, [this, i](std::uint64_t undelivered) {
      pulses_[i]->end();
      asio::post(shards_.front()->loop().io(), [this, undelivered] { shard_done(undelivered); });
    });
  }
}

/// The last shard to end cancels the wait for signals, which lets the first shard's loop end.
void App::shard_done(std::uint64_t undelivered) {
  undelivered_ += undelivered;
  if (--shards_running_ > 0) return;
  if (undelivered_ > 0)
    log_.warn("the drain ended before clients had taken their answers", {{"answers", undelivered_}});
  signals_.cancel();
}

}  // namespace pillion::app
