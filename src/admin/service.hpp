#pragma once
// The site of the admin server: the state of the running proxy under /api/v1, as http/openapi.json describes it, and
// some changes. Everything runs on the HTTP thread. The service asks the shards for what only they know.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "admin/json.hpp"
#include "admin/live_feed.hpp"
#include "admin/server_json.hpp"
#include "admin/shard_questions.hpp"
#include "admin/status_json.hpp"
#include "config/config.hpp"
#include "http/request.hpp"
#include "runtime/log.hpp"
#include "telemetry/exporter.hpp"

namespace pillion::admin {

/// The number of reloads, and the outcome of the last one.
struct ReloadCounts {
  std::uint64_t started = 0;
  std::uint64_t finished = 0;  ///< at most `started`
  bool succeeded = false;      ///< True if the last finished reload took effect
  std::string text;            ///< the messages of the last finished reload, in lines
};

/// What the service needs of the program. Called on the HTTP thread.
struct AdminHooks {
  std::function<const telemetry::Sources&()> sources;
  std::function<ProcessState()> state;
  /// False if the loop of a shard has not turned in time.
  std::function<bool()> loops_turn;
  std::function<ListenView()> listen;
  /// False if no reloader runs.
  std::function<bool()> request_reload;
  /// nullopt if the counts cannot be read at this moment.
  std::function<std::optional<ReloadCounts>()> reloads;
  /// Begins the drain, after which the process ends. No effect if it has begun.
  std::function<void()> drain;
  std::function<runtime::LogLevel()> log_level;
  std::function<void(runtime::LogLevel)> set_log_level;
};

/// The configuration in use.
struct ConfigView {
  std::shared_ptr<const config::Config> config;
  std::vector<TlsView> tls;  ///< of the upstreams with TLS
};

class AdminService {
 public:
  /// `io` must be the loop of the HTTP thread. It and `log` must outlive the service.
  AdminService(boost::asio::io_context& io, runtime::Log& log, std::vector<PostToShard> shards, AdminHooks hooks,
               ConfigView config);
  AdminService(const AdminService&) = delete;
  AdminService& operator=(const AdminService&) = delete;

  /// The site. Its handlers refer to this object.
  [[nodiscard]] http::Site site();
  /// Sets the path of the configuration; empty if the defaults are in use. Called before the server runs.
  void set_file(std::string file) { file_ = std::move(file); }
  /// Called after a reload.
  void replace(ConfigView config) { config_ = std::move(config); }
  /// Keeps the readings that the verdict needs, until stop().
  [[nodiscard]] boost::asio::awaitable<void> remember() { return feed_.remember(); }
  /// Ends every wait.
  void stop() { questions_.stop(); }

 private:
  using Response = boost::asio::awaitable<http::HttpResponse>;
  using Request = http::RequestContext;

  void add_reads(http::Site& site);
  void add_changes(http::Site& site);

  [[nodiscard]] boost::asio::awaitable<ServerViews> ask_servers();
  [[nodiscard]] const std::string& sbom_digest();
  [[nodiscard]] Figures figures(const Moment& moment) const { return read_figures(hooks_.sources(), moment.now()); }

  [[nodiscard]] Response status(const Request& request);
  [[nodiscard]] Response upstreams(const Request& request);
  [[nodiscard]] Response connections(const Request& request);
  [[nodiscard]] Response certificates(const Request& request);
  [[nodiscard]] Response cache(const Request& request);
  [[nodiscard]] Response cache_lookup(const Request& request);
  [[nodiscard]] Response resolve(const Request& request);
  [[nodiscard]] Response config(const Request& request);
  [[nodiscard]] Response clients(const Request& request);
  [[nodiscard]] Response recent(const Request& request);
  [[nodiscard]] Response events(const Request& request);

  [[nodiscard]] Response flush_cache(const Request& request);
  [[nodiscard]] Response log_level(const Request& request);
  [[nodiscard]] Response reload(const Request& request);
  [[nodiscard]] Response drain(const Request& request);

  AdminHooks hooks_;
  ConfigView config_;
  std::string file_;
  std::optional<std::string> sbom_;
  Moment started_;
  ShardQuestions questions_;
  LiveFeed feed_;
};

}  // namespace pillion::admin
