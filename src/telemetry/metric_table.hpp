#pragma once
// Every metric of the program, declared once. The exporter can only emit these. Tests hold the list in
// dashboards/METRICS.md and the dashboards to this table.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pillion::telemetry {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

/// The name of a metric in /metrics, and the names of its labels; unused places are empty.
struct MetricDeclaration {
  std::string_view name;
  MetricType type;
  std::string_view help;
  std::array<std::string_view, 5> labels = {};

  [[nodiscard]] constexpr std::size_t label_count() const {
    std::size_t count = 0;
    while (count < labels.size() && !labels[count].empty()) ++count;
    return count;
  }
};

/// In the order of the exposition. Label values never come from a query, except those that the rooms' label arrays
/// enumerate.
inline constexpr auto metric_table = std::to_array<MetricDeclaration>({
    {"pillion_dns_requests_total", MetricType::counter, "Valid queries received.", {"proto", "family", "type"}},
    {"pillion_dns_responses_total",
     MetricType::counter,
     "Answers made, by where they came from; local: by Pillion itself, failures for want of an answer among them.",
     {"rcode", "source"}},
    {"pillion_dns_request_duration_seconds",
     MetricType::histogram,
     "Time from the receipt of a query to its answer.",
     {"source"}},
    {"pillion_dns_rejected_total",
     MetricType::counter,
     "Messages and connections refused: invalid queries, unsupported requests and limits.",
     {"reason"}},
    {"pillion_dns_in_flight", MetricType::gauge, "Queries received and not yet answered."},
    {"pillion_dns_in_flight_limit", MetricType::gauge, "How many of them there may be; more are refused."},
    {"pillion_responses_undelivered_total", MetricType::counter,
     "Answers not sent: the client had gone, its socket buffer was full, or the drain ended."},
    {"pillion_responses_truncated_total", MetricType::counter, "Answers cut to the client's UDP size, with TC set."},
    {"pillion_client_connections", MetricType::gauge, "Open client TCP connections.", {"family"}},
    {"pillion_client_connections_limit", MetricType::gauge,
     "How many there may be: dns.max_connections, or fewer where descriptors or memory do not hold so many."},
    {"pillion_client_connections_accepted_total", MetricType::counter, "Client TCP connections accepted."},
    {"pillion_accept_errors_total", MetricType::counter,
     "Failures to accept a client TCP connection, for lack of descriptors or memory."},
    {"pillion_client_idle_closes_total",
     MetricType::counter,
     "Idle client TCP connections closed: after idle_timeout, or at a limit in favour of a new one.",
     {"reason"}},
    {"pillion_clients_tracked", MetricType::gauge, "Client addresses of which something is known."},
    {"pillion_clients_banned", MetricType::gauge,
     "Client addresses that are banned; only where clients.ban_after is not 0."},
    {"pillion_client_bans_total", MetricType::counter,
     "Bans of client addresses; only where clients.ban_after is not 0."},
    {"pillion_cache_entries", MetricType::gauge, "Answers in the cache, expired ones included."},
    {"pillion_cache_bytes", MetricType::gauge, "Bytes that they take of cache.size."},
    {"pillion_cache_limit_bytes", MetricType::gauge,
     "How many they may take: cache.size for each thread, or what the memory leaves of that."},
    {"pillion_cache_hits_total", MetricType::counter, "Queries answered from the cache with what had not expired."},
    {"pillion_cache_misses_total", MetricType::counter,
     "Queries for which the cache had nothing that had not expired."},
    {"pillion_cache_stale_total", MetricType::counter, "Expired answers given since the upstream did not answer."},
    {"pillion_cache_insertions_total", MetricType::counter, "Answers put into the cache."},
    {"pillion_cache_evictions_total", MetricType::counter, "Usable answers dropped to make room."},
    {"pillion_cache_expired_total", MetricType::counter, "Useless answers dropped to make room."},
    {"pillion_cache_prefetches_total", MetricType::counter,
     "Queries of our own for popular answers that were about to expire."},
    {"pillion_dns_coalesced_total", MetricType::counter,
     "Queries that waited for the same question, already under way for another."},
    {"pillion_search_walks_total", MetricType::counter, "Walks along the search list made in place of a client's."},
    {"pillion_search_withheld_total", MetricType::counter,
     "Questions not passed on, since the cluster of the search list can have no such name."},
    {"pillion_forwarding_loops_total", MetricType::counter,
     "Questions of our own that an upstream in the clear has sent back to us."},
    {"pillion_upstream_request_duration_seconds",
     MetricType::histogram,
     "Time from sending a query to the server to its reply.",
     {"upstream", "server"}},
    {"pillion_upstream_responses_total",
     MetricType::counter,
     "Replies received from the server.",
     {"upstream", "server", "rcode"}},
    {"pillion_upstream_failures_total",
     MetricType::counter,
     "Failures of the server, by reason; timeout: a query's time ended while the server had it.",
     {"upstream", "server", "reason"}},
    {"pillion_upstream_connections",
     MetricType::gauge,
     "Connections to the server, by state.",
     {"upstream", "server", "state"}},
    {"pillion_upstream_in_flight", MetricType::gauge, "Queries sent and not yet answered.", {"upstream", "server"}},
    {"pillion_upstream_up",
     MetricType::gauge,
     "1 while any thread sends queries to the server, 0 while all have backed off.",
     {"upstream", "server"}},
    {"pillion_upstream_connections_opened_total",
     MetricType::counter,
     "Connections opened to the server.",
     {"upstream", "server"}},
    {"pillion_upstream_idle_closes_total",
     MetricType::counter,
     "Connections that the server, or the path to it, ended while no query waited on them.",
     {"upstream", "server"}},
    {"pillion_upstream_replays_total",
     MetricType::counter,
     "Queries sent again on another connection after a close.",
     {"upstream", "server"}},
    {"pillion_upstream_hedges_total",
     MetricType::counter,
     "Queries given to this server as well since another was slow, by what came of it.",
     {"upstream", "server", "result"}},
    {"pillion_tls_handshakes_total",
     MetricType::counter,
     "TLS handshakes with the server; resumed is known of successful ones only.",
     {"upstream", "server", "result", "resumed"}},
    {"pillion_tls_handshake_duration_seconds",
     MetricType::histogram,
     "Time of TLS handshakes with the server.",
     {"upstream", "server"}},
    {"pillion_tls_connections_total",
     MetricType::counter,
     "TLS connections made with the server, by what was agreed on.",
     {"upstream", "server", "version", "group", "cipher"}},
    {"pillion_tls_group_fallbacks_total",
     MetricType::counter,
     "Connections made without the post-quantum groups, since handshakes that offered them got no answer.",
     {"upstream", "server"}},
    {"pillion_upstream_certificate_not_after_timestamp_seconds",
     MetricType::gauge,
     "The soonest end of validity in the server's chain of certificates that any thread has seen.",
     {"upstream", "server"}},
    {"pillion_client_certificate_not_after_timestamp_seconds",
     MetricType::gauge,
     "The soonest end of validity of the certificates that Pillion shows to the upstream.",
     {"upstream"}},
    {"pillion_ca_certificates", MetricType::gauge, "Certificates of the ca_file that are trusted.", {"upstream"}},
    {"pillion_plaintext_queries_total",
     MetricType::counter,
     "Queries sent unencrypted: not 0 only for an upstream configured as tcp or udp.",
     {"upstream"}},
    {"pillion_memory_limit_bytes", MetricType::gauge,
     "Memory that the process may take: `memory`, or what the cgroup leaves it."},
    {"pillion_memory_used_bytes",
     MetricType::gauge,
     "What of it is in use, by what for; the log says at the start how much is set aside for each.",
     {"what"}},
    {"pillion_config_last_reload_success_timestamp_seconds", MetricType::gauge,
     "When the configuration in use was loaded."},
    {"pillion_config_last_reload_successful", MetricType::gauge,
     "1 unless the last reload was refused: then what is in use is not what the files say."},
    {"pillion_config_reloads_total", MetricType::counter, "Reloads of the configuration, by result.", {"result"}},
    {"pillion_config_generations", MetricType::gauge,
     "Configurations of which something is left: the one in use, and those whose last queries have not ended."},
    {"pillion_config_info",
     MetricType::gauge,
     "Always 1; the label is the start of the SHA-256 of the effective configuration.",
     {"hash"}},
    {"pillion_log_lines_dropped_total", MetricType::counter,
     "Log lines not written because standard error was not read fast enough."},
    {"pillion_sink_records_written_total",
     MetricType::counter,
     "Lines and messages given to where `syslog`, `query_log` and `dnstap` write; only where these are on.",
     {"sink"}},
    {"pillion_sink_records_dropped_total",
     MetricType::counter,
     "Lines and messages not written, since their queue was full; only where these are on.",
     {"sink"}},
    {"pillion_internal_errors_total", MetricType::counter,
     "Exceptions that ended a client, a query, a connection or a scrape: faults of the program, or no memory."},
    {"pillion_worker_restarts_total", MetricType::counter,
     "Workers that were ended by a signal and started again by the supervisor (`run --supervise`)."},
    {"pillion_build_info",
     MetricType::gauge,
     "Always 1; the labels say what is running.",
     {"version", "commit", "openssl"}},
    {"process_cpu_seconds_total", MetricType::counter, "User and system time of the process."},
    {"process_resident_memory_bytes", MetricType::gauge, "Resident memory of the process."},
    {"process_virtual_memory_bytes", MetricType::gauge, "Virtual memory of the process."},
    {"process_open_fds", MetricType::gauge, "Open file descriptors of the process."},
    {"process_max_fds", MetricType::gauge, "Limit of open file descriptors of the process."},
    {"process_start_time_seconds", MetricType::gauge, "When the process started, in Unix time."},
});

/// The declaration with this name. An undeclared name does not compile.
consteval const MetricDeclaration& declared(std::string_view name) {
  for (const auto& declaration : metric_table) {
    if (declaration.name == name) return declaration;
  }
  throw "not in metric_table";
}

}  // namespace pillion::telemetry
