#include "server/client_admission.hpp"

#include <chrono>
#include <numeric>

namespace pillion::server {

ClientAdmission::ClientAdmission(runtime::Schedule& schedule, runtime::Log& log, const ClientTable::Limits& limits,
                                 std::uint64_t seed, DnsMetrics& metrics, SharedLimits* process)
    : schedule_(schedule), log_(log), metrics_(metrics), table_(limits, seed, process) {}

bool ClientAdmission::admit_connection(const ClientAddress& address) {
  const auto arrival = table_.judge_connection(address, now());
  if (arrival.refusal) {
    auto& client = table_.record_of(address, Transport::tcp, now());
    if (arrival.refusal == Refusal::banned) ++client.dropped_by_ban;
    count_refusal(client, *arrival.refusal);
    update_gauges();
    return false;
  }
  if (arrival.in_favour != nullptr) {
    metrics_.displaced.add();
    arrival.in_favour->make_room();
  }
  return true;
}

void ClientAdmission::add_connection(ClientConnection& connection, const ClientAddress& address) {
  table_.add_connection(connection, address, now());
  update_gauges();
}

void ClientAdmission::remove_connection(ClientConnection& connection) {
  table_.remove_connection(connection, now());
  update_gauges();
}

bool ClientAdmission::drop_if_banned(const ClientAddress& address) {
  auto* const client = table_.find_banned(address);
  if (client == nullptr) return false;
  ++client->dropped_by_ban;
  count_refusal(*client, Refusal::banned);
  return true;
}

std::expected<ClientRecord*, Refusal> ClientAdmission::take_place(const ClientConnection* connection,
                                                                  const ClientAddress& address) {
  auto& client = client_of(connection, address);
  if (const auto refusal = table_.take_place(client, now())) {
    count_refusal(client, *refusal);
    return std::unexpected(*refusal);
  }
  return &client;
}

void ClientAdmission::give_back(ClientRecord& client) {
  table_.give_back(client, now());
  update_gauges();
}

void ClientAdmission::configure(const config::Clients& settings) {
  table_.configure(settings.ban_after, settings.ban_for);
  end_bans();
}

void ClientAdmission::count_invalid(dns::QueryError error, const ClientConnection* connection,
                                    const ClientAddress& address) {
  const auto transport = connection != nullptr ? Transport::tcp : Transport::udp;
  auto& client = client_of(connection, address);
  metrics_.invalid[error].add();
  const bool banned = table_.count_invalid(client, error, transport, now());
  log_invalid(client, error, transport);
  if (banned) begin_ban(client, connection);
}

ClientRecord& ClientAdmission::client_of(const ClientConnection* connection, const ClientAddress& address) {
  if (connection != nullptr && connection->client() != nullptr) return *connection->client();
  auto& client = table_.record_of(address, connection != nullptr ? Transport::tcp : Transport::udp, now());
  update_gauges();
  return client;
}

void ClientAdmission::count_refusal(ClientRecord& client, Refusal refusal) {
  ClientTable::count_refusal(client);
  metrics_.refused[refusal].add();
}

void ClientAdmission::log_invalid(ClientRecord& client, dns::QueryError error, Transport transport) {
  if (client.last_reported && now() - *client.last_reported < log_interval) return;
  const auto suppressed = invalid_lines_.admit(now());
  if (!suppressed) return;
  const auto& invalid = client.facts.invalid;
  log_.warn("invalid query", {{"client", to_string(client.facts.address, client.facts.bits)},
                              {"transport", transport_labels[transport]},
                              {"reason", invalid_labels[error]},
                              {"rejected", client.unreported},
                              {"rejected_total", std::accumulate(invalid.begin(), invalid.end(), std::uint64_t{0})},
                              {"suppressed", *suppressed}});
  client.last_reported = now();
  client.unreported = 0;
}

void ClientAdmission::begin_ban(ClientRecord& client, const ClientConnection* spared) {
  metrics_.bans.add();
  if (const auto suppressed = ban_lines_.admit(now())) {
    const auto length = std::chrono::duration<double>(table_.limits().ban_for).count();
    log_.warn("client banned", {{"client", to_string(client.facts.address, client.facts.bits)},
                                {"rejected", table_.limits().ban_after},
                                {"seconds", length},
                                {"suppressed", *suppressed}});
  }
  cut_off(client, spared);
  end_bans();
}

void ClientAdmission::adopt(const std::deque<Ban>& bans) {
  for (const auto& ban : bans) {
    if (auto* const client = table_.adopt(ban, now())) cut_off(*client, nullptr);
    end_bans();
  }
}

void ClientAdmission::cut_off(ClientRecord& client, const ClientConnection* spared) {
  // ClientConnection::cut_off() removes a connection from the list.
  for (auto next = client.connections.begin(); next != client.connections.end();) {
    auto& connection = *next++;
    if (&connection == spared) continue;
    ++client.dropped_by_ban;
    ClientTable::count_refusal(client);
    connection.cut_off();
  }
}

void ClientAdmission::end_bans() {
  while (const auto* const client = table_.end_ban(now())) {
    // One line for a ban, and one of each other shard that dropped something.
    if (client->banned_elsewhere && client->dropped_by_ban == 0) continue;
    if (const auto suppressed = ban_end_lines_.admit(now())) {
      log_.info("ban ended", {{"client", to_string(client->facts.address, client->facts.bits)},
                              {"dropped", client->dropped_by_ban},
                              {"suppressed", *suppressed}});
    }
  }
  if (const auto next = table_.next_ban_end()) schedule_.set_deadline(*this, *next);
  update_gauges();
}

void ClientAdmission::expired(runtime::Time /*now*/) {
  end_bans();
}

void ClientAdmission::update_gauges() {
  metrics_.clients_tracked.set(static_cast<double>(table_.size()));
  metrics_.clients_banned.set(static_cast<double>(table_.banned_here()));
}

}  // namespace pillion::server
