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

#include "telemetry/collect_upstreams.hpp"
#include "telemetry/exposition.hpp"
#include "telemetry/family.hpp"
#include "telemetry/metric_table.hpp"
#include "telemetry/process_stats.hpp"

namespace pillion::telemetry {
namespace {

using prometheus::MetricFamily;

/// The number of the shortest duration_bounds that are useless for answers from `source`.
constexpr std::ptrdiff_t bounds_left_out(resolve::Source source) {
  switch (source) {
    case resolve::Source::upstream:
    case resolve::Source::cluster:
      return request_bounds_left_out;
    case resolve::Source::stale:
      return stale_bounds_left_out;
    default:
      return 0;
  }
}

void collect_requests(const Sources& sources, std::vector<MetricFamily>& families) {
  Family requests(declared("pillion_dns_requests_total"));
  for (const auto transport : runtime::enumerators<server::Transport>) {
    for (const auto family : runtime::enumerators<server::IpFamily>) {
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
  for (const auto source : runtime::enumerators<resolve::Source>) {
    for (std::size_t rcode = 0; rcode < server::rcode_labels.size(); ++rcode) {
      responses.add_sparse(
          {server::rcode_labels[rcode], resolve::source_labels[source]},
          sum(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.responses[rcode][source]; }));
    }
  }
  std::move(responses).finish(families);

  Family duration(declared("pillion_dns_request_duration_seconds"));
  for (const auto source : runtime::enumerators<resolve::Source>) {
    auto durations =
        sum_histogram(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.request_duration[source]; });
    leave_out_shortest(durations, bounds_left_out(source));
    duration.add_sparse({resolve::source_labels[source]}, durations);
  }
  std::move(duration).finish(families);

  Family rejected(declared("pillion_dns_rejected_total"));
  for (const auto error : runtime::enumerators<dns::QueryError>) {
    rejected.add_sparse({server::invalid_labels[error]},
                        sum(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.invalid[error]; }));
  }
  for (const auto refusal : runtime::enumerators<server::Refusal>) {
    const double value = sum(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.refused[refusal]; });
    if (server::is_limit(refusal)) {
      rejected.add({server::refusal_labels[refusal]}, value);
    } else {
      rejected.add_sparse({server::refusal_labels[refusal]}, value);
    }
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
  // The limit of all shards together, which may be lower because of their memory.
  const auto limit = [&](const MetricDeclaration& declaration, auto member, std::size_t of_process) {
    if (of_process == 0) return;
    Family family(declaration);
    family.add({}, std::min(total(member), static_cast<double>(of_process)));
    std::move(family).finish(families);
  };
  scalar(declared("pillion_dns_in_flight"), &server::DnsMetrics::in_flight);
  limit(declared("pillion_dns_in_flight_limit"), &server::DnsMetrics::in_flight_limit, sources.max_in_flight);
  scalar(declared("pillion_responses_undelivered_total"), &server::DnsMetrics::responses_undelivered);
  scalar(declared("pillion_responses_truncated_total"), &server::DnsMetrics::truncated);
  Family connections(declared("pillion_client_connections"));
  for (const auto family : runtime::enumerators<server::IpFamily>) {
    connections.add({server::family_labels[family]},
                    sum(sources.shards, [&](const server::DnsMetrics& m) -> auto& { return m.connections[family]; }));
  }
  std::move(connections).finish(families);
  limit(declared("pillion_client_connections_limit"), &server::DnsMetrics::connections_limit, sources.max_connections);
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
  if (!sources.caches.empty()) {
    Family limit(declared("pillion_cache_limit_bytes"));
    limit.add({}, static_cast<double>(sources.cache_limit));
    std::move(limit).finish(families);
  }
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

void collect_configuration(const Sources& sources, std::vector<MetricFamily>& families) {
  const auto scalar = [&](const MetricDeclaration& declaration, double value) {
    Family family(declaration);
    family.add({}, value);
    std::move(family).finish(families);
  };
  if (sources.reloads != nullptr) {
    const auto& reloads = *sources.reloads;
    scalar(declared("pillion_config_last_reload_success_timestamp_seconds"), reloads.loaded_at.value());
    scalar(declared("pillion_config_last_reload_successful"), reloads.last_failed.value() ? 0 : 1);
    Family total(declared("pillion_config_reloads_total"));
    total.add_sparse({"success"}, static_cast<double>(reloads.succeeded.value()));
    total.add_sparse({"failure"}, static_cast<double>(reloads.failed.value()));
    std::move(total).finish(families);
    double generations = 0;
    for (const auto* const shard : sources.resolvers) generations = std::max(generations, shard->generations.value());
    scalar(declared("pillion_config_generations"), generations);
  }
  if (!sources.config_hash.empty()) {
    Family info(declared("pillion_config_info"));
    info.add({sources.config_hash}, 1);
    std::move(info).finish(families);
  }
}

void collect_program(const Sources& sources, std::vector<MetricFamily>& families) {
  const auto scalar = [&](const MetricDeclaration& declaration, double value) {
    Family family(declaration);
    family.add({}, value);
    std::move(family).finish(families);
  };
  if (sources.log_lines_dropped) {
    scalar(declared("pillion_log_lines_dropped_total"), static_cast<double>(sources.log_lines_dropped()));
  }
  Family written(declared("pillion_sink_records_written_total"));
  Family dropped(declared("pillion_sink_records_dropped_total"));
  for (const auto& sink : sources.sinks) {
    written.add({sink.name}, static_cast<double>(sink.written()));
    dropped.add({sink.name}, static_cast<double>(sink.dropped()));
  }
  std::move(written).finish(families);
  std::move(dropped).finish(families);
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
  collect_upstreams(sources_, families);
  collect_memory(sources_, families);
  collect_configuration(sources_, families);
  collect_program(sources_, families);
  return families;
}

std::string Exporter::text() const {
  return exposition_text(Collect());
}

}  // namespace pillion::telemetry
