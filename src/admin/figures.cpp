#include "admin/figures.hpp"

#include <algorithm>
#include <numeric>

#include "dns/message.hpp"

namespace pillion::admin {
namespace {

template <typename Numbers>
std::uint64_t sum_of(const Numbers& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

std::uint64_t whole(double number) {
  return number > 0 ? static_cast<std::uint64_t>(number) : 0;
}

template <std::size_t size>
void add(std::array<std::uint64_t, size>& to, const std::array<runtime::Counter, size>& from) {
  for (std::size_t i = 0; i < size; ++i) to[i] += from[i].value();
}

std::uint64_t sum(const server::DnsMetrics::ByType& counts) {
  std::uint64_t total = 0;
  for (const auto& count : counts) total += count.value();
  return total;
}

void add_server(Figures& figures, const server::DnsMetrics& metrics) {
  for (const auto& families : metrics.requests) {
    for (const auto& types : families) figures.queries += sum(types);
  }
  for (std::size_t rcode = 0; rcode < figures.responses.size(); ++rcode)
    add(figures.responses[rcode], metrics.responses[rcode]);
  for (const auto source : runtime::enumerators<resolve::Source>)
    figures.durations[source].add(metrics.request_duration[source]);
  add(figures.invalid, metrics.invalid);
  add(figures.refused, metrics.refused);
  figures.in_flight += whole(metrics.in_flight.value());
  figures.in_flight_limit += whole(metrics.in_flight_limit.value());
  for (const auto& family : metrics.connections) figures.client_connections += whole(family.value());
  figures.client_connections_limit += whole(metrics.connections_limit.value());
  figures.clients_tracked += whole(metrics.clients_tracked.value());
  figures.clients_banned += whole(metrics.clients_banned.value());
  figures.undelivered += metrics.responses_undelivered.value();
}

void add_cache(CacheFigures& figures, const cache::CacheMetrics& metrics) {
  figures.is_on = true;
  figures.entries += whole(metrics.entries.value());
  figures.bytes += whole(metrics.bytes.value());
  figures.hits += metrics.hits.value();
  figures.misses += metrics.misses.value();
  figures.stale += metrics.stale.value();
  figures.insertions += metrics.insertions.value();
  figures.evictions += metrics.evictions.value();
  figures.expired += metrics.expired.value();
}

void add_upstream(ServerFigures& figures, const upstream::ServerMetrics& metrics) {
  figures.is_up = figures.is_up || metrics.up.value() != 0;
  figures.is_tried = figures.is_tried || metrics.tried.value();
  figures.in_flight += whole(metrics.in_flight.value());
  for (std::size_t i = 0; i < figures.connections.size(); ++i)
    figures.connections[i] += whole(metrics.connections[i].value());
  add(figures.responses, metrics.responses);
  add(figures.failures, metrics.failures);
  add(figures.hedges, metrics.hedges);
  figures.handshakes_full += metrics.handshakes_full.value();
  figures.handshakes_resumed += metrics.handshakes_resumed.value();
  figures.handshakes_failed += metrics.handshakes_failed.value();
  figures.connections_opened += metrics.connections_opened.value();
  figures.idle_closes += metrics.idle_closes.value();
  figures.replays += metrics.replays.value();
  figures.plaintext_queries += metrics.plaintext_queries.value();
  figures.certificate_not_after = std::max(figures.certificate_not_after, metrics.certificate_not_after.value());
  figures.request_duration.add(metrics.request_duration);
}

void add_memory(Figures& figures, const telemetry::Sources& from) {
  for (std::size_t i = 0; i < figures.memory_used.size(); ++i) {
    const auto use = static_cast<runtime::MemoryUse>(i);
    if (use == runtime::MemoryUse::cache) {
      figures.memory_used[i] = figures.cache.bytes;
      figures.memory_limits[i] = from.cache_limit;
    }
    for (const auto* const shard : from.memory) {
      const auto* const share = shard->find(use);
      if (share == nullptr || share->limit() == runtime::MemoryShare::unlimited) continue;
      figures.memory_used[i] += share->used();
      figures.memory_limits[i] += share->limit();
    }
  }
}

}  // namespace

void Durations::add(const runtime::Histogram& histogram) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += histogram.bucket(i);
  sum_seconds += histogram.sum_seconds();
}

void Durations::add(const Durations& other) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  sum_seconds += other.sum_seconds;
}

std::uint64_t Durations::count() const {
  return sum_of(buckets);
}

std::optional<double> Durations::quantile(double part) const {
  const auto total = count();
  if (total == 0) return std::nullopt;
  const double rank = part * static_cast<double>(total);
  double seen = 0;
  for (std::size_t i = 0; i < runtime::duration_bounds.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && seen + here >= rank) {
      const double start = i == 0 ? 0 : runtime::duration_bounds[i - 1];
      return start + (runtime::duration_bounds[i] - start) * std::clamp((rank - seen) / here, 0.0, 1.0);
    }
    seen += here;
  }
  return runtime::duration_bounds.back();
}

std::optional<double> Durations::mean() const {
  const auto total = count();
  return total == 0 ? std::nullopt : std::optional(sum_seconds / static_cast<double>(total));
}

Durations Durations::since(const Durations& before) const {
  Durations difference;
  for (std::size_t i = 0; i < buckets.size(); ++i)
    difference.buckets[i] = buckets[i] - std::min(buckets[i], before.buckets[i]);
  difference.sum_seconds = std::max(0.0, sum_seconds - before.sum_seconds);
  return difference;
}

std::uint64_t ServerFigures::all_responses() const {
  return sum_of(responses);
}

std::uint64_t ServerFigures::all_failures() const {
  return sum_of(failures);
}

BySource Figures::answers() const {
  BySource answers{};
  for (const auto& of_rcode : responses) {
    for (const auto source : runtime::enumerators<resolve::Source>) answers[source] += of_rcode[source];
  }
  return answers;
}

std::uint64_t Figures::all_answers() const {
  return sum_of(answers());
}

std::uint64_t Figures::failed_answers() const {
  const auto of = [this](std::uint16_t rcode) -> const BySource& { return responses.at(rcode); };
  auto failed = sum_of(of(dns::rcode::servfail)) + sum_of(of(dns::rcode::refused));
  for (const auto rcode : {dns::rcode::formerr, dns::rcode::notimp})
    failed += sum_of(of(rcode)) - of(rcode)[resolve::Source::local];
  return failed;
}

std::uint64_t Figures::all_rejected() const {
  return sum_of(invalid) + sum_of(refused);
}

Durations Figures::all_durations() const {
  Durations all;
  for (const auto& of_source : durations) all.add(of_source);
  return all;
}

const ServerFigures* Figures::find(const ServerFigures& server) const {
  const auto found = std::ranges::find_if(servers, [&](const ServerFigures& each) {
    return each.upstream == server.upstream && each.server == server.server;
  });
  return found == servers.end() ? nullptr : &*found;
}

Figures read_figures(const telemetry::Sources& from, runtime::Time now) {
  Figures figures;
  figures.at = now;
  for (const auto* const shard : from.shards) add_server(figures, *shard);
  figures.in_flight_limit = std::min<std::uint64_t>(figures.in_flight_limit, from.max_in_flight);
  figures.client_connections_limit = std::min<std::uint64_t>(figures.client_connections_limit, from.max_connections);
  for (const auto* const resolver : from.resolvers) {
    figures.coalesced += resolver->coalesced.value();
    figures.forwarding_loops += resolver->forwarding_loops.value();
    figures.cache.prefetches += resolver->prefetches.value();
  }
  for (const auto* const cache : from.caches) add_cache(figures.cache, *cache);
  figures.cache.limit = from.cache_limit;
  for (const auto* const errors : from.internal_errors) figures.internal_errors += errors->value();
  if (from.log_lines_dropped) figures.log_lines_dropped = from.log_lines_dropped();
  add_memory(figures, from);
  for (const auto& server : from.upstream_servers) {
    ServerFigures of_server{.upstream = server.upstream, .server = server.server, .is_tls = server.tls};
    for (const auto* const shard : server.shards) add_upstream(of_server, *shard);
    figures.servers.push_back(std::move(of_server));
  }
  return figures;
}

}  // namespace pillion::admin
