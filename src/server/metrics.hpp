#pragma once
// The counters of the listeners of one shard.

#include <array>
#include <cstdint>
#include <string_view>

#include "dns/query.hpp"
#include "resolve/answer_source.hpp"
#include "runtime/enum_array.hpp"
#include "runtime/metrics.hpp"
#include "server/client_transport.hpp"
#include "server/refusal.hpp"
#include "upstream/metrics.hpp"

namespace pillion::server {

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
  runtime::Counter datagrams_dropped;  // by the kernel, whose buffer for a UDP socket was full
  runtime::Counter accept_errors;      // accept(2) failed for lack of descriptors or memory
  runtime::Counter idle_closes;        // connections closed after idle_timeout
  runtime::Counter displaced;          // idle connections closed at a limit, in favour of a new one
  runtime::Gauge clients_tracked;      // clients that the table has a record of
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
