#pragma once
// The composition root: makes every part, wires them, starts them, and takes them down in order. Sees everything;
// nothing sees it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "app/http_thread.hpp"
#include "app/loop_pulse.hpp"
#include "app/shard.hpp"
#include "config/config.hpp"
#include "http/http_server.hpp"
#include "telemetry/exporter.hpp"
#include "telemetry/logger.hpp"

namespace pillion::app {

class App {
 public:
  /// Binds everything. Throws server::BindError for an address that cannot be listened on, std::runtime_error for TLS
  /// files that cannot be used. `http_connections` is the largest number of HTTP clients.
  App(const config::Config& config, telemetry::Logger& log,
      std::size_t http_connections = http::Options{}.max_connections);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  /// Runs until a signal, or stop(), has been followed by a whole drain.
  void run();
  /// Thread-safe: what SIGTERM does.
  void stop();

  [[nodiscard]] std::vector<config::Endpoint> dns_addresses() const { return addresses_; }
  /// While it does not run, or from within.
  [[nodiscard]] std::vector<config::Endpoint> http_addresses() const;

 private:
  void make_shards();
  void make_http(std::size_t max_connections);
  [[nodiscard]] telemetry::Sources metric_sources() const;
  [[nodiscard]] http::HealthReport health(http::HealthProbe probe) const;
  [[nodiscard]] http::HealthReport liveness() const;
  void await_signal();
  void on_signal(int number);
  void begin_drain(const DrainTerms& terms);
  void shard_done(std::uint64_t undelivered);
  void log_start();
  void log_memory();

  config::Config config_;
  telemetry::Logger& log_;
  SharedParts shared_;
  std::vector<std::unique_ptr<Shard>> shards_;      // the first one runs on the thread of run(), with the signals
  std::vector<std::unique_ptr<LoopPulse>> pulses_;  // of the shards, in their order; the HTTP thread's
  std::vector<config::Endpoint> addresses_;
  runtime::Gauge config_loaded_;
  std::optional<telemetry::Exporter> exporter_;
  std::unique_ptr<HttpThread> http_;
  boost::asio::signal_set signals_;
  std::vector<std::jthread> threads_;
  runtime::Time started_;
  runtime::Flag draining_;
  std::size_t shards_running_ = 0;
  std::uint64_t undelivered_ = 0;  // answers that were thrown away at the end of the drain
};

}  // namespace pillion::app
