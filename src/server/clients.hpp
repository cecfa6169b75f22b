#pragma once
// What each client, identified by its address or the prefix of it, holds and did, and whether it is banned. Decides
// which clients may have a connection and a place among the queries in flight. Pure: the caller passes the time.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "dns/query.hpp"
#include "runtime/clock.hpp"
#include "server/client_address.hpp"
#include "server/client_memory.hpp"
#include "server/client_transport.hpp"
#include "server/refusal.hpp"
#include "server/shared_limits.hpp"
#include "server/sliding_minute.hpp"

namespace pillion::server {

class ClientTable;
struct ClientRecord;

namespace hook {
using ByActivity = boost::intrusive::list_base_hook<boost::intrusive::tag<struct ActivityTag>,
                                                    boost::intrusive::link_mode<boost::intrusive::normal_link>>;
using ByActivityOfAll = boost::intrusive::list_base_hook<boost::intrusive::tag<struct ActivityOfAllTag>,
                                                         boost::intrusive::link_mode<boost::intrusive::normal_link>>;
using ByConnections = boost::intrusive::list_base_hook<boost::intrusive::tag<struct ConnectionsTag>,
                                                       boost::intrusive::link_mode<boost::intrusive::normal_link>>;
using ByUse = boost::intrusive::list_base_hook<boost::intrusive::tag<struct UseTag>,
                                               boost::intrusive::link_mode<boost::intrusive::normal_link>>;
template <typename T, typename Hook>
using List = boost::intrusive::list<T, boost::intrusive::base_hook<Hook>, boost::intrusive::constant_time_size<true>>;
}  // namespace hook

/// A TCP connection as the table sees it.
class ClientConnection : public hook::ByActivity, public hook::ByActivityOfAll {
 public:
  ClientConnection() = default;
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  /// Since when nothing was received or sent; nullopt while a query is in flight or output waits.
  [[nodiscard]] virtual std::optional<runtime::Time> idle_since() const = 0;
  /// Closes the idle connection to make room for another one.
  virtual void make_room() = 0;
  /// Closes the connection of a client that was banned.
  virtual void cut_off() = 0;

  /// The client's record, or nullptr if the table does not know the connection (any more).
  [[nodiscard]] ClientRecord* client() const { return client_; }

 protected:
  ~ClientConnection() = default;

 private:
  friend class ClientTable;
  ClientRecord* client_ = nullptr;
  runtime::Time listed_at_;  // at most active_for before the last activity
};

/// The facts of one client.
struct ClientFacts {
  ClientAddress address{};        ///< as identity_of() makes it
  unsigned bits = whole_address;  ///< of the address, which identify the client
  std::uint32_t connections = 0;
  std::uint32_t in_flight = 0;                                   ///< queries of all its connections and datagrams
  runtime::EnumArray<dns::QueryError, std::uint32_t> invalid{};  ///< messages; each stops at its maximum
  std::uint64_t refused = 0;                                     ///< refused connections, queries and datagrams
  std::uint64_t score = 0;                                       ///< invalid messages over TCP in the last minute
  runtime::Time last_seen;                                       ///< its last event that the table knows of
  std::optional<runtime::Time> banned_until;
};

/// The record of a client in the table.
struct ClientRecord : hook::ByConnections, hook::ByUse {
  ClientFacts facts;
  SlidingMinute invalid_over_tcp;
  hook::List<ClientConnection, hook::ByActivity> connections;  ///< the one that was quiet for the longest comes first
  /// The list that the record is in.
  enum class Use : std::uint8_t { held, quiet, quiet_unproven, banned } use = Use::held;
  bool banned_elsewhere = false;  ///< True if another shard began the present or last ban
  bool proven = false;          ///< True if the client has completed a TCP handshake, so that its address is not forged
  AddressMemory memory;         ///< what the sessions of its connections hold; ClientMemory keeps it
  std::size_t query_bytes = 0;  ///< of the memory for queries, for its queries in flight; QueryHandler keeps it
  // Notes for the log; the code that writes the log sets them.
  std::uint64_t dropped_by_ban = 0;  ///< connections and datagrams dropped in the present ban
  std::uint64_t unreported = 0;      ///< invalid messages since the last log line about this client
  std::optional<runtime::Time> last_reported;
};

/// The clients of one shard. Records of clients that hold a connection or a query in flight, or that are banned, are
/// never forgotten. A limited number of other records is kept, and the one that was quiet for the longest is forgotten
/// first. Clients of which only datagrams were seen have their own limit, so that forged addresses displace nobody
/// else. All operations take constant time, but for a search among 256 connections where a newcomer finds no room, and
/// one among the present bans where a later ban ends before an earlier one.
class ClientTable {
 public:
  struct Limits {
    std::size_t connections = 4096;
    /// Of all shards. Shards that accept connections of one client at the same moment may exceed it by one each.
    std::size_t connections_per_client = 1024;
    std::size_t in_flight = 16'384;
    std::uint32_t ban_after = 0;  ///< invalid messages over TCP in a minute; 0: no bans
    runtime::Duration ban_for = std::chrono::minutes(1);
    unsigned ipv6_prefix = whole_address;  ///< as identifying_bits() takes it
  };
  /// The most records of clients that hold nothing; one such limit each for clients that have completed a TCP
  /// handshake and for those that have not.
  static constexpr std::size_t max_quiet = 1024;
  /// The most bans at once. One more ends the one that ends next.
  static constexpr std::size_t max_banned = 1024;
  /// A client holds at most this many times what is still free. Alone it gets three quarters, which leaves room for
  /// others. Its connections are counted for all shards. Of the free places among the queries in flight, each shard
  /// looks at its equal part, so that a query needs no lock.
  static constexpr std::size_t share = 3;
  /// A connection that holds more than this part of what is still free is not read from. All connections of a client
  /// together may hold `connections_share` times as much. That is less than the client may hold, so that its datagrams
  /// find places too.
  static constexpr std::size_t connection_share = 4;
  static constexpr std::size_t connections_share = 2;
  /// A connection that was active within this time is not closed to make room. Also the interval at which an active
  /// connection is moved to the end of its list.
  static constexpr std::chrono::seconds active_for{1};

  /// `seed` must be unpredictable. `process` has what all shards count together, or is nullptr if there is one shard.
  ClientTable(const Limits& limits, std::uint64_t seed, SharedLimits* process = nullptr)
      : limits_(limits), process_(process), records_(0, HashAddress{seed}) {}
  ClientTable(const ClientTable&) = delete;
  ClientTable& operator=(const ClientTable&) = delete;

  /// The decision on a new connection.
  struct Arrival {
    std::optional<Refusal> refusal;         ///< why it must be closed; nullopt: it is admitted
    ClientConnection* in_favour = nullptr;  ///< the idle connection to close in its favour, or nullptr
  };
  [[nodiscard]] Arrival judge_connection(const ClientAddress& address, runtime::Time now);
  /// Adds a connection regardless of the limits. remove_connection() must be called before it is destroyed.
  void add_connection(ClientConnection& connection, const ClientAddress& address, runtime::Time now);
  void remove_connection(ClientConnection& connection, runtime::Time now);
  /// The connection was active. May be called often: it does something at most once in active_for.
  void note_activity(ClientConnection& connection, runtime::Time now) {
    if (now - connection.listed_at_ >= active_for) list_anew(connection, now);
  }

  /// The record of a client that was heard over `transport`; makes one if there is none. The reference is valid until
  /// another client's record is made, or longer if this client holds something by then.
  [[nodiscard]] ClientRecord& record_of(const ClientAddress& address, Transport transport, runtime::Time now);
  /// Takes a place among the queries in flight, which give_back() returns. Returns the reason if there is none, else
  /// nullopt.
  [[nodiscard]] std::optional<Refusal> take_place(ClientRecord& client, runtime::Time now);
  void give_back(ClientRecord& client, runtime::Time now);
  /// False if a connection with `in_flight` queries in flight must wait for an answer before its next query is
  /// handled. True if it has none in flight.
  [[nodiscard]] bool may_go_on(const ClientConnection& connection, std::size_t in_flight) const;

  /// Counts an invalid message. True if the client was banned for it. Only messages over TCP lead to a ban, since the
  /// sender of a datagram may be forged. A loopback address is never banned, since all containers of a pod share it.
  [[nodiscard]] bool count_invalid(ClientRecord& client, dns::QueryError error, Transport transport, runtime::Time now);
  /// Begins a ban that another shard has begun. Returns the client's record; nullptr if the ban is over, there are no
  /// bans any more or the client is banned already.
  [[nodiscard]] ClientRecord* adopt(const Ban& ban, runtime::Time now);
  /// Counts a refusal.
  static void count_refusal(ClientRecord& client) { ++client.facts.refused; }
  /// The client's record if it is banned, else nullptr.
  [[nodiscard]] ClientRecord* find_banned(const ClientAddress& address);
  /// Ends one ban that is over or exceeds the limit, or any if there are no bans any more. Returns its record, which is
  /// valid until the next call; nullptr if there is none.
  [[nodiscard]] ClientRecord* end_ban(runtime::Time now);
  /// When the next ban ends, or nullopt if there is none.
  [[nodiscard]] std::optional<runtime::Time> next_ban_end() const;

  /// Sets what leads to a ban from now on, and how long such a ban lasts. Present bans end when they would have ended;
  /// where `ban_after` is 0 end_ban() ends them.
  void configure(std::uint32_t ban_after, runtime::Duration ban_for) {
    limits_.ban_after = ban_after;
    limits_.ban_for = ban_for;
  }
  [[nodiscard]] const Limits& limits() const { return limits_; }
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  [[nodiscard]] std::size_t banned() const { return banned_.size(); }
  /// The present bans that no other shard has begun, so that the sum over the shards counts each once.
  [[nodiscard]] std::size_t banned_here() const { return banned_.size() - banned_elsewhere_; }
  [[nodiscard]] std::size_t connections() const { return connections_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  /// The client's record, or nullptr if the client is unknown.
  [[nodiscard]] const ClientRecord* find(const ClientAddress& address) const;
  /// All clients, ordered by address.
  [[nodiscard]] std::vector<ClientFacts> snapshot(runtime::Time now) const;

 private:
  using ByUseList = hook::List<ClientRecord, hook::ByUse>;
  using ByConnectionsList = hook::List<ClientRecord, hook::ByConnections>;

  [[nodiscard]] ClientAddress identity_of(const ClientAddress& address) const {
    return server::identity_of(address, limits_.ipv6_prefix);
  }
  [[nodiscard]] ByUseList* list_of(ClientRecord::Use use);
  void seen(ClientRecord& client, runtime::Time now);
  void ban(ClientRecord& client, runtime::Time until, runtime::Time now);
  [[nodiscard]] std::size_t connections_of(const ClientRecord& client) const;
  [[nodiscard]] std::size_t free_places() const;
  [[nodiscard]] bool is_one_too_many(ClientRecord& client, runtime::Time now);
  void count_connections(ClientRecord& client, std::uint32_t count);
  void list_anew(ClientConnection& connection, runtime::Time now);
  [[nodiscard]] ClientConnection* idle_connection_of(ClientRecord& client, runtime::Time now);
  [[nodiscard]] ClientConnection* idle_connection_of_largest(runtime::Time now);
  [[nodiscard]] ClientConnection* idle_connection_of_anyone(runtime::Time now);
  template <typename List>
  [[nodiscard]] ClientConnection* first_idle(List& connections, std::size_t most, runtime::Time now);
  void list_by_ban_end(ClientRecord& client);

  Limits limits_;
  SharedLimits* process_;
  std::unordered_map<ClientAddress, ClientRecord, HashAddress> records_;
  ByUseList quiet_;  // the one that was quiet for the longest comes first
  ByUseList quiet_unproven_;
  ByUseList banned_;  // the one whose ban ends next comes first
  // Clients by their number of connections, from 1 on. The deque grows up to the largest number ever, and its lists
  // never move.
  std::deque<ByConnectionsList> by_connections_;
  hook::List<ClientConnection, hook::ByActivityOfAll>
      by_activity_;                   // the one that was quiet for the longest comes first
  std::size_t most_connections_ = 0;  // of any one client
  std::size_t banned_elsewhere_ = 0;
  std::size_t connections_ = 0;
  std::size_t in_flight_ = 0;
};

}  // namespace pillion::server
