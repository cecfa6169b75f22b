#include "telemetry/exporter.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "telemetry/exposition.hpp"
#include "telemetry/family.hpp"
#include "telemetry/metric_table.hpp"
#include "telemetry/process_stats.hpp"

namespace pillion::telemetry {
namespace {

using prometheus::MetricFamily;

void collect_requests(const Sources& sources, std::vector<MetricFamily>& families) {
  Family requests(declared("pillion_dns_requests_total"));
  for (std::size_t transport = 0; transport < server::transport_labels.size(); ++transport) {
    for (std::size_t family = 0; family < server::family_labels.size(); ++family) {
      for (std::size_t type = 0; type < server::type_labels.size(); ++type) {
        requests.add_sparse(
            {server::transport_labels[transport], server::family_labels[family], server::type_labels[type]},
            sum(sources.shards,
                [&](const server::DnsMetrics& m) -> auto& { return m.requests[transport][family][type]; }));
      }
    }
  }
  std::move(requests).finish(families);

  Family responses(declared("pillion_dns_responses_total"));
  for (std::size_t source = 0; source < resolve::source_labels.size(); ++source) {
    for (std::size_t rcode = 0; rcode < server::rcode_labels.size(); ++rcode) {
      responses.add_sparse(
          {server::rcode_labels[rcode], resolve::source_labels[source]},
          sum(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.responses[rcode][source]; }));
    }
  }
  std::move(responses).finish(families);

  Family duration(declared("pillion_dns_request_duration_seconds"));
  for (std::size_t source = 0; source < resolve::source_labels.size(); ++source) {
    duration.add_sparse({resolve::source_labels[source]},
                        sum_histogram(sources.shards, [&](const server::DnsMetrics& m) -> auto& {
                          return m.request_duration[source];
                        }));
  }
  std::move(duration).finish(families);

  Family rejected(declared("pillion_dns_rejected_total"));
  for (std::size_t i = 0; i < server::invalid_labels.size(); ++i) {
    rejected.add_sparse({server::invalid_labels[i]},
                        sum(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.invalid[i]; }));
  }
  for (std::size_t i = 0; i < server::refusal_labels.size(); ++i) {
    rejected.add_sparse({server::refusal_labels[i]},
                        sum(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.refused[i]; }));
  }
  std::move(rejected).finish(families);
}

void collect_clients(const Sources& sources, std::vector<MetricFamily>& families) {
  const auto total = [&](auto member) {
    return sum(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.*member; });
  };
  const auto scalar = [&](const MetricDeclaration& declaration, auto member) {
    Family family(declaration);
    family.add({}, total(member));
    std::move(family).finish(families);
  };
  scalar(declared("pillion_dns_in_flight"), &server::DnsMetrics::in_flight);
  scalar(declared("pillion_responses_undelivered_total"), &server::DnsMetrics::responses_undelivered);
  scalar(declared("pillion_responses_truncated_total"), &server::DnsMetrics::truncated);
  Family connections(declared("pillion_client_connections"));
  for (std::size_t i = 0; i < server::family_labels.size(); ++i) {
    connections.add({server::family_labels[i]},
                    sum(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.connections[i]; }));
  }
  std::move(connections).finish(families);
  scalar(declared("pillion_client_connections_accepted_total"), &server::DnsMetrics::connections_accepted);
  scalar(declared("pillion_accept_errors_total"), &server::DnsMetrics::accept_errors);
  Family idle_closes(declared("pillion_client_idle_closes_total"));
  idle_closes.add_sparse({"idle_timeout"}, total(&server::DnsMetrics::idle_closes));
  idle_closes.add_sparse({"displaced"}, total(&server::DnsMetrics::displaced));
  std::move(idle_closes).finish(families);
  scalar(declared("pillion_clients_tracked"), &server::DnsMetrics::clients_tracked);
  if (!sources.bans) return;
  scalar(declared("pillion_clients_banned"), &server::DnsMetrics::clients_banned);
  scalar(declared("pillion_client_bans_total"), &server::DnsMetrics::bans);
}

void collect_resolution(const Sources& sources, std::vector<MetricFamily>& families) {
  const auto scalar = [&](const MetricDeclaration& declaration, const auto& shards, auto member) {
    if (shards.empty()) return;
    Family family(declaration);
    family.add({}, sum(shards, [&](const auto& m) -> auto& { return m.*member; }));
    std::move(family).finish(families);
  };
  scalar(declared("pillion_cache_entries"), sources.caches, &cache::CacheMetrics::entries);
  scalar(declared("pillion_cache_bytes"), sources.caches, &cache::CacheMetrics::bytes);
  scalar(declared("pillion_cache_hits_total"), sources.caches, &cache::CacheMetrics::hits);
  scalar(declared("pillion_cache_misses_total"), sources.caches, &cache::CacheMetrics::misses);
  scalar(declared("pillion_cache_stale_total"), sources.caches, &cache::CacheMetrics::stale);
  scalar(declared("pillion_cache_insertions_total"), sources.caches, &cache::CacheMetrics::insertions);
  scalar(declared("pillion_cache_evictions_total"), sources.caches, &cache::CacheMetrics::evictions);
  scalar(declared("pillion_cache_expired_total"), sources.caches, &cache::CacheMetrics::expired);
  scalar(declared("pillion_cache_prefetches_total"), sources.resolvers, &resolve::ResolverMetrics::prefetches);
  scalar(declared("pillion_dns_coalesced_total"), sources.resolvers, &resolve::ResolverMetrics::coalesced);
  if (sources.searches) {
    scalar(declared("pillion_search_walks_total"), sources.resolvers, &resolve::ResolverMetrics::search_walks);
    scalar(declared("pillion_search_withheld_total"), sources.resolvers, &resolve::ResolverMetrics::search_withheld);
  }
  scalar(declared("pillion_forwarding_loops_total"), sources.resolvers, &resolve::ResolverMetrics::forwarding_loops);
}

using UpstreamServer = Sources::UpstreamServer;

// Of duration_bounds, so many of the shortest are below what a server's answer takes: the way through two sockets, and
// for a handshake the arithmetic. They would be series without use.
constexpr std::ptrdiff_t request_bounds_left_out = 2;    // 25 and 100 us
constexpr std::ptrdiff_t handshake_bounds_left_out = 3;  // 500 us too

template <typename Read>
prometheus::ClientMetric::Histogram sum_without_shortest(const std::vector<const upstream::ServerMetrics*>& shards,
                                                         std::ptrdiff_t left_out, Read read) {
  auto durations = sum_histogram(shards, read);
  durations.bucket.erase(durations.bucket.begin(), durations.bucket.begin() + left_out);
  return durations;
}

/// One family of upstream servers: `add` is called with it for each server.
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
  // One series for each element of an array of the server's metrics, with the element's label.
  const auto labelled = [&](const MetricDeclaration& declaration, auto member, auto label, bool sparse) {
    collect_each(sources, declaration, families, [&](Family& family, const UpstreamServer& server) {
      constexpr auto count = std::tuple_size_v<std::remove_cvref_t<decltype(std::declval<Metrics&>().*member)>>;
      for (std::size_t i = 0; i < count; ++i) {
        const double value = sum(server.shards, [&](const Metrics& m) -> auto& { return (m.*member)[i]; });
        if (sparse) {
          family.add_sparse({server.upstream, server.server, label(i)}, value);
        } else {
          family.add({server.upstream, server.server, label(i)}, value);
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
  labelled(
      declared("pillion_upstream_responses_total"), &Metrics::responses,
      [](std::size_t i) { return server::rcode_labels[i]; }, true);
  labelled(
      declared("pillion_upstream_failures_total"), &Metrics::failures,
      [](std::size_t i) { return upstream::error_table[i].reason; }, true);
  labelled(
      declared("pillion_upstream_connections"), &Metrics::connections,
      [](std::size_t i) { return upstream::connection_labels[i]; }, false);
  scalar(declared("pillion_upstream_in_flight"), &Metrics::in_flight);
  collect_each(sources, declared("pillion_upstream_up"), families, [](Family& family, const UpstreamServer& server) {
    const bool up = std::ranges::any_of(server.shards, [](const Metrics* m) { return m->up.value() != 0; });
    family.add({server.upstream, server.server}, up ? 1 : 0);
  });
  scalar(declared("pillion_upstream_connections_opened_total"), &Metrics::connections_opened);
  scalar(declared("pillion_upstream_idle_closes_total"), &Metrics::idle_closes);
  scalar(declared("pillion_upstream_replays_total"), &Metrics::replays);
  labelled(
      declared("pillion_upstream_hedges_total"), &Metrics::hedges,
      [](std::size_t i) { return upstream::hedge_labels[i]; }, true);
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

void collect_memory(const Sources& sources, std::vector<MetricFamily>& families) {
  if (sources.memory_limit == 0) return;
  Family limit(declared("pillion_memory_limit_bytes"));
  limit.add({}, static_cast<double>(sources.memory_limit));
  std::move(limit).finish(families);
  Family used(declared("pillion_memory_used_bytes"));
  used.add({"program"}, static_cast<double>(sources.memory_program));
  for (std::size_t i = 0; i < runtime::memory_labels.size(); ++i) {
    const auto use = static_cast<runtime::MemoryUse>(i);
    double bytes = 0;
    if (use == runtime::MemoryUse::cache)
      bytes = sum(sources.caches, [](const cache::CacheMetrics& m) -> auto& { return m.bytes; });
    for (const auto* const shard : sources.memory) {
      if (const auto* const share = shard->find(use)) bytes += static_cast<double>(share->used());
    }
    used.add({runtime::memory_labels[i]}, bytes);
  }
  std::move(used).finish(families);
}

void collect_program(const Sources& sources, std::vector<MetricFamily>& families) {
  const auto scalar = [&](const MetricDeclaration& declaration, double value) {
    Family family(declaration);
    family.add({}, value);
    std::move(family).finish(families);
  };
  if (sources.config_loaded != nullptr) {
    scalar(declared("pillion_config_last_reload_success_timestamp_seconds"), sources.config_loaded->value());
  }
  if (sources.log_lines_dropped) {
    scalar(declared("pillion_log_lines_dropped_total"), static_cast<double>(sources.log_lines_dropped()));
  }
  scalar(declared("pillion_internal_errors_total"),
         sum(sources.internal_errors, [](const runtime::Counter& counter) -> auto& { return counter; }));
  scalar(declared("pillion_worker_restarts_total"), static_cast<double>(sources.worker_restarts));
  Family build(declared("pillion_build_info"));
  build.add({sources.build.version, sources.build.commit, sources.build.openssl}, 1);
  std::move(build).finish(families);

  const auto process = read_process_stats();
  scalar(declared("process_cpu_seconds_total"), process.cpu_seconds);
  scalar(declared("process_resident_memory_bytes"), process.resident_bytes);
  scalar(declared("process_virtual_memory_bytes"), process.virtual_bytes);
  scalar(declared("process_open_fds"), process.open_descriptors);
  scalar(declared("process_max_fds"), process.max_descriptors);
  scalar(declared("process_start_time_seconds"), process.start_time);
}

}  // namespace

std::vector<MetricFamily> Exporter::Collect() const {
  std::vector<MetricFamily> families;
  families.reserve(metric_table.size());
  collect_requests(sources_, families);
  collect_clients(sources_, families);
  collect_resolution(sources_, families);
  collect_upstream(sources_, families);
  collect_tls(sources_, families);
  collect_plaintext(sources_, families);
  collect_memory(sources_, families);
  collect_program(sources_, families);
  return families;
}

std::string Exporter::text() const {
  return exposition_text(Collect());
}

}  // namespace pillion::telemetry
