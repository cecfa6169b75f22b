#pragma once
// The metrics of upstreams and their servers.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/enum_array.hpp"
#include "runtime/metric.hpp"
#include "upstream/error.hpp"
#include "upstream/metrics.hpp"

namespace pillion::upstream {

struct UpstreamSources {
  struct UpstreamServer {
    std::string upstream;  ///< name of the group: the label `upstream`
    std::string server;    ///< "1.1.1.1:853": the label `server`
    bool tls = true;       ///< False: there are no TLS metrics for it
    std::vector<const ServerMetrics*> shards;
  };
  struct Upstream {
    std::string name;
    std::size_t authorities = 0;  ///< number of trusted certificates in its CA file
    /// Nullopt if there is no client certificate.
    std::optional<std::chrono::system_clock::time_point> client_not_after;
  };

  std::vector<UpstreamServer> upstream_servers;  ///< in the order of the configuration
  std::vector<Upstream> tls_upstreams;
};

template <auto counter>
void write_total(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& server : from.upstream_servers)
    series.add({server.upstream, server.server}, runtime::sum(server.shards, counter));
}

/// Calls `add` with the labels and the value of each series. There is one for each of `labels`, which are in the order
/// of the elements of the array `counters`.
template <auto counters, const auto& labels, typename Add>
void for_each_label(const UpstreamSources& from, Add add) {
  for (const auto& server : from.upstream_servers) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      add({server.upstream, server.server, labels[i]},
          runtime::sum(server.shards, [&](const ServerMetrics& m) -> auto& { return (m.*counters)[i]; }));
    }
  }
}

template <auto counters, const auto& labels>
void write_by_label(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for_each_label<counters, labels>(from, [&](runtime::LabelValues values, double value) { series.add(values, value); });
}

template <auto counters, const auto& labels>
void write_sparse_by_label(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for_each_label<counters, labels>(
      from, [&](runtime::LabelValues values, double value) { series.add_sparse(values, value); });
}

inline void write_request_durations(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& server : from.upstream_servers) {
    series.add({server.upstream, server.server},
               runtime::sum_histogram(server.shards, &ServerMetrics::request_duration, request_bounds_left_out));
  }
}

inline void write_failures(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& server : from.upstream_servers) {
    for (const auto error : runtime::enumerators<Error>) {
      const auto& of_error = traits(error);
      const double value =
          runtime::sum(server.shards, [&](const ServerMetrics& m) -> auto& { return m.failures[error]; });
      // A rejected certificate may be an attack, so that its first failure must be visible as an increase.
      if (server.tls && of_error.is_lasting) {
        series.add({server.upstream, server.server, of_error.reason}, value);
      } else {
        series.add_sparse({server.upstream, server.server, of_error.reason}, value);
      }
    }
  }
}

/// True if any shard sends queries to the server.
inline bool is_up(const UpstreamSources::UpstreamServer& server) {
  return std::ranges::any_of(server.shards, [](const ServerMetrics* m) { return m->up.value() != 0; });
}

inline void write_up(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& server : from.upstream_servers) series.add({server.upstream, server.server}, is_up(server) ? 1 : 0);
}

inline void write_handshakes(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& server : from.upstream_servers) {
    if (!server.tls) continue;
    const auto add = [&](std::string_view result, std::string_view resumed, auto counter) {
      series.add({server.upstream, server.server, result, resumed}, runtime::sum(server.shards, counter));
    };
    add("success", "false", &ServerMetrics::handshakes_full);
    add("success", "true", &ServerMetrics::handshakes_resumed);
    add("failure", "false", &ServerMetrics::handshakes_failed);
  }
}

inline void write_handshake_durations(const UpstreamSources& from, runtime::SeriesWriter& series) {
  constexpr std::size_t bounds_left_out = 4;  // up to 2.5 ms: shorter than the computation of any handshake
  for (const auto& server : from.upstream_servers) {
    if (!server.tls) continue;
    series.add({server.upstream, server.server},
               runtime::sum_histogram(server.shards, &ServerMetrics::handshake_duration, bounds_left_out));
  }
}

inline void write_tls_connections(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& server : from.upstream_servers) {
    if (!server.tls) continue;
    std::map<std::array<std::string_view, 3>, double> totals;
    for (const auto* const shard : server.shards) {
      shard->tls_connections.for_each(
          [&](std::string_view version, std::string_view group, std::string_view cipher, std::uint64_t count) {
            totals[{version, group, cipher}] += static_cast<double>(count);
          });
    }
    for (const auto& [values, total] : totals) {
      const auto& [version, group, cipher] = values;
      series.add({server.upstream, server.server, version, group, cipher}, total);
    }
  }
}

inline void write_group_fallbacks(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& server : from.upstream_servers) {
    if (server.tls)
      series.add({server.upstream, server.server}, runtime::sum(server.shards, &ServerMetrics::group_fallbacks));
  }
}

inline void write_certificate_ends(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& server : from.upstream_servers) {
    double soonest = 0;
    for (const auto* const shard : server.shards) {
      const double seen = shard->certificate_not_after.value();
      if (seen != 0 && (soonest == 0 || seen < soonest)) soonest = seen;
    }
    if (soonest != 0) series.add({server.upstream, server.server}, soonest);
  }
}

inline void write_client_certificate_ends(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& upstream : from.tls_upstreams) {
    if (upstream.client_not_after)
      series.add({upstream.name},
                 static_cast<double>(std::chrono::system_clock::to_time_t(*upstream.client_not_after)));
  }
}

inline void write_authorities(const UpstreamSources& from, runtime::SeriesWriter& series) {
  for (const auto& upstream : from.tls_upstreams)
    series.add({upstream.name}, static_cast<double>(upstream.authorities));
}

inline void write_plaintext_queries(const UpstreamSources& from, runtime::SeriesWriter& series) {
  using Total = std::pair<std::string_view, double>;
  std::vector<Total> totals;  // by upstream, in the order of the configuration
  for (const auto& server : from.upstream_servers) {
    auto total = std::ranges::find(totals, std::string_view(server.upstream), &Total::first);
    if (total == totals.end()) total = totals.insert(totals.end(), {server.upstream, 0});
    total->second += runtime::sum(server.shards, &ServerMetrics::plaintext_queries);
  }
  for (const auto& [upstream, total] : totals) series.add({upstream}, total);
}

inline constexpr auto metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<UpstreamSources>>({
      {{"pillion_upstream_request_duration_seconds",
        histogram,
        "Time from sending a query to the server to its reply.",
        {"upstream", "server"}},
       write_request_durations},
      {{"pillion_upstream_responses_total",
        counter,
        "Replies received from the server.",
        {"upstream", "server", "rcode"}},
       write_sparse_by_label<&ServerMetrics::responses, rcode_labels>},
      {{"pillion_upstream_failures_total",
        counter,
        "Failures of the server, by reason; timeout: the time limit of a query passed while the server had it.",
        {"upstream", "server", "reason"}},
       write_failures},
      {{"pillion_upstream_connections", gauge, "Connections to the server, by state.", {"upstream", "server", "state"}},
       write_by_label<&ServerMetrics::connections, connection_labels>},
      {{"pillion_upstream_in_flight", gauge, "Queries sent and not yet answered.", {"upstream", "server"}},
       write_total<&ServerMetrics::in_flight>},
      {{"pillion_upstream_up",
        gauge,
        "1 while any thread sends queries to the server, 0 while all have backed off.",
        {"upstream", "server"}},
       write_up},
      {{"pillion_upstream_connections_opened_total",
        counter,
        "Connections opened to the server.",
        {"upstream", "server"}},
       write_total<&ServerMetrics::connections_opened>},
      {{"pillion_upstream_idle_closes_total",
        counter,
        "Connections that the server, or the path to it, ended while no query waited on them.",
        {"upstream", "server"}},
       write_total<&ServerMetrics::idle_closes>},
      {{"pillion_upstream_replays_total",
        counter,
        "Queries sent again on another connection after a close.",
        {"upstream", "server"}},
       write_total<&ServerMetrics::replays>},
      {{"pillion_upstream_hedges_total",
        counter,
        "Queries sent to this server too because another server was slow, by outcome.",
        {"upstream", "server", "result"}},
       write_sparse_by_label<&ServerMetrics::hedges, hedge_labels>},
      {{"pillion_tls_handshakes_total",
        counter,
        "TLS handshakes with the server; resumed is known only of successful ones.",
        {"upstream", "server", "result", "resumed"}},
       write_handshakes},
      {{"pillion_tls_handshake_duration_seconds",
        histogram,
        "Duration of TLS handshakes with the server.",
        {"upstream", "server"}},
       write_handshake_durations},
      {{"pillion_tls_connections_total",
        counter,
        "TLS connections made with the server, by negotiated parameters.",
        {"upstream", "server", "version", "group", "cipher"}},
       write_tls_connections},
      {{"pillion_tls_group_fallbacks_total",
        counter,
        "Connections made without the post-quantum groups, because handshakes that offered them got no answer.",
        {"upstream", "server"}},
       write_group_fallbacks},
      {{"pillion_upstream_certificate_not_after_timestamp_seconds",
        gauge,
        "Earliest end of validity in the server's certificate chain that any thread has seen, in Unix time.",
        {"upstream", "server"}},
       write_certificate_ends},
      {{"pillion_client_certificate_not_after_timestamp_seconds",
        gauge,
        "Earliest end of validity of the certificates that Pillion presents to the upstream, in Unix time.",
        {"upstream"}},
       write_client_certificate_ends},
      {{"pillion_ca_certificates", gauge, "CA certificates in ca_file that Pillion trusts.", {"upstream"}},
       write_authorities},
      {{"pillion_plaintext_queries_total",
        counter,
        "Queries sent unencrypted: 0 unless the upstream is configured as tcp or udp.",
        {"upstream"}},
       write_plaintext_queries},
  });
}();

}  // namespace pillion::upstream
