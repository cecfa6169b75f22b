#!/usr/bin/python3
"""What stands on the dashboards. Writes pod.json and fleet.json beside itself; with --check it only says whether they are what it would
write. In the expressions, `@` is the selector of namespace and pod."""

import json
import pathlib
import sys

from grafana import Panel, Query, Row, Stat, StateTimeline, Table, dashboard

HERE = pathlib.Path(__file__).parent

# The application beside Pillion may export process_* as well: only what the target that is Pillion says counts.
OURS = "and on (namespace, pod, instance) pillion_build_info{@}"
# The chart names the cluster's own DNS so; any other upstream is meant to be encrypted.
NOT_CLUSTER = 'upstream!="cluster"'


def rate(metric, *more):
    return f"rate({metric}{{{','.join(('@', *more))}}}[$__rate_interval])"


def quantile(number, metric, by=""):
    return f"histogram_quantile({number}, sum by (le{by}) ({rate(metric + '_bucket')}))"


def quantiles(metric):
    return [Query(quantile(number, metric), f"p{number * 100:g}") for number in (0.5, 0.95, 0.99)]


def share(part, whole, by=""):
    """`part` of `whole`, 0 where there was none of it. Both are sums of rates by the same labels."""
    by = f" by ({by})" if by else ""
    return f"(sum{by} ({part}) or 0 * sum{by} ({whole})) / sum{by} ({whole})"


SERVFAIL_SHARE = share(rate("pillion_dns_responses_total", 'rcode="SERVFAIL"'), rate("pillion_dns_responses_total"))
STALE_SHARE = share(rate("pillion_dns_responses_total", 'source="stale"'), rate("pillion_dns_responses_total"))
HITS = rate("pillion_cache_hits_total")
LOOKUPS = f"{rate('pillion_cache_hits_total')} + {rate('pillion_cache_misses_total')}"
HIT_RATIO = f"sum ({HITS}) / sum ({LOOKUPS})"
CERTIFICATE = {"base": "red", "limits": [(7, "orange"), (14, "green")], "minimum": None}
DAYS_LEFT = "(pillion_upstream_certificate_not_after_timestamp_seconds{@} - time()) / 86400"
CLIENT_DAYS_LEFT = "(pillion_client_certificate_not_after_timestamp_seconds{@} - time()) / 86400"

BUCKETS = "An estimate between the bounds of the histogram's buckets (25 us, 100 us, 500 us, 2.5 ms, 10 ms, 100 ms, 500 ms, 4 s; the lowest only "\
          "where anything is so fast)."


GLANCE = Row(
    "At a glance",
    Stat("Queries", "Valid queries received each second.", "reqps", Query(f"sum ({rate('pillion_dns_requests_total')})")),
    Stat("SERVFAIL",
         "Share of the answers that are SERVFAIL: neither a resolver nor the cache had an answer in time.", "percentunit",
         Query(SERVFAIL_SHARE), limits=[(0.01, "orange"), (0.05, "red")]),
    Stat("Cache hit ratio", "Share of the cache's lookups that found what had not expired.", "percentunit", Query(HIT_RATIO)),
    Stat("p99 latency", "99 of 100 queries are answered within this time. " + BUCKETS, "s",
         Query(quantile(0.99, "pillion_dns_request_duration_seconds")), limits=[(0.5, "orange"), (2, "red")]),
    Stat("Upstream servers up",
         "Share of the configured servers that queries are sent to; the others have backed off.", "percentunit",
         Query("avg (pillion_upstream_up{@})"), base="red", limits=[(0.5, "orange"), (1, "green")], maximum=1),
    Stat("Soonest certificate end",
         "Days to the soonest end of validity of an upstream server's certificate, as seen at the last handshake.", "d",
         Query(f"min ({DAYS_LEFT})"), **CERTIFICATE),
)

POD = [
    Row(
        GLANCE.title,
        *GLANCE.panels,
        Stat("Plaintext outside the cluster",
             "Queries sent unencrypted each second to an upstream not named `cluster`. Must be 0.", "reqps",
             Query(f"sum ({rate('pillion_plaintext_queries_total', NOT_CLUSTER)})"), limits=[(0.000001, "red")],
             width=3),
        Stat("Forwarding loops",
             "Questions of Pillion's own that an upstream in the clear has sent back to it. It asks when it starts, and so this is a number, "
             "not a rate. Must be 0.", "short", Query("sum (pillion_forwarding_loops_total{@})"), limits=[(1, "red")], width=3),
        Stat("Stale answers",
             "Share of the answers that had expired and were given since no resolver answered (RFC 8767).", "percentunit",
             Query(STALE_SHARE), limits=[(0.01, "orange"), (0.05, "red")], width=3),
        Stat("Running for", "Time since the process started: a small number is a restart.", "s",
             Query(f"time() - (process_start_time_seconds{{@}} {OURS})"), width=3),
        Stat("Configuration loaded", "Time since the configuration in use was loaded.", "s",
             Query("time() - pillion_config_last_reload_success_timestamp_seconds{@}"), width=3),
        Stat("Version", "What is running, and the OpenSSL that it runs with.", "none",
             Query("pillion_build_info{@}", "{{version}} ({{commit}}), {{openssl}}"), text="name", width=9),
    ),
    Row(
        "Queries: rate, errors, duration",
        Panel("Queries by type", "Valid queries received each second, by the type of record asked for.", "reqps",
              Query(f"sum by (type) ({rate('pillion_dns_requests_total')})", "{{type}}"), stack=True),
        Panel("Answers by RCODE",
              "Answers made each second, by their code. NXDOMAIN is often a search list at work, SERVFAIL is trouble.", "reqps",
              Query(f"sum by (rcode) ({rate('pillion_dns_responses_total')})", "{{rcode}}"), stack=True),
        Panel("Answers by source",
              "Where answers come from: `cache`, `stale` (expired, since no resolver answered), `upstream` (over TLS), "
              "`cluster` (an upstream in the clear), `local` (made by Pillion: records, special names, refusals).", "reqps",
              Query(f"sum by (source) ({rate('pillion_dns_responses_total')})", "{{source}}"), stack=True),
        Panel("Latency", "From the receipt of a query to its answer, over all sources. " + BUCKETS, "s",
              *quantiles("pillion_dns_request_duration_seconds")),
        Panel("Latency by source, p99", "99 of 100 answers from this source are given within this time. " + BUCKETS, "s",
              Query(quantile(0.99, "pillion_dns_request_duration_seconds", ", source"), "{{source}}")),
        Panel("Queries by transport", "Valid queries received each second, over UDP and TCP, by IPv4 and IPv6.", "reqps",
              Query(f"sum by (proto, family) ({rate('pillion_dns_requests_total')})", "{{proto}} {{family}}"), stack=True),
    ),
    Row(
        "Cache",
        Panel("Hit ratio",
              "Share of the cache's lookups that found what had not expired.", "percentunit", Query(HIT_RATIO, "hits"), maximum=1),
        Panel("Lookups", "Lookups each second that found an answer, found none, or ended in an expired one.", "ops",
              Query(f"sum ({HITS})", "hit"), Query(f"sum ({rate('pillion_cache_misses_total')})", "miss"),
              Query(f"sum ({rate('pillion_cache_stale_total')})", "stale"), stack=True),
        Panel("Size", "Bytes that the cached answers take of `cache.size`.", "bytes", Query("pillion_cache_bytes{@}", "bytes")),
        Panel("Entries", "Answers in the cache, expired ones included.", "short", Query("pillion_cache_entries{@}", "entries")),
        Panel("Turnover",
              "Answers put in each second, and dropped to make room: usable ones (evicted) tell that `cache.size` is small.", "ops",
              Query(f"sum ({rate('pillion_cache_insertions_total')})", "inserted"),
              Query(f"sum ({rate('pillion_cache_evictions_total')})", "evicted"),
              Query(f"sum ({rate('pillion_cache_expired_total')})", "expired, dropped")),
        Panel("Prefetching and coalescing",
              "Queries of Pillion's own for popular answers about to expire, and queries that waited for the "
              "same question already under way.", "ops",
              Query(f"sum ({rate('pillion_cache_prefetches_total')})", "prefetched"),
              Query(f"sum ({rate('pillion_dns_coalesced_total')})", "coalesced")),
    ),
    Row(
        "Upstream servers",
        StateTimeline("Health", "Up while queries are sent to the server, down while it has backed off.", "none",
                      Query("pillion_upstream_up{@}", "{{upstream}} {{server}}"), base="red", limits=[(1, "green")], maximum=1),
        Panel("Replies by server", "Replies received each second.", "reqps",
              Query(f"sum by (upstream, server) ({rate('pillion_upstream_responses_total')})", "{{upstream}} {{server}}"), stack=True),
        Panel("Replies by RCODE", "Replies received each second, by their code.", "reqps",
              Query(f"sum by (upstream, rcode) ({rate('pillion_upstream_responses_total')})", "{{upstream}} {{rcode}}"), stack=True),
        Panel("Failures by reason",
              "Failures each second. Every reason is also the text of the Extended DNS Error that clients get; "
              "`certificate_*` and `pin_mismatch` may be an attack.", "ops",
              Query(f"sum by (upstream, server, reason) ({rate('pillion_upstream_failures_total')})", "{{upstream}} {{server}} {{reason}}")),
        Panel("Latency by server, p95", "95 of 100 queries to the server have their reply within this time. " + BUCKETS, "s",
              Query(quantile(0.95, "pillion_upstream_request_duration_seconds", ", upstream, server"), "{{upstream}} {{server}}")),
        Panel("Hedges", "Queries each second that a second server was given since the first was slower than usual: those that it answered "
              "first (won), those that it did not, and those that would have been more than 5 % of all.", "ops",
              Query(f"sum by (server, result) ({rate('pillion_upstream_hedges_total')})", "{{server}} {{result}}")),
        Panel("In flight", "Queries sent and not yet answered, by server; and all that clients wait for.", "short",
              Query("pillion_upstream_in_flight{@}", "{{upstream}} {{server}}"), Query("pillion_dns_in_flight{@}", "clients")),
        Panel("Connections", "Open connections by state.", "short",
              Query("pillion_upstream_connections{@}", "{{upstream}} {{server}} {{state}}")),
        Panel("Connection turnover",
              "Connections opened, closed by the server while idle, and queries sent again on another connection, each second.",
              "ops", Query(f"sum by (server) ({rate('pillion_upstream_connections_opened_total')})", "{{server}} opened"),
              Query(f"sum by (server) ({rate('pillion_upstream_idle_closes_total')})", "{{server}} idle close"),
              Query(f"sum by (server) ({rate('pillion_upstream_replays_total')})", "{{server}} replayed")),
        Panel("Plaintext", "Queries sent unencrypted each second. Only the cluster's own DNS may be here.", "reqps",
              Query(f"sum by (upstream) ({rate('pillion_plaintext_queries_total')})", "{{upstream}}")),
    ),
    Row(
        "TLS",
        Panel("Handshakes", "TLS handshakes each second, by outcome; resumed ones are cheaper.", "ops",
              Query(f"sum by (server, result, resumed) ({rate('pillion_tls_handshakes_total')})", "{{server}} {{result}}, resumed {{resumed}}"),
              Query(f"sum by (server) ({rate('pillion_tls_group_fallbacks_total')})", "{{server}} without post-quantum groups")),
        Panel("Agreed on", "TLS connections made in the last hour, by protocol version, key-exchange group and cipher suite; a group with "
              "`MLKEM` in its name is safe from a quantum computer that comes later.", "short",
              Query("sum by (version, group, cipher) (increase(pillion_tls_connections_total{@}[1h]))", "{{version}} {{group}} {{cipher}}")),
        Panel("Handshake time, p95", "95 of 100 handshakes take no longer. " + BUCKETS, "s",
              Query(quantile(0.95, "pillion_tls_handshake_duration_seconds", ", server"), "{{server}}")),
        Panel("Certificate days left", "Until the server's certificate ends, as seen at the last handshake.", "d",
              Query(DAYS_LEFT, "{{upstream}} {{server}}"), **CERTIFICATE),
        Panel("Client certificate days left", "Until the certificate ends that Pillion shows to the upstream (`client_cert`), as it was read last. "
              "None without one.", "d", Query(CLIENT_DAYS_LEFT, "{{upstream}}"), **CERTIFICATE),
        Panel("CA certificates", "Certificates of `ca_file` that are trusted, as it was read last: a step is a bundle that has changed.", "short",
              Query("pillion_ca_certificates{@}", "{{upstream}}")),
    ),
    Row(
        "Configuration",
        StateTimeline("Last reload", "Taken, or refused: then what is in use is not what the files say, and the log has each reason.", "none",
                      Query("pillion_config_last_reload_successful{@}", "last reload"), base="red", limits=[(1, "green")], maximum=1,
                      words=("refused", "taken")),
        Panel("Reloads", "Reloads in the last hour, by their result. None until the first.", "short",
              Query("sum by (result) (increase(pillion_config_reloads_total{@}[1h]))", "{{result}}")),
        Panel("Generations", "Configurations of which something is left: the one in use, and those whose last queries have not ended. It comes back to "
              "1 within seconds of a reload.", "short", Query("pillion_config_generations{@}", "generations")),
        Panel("Hash", "Start of the SHA-256 of the effective configuration. Pods with the same configuration have the same.", "none",
              Query("pillion_config_info{@}", "{{hash}}")),
    ),
    Row(
        "Clients",
        Panel("TCP connections", "Open client connections.", "short", Query("pillion_client_connections{@}", "{{family}}")),
        Panel("TCP connection turnover",
              "Connections accepted, closed after `idle_timeout`, closed while idle in favour of a new one at a limit, and failures to accept "
              "for lack of descriptors or memory, each second.", "ops",
              Query(rate("pillion_client_connections_accepted_total"), "accepted"),
              Query(f"sum by (reason) ({rate('pillion_client_idle_closes_total')})", "idle close, {{reason}}"),
              Query(rate("pillion_accept_errors_total"), "accept error")),
        Panel("Client addresses",
              "Addresses of which something is known, those that are banned (`clients.ban_after`), and bans in the last hour. Addresses that were never "
              "connected by TCP may be forged.", "short",
              Query("pillion_clients_tracked{@}", "tracked"), Query("pillion_clients_banned{@}", "banned"),
              Query("increase(pillion_client_bans_total{@}[1h])", "bans in an hour")),
        Panel("Rejected by reason",
              "Invalid queries, unsupported requests and limits reached, each second; the log has the client's address.",
              "ops", Query(f"sum by (reason) ({rate('pillion_dns_rejected_total')})", "{{reason}}")),
        Panel("Answers cut or lost",
              "Answers cut to the client's UDP size (it asks again over TCP), and answers not sent since the client "
              "had gone or did not read, each second.", "ops",
              Query(rate("pillion_responses_truncated_total"), "truncated"), Query(rate("pillion_responses_undelivered_total"), "undelivered")),
        Panel("Search list",
              "Walks along the pod's search list made in place of the client's, and questions not passed on, since the cluster can have no such name, "
              "each second. None without `search`.", "ops",
              Query(rate("pillion_search_walks_total"), "walks"), Query(rate("pillion_search_withheld_total"), "withheld")),
    ),
    Row(
        "Process",
        Panel("Memory", "Resident memory of Pillion, and what it may take (`memory`).", "bytes",
              Query(f"process_resident_memory_bytes{{@}} {OURS}", "resident"), Query("pillion_memory_limit_bytes{@}", "limit")),
        Panel("Memory by use", "What is held for clients, by what for. The log says at the start how much is set aside for each: `memory divided`.",
              "bytes", Query("pillion_memory_used_bytes{@}", "{{what}}")),
        Panel("CPU",
              "Processor time each second: 1 is one processor.", "none", Query(f"{rate('process_cpu_seconds_total')} {OURS}", "processors")),
        Panel("File descriptors", "Open descriptors and their limit.", "short", Query(f"process_open_fds{{@}} {OURS}", "open"),
              Query(f"process_max_fds{{@}} {OURS}", "limit")),
        Panel("Log lines dropped", "Lines not written each second because standard error was not read fast enough.", "ops",
              Query(rate("pillion_log_lines_dropped_total"), "dropped")),
        Panel("Internal errors",
              "Exceptions each second that ended a client, a query, a connection or a scrape: faults of Pillion, or no memory.", "ops",
              Query(rate("pillion_internal_errors_total"), "exceptions")),
        Panel("Worker restarts", "Workers that were ended by a signal, such as SIGSEGV or the memory limit's SIGKILL, and started again.", "short",
              Query("pillion_worker_restarts_total{@}", "since the container started")),
    ),
]


def top(expr):
    return Query(f"topk(10, {expr})", "{{namespace}}/{{pod}}")


BY_POD = "namespace, pod"
POD_LINK = {"title": "This pod", "targetBlank": False,
            "url": "/d/pillion-pod?var-datasource=${datasource}&var-namespace=${__data.fields.namespace}&var-pod=${__data.fields.pod}"
                   "&${__url_time_range}"}

FLEET = [
    Row(
        GLANCE.title,
        Stat("Pods", "Pods in which Pillion runs.", "short", Query("count (pillion_build_info{@})")),
        *GLANCE.panels[:5],
    ),
    Row(
        "Queries: rate, errors, duration",
        Panel("Queries by namespace", "Valid queries received each second.", "reqps",
              Query(f"sum by (namespace) ({rate('pillion_dns_requests_total')})", "{{namespace}}"), stack=True),
        Panel("Answers by RCODE", "Answers made each second, by their code.", "reqps",
              Query(f"sum by (rcode) ({rate('pillion_dns_responses_total')})", "{{rcode}}"), stack=True),
        Panel("Answers by source",
              "Where answers come from: `cache`, `stale`, `upstream` (over TLS), `cluster` (in the clear), `local`.", "reqps",
              Query(f"sum by (source) ({rate('pillion_dns_responses_total')})", "{{source}}"), stack=True),
        Panel("Latency", "From the receipt of a query to its answer, over all pods. " + BUCKETS, "s",
              *quantiles("pillion_dns_request_duration_seconds")),
        Panel("Pods with most SERVFAIL", "Share of SERVFAIL in the answers of the ten pods with most of it.", "percentunit",
              top(share(rate("pillion_dns_responses_total", 'rcode="SERVFAIL"'), rate("pillion_dns_responses_total"), BY_POD))),
        Panel("Slowest pods, p99", "99 of 100 queries in the pod are answered within this time; the ten slowest. " + BUCKETS, "s",
              top(quantile(0.99, "pillion_dns_request_duration_seconds", ", namespace, pod"))),
    ),
    Row(
        "Cache",
        Panel("Hit ratio by namespace", "Share of the cache's lookups that found what had not expired.", "percentunit",
              Query(f"sum by (namespace) ({HITS}) / sum by (namespace) ({LOOKUPS})", "{{namespace}}"), maximum=1),
        Panel("Stale answers",
              "Share of the answers that had expired and were given since no resolver answered; the ten pods with most.",
              "percentunit", top(share(rate("pillion_dns_responses_total", 'source="stale"'), rate("pillion_dns_responses_total"), BY_POD))),
        Panel("Evictions", "Usable answers dropped each second to make room: `cache.size` is small for these ten pods.", "ops",
              top(f"sum by ({BY_POD}) ({rate('pillion_cache_evictions_total')})")),
    ),
    Row(
        "Upstream servers",
        Panel("Pods that can use the server", "Share of the pods that send queries to the server; in the others it has backed off.",
              "percentunit", Query("avg by (upstream, server) (pillion_upstream_up{@})", "{{upstream}} {{server}}"), maximum=1),
        Panel("Replies by server", "Replies received each second.", "reqps",
              Query(f"sum by (upstream, server) ({rate('pillion_upstream_responses_total')})", "{{upstream}} {{server}}"), stack=True),
        Panel("Latency by server, p95", "95 of 100 queries to the server have their reply within this time. " + BUCKETS, "s",
              Query(quantile(0.95, "pillion_upstream_request_duration_seconds", ", upstream, server"), "{{upstream}} {{server}}")),
        Panel("Failures by reason", "Failures each second over all pods.", "ops",
              Query(f"sum by (server, reason) ({rate('pillion_upstream_failures_total')})", "{{server}} {{reason}}")),
        Panel("Connections by server", "Ready connections over all pods: what the resolver's operator sees.", "short",
              Query('sum by (upstream, server) (pillion_upstream_connections{@,state="ready"})', "{{upstream}} {{server}}")),
        Panel("Plaintext", "Queries sent unencrypted each second. Only the cluster's own DNS may be here.", "reqps",
              Query(f"sum by (upstream) ({rate('pillion_plaintext_queries_total')})", "{{upstream}}")),
    ),
    Row(
        "TLS",
        Panel("Handshakes", "TLS handshakes each second, by outcome.", "ops",
              Query(f"sum by (result, resumed) ({rate('pillion_tls_handshakes_total')})", "{{result}}, resumed {{resumed}}"), stack=True),
        Panel("Handshake time by server, p95", "95 of 100 handshakes take no longer. " + BUCKETS, "s",
              Query(quantile(0.95, "pillion_tls_handshake_duration_seconds", ", server"), "{{server}}")),
        Panel("Certificate days left", "Until the server's certificate ends: the soonest that any pod has seen.", "d",
              Query(f"min by (upstream, server) ({DAYS_LEFT})", "{{upstream}} {{server}}"), **CERTIFICATE),
        Panel("Client certificate days left", "Until the certificate ends that Pillion shows to the upstream: the soonest of any pod. None without one.", "d",
              Query(f"min by (namespace, upstream) ({CLIENT_DAYS_LEFT})", "{{namespace}} {{upstream}}"), **CERTIFICATE),
        Panel("CA certificates", "Certificates of `ca_file` that are trusted: the fewest and the most in any pod. Where these differ, some pods have "
              "another bundle.", "short", Query("min by (namespace, upstream) (pillion_ca_certificates{@})", "{{namespace}} {{upstream}}, fewest"),
              Query("max by (namespace, upstream) (pillion_ca_certificates{@})", "{{namespace}} {{upstream}}, most")),
    ),
    Row(
        "Configuration",
        Panel("Pods by configuration", "Pods by the hash of their effective configuration. A change shows as one colour giving way to another; two that "
              "stay, in pods of one workload, are drift.", "short",
              Query("count by (namespace, hash) (pillion_config_info{@})", "{{namespace}} {{hash}}"), stack=True),
        Panel("Reloads", "Reloads in the last hour over all pods, by their result. None until the first.", "short",
              Query("sum by (result) (increase(pillion_config_reloads_total{@}[1h]))", "{{result}}")),
        Panel("Last reload refused", "1 for a pod that has refused its last reload, and uses what it had: ten pods, such ones first. Its log has the "
              "reason.", "short", top(f"1 - min by ({BY_POD}) (pillion_config_last_reload_successful{{@}})")),
    ),
    Row(
        "Clients and processes",
        Panel("Rejected by reason", "Invalid queries, unsupported requests and limits reached, each second.", "ops",
              Query(f"sum by (reason) ({rate('pillion_dns_rejected_total')})", "{{reason}}")),
        Panel("Answers lost", "Answers not sent each second, since the client had gone or did not read: the ten pods with most.", "ops",
              top(f"sum by ({BY_POD}) ({rate('pillion_responses_undelivered_total')})")),
        Panel("Forwarding loops", "Questions of Pillion's own that an upstream in the clear has sent back to it, since it started: the ten "
              "pods with most. Must be 0.", "short", top(f"sum by ({BY_POD}) (pillion_forwarding_loops_total{{@}})")),
        Panel("Memory",
              "Resident memory of Pillion: the ten pods with most.", "bytes", top(f"(process_resident_memory_bytes{{@}} {OURS})")),
        Panel("CPU", "Processor time each second: the ten pods with most; 1 is one processor.", "none",
              top(f"({rate('process_cpu_seconds_total')} {OURS})")),
        Panel("Restarts", "How often the process started again in the last hour: the ten pods with most.", "short",
              top(f"(changes(process_start_time_seconds{{@}}[1h]) {OURS})")),
        Panel("Versions", "Pods by the version that they run.", "short",
              Query("count by (version, commit) (pillion_build_info{@})", "{{version}} ({{commit}})"), stack=True),
        Panel("Memory of the fleet", "Resident memory of all Pillions together.", "bytes",
              Query(f"sum (process_resident_memory_bytes{{@}} {OURS})", "resident")),
    ),
    Row(
        "Pod by pod",
        Table("Every pod", "The pods in numbers; a name leads to the pod's own dashboard.",
              [("Queries/s", "reqps"), ("SERVFAIL", "percentunit"), ("Hit ratio", "percentunit"), ("Servers up", "percentunit"), ("Memory", "bytes")],
              Query(f"sum by ({BY_POD}) ({rate('pillion_dns_requests_total')})"),
              Query(share(rate("pillion_dns_responses_total", 'rcode="SERVFAIL"'), rate("pillion_dns_responses_total"), BY_POD)),
              Query(f"sum by ({BY_POD}) ({HITS}) / sum by ({BY_POD}) ({LOOKUPS})"),
              Query(f"avg by ({BY_POD}) (pillion_upstream_up{{@}})"),
              Query(f"sum by ({BY_POD}) (process_resident_memory_bytes{{@}} {OURS})"),
              links=[POD_LINK]),
    ),
]


def link(title, uid):
    return {"asDropdown": False, "icon": "dashboard", "includeVars": True, "keepTime": True, "tags": [], "targetBlank": False,
            "title": title, "tooltip": "", "type": "link", "url": f"/d/{uid}"}


DASHBOARDS = {
    "pod.json": dashboard("pillion-pod", "Pillion / Pod", "The DNS-over-TLS sidecar of one pod.", POD, multiple=False,
                          links=[link("Fleet", "pillion-fleet")]),
    "fleet.json": dashboard("pillion-fleet", "Pillion / Fleet", "The DNS-over-TLS sidecars of many pods.", FLEET, multiple=True, links=[]),
}


def main():
    stale = []
    for name, content in DASHBOARDS.items():
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        path = HERE / name
        if "--check" in sys.argv[1:]:
            stale += [name] if not path.exists() or path.read_text(encoding="utf-8") != text else []
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"{', '.join(stale)}: not what dashboards/generate.py writes; run it")


if __name__ == "__main__":
    main()
