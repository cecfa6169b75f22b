#pragma once
// Reads the configuration again when it is told to, or when a file has changed, proves it, and has it applied: on a
// thread of its own, since files, certificates and handshakes take longer than a query may wait.

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

/// What the reloader asks of the program. Called on the reloader's thread.
struct ReloadHooks {
  /// Puts a plan in use, and returns what is listened on then; the error is why it could not be. Returns early where
  /// `cancelled` becomes true.
  std::function<std::expected<ListenAddresses, std::string>(const std::shared_ptr<const Plan>& plan,
                                                            const std::atomic<bool>& cancelled)>
      apply;
  /// True if a server of this upstream, of the plan in use, can be asked as far as is known.
  std::function<bool(std::string_view upstream)> is_reachable;
};

class Reloader final : runtime::Deadline {
 public:
  /// New encrypted upstreams have so long to complete a handshake.
  static constexpr std::chrono::seconds proof_patience{5};
  /// A configuration that was refused for a handshake is tried again after so long, then after twice that, …: the
  /// server may not have been there for a moment, and nothing else would bring the configuration in.
  static constexpr std::chrono::seconds first_retry{30};
  static constexpr std::chrono::seconds last_retry{600};

  /// `file` is the configuration's; empty for the defaults. `loaded` and `plan` are what is in use. `outcome` is the
  /// descriptor of a ReloadOutcome that was inherited; -1: there is none. `log` and `reloads` outlive this.
  Reloader(std::filesystem::path file, const config::Loaded& loaded, std::shared_ptr<const Plan> plan, int outcome,
           runtime::Log& log, telemetry::Sources::Reloads& reloads, ReloadHooks hooks);
  /// Waits for the thread; what it does is cancelled.
  ~Reloader() override;
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  /// Once, when SIGHUP has been caught and `listening` are bound, which other processes find from then on. Begins to
  /// watch the files. Throws std::system_error.
  void start(const ListenAddresses& listening);
  /// Thread-safe, after start(). What has become of reloads; nullopt where that cannot be read at this moment.
  [[nodiscard]] std::optional<ReloadReport> report() const { return read_reload_report(outcome_->descriptor()); }
  /// Thread-safe. Reads the configuration soon; requests that come until then are one. `trigger` is for the log.
  void request(std::string_view trigger);

 private:
  /// What came of reading the configuration again: nothing where it was as before.
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
  config::Config read_;  // what the plan in use was made from, as it was read
  std::shared_ptr<const Plan> plan_;
  runtime::Log& log_;
  telemetry::Sources::Reloads& reloads_;
  ReloadHooks hooks_;
  std::chrono::system_clock::time_point read_at_;
  std::optional<config::Fingerprint> own_fingerprint_;  // of the configuration's file, as it was read then
  std::vector<std::filesystem::path> files_;            // that the configuration in use names, or a refused one does
  std::string difference_;                              // of what was read last and what is in use
  int inherited_outcome_;
  std::optional<ReloadOutcome> outcome_;
  bool lacks_proof_ = false;  // that is what the last one was refused for
  std::chrono::seconds retry_after_ = first_retry;
  runtime::Loop loop_{log_};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keeps_running_{loop_.io().get_executor()};
  FileWatch watch_;
  std::atomic<bool> is_requested_{false};
  std::atomic<bool> cancelled_{false};
  std::thread thread_;
};

}  // namespace pillion::app
