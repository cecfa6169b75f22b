#pragma once
// The clients' queries of one shard that wait for an answer, and the places that they take: of their client, of the
// process, and of the memory for queries.

#include <cstddef>
#include <expected>

#include "dns/query.hpp"
#include "runtime/memory.hpp"
#include "runtime/slab.hpp"
#include "server/client.hpp"
#include "server/client_admission.hpp"
#include "server/metrics.hpp"
#include "server/refusal.hpp"
#include "server/shared_limits.hpp"

namespace pillion::server {

class WaitingQueries {
 public:
  /// Bytes of the memory for queries that one query takes in all layers while it is being resolved.
  static constexpr std::size_t usual_cost = 1536;

  WaitingQueries(SharedLimits& shared, ClientAdmission& admission, runtime::MemoryShare& memory, DnsMetrics& metrics);

  /// Takes a place for a query of the client at `address`, which release() gives back. `connection` is nullptr for a
  /// datagram. The error says why there is no place, and has been counted.
  [[nodiscard]] std::expected<ClientQuery*, Refusal> take(const dns::QueryView& view,
                                                          const ClientConnection* connection,
                                                          const ClientAddress& address);
  void release(ClientQuery& query);
  /// Counts that a query of `client` was refused for lack of room.
  void count_refusal(ClientRecord& client, Refusal refusal);

  [[nodiscard]] std::size_t size() const { return queries_.in_use(); }
  /// Frees some memory that a peak has left. True if there is more. No reference to a released query may be left.
  [[nodiscard]] bool trim() { return queries_.trim(); }

 private:
  [[nodiscard]] bool has_memory_for(const ClientRecord& client, std::size_t bytes) const;
  void publish() { metrics_.in_flight.set(static_cast<double>(size())); }

  SharedLimits& shared_;
  ClientAdmission& admission_;
  const runtime::MemoryShare& memory_;
  DnsMetrics& metrics_;
  runtime::Slab<ClientQuery> queries_;
};

}  // namespace pillion::server
