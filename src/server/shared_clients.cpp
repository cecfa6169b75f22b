#include "server/shared_clients.hpp"

#include <algorithm>
#include <utility>

namespace pillion::server {

std::size_t SharedClients::connections(const ClientAddress& address) const {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(address);
  return found == clients_.end() ? 0 : found->second.connections;
}

void SharedClients::add_connection(const ClientAddress& address) {
  const std::lock_guard lock(mutex_);
  auto& client = clients_[address];
  client.address = address;
  ++client.connections;
  unlist(client);
}

void SharedClients::remove_connection(const ClientAddress& address) {
  const std::lock_guard lock(mutex_);
  auto& client = clients_.at(address);
  --client.connections;
  list_if_quiet(client);
}

std::uint64_t SharedClients::count_invalid(const ClientAddress& address, runtime::Time now) {
  const std::lock_guard lock(mutex_);
  latest_ = std::max(latest_, now);
  auto& client = clients_[address];
  client.address = address;
  client.invalid.add(latest_);
  client.has_invalid = true;
  const auto count = client.invalid.count(latest_);
  list_if_quiet(client);
  return count;
}

void SharedClients::forget_invalid(const ClientAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(address);
  if (found == clients_.end()) return;
  found->second.invalid.clear();
  found->second.has_invalid = false;
  list_if_quiet(found->second);
}

void SharedClients::unlist(Client& client) {
  if (client.is_linked()) quiet_.erase(quiet_.iterator_to(client));
}

/// Lists the client as the last of those without a connection, or forgets it where it has sent nothing invalid.
void SharedClients::list_if_quiet(Client& client) {
  if (client.connections > 0) return;
  unlist(client);
  if (!client.has_invalid) return forget(client);
  quiet_.push_back(client);
  if (quiet_.size() <= max_quiet) return;
  auto& forgotten = quiet_.front();
  quiet_.pop_front();
  forget(forgotten);
}

void SharedClients::forget(Client& client) {
  clients_.erase(ClientAddress(client.address));
}

void SharedClients::add_listener(BanListener& listener) {
  const std::lock_guard lock(mutex_);
  inboxes_.push_back({.listener = &listener, .waiting = {}});
}

void SharedClients::remove_listener(BanListener& listener) {
  const std::lock_guard lock(mutex_);
  std::erase_if(inboxes_, [&](const Inbox& inbox) { return inbox.listener == &listener; });
}

void SharedClients::spread(const Ban& ban) {
  const std::lock_guard lock(mutex_);
  for (auto& inbox : inboxes_) {
    const bool was_empty = inbox.waiting.empty();
    if (inbox.waiting.size() == max_waiting_bans) inbox.waiting.pop_front();
    inbox.waiting.push_back(ban);
    if (was_empty) inbox.listener->bans_wait();
  }
}

std::deque<Ban> SharedClients::take_bans(const BanListener& listener) {
  const std::lock_guard lock(mutex_);
  const auto inbox = std::ranges::find(inboxes_, &listener, &Inbox::listener);
  return inbox == inboxes_.end() ? std::deque<Ban>{} : std::exchange(inbox->waiting, {});
}

}  // namespace pillion::server
