#include "admin/status_json.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/array.hpp>

#include "telemetry/process_stats.hpp"

namespace pillion::admin {
namespace json = boost::json;

namespace {

json::object finding_json(const Finding& finding) {
  json::object object;
  object["severity"] = to_string(finding.severity);
  object["code"] = finding.code;
  object["fault"] = to_string(finding.fault);
  object["text"] = finding.text;
  object["subject"] = or_null(std::string_view(finding.subject));
  return object;
}

json::object latency_json(const Durations& durations) {
  json::object object;
  object["count"] = durations.count();
  object["mean_seconds"] = or_null(durations.mean());
  object["p50_seconds"] = or_null(durations.quantile(0.5));
  object["p99_seconds"] = or_null(durations.quantile(0.99));
  return object;
}

json::object rejected_json(const Figures& figures) {
  auto object = nonzero(server::invalid_labels, figures.invalid);
  for (auto& [reason, count] : nonzero(server::refusal_labels, figures.refused)) object[reason] = count;
  return object;
}

json::object by_rcode(const Figures& figures) {
  json::object object;
  for (std::size_t rcode = 0; rcode < server::rcode_labels.size(); ++rcode) {
    std::uint64_t count = 0;
    for (const auto of_source : figures.responses[rcode]) count += of_source;
    if (count > 0) object[server::rcode_labels[rcode]] = count;
  }
  return object;
}

std::uint64_t plaintext_queries(const Figures& figures) {
  std::uint64_t sum = 0;
  for (const auto& server : figures.servers) sum += server.plaintext_queries;
  return sum;
}

json::object queries_json(const Figures& figures) {
  json::object object;
  object["received"] = figures.queries;
  object["answered"] = figures.all_answers();
  object["by_source"] = by_source(figures.answers());
  object["by_rcode"] = by_rcode(figures);
  object["rejected"] = rejected_json(figures);
  object["in_flight"] = figures.in_flight;
  object["in_flight_limit"] = figures.in_flight_limit;
  object["coalesced"] = figures.coalesced;
  object["undelivered"] = figures.undelivered;
  object["plaintext"] = plaintext_queries(figures);
  return object;
}

json::object memory_json(const telemetry::Sources& sources, const Figures& figures) {
  json::object uses;
  for (const auto use : runtime::enumerators<runtime::MemoryUse>) {
    json::object bytes;
    bytes["used_bytes"] = figures.memory_used[use];
    bytes["limit_bytes"] = figures.memory_limits[use];
    uses[runtime::memory_labels[use]] = std::move(bytes);
  }
  json::object object;
  object["limit_bytes"] = sources.memory_limit;
  object["resident_bytes"] = static_cast<std::uint64_t>(telemetry::read_process_stats().resident_bytes);
  object["uses"] = std::move(uses);
  return object;
}

json::object build_json(const telemetry::Sources::Build& build, const std::string& sbom) {
  json::object object;
  object["version"] = build.version;
  object["commit"] = build.commit;
  object["openssl"] = build.openssl;
  object["sbom_sha256"] = or_null(std::string_view(sbom));
  return object;
}

json::array texts(const std::vector<std::string>& lines) {
  json::array array;
  for (const auto& line : lines) array.emplace_back(line);
  return array;
}

json::object listen_json(const ListenView& listen) {
  json::object object;
  object["dns"] = texts(listen.dns);
  object["http"] = texts(listen.http);
  object["admin"] = texts(listen.admin);
  return object;
}

json::object latencies_json(const Figures& figures) {
  json::object object;
  for (const auto source : runtime::enumerators<resolve::Source>)
    object[resolve::source_labels[source]] = latency_json(figures.durations[source]);
  return object;
}

json::object clients_json(const Figures& figures) {
  json::object object;
  object["connections"] = figures.client_connections;
  object["connections_limit"] = figures.client_connections_limit;
  object["tracked"] = figures.clients_tracked;
  object["banned"] = figures.clients_banned;
  return object;
}

double rate(std::uint64_t now, std::uint64_t before, double interval) {
  return interval <= 0 ? 0 : static_cast<double>(now - std::min(now, before)) / interval;
}

json::object live_server_json(const ServerFigures& now, const ServerFigures& before, double interval) {
  const auto durations = now.request_duration.since(before.request_duration);
  json::object object;
  object["upstream"] = now.upstream;
  object["server"] = now.server;
  object["up"] = now.is_up;
  object["in_flight"] = now.in_flight;
  object["responses_per_second"] = rate(now.all_responses(), before.all_responses(), interval);
  object["failures_per_second"] = rate(now.all_failures(), before.all_failures(), interval);
  object["p50_seconds"] = or_null(durations.quantile(0.5));
  object["p99_seconds"] = or_null(durations.quantile(0.99));
  return object;
}

}  // namespace

std::string_view to_string(runtime::LogLevel level) {
  constexpr runtime::EnumArray<runtime::LogLevel, std::string_view, 4> words = {"debug", "info", "warn", "error"};
  return words[level];
}

json::object verdict_json(const std::vector<Finding>& findings, double window_seconds) {
  const auto& first = findings.front();
  json::array all;
  for (const auto& finding : findings) all.push_back(finding_json(finding));
  json::object object;
  object["severity"] = to_string(first.severity);
  object["code"] = first.code;
  object["fault"] = to_string(first.fault);
  object["text"] = first.text;
  object["findings"] = std::move(all);
  object["window_seconds"] = window_seconds;
  return object;
}

json::object cache_json(const CacheFigures& figures) {
  const auto asked = figures.hits + figures.misses;
  json::object object;
  object["enabled"] = figures.is_on;
  object["entries"] = figures.entries;
  object["bytes"] = figures.bytes;
  object["limit_bytes"] = figures.is_on ? figures.limit : 0;
  object["hits"] = figures.hits;
  object["misses"] = figures.misses;
  object["hit_ratio"] = or_null(
      asked == 0 ? std::nullopt : std::optional(static_cast<double>(figures.hits) / static_cast<double>(asked)));
  object["stale"] = figures.stale;
  object["insertions"] = figures.insertions;
  object["evictions"] = figures.evictions;
  object["expired"] = figures.expired;
  object["prefetches"] = figures.prefetches;
  return object;
}

json::object reloads_json(const telemetry::Sources& sources) {
  json::object object;
  const auto& reloads = *sources.reloads;
  object["succeeded"] = reloads.succeeded.value();
  object["failed"] = reloads.failed.value();
  object["last_failed"] = reloads.last_failed.value();
  object["loaded_at"] =
      to_rfc3339(std::chrono::system_clock::from_time_t(static_cast<std::time_t>(reloads.loaded_at.value())));
  return object;
}

json::object status_json(const StatusParts& parts, const Moment& moment) {
  const auto& [sources_, figures, findings, window, state, started, file, sbom, read_only, threads, listen, level] =
      parts;
  json::object object;
  object["verdict"] = verdict_json(findings, window);
  object["state"] = to_string(state);
  object["time"] = moment.text();
  object["started_at"] = started.text();
  object["uptime_seconds"] = seconds(moment.now() - started.now());
  object["build"] = build_json(sources_.build, sbom);
  json::object configuration;
  configuration["hash"] = sources_.config_hash;
  configuration["file"] = or_null(std::string_view(file));
  configuration["reloads"] = reloads_json(sources_);
  object["config"] = std::move(configuration);
  object["read_only"] = read_only;
  object["threads"] = threads;
  object["worker_restarts"] = sources_.worker_restarts;
  object["listen"] = listen_json(listen);
  object["queries"] = queries_json(figures);
  object["latency"] = latencies_json(figures);
  object["cache"] = cache_json(figures.cache);
  object["clients"] = clients_json(figures);
  object["memory"] = memory_json(sources_, figures);
  object["forwarding_loops"] = figures.forwarding_loops;
  object["internal_errors"] = figures.internal_errors;
  json::object log;
  log["level"] = to_string(level);
  log["lines_dropped"] = figures.log_lines_dropped;
  object["log"] = std::move(log);
  return object;
}

json::object live_json(const Figures& now, const Figures& before, const std::vector<Finding>& findings,
                       double window_seconds, ProcessState state, const Moment& moment) {
  const auto interval = window_of(now, before);
  const auto durations = now.all_durations().since(before.all_durations());
  const auto answers = now.answers();
  const auto answers_before = before.answers();
  const auto hits = now.cache.hits - std::min(now.cache.hits, before.cache.hits);
  const auto misses = now.cache.misses - std::min(now.cache.misses, before.cache.misses);
  json::object answered;
  for (const auto source : runtime::enumerators<resolve::Source>)
    answered[resolve::source_labels[source]] = rate(answers[source], answers_before[source], interval);
  json::array servers;
  for (const auto& server : now.servers) {
    const auto* const known = before.find(server);
    servers.push_back(live_server_json(server, known == nullptr ? ServerFigures{} : *known, interval));
  }
  json::object object;
  object["time"] = moment.text();
  object["interval_seconds"] = interval;
  object["state"] = to_string(state);
  object["verdict"] = verdict_json(findings, window_seconds);
  object["queries_per_second"] = rate(now.queries, before.queries, interval);
  object["answers_per_second"] = std::move(answered);
  object["failed_answers_per_second"] = rate(now.failed_answers(), before.failed_answers(), interval);
  object["rejected_per_second"] = rate(now.all_rejected(), before.all_rejected(), interval);
  object["hit_ratio"] =
      or_null(hits + misses == 0 ? std::nullopt
                                 : std::optional(static_cast<double>(hits) / static_cast<double>(hits + misses)));
  object["in_flight"] = now.in_flight;
  object["client_connections"] = now.client_connections;
  object["p50_seconds"] = or_null(durations.quantile(0.5));
  object["p99_seconds"] = or_null(durations.quantile(0.99));
  object["resident_bytes"] = static_cast<std::uint64_t>(telemetry::read_process_stats().resident_bytes);
  object["servers"] = std::move(servers);
  return object;
}

}  // namespace pillion::admin
