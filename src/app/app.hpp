#pragma once
// The composition root: makes every part, connects them, starts them, and ends them in order. It sees all rooms, and
// only `cli` sees it.

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

/// The part of a plan that the admin server shows.
[[nodiscard]] admin::ConfigView config_view(const std::shared_ptr<const Plan>& plan);

class App {
 public:
  /// Binds every address. Throws server::BindError if it cannot listen on an address, and std::runtime_error if TLS
  /// files cannot be used. `http_connections` is the most HTTP clients. Sockets that the supervisor hands over and the
  /// configuration does not name are closed, here and in the supervisor.
  App(config::Config config, telemetry::Logger& log,
      std::size_t http_connections = http::HttpServerOptions{}.max_connections, Handover handover = {});
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  /// From run() on, reads `file` again on SIGHUP and when it, or a file that it names, changes. An empty `file` means
  /// the defaults, which name files too. `loaded` is what this App was made from.
  void reload_from(const std::filesystem::path& file, const config::Loaded& loaded);
  /// Runs until a signal, or stop(), and the drain after it.
  void run();
  /// Does what SIGTERM does. Any thread may call it.
  void stop();

 private:
  [[nodiscard]] std::vector<std::unique_ptr<Shard>> make_shards();
  void make_http(std::size_t max_connections);
  void serve_probes(std::size_t max_connections);
  void serve_admin();
  [[nodiscard]] admin::AdminHooks admin_hooks();
  [[nodiscard]] admin::ProcessState process_state() const;
  /// The counters of the upstreams, for each shard.
  using ShardMetrics = std::vector<std::vector<GroupMetrics>>;
  [[nodiscard]] telemetry::Sources metric_sources(const Plan& plan, const ShardMetrics& metrics) const;
  void add_upstreams(const Plan& plan, const ShardMetrics& metrics, telemetry::Sources& sources) const;
  /// An address for DNS as configured and as bound, which differ if the port is 0.
  struct DnsAddress {
    config::Endpoint configured;
    config::Endpoint bound;
  };
  [[nodiscard]] static std::vector<DnsAddress> bound_addresses(const std::vector<config::Endpoint>& configured,
                                                               const Shard& first);
  [[nodiscard]] std::expected<ListenAddresses, std::string> apply(const std::shared_ptr<const Plan>& plan,
                                                                  const std::atomic<bool>& cancelled);
  [[nodiscard]] std::optional<std::vector<config::Endpoint>> released_addresses(const std::atomic<bool>& cancelled);
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

  // An initialiser of the constructor uses only members above its own.
  // The plan in use. Only the first shard's thread uses it; the reloader has its own.
  std::shared_ptr<const Plan> plan_;
  Handover handover_;
  telemetry::Logger& log_;
  Observers observers_;  // before memory is divided, since what they take is the program's
  SharedParts shared_;
  // The first one runs on the thread of run(), which also handles signals.
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<LoopPulse>> pulses_;  // one for each shard, in the same order; used by the HTTP thread
  telemetry::Sources::Reloads reloads_;
  // The servers of the root zone's upstream at the start, for /startupz.
  std::vector<std::shared_ptr<const upstream::ServerMetrics>> first_asked_;
  std::optional<telemetry::Exporter> exporter_;
  std::unique_ptr<admin::AdminService> admin_;  // nullptr if there is no admin server
  std::unique_ptr<HttpThread> http_;            // nullptr if there is no HTTP server at all
  boost::asio::signal_set signals_;
  // The plan applied last; used by the reloader's thread once it runs.
  std::shared_ptr<const Plan> applied_;
  std::vector<DnsAddress> dns_addresses_;
  std::vector<config::Endpoint> http_addresses_;   // as bound
  std::vector<config::Endpoint> admin_addresses_;  // as bound
  std::vector<std::string> dns_texts_;             // the addresses for DNS as text; used by the HTTP thread
  ShardMetrics metrics_;
  std::unique_ptr<Reloader> reloader_;
  std::vector<std::jthread> threads_;
  runtime::Time started_;
  runtime::Flag draining_;
  bool is_drain_cut_short_ = false;  // by a second signal
  std::size_t shards_running_ = 0;
  std::uint64_t undelivered_ = 0;  // answers that were discarded at the end of the drain
};

}  // namespace pillion::app
