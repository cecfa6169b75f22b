#pragma once
// The connections of one shard to one server.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/loop.hpp"
#include "upstream/connection.hpp"
#include "upstream/health.hpp"

namespace pillion::upstream {

struct PoolSettings {
  bool encrypted = true;
  bool is_fallback = false;  ///< True if it is asked only what another pool could not get in full: it does not say
                             ///< whether the server is up
  std::size_t max_connections = 4;
  std::size_t max_waiting = 8192;  ///< queries that wait for a connection
  /// A connection that the server closed is opened anew at once, before there is a query, if one was sent in so long.
  std::chrono::milliseconds warm_for{60'000};
};

/// Keeps a connection warm, opens more only when those it has are full, replaces them before they are retired, and
/// carries queries over from a connection that ended to the next. Knows the server's health.
class Pool final : public ConnectionEvents, public Carrier, runtime::Deadline {
 public:
  using MakeConnection = std::function<std::unique_ptr<Connection>(ConnectionEvents&)>;

  /// `upstream` and `server` are for the log. `make` is called for each new connection.
  Pool(runtime::Loop& loop, std::string upstream, std::string server, ServerMetrics& metrics,
       const PoolSettings& settings, MakeConnection make);
  ~Pool() override = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Opens the first connection.
  void start();
  /// Takes a query, or says at once why the server cannot be asked now. An accepted query ends by replied(), failed()
  /// or abandon().
  [[nodiscard]] std::optional<Error> submit(Query& query, runtime::Time now);
  /// Of a query that waits for a connection.
  void abandon(Query& query) override;
  /// Closes every connection, in an orderly way where no query is under way on it, and opens no more. Over when
  /// empty().
  void stop();
  [[nodiscard]] bool empty() const { return members_.empty(); }

  [[nodiscard]] const Health& health() const { return health_; }
  [[nodiscard]] const std::string& server() const { return server_; }
  /// Has any connection been ready since the start, or failed?
  [[nodiscard]] bool tried() const { return tried_; }

 private:
  struct Member {
    std::unique_ptr<Connection> connection;
    std::uint64_t sent = 0;
    runtime::Time last_reply;
    std::optional<runtime::Time> used_up;  // since when it has been sent as many queries as the server answers
    bool ended = false;                    // closed(), not yet gone()
    bool replaced = false;                 // retire it when another is ready
  };

  void ready(Connection& connection, const Handshake& handshake) override;
  void received(Connection& connection, const Mux::Received& received) override;
  void ignored(Connection& connection, Error error) override;
  void answered_probe(Connection& connection) override;
  void needs_single_records(Connection& connection) override;
  void wears_out(Connection& connection) override;
  void closed(Connection& connection, std::optional<Error> error, std::string detail,
              std::vector<Query*> lost) override;
  void gone(Connection& connection) override;
  void expired(runtime::Time now) override;

  [[nodiscard]] Member& member(const Connection& connection);
  [[nodiscard]] Member* with_room(runtime::Time now);
  void note_groups(const Handshake& handshake);
  void send(Member& member, Query& query, runtime::Time now);
  void drain_waiting(runtime::Time now);
  [[nodiscard]] runtime::Time quota_doubted_at(const Member& used) const;
  void watch_quota();
  void open_as_needed(runtime::Time now);
  void open();
  void learn_quota(const Member& member, std::size_t lost, runtime::Time now);
  void heard(Connection& connection, runtime::Time now);
  void recovered();
  void server_failed(Error error, const std::string& detail, runtime::Time now);
  void carry_over(const std::vector<Query*>& lost, bool fruitless);
  void give_back(const std::vector<Query*>& lost, Error error);
  void publish();
  void publish_up();

  runtime::Loop& loop_;
  std::string upstream_;
  std::string server_;
  ServerMetrics& metrics_;
  PoolSettings settings_;
  MakeConnection make_;
  Health health_;
  std::vector<Member> members_;
  std::deque<Query*> waiting_;
  /// How many answers the server gives on one connection before it closes it, where that is few (see learn_quota).
  std::optional<std::uint64_t> quota_;
  /// Until then queries are written one by one (see needs_single_records).
  runtime::Time singly_until_ = runtime::Time::min();
  unsigned fruitless_closes_ = 0;  // connections in a row that ended without an answer
  runtime::Time last_sent_ = runtime::Time::min();
  std::optional<Error> reported_;  // the failure that the log has
  bool fell_back_ = false;         // as the newest handshake did
  bool tried_ = false;
  bool was_ready_ = false;  // any connection, ever
  bool stopping_ = false;
};

}  // namespace pillion::upstream
