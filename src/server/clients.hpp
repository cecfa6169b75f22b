#pragma once
// What is known of each client, by its address: what it holds, what it did, whether it is banned. Decides who may have
// a connection and a place among the queries in flight. Pure: time comes in as an argument.

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
#include "server/metrics.hpp"
#include "server/sliding_minute.hpp"

namespace pillion::server {

class ClientTable;
struct ClientRecord;

namespace hook {
using ByActivity = boost::intrusive::list_base_hook<boost::intrusive::tag<struct ActivityTag>,
                                                    boost::intrusive::link_mode<boost::intrusive::normal_link>>;
using ByConnections = boost::intrusive::list_base_hook<boost::intrusive::tag<struct ConnectionsTag>,
                                                       boost::intrusive::link_mode<boost::intrusive::normal_link>>;
using ByUse = boost::intrusive::list_base_hook<boost::intrusive::tag<struct UseTag>,
                                               boost::intrusive::link_mode<boost::intrusive::normal_link>>;
template <typename T, typename Hook>
using List = boost::intrusive::list<T, boost::intrusive::base_hook<Hook>, boost::intrusive::constant_time_size<true>>;
}  // namespace hook

/// A TCP connection as the table sees it.
class ClientConnection : public hook::ByActivity {
 public:
  ClientConnection() = default;
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  /// Since when nothing has come or gone; nullopt while a query is in flight or output waits.
  [[nodiscard]] virtual std::optional<runtime::Time> idle_since() const = 0;
  /// Closes an idle connection, in favour of another one.
  virtual void make_room() = 0;
  /// Closes the connection of a client that has been banned.
  virtual void cut_off() = 0;

  /// nullptr when the table does not know the connection (any more).
  [[nodiscard]] ClientRecord* client() const { return client_; }

 protected:
  ~ClientConnection() = default;

 private:
  friend class ClientTable;
  ClientRecord* client_ = nullptr;
  runtime::Time listed_at_;  // at most active_for before its last activity
};

/// What is known of one client.
struct ClientFacts {
  ClientAddress address{};
  std::uint32_t connections = 0;
  std::uint32_t in_flight = 0;                                   ///< queries, of all its connections and datagrams
  runtime::EnumArray<dns::QueryError, std::uint32_t> invalid{};  ///< messages; each stops at its maximum
  std::uint64_t refused = 0;                                     ///< connections, queries and datagrams
  std::uint64_t score = 0;                                       ///< invalid messages over TCP in the last minute
  runtime::Time last_seen;                                       ///< its last event that the table was told of
  std::optional<runtime::Time> banned_until;
};

/// A client's place in the table.
struct ClientRecord : hook::ByConnections, hook::ByUse {
  ClientFacts facts;
  SlidingMinute invalid_over_tcp;
  hook::List<ClientConnection, hook::ByActivity> connections;  ///< the one that was quiet for the longest first
  enum class Use : std::uint8_t { held, quiet, quiet_unproven, banned } use = Use::held;  ///< which list it is in
  bool proven = false;  ///< has completed a TCP handshake, so the address is not forged
  // Notes for the log, kept by whoever writes it.
  std::uint64_t dropped_by_ban = 0;  ///< connections and datagrams, in the present ban
  std::uint64_t unreported = 0;      ///< invalid messages since its last line in the log
  std::optional<runtime::Time> last_reported;
};

/// The table of one shard. A record that holds a connection or a query in flight is never forgotten, nor is one that is
/// banned. So many of the others are remembered that whoever comes back is known; the one that was quiet for the
/// longest is forgotten first. Those of which only datagrams were seen have places of their own: forged addresses push
/// out nobody else. All operations take constant time, whatever the number of clients.
class ClientTable {
 public:
  struct Limits {
    std::size_t connections = 4096;
    std::size_t connections_per_client = 1024;
    std::size_t in_flight = 16'384;
    std::uint32_t ban_after = 0;  ///< invalid messages over TCP in a minute; 0: no bans
    runtime::Duration ban_for = std::chrono::minutes(1);
  };
  /// Records that hold nothing, of clients that have and that have not completed a TCP handshake: so many of each.
  static constexpr std::size_t max_quiet = 1024;
  /// Bans at once; one more ends the oldest.
  static constexpr std::size_t max_banned = 1024;
  /// A client holds at most so many times what is still free: alone it gets three quarters, and leaves room for others.
  static constexpr std::size_t share = 3;
  /// A connection holds at most this part of what is still free before it is read no further, and all connections of a
  /// client so many times as much: less than the client may hold, so that its datagrams find places too.
  static constexpr std::size_t connection_share = 4;
  static constexpr std::size_t connections_share = 2;
  /// A connection that was active in this time makes no room for another. Also how often an active one is listed anew.
  static constexpr std::chrono::seconds active_for{1};

  /// `seed` is unpredictable.
  ClientTable(const Limits& limits, std::uint64_t seed) : limits_(limits), records_(0, HashAddress{seed}) {}
  ClientTable(const ClientTable&) = delete;
  ClientTable& operator=(const ClientTable&) = delete;

  /// What is to become of a connection that has just come.
  struct Arrival {
    std::optional<Refusal> refusal;         ///< why it is to be closed
    ClientConnection* in_favour = nullptr;  ///< which idle one is to be closed in its favour, or nullptr
  };
  [[nodiscard]] Arrival judge_connection(const ClientAddress& address, runtime::Time now);
  /// The connection is there, whatever the limits say. It is given back by remove_connection() before it goes.
  void add_connection(ClientConnection& connection, const ClientAddress& address, runtime::Time now);
  void remove_connection(ClientConnection& connection, runtime::Time now);
  /// The connection was active. To be called often; does something at most once in active_for.
  void note_activity(ClientConnection& connection, runtime::Time now) {
    if (now - connection.listed_at_ >= active_for) list_anew(connection, now);
  }

  /// The record of a client that has been heard over `transport`, made where there is none. Good until the record of
  /// another client is made, unless it holds something by then.
  [[nodiscard]] ClientRecord& record_of(const ClientAddress& address, Transport transport, runtime::Time now);
  /// A place among the queries in flight, given back by give_back(); else why there is none.
  [[nodiscard]] std::optional<Refusal> take_place(ClientRecord& client, runtime::Time now);
  void give_back(ClientRecord& client, runtime::Time now);
  /// False if a connection with so many queries in flight is to wait for one of them to be answered before its next
  /// query is looked at. One that has none in flight always may.
  [[nodiscard]] bool may_go_on(const ClientConnection& connection, std::size_t in_flight) const;

  /// Counts a message that is no valid query. True if the client has been banned for it: only by what came over TCP,
  /// since a datagram's sender can be forged, and never a loopback address, which all containers of a pod share.
  [[nodiscard]] bool count_invalid(ClientRecord& client, dns::QueryError error, Transport transport, runtime::Time now);
  /// Counts what was turned away.
  static void count_refusal(ClientRecord& client) { ++client.facts.refused; }
  /// The client's record if it is banned, else nullptr.
  [[nodiscard]] ClientRecord* find_banned(const ClientAddress& address);
  /// Ends one ban that is over, or that is one too many. Returns its record, good until the next call; nullptr where
  /// there is none.
  [[nodiscard]] ClientRecord* end_ban(runtime::Time now);
  /// When the next ban ends.
  [[nodiscard]] std::optional<runtime::Time> next_ban_end() const;

  /// What leads to a ban from now on.
  void configure(std::uint32_t ban_after, runtime::Duration ban_for) {
    limits_.ban_after = ban_after;
    limits_.ban_for = ban_for;
  }
  [[nodiscard]] const Limits& limits() const { return limits_; }
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  [[nodiscard]] std::size_t banned() const { return banned_.size(); }
  [[nodiscard]] std::size_t connections() const { return connections_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  /// nullptr for a client that is not known.
  [[nodiscard]] const ClientRecord* find(const ClientAddress& address) const;
  /// All records, in the order of their addresses.
  [[nodiscard]] std::vector<ClientFacts> snapshot(runtime::Time now) const;

 private:
  using ByUseList = hook::List<ClientRecord, hook::ByUse>;
  using ByConnectionsList = hook::List<ClientRecord, hook::ByConnections>;

  [[nodiscard]] ByUseList* list_of(ClientRecord::Use use);
  void seen(ClientRecord& client, runtime::Time now);
  void ban(ClientRecord& client, runtime::Time now);
  void count_connections(ClientRecord& client, std::uint32_t count);
  void list_anew(ClientConnection& connection, runtime::Time now);
  [[nodiscard]] ClientConnection* idle_connection_of(ClientRecord& client, runtime::Time now);
  [[nodiscard]] ClientConnection* idle_connection(runtime::Time now);

  Limits limits_;
  std::unordered_map<ClientAddress, ClientRecord, HashAddress> records_;
  ByUseList quiet_;  // the one that was quiet for the longest first
  ByUseList quiet_unproven_;
  ByUseList banned_;  // the one whose ban ends first first
  // Clients by the number of their connections, from 1 on. Grows with the largest number ever; lists never move.
  std::deque<ByConnectionsList> by_connections_;
  std::size_t most_connections_ = 0;  // of one client
  std::size_t connections_ = 0;
  std::size_t in_flight_ = 0;
};

}  // namespace pillion::server
