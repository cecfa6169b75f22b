#include "server/waiting_queries.hpp"

#include "resolve/exchange.hpp"

namespace pillion::server {
namespace {

/// Bytes of most queries' header and question.
constexpr std::size_t usual_query_size = 64;

}  // namespace

WaitingQueries::WaitingQueries(SharedLimits& shared, ClientAdmission& admission, runtime::MemoryShare& memory,
                               DnsMetrics& metrics)
    : shared_(shared),
      admission_(admission),
      memory_(memory),
      metrics_(metrics),
      queries_(SharedLimits::max_in_flight, memory, sizeof(ClientQuery) + usual_query_size) {}

std::expected<ClientQuery*, Refusal> WaitingQueries::take(const dns::QueryView& view,
                                                          const ClientConnection* connection,
                                                          const ClientAddress& address) {
  const auto client = admission_.take_place(connection, address);
  if (!client) return std::unexpected(client.error());
  ClientQuery* query = nullptr;
  auto refusal = Refusal::memory_limit;
  const auto bytes = usual_cost + resolve::Exchange::unusual_size_of(view);
  try {
    if (has_memory_for(**client, bytes)) query = queries_.acquire();
    if (query != nullptr) query->query.assign(view);
  } catch (...) {
    if (query != nullptr) queries_.release(*query);
    admission_.give_back(**client);
    throw;
  }
  if (query != nullptr && !shared_.queries.take()) {
    queries_.release(*query);
    query = nullptr;
    refusal = Refusal::in_flight_limit;
  }
  if (query == nullptr) {
    admission_.give_back(**client);
    count_refusal(**client, refusal);
    return std::unexpected(refusal);
  }
  query->client = *client;
  query->bytes = bytes;
  (*client)->query_bytes += bytes;
  publish();
  return query;
}

/// True if the client may take so many more bytes of the memory for queries. As of the places, it holds at most
/// `ClientTable::share` times what is then still free.
bool WaitingQueries::has_memory_for(const ClientRecord& client, std::size_t bytes) const {
  const auto room = memory_.room();
  return bytes <= room && (client.query_bytes + bytes) / ClientTable::share <= room - bytes;
}

void WaitingQueries::release(ClientQuery& query) {
  query.query.recycle();
  query.client->query_bytes -= query.bytes;
  admission_.give_back(*query.client);
  queries_.release(query);
  shared_.queries.give_back();
  publish();
}

void WaitingQueries::count_refusal(ClientRecord& client, Refusal refusal) {
  ClientTable::count_refusal(client);
  metrics_.refused[refusal].add();
}

}  // namespace pillion::server
