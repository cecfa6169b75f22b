#pragma once
// The metrics of queries and clients.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "runtime/enum_array.hpp"
#include "runtime/metric.hpp"
#include "server/metrics.hpp"
#include "upstream/metrics.hpp"

namespace pillion::server {

struct DnsSources {
  std::vector<const DnsMetrics*> shards;
  bool bans = false;                ///< False: there are no metrics of bans
  std::size_t max_connections = 0;  ///< for the process; 0: not exported
  std::size_t max_in_flight = 0;    ///< for the process; 0: not exported
};

template <auto counter>
void write_total(const DnsSources& from, runtime::SeriesWriter& series) {
  series.add({}, runtime::sum(from.shards, counter));
}

template <auto counter>
void write_of_bans(const DnsSources& from, runtime::SeriesWriter& series) {
  if (from.bans) write_total<counter>(from, series);
}

/// The limit of all shards together, which may be lower than that of the process because of their memory.
template <auto of_shard, auto of_process>
void write_limit(const DnsSources& from, runtime::SeriesWriter& series) {
  if (from.*of_process == 0) return;
  series.add({}, std::min(runtime::sum(from.shards, of_shard), static_cast<double>(from.*of_process)));
}

/// The requests over one transport and address family, by type.
inline void write_requests_of(const DnsSources& from, Transport transport, IpFamily family,
                              runtime::SeriesWriter& series) {
  for (std::size_t type = 0; type < type_labels.size(); ++type) {
    series.add_sparse(
        {transport_labels[transport], family_labels[family], type_labels[type]},
        runtime::sum(from.shards, [&](const DnsMetrics& m) -> auto& { return m.requests[transport][family][type]; }));
  }
}

inline void write_requests(const DnsSources& from, runtime::SeriesWriter& series) {
  for (const auto transport : runtime::enumerators<Transport>) {
    for (const auto family : runtime::enumerators<IpFamily>) write_requests_of(from, transport, family, series);
  }
}

inline void write_responses(const DnsSources& from, runtime::SeriesWriter& series) {
  for (const auto source : runtime::enumerators<resolve::Source>) {
    for (std::size_t rcode = 0; rcode < rcode_labels.size(); ++rcode) {
      series.add_sparse(
          {rcode_labels[rcode], resolve::source_labels[source]},
          runtime::sum(from.shards, [&](const DnsMetrics& m) -> auto& { return m.responses[rcode][source]; }));
    }
  }
}

/// The number of the shortest duration_bounds that are useless for answers from `source`. Those from a server take as
/// long as the server at least. Stale answers are given at once or after seconds, so that finer buckets are useless.
[[nodiscard]] constexpr std::size_t bounds_left_out(resolve::Source source) {
  switch (source) {
    case resolve::Source::upstream:
    case resolve::Source::cluster:
      return upstream::request_bounds_left_out;
    case resolve::Source::stale:
      return 4;  // up to 2.5 ms
    default:
      return 0;
  }
}

inline void write_durations(const DnsSources& from, runtime::SeriesWriter& series) {
  for (const auto source : runtime::enumerators<resolve::Source>) {
    series.add_sparse({resolve::source_labels[source]},
                      runtime::sum_histogram(
                          from.shards, [&](const DnsMetrics& m) -> auto& { return m.request_duration[source]; },
                          bounds_left_out(source)));
  }
}

inline void write_rejected(const DnsSources& from, runtime::SeriesWriter& series) {
  for (const auto error : runtime::enumerators<dns::QueryError>) {
    series.add_sparse({invalid_labels[error]},
                      runtime::sum(from.shards, [&](const DnsMetrics& m) -> auto& { return m.invalid[error]; }));
  }
  for (const auto refusal : runtime::enumerators<Refusal>) {
    const double value = runtime::sum(from.shards, [&](const DnsMetrics& m) -> auto& { return m.refused[refusal]; });
    // An alert selects the limits. Their first event must be visible as an increase, which that of a new series is not.
    if (is_limit(refusal)) {
      series.add({refusal_labels[refusal]}, value);
    } else {
      series.add_sparse({refusal_labels[refusal]}, value);
    }
  }
}

inline void write_connections(const DnsSources& from, runtime::SeriesWriter& series) {
  for (const auto family : runtime::enumerators<IpFamily>) {
    series.add({family_labels[family]},
               runtime::sum(from.shards, [&](const DnsMetrics& m) -> auto& { return m.connections[family]; }));
  }
}

inline void write_idle_closes(const DnsSources& from, runtime::SeriesWriter& series) {
  series.add_sparse({"idle_timeout"}, runtime::sum(from.shards, &DnsMetrics::idle_closes));
  series.add_sparse({"displaced"}, runtime::sum(from.shards, &DnsMetrics::displaced));
}

inline constexpr auto metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<DnsSources>>({
      {{"pillion_dns_requests_total", counter, "Valid queries received.", {"proto", "family", "type"}}, write_requests},
      {{"pillion_dns_responses_total",
        counter,
        "Answers made, by their source; local: made by Pillion itself, including failures for lack of an answer.",
        {"rcode", "source"}},
       write_responses},
      {{"pillion_dns_request_duration_seconds",
        histogram,
        "Time from the receipt of a query to its answer.",
        {"source"}},
       write_durations},
      {{"pillion_dns_rejected_total",
        counter,
        "Messages and connections refused: invalid queries, unsupported requests and limits.",
        {"reason"}},
       write_rejected},
      {{"pillion_dns_in_flight", gauge, "Queries received and not yet answered."}, write_total<&DnsMetrics::in_flight>},
      {{"pillion_dns_in_flight_limit", gauge, "Limit of pillion_dns_in_flight; Pillion refuses further queries."},
       write_limit<&DnsMetrics::in_flight_limit, &DnsSources::max_in_flight>},
      {{"pillion_responses_undelivered_total", counter,
        "Answers not sent: the client had gone, its socket buffer was full, or the drain ended."},
       write_total<&DnsMetrics::responses_undelivered>},
      {{"pillion_responses_truncated_total", counter, "Answers cut to the client's UDP size, with TC set."},
       write_total<&DnsMetrics::truncated>},
      {{"pillion_client_datagrams_dropped_total", counter,
        "Datagrams of clients that the kernel dropped because the receive buffer of Pillion's socket was full."},
       write_total<&DnsMetrics::datagrams_dropped>},
      {{"pillion_client_connections", gauge, "Open client TCP connections.", {"family"}}, write_connections},
      {{"pillion_client_connections_limit", gauge,
        "Limit of pillion_client_connections: dns.max_connections, or fewer if descriptors or memory are short."},
       write_limit<&DnsMetrics::connections_limit, &DnsSources::max_connections>},
      {{"pillion_client_connections_accepted_total", counter, "Client TCP connections accepted."},
       write_total<&DnsMetrics::connections_accepted>},
      {{"pillion_accept_errors_total", counter,
        "Failures to accept a client TCP connection, for lack of descriptors or memory."},
       write_total<&DnsMetrics::accept_errors>},
      {{"pillion_client_idle_closes_total",
        counter,
        "Idle client TCP connections closed: after idle_timeout, or at a limit in favour of a new one.",
        {"reason"}},
       write_idle_closes},
      {{"pillion_clients_tracked", gauge, "Clients of which Pillion keeps a record."},
       write_total<&DnsMetrics::clients_tracked>},
      {{"pillion_clients_banned", gauge, "Banned clients; only if clients.ban_after is not 0."},
       write_of_bans<&DnsMetrics::clients_banned>},
      {{"pillion_client_bans_total", counter, "Bans of clients; only if clients.ban_after is not 0."},
       write_of_bans<&DnsMetrics::bans>},
  });
}();

}  // namespace pillion::server
