#pragma once
// The reasons for which Pillion refuses what a client asks for.

#include <cstdint>
#include <string_view>

#include "runtime/enum_array.hpp"

namespace pillion::server {

/// Reasons of `pillion_dns_rejected_total`, in addition to the labels of dns::QueryError.
enum class Refusal : std::uint8_t {
  zone_transfer,     // AXFR or IXFR: answered REFUSED
  opcode,            // not QUERY: answered NOTIMP
  edns_version,      // answered BADVERS
  connection_limit,  // a connection over max_connections, closed on arrival
  client_limit,      // a connection over max_connections_per_client, closed on arrival
  client_share,      // a connection or a query over a client's share of the shard's limit: closed, or answered REFUSED
  banned,            // a connection or a datagram of a banned client: closed, dropped
  in_flight_limit,   // a query over the process's limit: answered REFUSED with an Extended DNS Error
  slow_client,       // a message that was not completed in time, or answers that were not read in time: closed
  output_limit,      // a client that does not read while its answers pile up: closed
  memory_limit,      // no memory for a query or an answer: answered REFUSED; or for what a client holds: closed
  count_,
};
inline constexpr auto refusal_labels = runtime::enum_array<Refusal, std::string_view>(
    {"zone_transfer", "opcode", "edns_version", "connection_limit", "client_limit", "client_share", "banned",
     "in_flight_limit", "slow_client", "output_limit", "memory_limit"});

/// True if a client was refused for lack of room, so that an operator has to provide more. The alerts use these.
[[nodiscard]] constexpr bool is_limit(Refusal refusal) {
  switch (refusal) {
    case Refusal::connection_limit:
    case Refusal::client_limit:
    case Refusal::client_share:
    case Refusal::in_flight_limit:
    case Refusal::output_limit:
    case Refusal::memory_limit:
      return true;
    default:
      return false;
  }
}

}  // namespace pillion::server
