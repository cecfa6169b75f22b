#pragma once
// The counters of one shard for one upstream server.

#include <array>
#include <cstdint>
#include <string_view>

#include "runtime/enum_array.hpp"
#include "runtime/metrics.hpp"
#include "upstream/error.hpp"
#include "upstream/tls_connections.hpp"

namespace pillion::upstream {

/// The label `state` of pillion_upstream_connections: ConnectionState in fewer words.
enum class ConnectionLabel : std::uint8_t { connecting, ready, draining, count_ };
inline constexpr auto connection_labels =
    runtime::enum_array<ConnectionLabel, std::string_view>({"connecting", "ready", "draining"});

/// RCODEs with their own label (0 … 5). Every other one counts as "other".
inline constexpr std::size_t labelled_rcodes = 6;
inline constexpr std::array<std::string_view, labelled_rcodes + 1> rcode_labels = {
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "other"};

/// The number of the shortest duration_bounds, 25 and 100 us, that are below any server's answer time, which includes
/// two sockets. They would be useless series.
inline constexpr std::size_t request_bounds_left_out = 2;

/// The outcome of a hedge, which is a query that was sent to this server too because another was slower than usual:
/// the label `result` of pillion_upstream_hedges_total.
enum class Hedge : std::uint8_t {
  won,          ///< this server answered first
  lost,         ///< the other server answered first, or none did
  over_budget,  ///< the hedge was not sent, since too many were
  count_,
};
inline constexpr auto hedge_labels = runtime::enum_array<Hedge, std::string_view>({"won", "lost", "over_budget"});

struct ServerMetrics {
  void count_failure(Error error) { failures[error].add(); }

  std::array<runtime::Counter, labelled_rcodes + 1> responses;
  runtime::EnumArray<Error, runtime::Counter> failures;
  runtime::EnumArray<ConnectionLabel, runtime::Gauge> connections;
  runtime::Gauge in_flight;
  // 1 while queries are sent to the server, 0 while it is backed off from. Pools of two generations may ask the same
  // server at once.
  runtime::NewestGauge up;
  runtime::Flag tried;  // a connection has been ready, or the server has failed
  runtime::Histogram request_duration;
  runtime::Histogram handshake_duration;
  runtime::Counter handshakes_full;  // result="success"
  runtime::Counter handshakes_resumed;
  runtime::Counter handshakes_failed;
  TlsConnectionCounters tls_connections;
  runtime::Counter group_fallbacks;      // connections made without the post-quantum groups (GroupFallback)
  runtime::Gauge certificate_not_after;  // Unix seconds; 0 if no certificate was seen
  runtime::Counter connections_opened;
  runtime::Counter idle_closes;  // the server, or the path to it, ended a connection on which no query waited: normal
  runtime::Counter replays;      // queries sent again after a close
  runtime::Counter plaintext_queries;  // sent over a tcp or udp upstream
  runtime::EnumArray<Hedge, runtime::Counter> hedges;
};

}  // namespace pillion::upstream
