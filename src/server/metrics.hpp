#pragma once
// The counters of the listeners of one shard.

#include <array>
#include <cstdint>
#include <string_view>

#include "dns/query.hpp"
#include "resolve/metrics.hpp"
#include "runtime/enum_array.hpp"
#include "runtime/metrics.hpp"
#include "upstream/metrics.hpp"

namespace pillion::server {

enum class Transport : std::uint8_t { udp, tcp, count_ };
inline constexpr auto transport_labels = runtime::enum_array<Transport, std::string_view>({"udp", "tcp"});
enum class IpFamily : std::uint8_t { ipv4, ipv6, count_ };
inline constexpr auto family_labels = runtime::enum_array<IpFamily, std::string_view>({"ipv4", "ipv6"});
/// Query types with their own label. Every other type counts as "other", so that a client cannot create time series.
inline constexpr std::array<std::uint16_t, 15> labelled_types = {1,  2,  5,  6,  12, 15, 16, 28,
                                                                 33, 35, 43, 48, 64, 65, 255};
inline constexpr std::array<std::string_view, labelled_types.size() + 1> type_labels = {
    "A",   "NS",    "CNAME", "SOA",    "PTR",  "MX",    "TXT", "AAAA",
    "SRV", "NAPTR", "DS",    "DNSKEY", "SVCB", "HTTPS", "ANY", "other"};
using upstream::labelled_rcodes;
using upstream::rcode_labels;

inline constexpr auto invalid_labels = [] {
  runtime::EnumArray<dns::QueryError, std::string_view> labels{};
  for (const auto error : runtime::enumerators<dns::QueryError>) labels[error] = dns::to_string(error);
  return labels;
}();

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

struct DnsMetrics {
  using ByType = std::array<runtime::Counter, labelled_types.size() + 1>;

  // requests[transport][family][type]; the last type is "other".
  runtime::EnumArray<Transport, runtime::EnumArray<IpFamily, ByType>> requests;
  // responses[rcode][source]; the last rcode is "other".
  std::array<runtime::EnumArray<resolve::Source, runtime::Counter>, labelled_rcodes + 1> responses;
  runtime::EnumArray<resolve::Source, runtime::Histogram> request_duration;
  runtime::EnumArray<dns::QueryError, runtime::Counter> invalid;
  runtime::EnumArray<Refusal, runtime::Counter> refused;
  runtime::EnumArray<IpFamily, runtime::Gauge> connections;
  runtime::Counter connections_accepted;
  runtime::Counter accept_errors;  // accept(2) failed for lack of descriptors or memory
  runtime::Counter idle_closes;    // connections closed after idle_timeout
  runtime::Counter displaced;      // idle connections closed at a limit, in favour of a new one
  runtime::Gauge clients_tracked;  // client addresses that the table has a record of
  runtime::Gauge clients_banned;
  runtime::Counter bans;
  // The client was gone, its socket's buffer was full, or the drain had ended.
  runtime::Counter responses_undelivered;
  runtime::Counter truncated;        // answers cut for UDP
  runtime::Gauge in_flight;          // queries that were accepted and not yet answered
  runtime::Gauge connections_limit;  // of this shard, whose memory may hold fewer than max_connections
  runtime::Gauge in_flight_limit;    // of this shard, whose memory may hold fewer than the process's limit
};

}  // namespace pillion::server
