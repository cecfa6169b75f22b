#pragma once
// Reads the configuration again on request, or when a file has changed, tests it, and has it applied. It has its own
// thread, since files, certificates and handshakes take longer than a query may wait.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "app/file_watch.hpp"
#include "app/listen_addresses.hpp"
#include "app/plan.hpp"
#include "app/reload_outcome.hpp"
#include "config/load.hpp"
#include "runtime/log.hpp"
#include "runtime/loop.hpp"
#include "telemetry/exporter.hpp"

namespace pillion::app {

/// What the reloader needs from the program. Called on the reloader's thread.
struct ReloadHooks {
  /// Applies a plan and returns the addresses that are listened on then. The error says why it could not be applied.
  /// Returns early if `cancelled` becomes true.
  std::function<std::expected<ListenAddresses, std::string>(const std::shared_ptr<const Plan>& plan,
                                                            const std::atomic<bool>& cancelled)>
      apply;
  /// True if, as far as is known, a server of this upstream of the plan in use can be asked.
  std::function<bool(std::string_view upstream)> is_reachable;
};

class Reloader final : runtime::Deadline {
 public:
  /// How long new encrypted upstreams have to complete a handshake.
  static constexpr std::chrono::seconds proof_patience{5};
  /// A configuration that was refused because of a handshake is tried again after this, then after twice as long, and
  /// so on, since the server may only have been absent for a moment, and nothing else would apply the configuration.
  static constexpr std::chrono::seconds first_retry{30};
  static constexpr std::chrono::seconds last_retry{600};

  /// `file` is the configuration's path; empty for the defaults. `loaded` and `plan` are those in use. `outcome` is
  /// the inherited descriptor of a ReloadOutcome; -1: none. `log` and `reloads` must outlive this.
  Reloader(std::filesystem::path file, const config::Loaded& loaded, std::shared_ptr<const Plan> plan, int outcome,
           runtime::Log& log, telemetry::Sources::Reloads& reloads, ReloadHooks hooks);
  /// Cancels the current reload and joins the thread.
  ~Reloader() override;
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  /// Starts the thread and the watch of the files. Called once, when SIGHUP is handled and `listening` are bound;
  /// other processes find the addresses from then on. Throws std::system_error.
  void start(const ListenAddresses& listening);
  /// The state of the reloads, or nullopt if it cannot be read at this moment. Any thread may call this after start().
  [[nodiscard]] std::optional<ReloadReport> report() const { return read_reload_report(outcome_->descriptor()); }
  /// Requests a reload. Requests that come before it starts are joined. `trigger` is for the log. Any thread may call
  /// this.
  void request(std::string_view trigger);

 private:
  /// The result of a reload: `none` if the configuration has not changed.
  enum class Change : std::uint8_t { none, applied };
  using Faults = std::vector<std::string>;

  void reload(std::string_view trigger);
  void expired(runtime::Time now) override;
  void plan_retry();
  [[nodiscard]] std::expected<Change, Faults> attempt();
  [[nodiscard]] Faults prove(const Plan& next);
  void refuse(const Faults& faults, std::string_view trigger);
  void watch();

  std::filesystem::path file_;
  config::Config read_;  // the configuration in use as it was read
  std::shared_ptr<const Plan> plan_;
  runtime::Log& log_;
  telemetry::Sources::Reloads& reloads_;
  ReloadHooks hooks_;
  std::chrono::system_clock::time_point read_at_;
  std::optional<config::Fingerprint> own_fingerprint_;  // of the configuration file, as it was read then
  std::vector<std::filesystem::path> files_;  // the files that the configuration in use names, or a refused one
  std::string difference_;                    // between the configuration in use and the one read last
  int inherited_outcome_;
  std::optional<ReloadOutcome> outcome_;
  bool lacks_proof_ = false;  // True if the last configuration was refused because of a handshake
  std::chrono::seconds retry_after_ = first_retry;
  runtime::Loop loop_{log_};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keeps_running_{loop_.io().get_executor()};
  FileWatch watch_;
  std::atomic<bool> is_requested_{false};
  std::atomic<bool> cancelled_{false};
  std::thread thread_;
};

}  // namespace pillion::app
