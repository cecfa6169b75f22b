#pragma once
// What the shards of the process know together of clients: the connections of each address, its invalid messages, and
// bans that one shard has begun. Pure: the caller passes the time.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "runtime/clock.hpp"
#include "server/client_address.hpp"
#include "server/sliding_minute.hpp"

namespace pillion::server {

struct Ban {
  ClientAddress address{};
  runtime::Time until;
};

/// A shard, to which the bans that other shards begin apply too.
class BanListener {
 public:
  /// SharedClients::take_bans() has bans for this shard. Called by the thread of any shard, under a lock, so that it
  /// must only wake its own thread. Not called again before take_bans().
  virtual void bans_wait() = 0;

 protected:
  ~BanListener() = default;
};

/// One for the process. Any thread may call it. Each call locks it for a time that grows with the logarithm of the
/// number of clients; a shard calls it for a connection and for an invalid message, and never for a valid query.
class SharedClients {
 public:
  /// The most addresses without a connection whose invalid messages are counted. One more forgets the one that was
  /// quiet for the longest.
  static constexpr std::size_t max_quiet = 1024;
  /// The most bans that wait for one shard. One more displaces the oldest.
  static constexpr std::size_t max_waiting_bans = 1024;

  /// Connections of this address on all shards.
  [[nodiscard]] std::size_t connections(const ClientAddress& address) const;
  void add_connection(const ClientAddress& address);
  /// Must follow add_connection().
  void remove_connection(const ClientAddress& address);

  /// Counts an invalid message over TCP. Returns how many this address has sent in the last minute to all shards.
  [[nodiscard]] std::uint64_t count_invalid(const ClientAddress& address, runtime::Time now);
  /// After a ban, the next one needs as many messages again.
  void forget_invalid(const ClientAddress& address);

  /// Informs the listener of bans until remove_listener().
  void add_listener(BanListener& listener);
  void remove_listener(BanListener& listener);
  /// Hands the ban to every listener, the one whose shard has begun it included.
  void spread(const Ban& ban);
  /// The bans since the last call, oldest first. The listener must be one that was added.
  [[nodiscard]] std::deque<Ban> take_bans(const BanListener& listener);

 private:
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>;
  struct Client : Hook {
    ClientAddress address{};
    std::size_t connections = 0;
    SlidingMinute invalid;
    bool has_invalid = false;  ///< True if `invalid` may count more than 0
  };
  struct Inbox {
    BanListener* listener = nullptr;
    std::deque<Ban> waiting;
  };

  void unlist(Client& client);
  void list_if_quiet(Client& client);
  void forget(Client& client);

  mutable std::mutex mutex_;
  // Ordered, so that no choice of addresses makes a search long.
  std::map<ClientAddress, Client> clients_;
  // Clients without a connection; the one that was quiet for the longest comes first.
  boost::intrusive::list<Client, boost::intrusive::constant_time_size<true>> quiet_;
  runtime::Time latest_;  // the shards read their clocks at different moments, and SlidingMinute needs one order
  std::vector<Inbox> inboxes_;
};

}  // namespace pillion::server
