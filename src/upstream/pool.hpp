#pragma once
// The connections of one shard to one server. Pure: a Schedule provides the time, and a factory the connections.

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "runtime/metrics.hpp"
#include "runtime/schedule.hpp"
#include "upstream/channel.hpp"
#include "upstream/connection.hpp"
#include "upstream/members.hpp"
#include "upstream/quarantine.hpp"
#include "upstream/server_profile.hpp"
#include "upstream/server_report.hpp"

namespace pillion::upstream {

struct PoolSettings {
  config::Protocol protocol = config::Protocol::tls;
  /// The most connections that take queries or soon will; draining ones do not count.
  std::size_t max_connections = 4;
  /// Queries in flight on each connection before another is opened. Beyond it queries are still sent, since names that
  /// nobody answers must not keep others waiting.
  std::size_t usual_in_flight = default_usual_in_flight;
  std::size_t max_handshakes = 2;  ///< the most handshakes at once
  std::size_t max_lanes = 2;       ///< the most connections for suspects (Quarantine), in addition
  /// The most queries that wait for a connection: as many as clients may have in flight. A client's share of that
  /// limits how many of them are its own.
  std::size_t max_waiting = 16'384;
  /// If a query was sent within this time, a connection that was closed is opened again at once.
  std::chrono::milliseconds warm_for{60'000};
};

/// What a pool needs from its surroundings, which must outlive it.
struct PoolContext {
  runtime::Schedule& schedule;
  runtime::Log& log;
  std::function<double()> random;  ///< uniform in [0, 1)
};

/// Keeps a connection open, opens more only if the present ones are full, replaces them before they are retired, and
/// sends the queries of a connection that ended on another one. Decides whether the server is up.
class Pool final : public Channel, public ConnectionEvents, public QueryHolder, runtime::Deadline {
 public:
  using MakeConnection = std::function<std::unique_ptr<Connection>(ConnectionEvents&, ServerProfile&)>;

  /// `make` is called for each new connection.
  Pool(PoolContext context, ServerReport report, ServerProfile profile, const PoolSettings& settings,
       MakeConnection make);
  ~Pool() override = default;

  /// Takes over what another pool has learned about the same server. Called before start().
  void inherit(const ServerProfile& known) { profile_.inherit(known); }
  void start() override;
  [[nodiscard]] std::optional<Error> submit(Query& query, runtime::Time now) override;
  /// Abandons a query that waits for a connection.
  void abandon(Query& query) override;
  void stop() override;
  [[nodiscard]] bool empty() const override { return members_.empty(); }
  [[nodiscard]] const ServerProfile& profile() const override { return profile_; }
  [[nodiscard]] const std::string& server() const override { return report_.server(); }
  [[nodiscard]] bool tried() const override { return tried_; }
  [[nodiscard]] ServerMetrics& metrics() override { return report_.metrics(); }
  void count_failure(Error error, runtime::Time now) override { report_.count_failure(error, now); }
  [[nodiscard]] ServerFacts facts(runtime::Time now) const override;
  void on_recovery(std::function<void()> listener) override { on_recovery_ = std::move(listener); }

  [[nodiscard]] const Health& health() const { return profile_.health(); }

 private:
  void ready(Connection& connection, const Handshake& handshake) override;
  void received(Connection& connection, const Mux::Received& received) override;
  void ignored(Connection& connection, Error error) override;
  void answered_probe(Connection& connection) override;
  void fell_silent(Connection& connection) override;
  void needs_single_records(Connection& connection) override;
  void needs_replacement(Connection& connection) override;
  void unsendable(Connection& connection, Query& query) override;
  void closed(Connection& connection, std::optional<Error> error, std::string detail,
              std::vector<Query*> lost) override;
  void gone(Connection& connection) override;
  void expired(runtime::Time now) override;
  void wake(runtime::Time now);

  [[nodiscard]] runtime::Time now() { return context_.schedule.clock().now(); }
  /// After this many connections in a row that ended without any answer, the server may be at fault instead of the
  /// queries: it must answer a probe first.
  static constexpr unsigned unanswered_to_doubt = 3;
  [[nodiscard]] bool is_in_doubt() const { return unanswered_in_a_row_ >= unanswered_to_doubt; }
  /// The interval at which a question is copied for probes, since copying each would cost too much.
  static constexpr std::chrono::milliseconds learn_every{100};
  [[nodiscard]] Health& health() { return profile_.health(); }

  // Sending.
  void send(Member& member, Query& query, runtime::Time now);
  void send_waiting(runtime::Time now);
  void send_suspects(runtime::Time now);
  void try_late(runtime::Time now);
  [[nodiscard]] bool is_trial(runtime::Time now) const;
  [[nodiscard]] Error refuse(const Query& query, Error error) const;
  void note_wait(const Query& query, bool is_suspect, runtime::Time now) const;
  [[nodiscard]] bool retry_without_edns(Query& query, const Reply& reply, runtime::Time now);
  void serve();
  // Opening.
  void open_as_needed(runtime::Time now);
  void open(std::optional<Quarantine::Lane> lane = {});
  void open_beside();
  void keep_warm(runtime::Time now, bool had_answers);
  void try_again_soon();
  void wake_at(runtime::Time time);
  // Reactions to answers and to the end of a connection.
  void heard(Member& member, runtime::Time now);
  void learn_question(const Query& query, const Reply& reply, runtime::Time now);
  [[nodiscard]] std::optional<Error> verdict(const Member& ended, std::optional<Error> error,
                                             const std::vector<Query*>& lost);
  void retire_unheard(runtime::Time now);
  void server_failed(Error error, const std::string& detail, const std::vector<Query*>& lost, runtime::Time now);
  void carry_over(const Member& ended, const std::vector<Query*>& lost, std::optional<Error> error,
                  const std::string& detail);
  void release_suspects();
  void put_back(const std::vector<Query*>& lost);
  void note_ending(const Query& query, std::optional<Error> error, const std::string& detail, bool is_sent_again) const;
  void give_back(const std::vector<Query*>& lost, Error error, const std::string& detail);
  static void fail(const std::vector<Query*>& queries, Error error);
  void retire_replaced();
  void publish();

  PoolContext context_;
  ServerReport report_;
  runtime::GaugePart in_flight_{report_.metrics().in_flight};
  // Pools of two generations may ask the same server at once.
  runtime::EnumArray<ConnectionLabel, runtime::GaugePart> connections_{
      runtime::GaugePart(report_.metrics().connections[ConnectionLabel::connecting]),
      runtime::GaugePart(report_.metrics().connections[ConnectionLabel::ready]),
      runtime::GaugePart(report_.metrics().connections[ConnectionLabel::draining])};
  ServerProfile profile_;
  PoolSettings settings_;
  MakeConnection make_;
  std::function<void()> on_recovery_;
  Members members_;
  std::deque<Query*> waiting_;
  Quarantine quarantine_;
  unsigned unanswered_in_a_row_ = 0;  // connections in a row that ended with queries and without any answer
  std::optional<runtime::Time> last_sent_;
  runtime::Time learn_at_ = runtime::Time::min();
  std::string last_detail_;  // detail of the server's last failure
  bool tried_ = false;
  bool stopping_ = false;
};

}  // namespace pillion::upstream
