#pragma once
// The composition root: makes every part, wires them, starts them, and takes them down in order. Sees everything;
// nothing sees it.

#include <atomic>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "admin/service.hpp"
#include "app/handover.hpp"
#include "app/http_thread.hpp"
#include "app/listen_addresses.hpp"
#include "app/loop_pulse.hpp"
#include "app/observers.hpp"
#include "app/plan.hpp"
#include "app/reloader.hpp"
#include "app/shard.hpp"
#include "config/config.hpp"
#include "config/load.hpp"
#include "http/http_server.hpp"
#include "http/router.hpp"
#include "telemetry/exporter.hpp"
#include "telemetry/logger.hpp"

namespace pillion::app {

/// What the admin server shows of a plan.
[[nodiscard]] admin::ConfigView config_view(const std::shared_ptr<const Plan>& plan);

class App {
 public:
  /// Binds everything. Throws server::BindError for an address that cannot be listened on, std::runtime_error for TLS
  /// files that cannot be used. `http_connections` is the largest number of HTTP clients. Of what the supervisor hands
  /// over, sockets that the configuration does not name are closed here and there.
  App(config::Config config, telemetry::Logger& log, std::size_t http_connections = http::Options{}.max_connections,
      Handover handover = {});
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  /// From the start of run() on, `file` and what it names are read again on SIGHUP and when they change; empty: the
  /// defaults are, which name files too. `loaded` is what the App was made from.
  void reload_from(const std::filesystem::path& file, const config::Loaded& loaded);
  /// Runs until a signal, or stop(), has been followed by a whole drain.
  void run();
  /// Thread-safe: what SIGTERM does.
  void stop();

 private:
  void make_shards();
  void make_http(std::size_t max_connections);
  void serve_probes(std::size_t max_connections);
  void serve_admin();
  [[nodiscard]] admin::AdminHooks admin_hooks();
  [[nodiscard]] admin::ProcessState process_state() const;
  /// Of the upstreams as each shard has them.
  using ShardMetrics = std::vector<std::vector<GroupMetrics>>;
  [[nodiscard]] telemetry::Sources metric_sources(const Plan& plan, const ShardMetrics& metrics) const;
  void add_upstreams(const Plan& plan, const ShardMetrics& metrics, telemetry::Sources& sources) const;
  /// An address for DNS as it is configured and as it is bound, which differ in a port of 0.
  struct DnsAddress {
    config::Endpoint configured;
    config::Endpoint bound;
  };
  [[nodiscard]] std::expected<ListenAddresses, std::string> apply(const std::shared_ptr<const Plan>& plan,
                                                                  const std::atomic<bool>& cancelled);
  [[nodiscard]] std::optional<std::string> prepare(const std::shared_ptr<const Plan>& plan,
                                                   std::vector<std::vector<server::ListenAddress>> added,
                                                   const std::atomic<bool>& cancelled);
  [[nodiscard]] ListenAddresses listen_addresses() const;
  [[nodiscard]] std::vector<std::string> dns_texts() const;
  [[nodiscard]] bool is_reachable(std::string_view upstream) const;
  [[nodiscard]] http::HealthReport health(http::HealthProbe probe) const;
  [[nodiscard]] http::HealthReport liveness() const;
  void await_signal();
  void on_signal(int number);
  void begin_drain(const DrainTerms& terms);
  void shard_done(std::uint64_t undelivered);
  void log_start();
  void log_memory();

  std::shared_ptr<const Plan> plan_;  // in use; the first shard's thread, but for the reloader's own
  Handover handover_;
  telemetry::Logger& log_;
  Observers observers_;  // before memory is divided, since what they take is the program's
  SharedParts shared_;
  std::vector<std::unique_ptr<Shard>> shards_;      // the first one runs on the thread of run(), with the signals
  std::vector<std::unique_ptr<LoopPulse>> pulses_;  // of the shards, in their order; the HTTP thread's
  telemetry::Sources::Reloads reloads_;
  // The root's upstream as it is at the start, for /startupz.
  std::vector<std::shared_ptr<const upstream::ServerMetrics>> first_asked_;
  std::optional<telemetry::Exporter> exporter_;
  std::unique_ptr<admin::AdminService> admin_;  // nullptr: there is no admin server
  std::unique_ptr<HttpThread> http_;            // nullptr: there is no server by HTTP at all
  boost::asio::signal_set signals_;
  // What was applied last: the reloader's thread, once that runs.
  std::shared_ptr<const Plan> applied_;
  std::vector<DnsAddress> dns_addresses_;
  std::vector<config::Endpoint> http_addresses_;   // as bound
  std::vector<config::Endpoint> admin_addresses_;  // as bound
  std::vector<std::string> dns_texts_;             // where it listens for DNS; the HTTP thread's
  ShardMetrics metrics_;
  std::unique_ptr<Reloader> reloader_;
  std::vector<std::jthread> threads_;
  runtime::Time started_;
  runtime::Flag draining_;
  std::size_t shards_running_ = 0;
  std::uint64_t undelivered_ = 0;  // answers that were thrown away at the end of the drain
};

}  // namespace pillion::app
