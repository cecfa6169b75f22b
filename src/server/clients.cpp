#include "server/clients.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace pillion::server {
namespace {

// A search for an idle connection ends after this many that are not idle, so that its cost is bounded. These then move
// to the end of their lists, so that the next search sees others.
constexpr std::size_t max_connections_looked_at = 16;
constexpr std::size_t max_clients_looked_at = 8;
// The same among the connections of all clients. Each is looked at at most once in active_for, so that newcomers who
// find no room cost no more than that.
constexpr std::size_t max_connections_looked_at_of_all = 256;

std::size_t room(std::size_t limit, std::size_t used) {
  return limit - std::min(limit, used);
}

}  // namespace

ClientTable::Arrival ClientTable::judge_connection(const ClientAddress& from, runtime::Time now) {
  const auto address = identity_of(from);
  const auto found = records_.find(address);
  const std::size_t held_here = found == records_.end() ? 0 : found->second.facts.connections;
  const auto held = process_ == nullptr ? held_here : process_->clients.connections(address);
  if (found != records_.end() && found->second.facts.banned_until)
    return {.refusal = Refusal::banned, .in_favour = nullptr};
  const auto in_favour_of = [](ClientConnection* idle, Refusal otherwise) {
    return idle != nullptr ? Arrival{.refusal = std::nullopt, .in_favour = idle}
                           : Arrival{.refusal = otherwise, .in_favour = nullptr};
  };
  const auto own_idle = [&] { return held_here == 0 ? nullptr : idle_connection_of(found->second, now); };
  if (held > 0 && held >= limits_.connections_per_client) return in_favour_of(own_idle(), Refusal::client_limit);
  const auto room_here = room(limits_.connections, connections_);
  const auto room_of_all = process_ == nullptr ? room_here : process_->connections.room();
  const auto free = std::min(room_here, room_of_all);
  // A client on a loopback address is a container of this pod, and there is nobody else to leave room for.
  if ((held_here < share * room_here && held < share * room_of_all) || (free > 0 && is_loopback(address))) return {};
  auto* idle = idle_connection_of_largest(now);
  // The client with the most connections on this shard may have fewer than this one has on all.
  if (idle != nullptr && connections_of(*idle->client()) < held) idle = own_idle();
  // Without this a client whose connections are all in use could keep newcomers out. A client that holds some already
  // may not displace those of clients that hold fewer.
  if (idle == nullptr && held == 0) idle = idle_connection_of_anyone(now);
  return in_favour_of(idle, free == 0 ? Refusal::connection_limit : Refusal::client_share);
}

void ClientTable::add_connection(ClientConnection& connection, const ClientAddress& address, runtime::Time now) {
  auto& client = record_of(address, Transport::tcp, now);
  connection.client_ = &client;
  connection.listed_at_ = now;
  client.connections.push_back(connection);
  by_activity_.push_back(connection);
  ++connections_;
  if (process_ != nullptr) process_->clients.add_connection(client.facts.address);
  count_connections(client, client.facts.connections + 1);
  seen(client, now);
}

void ClientTable::remove_connection(ClientConnection& connection, runtime::Time now) {
  if (connection.client_ == nullptr) return;
  auto& client = *connection.client_;
  connection.client_ = nullptr;
  client.connections.erase(client.connections.iterator_to(connection));
  by_activity_.erase(by_activity_.iterator_to(connection));
  --connections_;
  if (process_ != nullptr) process_->clients.remove_connection(client.facts.address);
  count_connections(client, client.facts.connections - 1);
  seen(client, now);
}

/// Updates by_connections_ after the number has changed by one.
void ClientTable::count_connections(ClientRecord& client, std::uint32_t count) {
  auto& current = client.facts.connections;
  if (current > 0) by_connections_[current - 1].erase(ByConnectionsList::s_iterator_to(client));
  current = count;
  if (count > by_connections_.size()) by_connections_.emplace_back();
  if (count > 0) by_connections_[count - 1].push_back(client);
  most_connections_ = std::max<std::size_t>(most_connections_, count);
  if (most_connections_ > 0 && by_connections_[most_connections_ - 1].empty()) --most_connections_;
}

void ClientTable::list_anew(ClientConnection& connection, runtime::Time now) {
  if (connection.client_ == nullptr) return;
  connection.listed_at_ = now;
  auto& list = connection.client_->connections;
  list.splice(list.end(), list, list.iterator_to(connection));
  by_activity_.splice(by_activity_.end(), by_activity_, by_activity_.iterator_to(connection));
}

/// The first connection of the list that was idle for at least active_for; nullptr if none of the first `most` was.
template <typename List>
ClientConnection* ClientTable::first_idle(List& connections, std::size_t most, runtime::Time now) {
  for (std::size_t i = 0; i < std::min<std::size_t>(connections.size(), most); ++i) {
    auto& first = connections.front();
    // All others were active later.
    if (now - first.listed_at_ < active_for) return nullptr;
    const auto since = first.idle_since();
    if (since && now - *since >= active_for) return &first;
    list_anew(first, now);
  }
  return nullptr;
}

/// The connection that was idle for the longest, within active_for; nullptr if none was idle for that long.
ClientConnection* ClientTable::idle_connection_of(ClientRecord& client, runtime::Time now) {
  return first_idle(client.connections, max_connections_looked_at, now);
}

/// The idle connection of the client with the most connections, or nullptr if it has none.
ClientConnection* ClientTable::idle_connection_of_largest(runtime::Time now) {
  if (most_connections_ == 0) return nullptr;
  auto& clients = by_connections_[most_connections_ - 1];
  for (std::size_t i = 0; i < std::min<std::size_t>(clients.size(), max_clients_looked_at); ++i) {
    if (auto* const idle = idle_connection_of(clients.front(), now)) return idle;
    clients.splice(clients.end(), clients, clients.begin());
  }
  return nullptr;
}

/// The connection of any client that was idle for the longest, within active_for; nullptr if none of those looked at
/// was idle for that long.
ClientConnection* ClientTable::idle_connection_of_anyone(runtime::Time now) {
  return first_idle(by_activity_, max_connections_looked_at_of_all, now);
}

ClientRecord& ClientTable::record_of(const ClientAddress& from, Transport transport, runtime::Time now) {
  const auto address = identity_of(from);
  auto& client = records_[address];
  client.facts.address = address;
  client.facts.bits = identifying_bits(address, limits_.ipv6_prefix);
  client.proven = client.proven || transport == Transport::tcp;
  seen(client, now);
  return client;
}

ClientTable::ByUseList* ClientTable::list_of(ClientRecord::Use use) {
  switch (use) {
    case ClientRecord::Use::held:
      break;
    case ClientRecord::Use::quiet:
      return &quiet_;
    case ClientRecord::Use::quiet_unproven:
      return &quiet_unproven_;
    case ClientRecord::Use::banned:
      return &banned_;
  }
  return nullptr;
}

/// Moves the record to the end of the list that it belongs to now. If that list is full, forgets its first record.
void ClientTable::seen(ClientRecord& client, runtime::Time now) {
  using Use = ClientRecord::Use;
  client.facts.last_seen = now;
  const auto use = client.facts.banned_until                               ? Use::banned
                   : client.facts.connections + client.facts.in_flight > 0 ? Use::held
                   : client.proven                                         ? Use::quiet
                                                                           : Use::quiet_unproven;
  if (use == client.use && (use == Use::held || use == Use::banned)) return;
  if (auto* const list = list_of(client.use)) list->erase(ByUseList::s_iterator_to(client));
  client.use = use;
  auto* const list = list_of(use);
  if (list == nullptr) return;
  if (use == Use::banned) return list_by_ban_end(client);
  list->push_back(client);
  if (list->size() <= max_quiet) return;
  auto& forgotten = list->front();
  list->pop_front();
  records_.erase(ClientAddress(forgotten.facts.address));
}

/// A reload may have changed the length of bans, so that a later ban may end before an earlier one. The search takes at
/// most max_banned steps, and none while the length stays the same.
void ClientTable::list_by_ban_end(ClientRecord& client) {
  auto next = banned_.end();
  while (next != banned_.begin() && *std::prev(next)->facts.banned_until > *client.facts.banned_until) --next;
  banned_.insert(next, client);
}

/// Connections of the client on all shards.
std::size_t ClientTable::connections_of(const ClientRecord& client) const {
  return process_ == nullptr ? client.facts.connections : process_->clients.connections(client.facts.address);
}

/// The free places among the queries in flight: those of this shard, or its part of those of the process if that is
/// less. 0 only if one of the two has none.
std::size_t ClientTable::free_places() const {
  const auto here = room(limits_.in_flight, in_flight_);
  if (process_ == nullptr) return here;
  return std::min(here, (process_->queries.room() + process_->shards - 1) / process_->shards);
}

bool ClientTable::may_go_on(const ClientConnection& connection, std::size_t in_flight) const {
  if (in_flight == 0 || connection.client_ == nullptr) return true;
  const auto free = free_places();
  return in_flight <= free / connection_share && connection.client_->facts.in_flight < connections_share * free;
}

std::optional<Refusal> ClientTable::take_place(ClientRecord& client, runtime::Time now) {
  const auto free = free_places();
  if (client.facts.in_flight >= share * free) return free == 0 ? Refusal::in_flight_limit : Refusal::client_share;
  ++in_flight_;
  ++client.facts.in_flight;
  seen(client, now);
  return std::nullopt;
}

void ClientTable::give_back(ClientRecord& client, runtime::Time now) {
  --in_flight_;
  --client.facts.in_flight;
  seen(client, now);
}

bool ClientTable::count_invalid(ClientRecord& client, dns::QueryError error, Transport transport, runtime::Time now) {
  auto& count = client.facts.invalid[error];
  if (count < std::numeric_limits<std::uint32_t>::max()) ++count;
  ++client.unreported;
  if (transport != Transport::tcp) return false;
  client.invalid_over_tcp.add(now);
  if (!is_one_too_many(client, now)) return false;
  client.banned_elsewhere = false;
  ban(client, now + limits_.ban_for, now);
  if (process_ != nullptr) {
    process_->clients.forget_invalid(client.facts.address);
    process_->clients.spread({.address = client.facts.address, .until = *client.facts.banned_until});
  }
  return true;
}

/// True if the invalid message over TCP that was just counted leads to a ban.
bool ClientTable::is_one_too_many(ClientRecord& client, runtime::Time now) {
  const auto& facts = client.facts;
  if (limits_.ban_after == 0 || facts.banned_until || is_loopback(facts.address)) return false;
  const auto count =
      process_ == nullptr ? client.invalid_over_tcp.count(now) : process_->clients.count_invalid(facts.address, now);
  return count >= limits_.ban_after;
}

void ClientTable::ban(ClientRecord& client, runtime::Time until, runtime::Time now) {
  client.facts.banned_until = until;
  client.dropped_by_ban = 0;
  // After the ban, the next one needs as many messages again.
  client.invalid_over_tcp.clear();
  seen(client, now);
}

ClientRecord* ClientTable::adopt(const Ban& begun, runtime::Time now) {
  if (begun.until <= now || limits_.ban_after == 0 || find_banned(begun.address) != nullptr) return nullptr;
  auto& client = record_of(begun.address, Transport::tcp, now);
  client.banned_elsewhere = true;
  ++banned_elsewhere_;
  ban(client, begun.until, now);
  return &client;
}

ClientRecord* ClientTable::find_banned(const ClientAddress& address) {
  if (banned_.empty()) return nullptr;
  const auto found = records_.find(identity_of(address));
  return found != records_.end() && found->second.facts.banned_until ? &found->second : nullptr;
}

ClientRecord* ClientTable::end_ban(runtime::Time now) {
  if (banned_.empty()) return nullptr;
  auto& first = banned_.front();
  const bool goes_on = limits_.ban_after > 0 && *first.facts.banned_until > now;
  if (goes_on && banned_.size() <= max_banned) return nullptr;
  first.facts.banned_until.reset();
  if (first.banned_elsewhere) --banned_elsewhere_;
  seen(first, now);
  return &first;
}

std::optional<runtime::Time> ClientTable::next_ban_end() const {
  return banned_.empty() ? std::nullopt : banned_.front().facts.banned_until;
}

const ClientRecord* ClientTable::find(const ClientAddress& address) const {
  const auto found = records_.find(identity_of(address));
  return found == records_.end() ? nullptr : &found->second;
}

std::vector<ClientFacts> ClientTable::snapshot(runtime::Time now) const {
  std::vector<ClientFacts> all;
  all.reserve(records_.size());
  for (const auto& [address, record] : records_) {
    all.push_back(record.facts);
    all.back().score = record.invalid_over_tcp.count(now);
  }
  std::ranges::sort(all, {}, &ClientFacts::address);
  return all;
}

}  // namespace pillion::server
