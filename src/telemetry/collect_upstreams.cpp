#include "telemetry/collect_upstreams.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "telemetry/family.hpp"
#include "telemetry/metric_table.hpp"

namespace pillion::telemetry {
namespace {

using prometheus::MetricFamily;
using UpstreamServer = Sources::UpstreamServer;

template <typename Read>
prometheus::ClientMetric::Histogram sum_without_shortest(const std::vector<const upstream::ServerMetrics*>& shards,
                                                         std::ptrdiff_t left_out, Read read) {
  auto durations = sum_histogram(shards, read);
  leave_out_shortest(durations, left_out);
  return durations;
}

/// Collects one family of upstream servers; calls `add` for each server.
template <typename Add>
void collect_each(const Sources& sources, const MetricDeclaration& declaration, std::vector<MetricFamily>& families,
                  Add add) {
  Family family(declaration);
  for (const auto& server : sources.upstream_servers) add(family, server);
  std::move(family).finish(families);
}

void collect_upstream(const Sources& sources, std::vector<MetricFamily>& families) {
  using Metrics = upstream::ServerMetrics;
  const auto scalar = [&](const MetricDeclaration& declaration, auto member) {
    collect_each(sources, declaration, families, [&](Family& family, const UpstreamServer& server) {
      family.add({server.upstream, server.server},
                 sum(server.shards, [&](const Metrics& m) -> auto& { return m.*member; }));
    });
  };
  // One series for each label; the labels are in the order of the elements of an array of the server's metrics.
  const auto labelled = [&](const MetricDeclaration& declaration, auto member, const auto& labels, bool sparse) {
    collect_each(sources, declaration, families, [&](Family& family, const UpstreamServer& server) {
      for (std::size_t i = 0; i < labels.size(); ++i) {
        const double value = sum(server.shards, [&](const Metrics& m) -> auto& { return (m.*member)[i]; });
        if (sparse) {
          family.add_sparse({server.upstream, server.server, labels[i]}, value);
        } else {
          family.add({server.upstream, server.server, labels[i]}, value);
        }
      }
    });
  };

  collect_each(sources, declared("pillion_upstream_request_duration_seconds"), families,
               [](Family& family, const UpstreamServer& server) {
                 family.add({server.upstream, server.server},
                            sum_without_shortest(server.shards, request_bounds_left_out,
                                                 [](const Metrics& m) -> auto& { return m.request_duration; }));
               });
  labelled(declared("pillion_upstream_responses_total"), &Metrics::responses, server::rcode_labels, true);
  collect_each(
      sources, declared("pillion_upstream_failures_total"), families, [](Family& family, const UpstreamServer& server) {
        for (const auto error : runtime::enumerators<upstream::Error>) {
          const auto& traits = upstream::traits(error);
          const double value = sum(server.shards, [&](const Metrics& m) -> auto& { return m.failures[error]; });
          // A rejected certificate may be an attack, so that its first failure must be visible as an increase.
          if (server.tls && traits.is_lasting) {
            family.add({server.upstream, server.server, traits.reason}, value);
          } else {
            family.add_sparse({server.upstream, server.server, traits.reason}, value);
          }
        }
      });
  labelled(declared("pillion_upstream_connections"), &Metrics::connections, upstream::connection_labels, false);
  scalar(declared("pillion_upstream_in_flight"), &Metrics::in_flight);
  collect_each(sources, declared("pillion_upstream_up"), families, [](Family& family, const UpstreamServer& server) {
    const bool up = std::ranges::any_of(server.shards, [](const Metrics* m) { return m->up.value() != 0; });
    family.add({server.upstream, server.server}, up ? 1 : 0);
  });
  scalar(declared("pillion_upstream_connections_opened_total"), &Metrics::connections_opened);
  scalar(declared("pillion_upstream_idle_closes_total"), &Metrics::idle_closes);
  scalar(declared("pillion_upstream_replays_total"), &Metrics::replays);
  labelled(declared("pillion_upstream_hedges_total"), &Metrics::hedges, upstream::hedge_labels, true);
}
static_assert(server::labelled_rcodes == upstream::labelled_rcodes, "rcode_labels serves both");

void collect_tls(const Sources& sources, std::vector<MetricFamily>& families) {
  using Metrics = upstream::ServerMetrics;
  collect_each(sources, declared("pillion_tls_handshakes_total"), families,
               [](Family& family, const UpstreamServer& server) {
                 if (!server.tls) return;
                 const auto add = [&](std::string_view result, std::string_view resumed, auto member) {
                   family.add({server.upstream, server.server, result, resumed},
                              sum(server.shards, [&](const Metrics& m) -> auto& { return m.*member; }));
                 };
                 add("success", "false", &Metrics::handshakes_full);
                 add("success", "true", &Metrics::handshakes_resumed);
                 add("failure", "false", &Metrics::handshakes_failed);
               });
  collect_each(sources, declared("pillion_tls_handshake_duration_seconds"), families,
               [](Family& family, const UpstreamServer& server) {
                 if (!server.tls) return;
                 family.add({server.upstream, server.server},
                            sum_without_shortest(server.shards, handshake_bounds_left_out,
                                                 [](const Metrics& m) -> auto& { return m.handshake_duration; }));
               });
  collect_each(sources, declared("pillion_tls_connections_total"), families,
               [](Family& family, const UpstreamServer& server) {
                 if (!server.tls) return;
                 std::map<std::array<std::string_view, 3>, double> totals;
                 for (const auto* shard : server.shards) {
                   shard->tls_connections.for_each(
                       [&](std::string_view version, std::string_view group, std::string_view cipher,
                           std::uint64_t count) { totals[{version, group, cipher}] += static_cast<double>(count); });
                 }
                 for (const auto& [values, total] : totals) {
                   const auto& [version, group, cipher] = values;
                   family.add({server.upstream, server.server, version, group, cipher}, total);
                 }
               });
  collect_each(sources, declared("pillion_tls_group_fallbacks_total"), families,
               [](Family& family, const UpstreamServer& server) {
                 if (!server.tls) return;
                 family.add({server.upstream, server.server},
                            sum(server.shards, [](const Metrics& m) -> auto& { return m.group_fallbacks; }));
               });
  collect_each(sources, declared("pillion_upstream_certificate_not_after_timestamp_seconds"), families,
               [](Family& family, const UpstreamServer& server) {
                 double soonest = 0;
                 for (const auto* shard : server.shards) {
                   const double seen = shard->certificate_not_after.value();
                   if (seen != 0 && (soonest == 0 || seen < soonest)) soonest = seen;
                 }
                 if (soonest != 0) family.add({server.upstream, server.server}, soonest);
               });
}

void collect_tls_files(const Sources& sources, std::vector<MetricFamily>& families) {
  Family client(declared("pillion_client_certificate_not_after_timestamp_seconds"));
  Family authorities(declared("pillion_ca_certificates"));
  for (const auto& upstream : sources.tls_upstreams) {
    authorities.add({upstream.name}, static_cast<double>(upstream.authorities));
    if (upstream.client_not_after)
      client.add({upstream.name},
                 static_cast<double>(std::chrono::system_clock::to_time_t(*upstream.client_not_after)));
  }
  std::move(client).finish(families);
  std::move(authorities).finish(families);
}

void collect_plaintext(const Sources& sources, std::vector<MetricFamily>& families) {
  Family family(declared("pillion_plaintext_queries_total"));
  std::vector<std::pair<std::string_view, double>> totals;  // by upstream, in the order of the configuration
  for (const auto& server : sources.upstream_servers) {
    auto total =
        std::ranges::find(totals, std::string_view(server.upstream), &std::pair<std::string_view, double>::first);
    if (total == totals.end()) total = totals.insert(totals.end(), {server.upstream, 0});
    total->second += sum(server.shards, [](const upstream::ServerMetrics& m) -> auto& { return m.plaintext_queries; });
  }
  for (const auto& [upstream, total] : totals) family.add({upstream}, total);
  std::move(family).finish(families);
}

}  // namespace

void collect_upstreams(const Sources& sources, std::vector<MetricFamily>& families) {
  collect_upstream(sources, families);
  collect_tls(sources, families);
  collect_tls_files(sources, families);
  collect_plaintext(sources, families);
}

}  // namespace pillion::telemetry
