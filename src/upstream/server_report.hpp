#pragma once
// What a pool says of its server: to the log, and in numbers.

#include <optional>
#include <string>

#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "upstream/connection.hpp"
#include "upstream/metrics.hpp"
#include "upstream/server_facts.hpp"

namespace pillion::upstream {

/// Says each thing once: the first connection, a failure with its reason, that the server answers again.
class ServerReport {
 public:
  /// `upstream` and `server` are the names for people. `says_up`: pillion_upstream_up is this pool's to set.
  ServerReport(runtime::Log& log, ServerMetrics& metrics, std::string upstream, std::string server, bool says_up)
      : log_(log), metrics_(metrics), upstream_(std::move(upstream)), server_(std::move(server)) {
    if (says_up) up_.emplace(metrics.up, 1);
  }

  [[nodiscard]] ServerMetrics& metrics() { return metrics_; }
  [[nodiscard]] const std::string& server() const { return server_; }

  void connected(const Handshake& handshake, runtime::Time now);
  void count_failure(Error error, runtime::Time now);
  void replied(const Reply& reply);
  /// The server is backed off from.
  void failed(Error error, const std::string& detail, runtime::Time now);
  void answers_again();
  void edns_turned_off();

  /// nullopt without TLS, and before the first.
  [[nodiscard]] const std::optional<LastHandshake>& last_handshake() const { return last_handshake_; }
  /// nullopt before the first.
  [[nodiscard]] const std::optional<LastFailure>& last_failure() const { return last_failure_; }

 private:
  void set_up(bool up) {
    if (up_) up_->set(up ? 1 : 0);
  }
  void note_groups(const Handshake& handshake);

  runtime::Log& log_;
  ServerMetrics& metrics_;
  std::string upstream_;
  std::string server_;
  std::optional<runtime::NewestGauge::Setter> up_;  // nullopt: that is another pool's to say
  std::optional<Error> reported_;                   // the failure that the log has
  bool fell_back_ = false;                          // as the newest handshake did
  bool was_connected_ = false;                      // any connection, ever
  std::optional<LastHandshake> last_handshake_;
  std::optional<LastFailure> last_failure_;
};

}  // namespace pillion::upstream
