#pragma once
// Carries out the decisions of the client table, and counts and logs them.

#include <cstdint>
#include <deque>
#include <expected>

#include "config/config.hpp"
#include "runtime/log.hpp"
#include "runtime/log_limiter.hpp"
#include "runtime/schedule.hpp"
#include "server/clients.hpp"
#include "server/metrics.hpp"

namespace pillion::server {

/// One for each shard. It must outlive the connections that it knows.
class ClientAdmission final : runtime::Deadline {
 public:
  /// The log has at most one line for a client's invalid messages in this time.
  static constexpr std::chrono::seconds log_interval{10};

  /// As ClientTable of `seed` and `process`.
  ClientAdmission(runtime::Schedule& schedule, runtime::Log& log, const ClientTable::Limits& limits, std::uint64_t seed,
                  DnsMetrics& metrics, SharedLimits* process = nullptr);

  /// Applies the settings from now on. Present bans last as long as they would have; without bans, all of them end.
  void configure(const config::Clients& settings);

  /// False if a connection from this address must be closed at once. May close an idle connection to make room.
  [[nodiscard]] bool admit_connection(const ClientAddress& address);
  void add_connection(ClientConnection& connection, const ClientAddress& address);
  void remove_connection(ClientConnection& connection);
  /// The connection was active.
  void note_activity(ClientConnection& connection) { table_.note_activity(connection, now()); }

  /// False if a datagram from this address must be dropped.
  [[nodiscard]] bool admit_datagram(const ClientAddress& address) {
    return table_.banned() == 0 || !drop_if_banned(address);
  }

  /// Takes a place among the queries in flight, which give_back() returns. `connection` is nullptr for a datagram.
  [[nodiscard]] std::expected<ClientRecord*, Refusal> take_place(const ClientConnection* connection,
                                                                 const ClientAddress& address);
  void give_back(ClientRecord& client);

  /// Counts and logs an invalid message, and bans the client if it was one too many. The caller must close
  /// `connection`, over which the message came; it is nullptr for a datagram.
  void count_invalid(dns::QueryError error, const ClientConnection* connection, const ClientAddress& address);

  /// Applies bans that other shards have begun, and closes the connections of these clients. Bans that are known or
  /// over change nothing.
  void adopt(const std::deque<Ban>& bans);

  [[nodiscard]] const ClientTable& table() const { return table_; }

 private:
  void expired(runtime::Time now) override;
  [[nodiscard]] runtime::Time now() { return schedule_.clock().now(); }
  [[nodiscard]] ClientRecord& client_of(const ClientConnection* connection, const ClientAddress& address);
  [[nodiscard]] bool drop_if_banned(const ClientAddress& address);
  void count_refusal(ClientRecord& client, Refusal refusal);
  void log_invalid(ClientRecord& client, dns::QueryError error, Transport transport);
  void begin_ban(ClientRecord& client, const ClientConnection* spared);
  static void cut_off(ClientRecord& client, const ClientConnection* spared);
  void end_bans();
  void update_gauges();

  runtime::Schedule& schedule_;
  runtime::Log& log_;
  DnsMetrics& metrics_;
  ClientTable table_;
  runtime::LogAllowance invalid_lines_;
  runtime::LogAllowance ban_lines_;
  runtime::LogAllowance ban_end_lines_;
};

}  // namespace pillion::server
