#pragma once
// Reports a pool's server to the log and the metrics.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "upstream/connection.hpp"
#include "upstream/metrics.hpp"
#include "upstream/server_facts.hpp"

namespace pillion::upstream {

/// Logs each change once: the first connection, a failure with its reason, that the server answers again. A failure
/// that goes on is logged once a minute, so that the newest lines of the log show it.
class ServerReport {
 public:
  /// How long after a line about a failure the next line about the same one may follow.
  static constexpr std::chrono::seconds repeated_after{60};

  /// `upstream` and `server` are the names for people. `says_up` is true if this pool sets pillion_upstream_up.
  ServerReport(runtime::Log& log, ServerMetrics& metrics, std::string upstream, std::string server, bool says_up)
      : log_(log), metrics_(metrics), upstream_(std::move(upstream)), server_(std::move(server)) {
    if (says_up) up_.emplace(metrics.up, 1);
  }

  [[nodiscard]] ServerMetrics& metrics() { return metrics_; }
  [[nodiscard]] const std::string& server() const { return server_; }

  void connected(const Handshake& handshake, runtime::Time now);
  void count_failure(Error error, runtime::Time now);
  void replied(const Reply& reply);
  /// The server has failed and is backed off from.
  void failed(Error error, const std::string& detail, runtime::Time now);
  void answers_again();
  void edns_turned_off();

  /// nullopt without TLS, and before the first handshake.
  [[nodiscard]] const std::optional<LastHandshake>& last_handshake() const { return last_handshake_; }
  /// nullopt before the first failure.
  [[nodiscard]] const std::optional<LastFailure>& last_failure() const { return last_failure_; }

 private:
  void set_up(bool up) {
    if (up_) up_->set(up ? 1 : 0);
  }
  void note_groups(const Handshake& handshake);
  void log_failure(Error error, const std::string& detail, runtime::Time now);

  /// The failure that was logged last.
  struct ReportedFailure {
    Error error;
    runtime::Time logged_at;
    std::uint64_t repetitions;  // since that line
  };

  runtime::Log& log_;
  ServerMetrics& metrics_;
  std::string upstream_;
  std::string server_;
  std::optional<runtime::NewestGauge::Setter> up_;  // nullopt if another pool sets the gauge
  std::optional<ReportedFailure> reported_;         // nullopt if the server has answered since
  bool fell_back_ = false;                          // True if the newest handshake left the post-quantum groups out
  bool was_connected_ = false;                      // True if any connection has ever been ready
  std::optional<LastHandshake> last_handshake_;
  std::optional<LastFailure> last_failure_;
};

}  // namespace pillion::upstream
