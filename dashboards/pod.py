"""The dashboard of one pod, or of all pods of a workload, whose lines continue when a rollout replaces pods."""

from grafana import Panel, Query, Row, Stat, StateTimeline
from queries import (BUCKETS, CERTIFICATE, CLIENT_DAYS_LEFT, CONTAINER, DAYS_LEFT, LIMIT, NOT_IN_THE_CLEAR, OURS, quantile, quantiles, rate,
                     share)

HITS = rate("pillion_cache_hits_total")
LOOKUPS = f"{rate('pillion_cache_hits_total')} + {rate('pillion_cache_misses_total')}"
HIT_RATIO = f"sum ({HITS}) / sum ({LOOKUPS})"
RCODE_SERVFAIL = 'rcode="SERVFAIL"'
SERVFAIL_SHARE = share(rate("pillion_dns_responses_total", RCODE_SERVFAIL), rate("pillion_dns_responses_total"))
STALE_SHARE = share(rate("pillion_dns_responses_total", 'source="stale"'), rate("pillion_dns_responses_total"))

GLANCE = [
    Stat("Queries", "Valid queries received each second.", "reqps", Query(f"sum ({rate('pillion_dns_requests_total')})")),
    Stat("SERVFAIL",
         "Share of the answers that are SERVFAIL: neither a resolver nor the cache had an answer in time.", "percentunit",
         Query(SERVFAIL_SHARE), limits=[(0.01, "orange"), (0.05, "red")]),
    Stat("Cache hit ratio", "Share of the cache's lookups that found an answer that had not expired.", "percentunit", Query(HIT_RATIO)),
    Stat("p99 latency", "99 of 100 queries are answered within this time. " + BUCKETS, "s",
         Query(quantile(0.99, "pillion_dns_request_duration_seconds")), limits=[(0.5, "orange"), (2, "red")]),
    Stat("Upstream servers up",
         "Share of the configured servers to which Pillion sends queries; the others are in back-off.", "percentunit",
         Query("avg (pillion_upstream_up{@})"), base="red", limits=[(0.5, "orange"), (1, "green")], maximum=1),
    Stat("Earliest end of a certificate",
         "Days until the earliest end of validity of an upstream server's certificate, as of the last handshake.", "d",
         Query(f"min ({DAYS_LEFT})"), **CERTIFICATE),
]

POD = [
    Row(
        "At a glance",
        *GLANCE,
        Stat("Unexpected plaintext",
             "Queries sent unencrypted, in the time shown, to an upstream that is not one of `May be unencrypted`. Must be 0.", "short",
             Query(f"sum (increase(pillion_plaintext_queries_total{{@,{NOT_IN_THE_CLEAR}}}[$__range]))"), limits=[(0.000001, "red")],
             width=3),
        Stat("Forwarding loops",
             "Questions of Pillion that an unencrypted upstream has sent back to it. Pillion asks them when it starts, so that this is a number, "
             "not a rate. Must be 0.", "short", Query("sum (pillion_forwarding_loops_total{@} or 0 * pillion_build_info{@})"), limits=[(1, "red")], width=3),
        Stat("Stale answers",
             "Share of the answers that had expired and were given because no resolver answered (RFC 8767).", "percentunit",
             Query(STALE_SHARE), limits=[(0.01, "orange"), (0.05, "red")], width=3),
        Stat("Running for", "Time since the process started: a small number is a restart.", "s",
             Query(f"min (time() - (process_start_time_seconds{{@}} {OURS}))"), width=3),
        Stat("Configuration loaded", "Time since the configuration in use was loaded.", "s",
             Query("min (time() - pillion_config_last_reload_success_timestamp_seconds{@})"), width=3),
        Stat("Version", "The version of Pillion, and of the OpenSSL that it uses.", "none",
             Query("group by (version, commit, openssl) (pillion_build_info{@})", "{{version}} ({{commit}}), {{openssl}}"), text="name", width=9),
    ),
    Row(
        "Queries: rate, errors, duration",
        Panel("Queries by type", "Valid queries received each second, by the type of record asked for.", "reqps",
              Query(f"sum by (type) ({rate('pillion_dns_requests_total')})", "{{type}}"), stack=True),
        Panel("Answers by RCODE",
              "Answers made each second, by their code. NXDOMAIN often comes from walks along a search list; SERVFAIL is a failure.", "reqps",
              Query(f"sum by (rcode) ({rate('pillion_dns_responses_total')})", "{{rcode}}"), stack=True),
        Panel("SERVFAIL by source",
              "Answers that are SERVFAIL, each second: `local`: made by Pillion, since no server had an answer; `upstream`, `cluster`: sent by a "
              "server; `cache`: either of them, asked for again within five seconds.", "reqps",
              Query(f"sum by (source) ({rate('pillion_dns_responses_total', RCODE_SERVFAIL)})", "{{source}}"), stack=True),
        Panel("Answers by source",
              "Where answers come from: `cache`, `stale` (expired, given because no resolver answered), `upstream` (over TLS), "
              "`cluster` (an unencrypted upstream), `local` (made by Pillion: records, special names, refusals).", "reqps",
              Query(f"sum by (source) ({rate('pillion_dns_responses_total')})", "{{source}}"), stack=True),
        Panel("Latency", "From the receipt of a query to its answer, over all sources. " + BUCKETS, "s",
              *quantiles("pillion_dns_request_duration_seconds")),
        Panel("Latency by source, p99", "99 of 100 answers from this source take at most this time. " + BUCKETS, "s",
              Query(quantile(0.99, "pillion_dns_request_duration_seconds", ", source"), "{{source}}")),
        Panel("Queries by transport", "Valid queries received each second, over UDP and TCP, by IPv4 and IPv6.", "reqps",
              Query(f"sum by (proto, family) ({rate('pillion_dns_requests_total')})", "{{proto}} {{family}}"), stack=True),
    ),
    Row(
        "Cache",
        Panel("Hit ratio",
              "Share of the cache's lookups that found an answer that had not expired.", "percentunit", Query(HIT_RATIO, "hits"), maximum=1),
        Panel("Lookups", "Lookups each second that found an answer, found none, or led to an expired answer.", "ops",
              Query(f"sum ({HITS})", "hit"), Query(f"sum ({rate('pillion_cache_misses_total')})", "miss"),
              Query(f"sum ({rate('pillion_cache_stale_total')})", "stale"), stack=True),
        Panel("Size", "Bytes that the cached answers take, and their limit: `cache.size` for each thread, or less if the memory is too small for that.", "bytes",
              Query("sum (pillion_cache_bytes{@})", "bytes"), Query("sum (pillion_cache_limit_bytes{@})", LIMIT)),
        Panel("Stale answers since", "Time since Pillion began to give stale answers, and how long it may: `cache.serve_stale`. By the recording rules.", "s",
              Query("max (time() - cluster_namespace_pod:pillion_dns_stale:since{@})", "since"),
              Query("min (pillion_cache_serve_stale_seconds{@})", LIMIT)),
        Panel("Entries", "Answers in the cache, expired ones included.", "short", Query("sum (pillion_cache_entries{@})", "entries")),
        Panel("Turnover",
              "Answers inserted each second, and removed to make room: if usable ones are (evicted), `cache.size` is small.", "ops",
              Query(f"sum ({rate('pillion_cache_insertions_total')})", "inserted"),
              Query(f"sum ({rate('pillion_cache_evictions_total')})", "evicted"),
              Query(f"sum ({rate('pillion_cache_expired_total')})", "expired, dropped")),
        Panel("Prefetching and coalescing",
              "Queries that Pillion sent to renew popular answers before they expired, and queries that joined an "
              "identical query in flight.", "ops",
              Query(f"sum ({rate('pillion_cache_prefetches_total')})", "prefetched"),
              Query(f"sum ({rate('pillion_dns_coalesced_total')})", "coalesced")),
    ),
    Row(
        "Upstream servers",
        StateTimeline("Health", "Up while Pillion sends queries to the server, down while the server is in back-off.", "none",
                      Query("min by (upstream, server) (pillion_upstream_up{@})", "{{upstream}} {{server}}"), base="red", limits=[(1, "green")], maximum=1),
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
        Panel("Hedges", "Queries each second that Pillion sent to a second server because the first was slower than usual: those that the second "
              "answered first (won), those that it did not (lost), and those that were not sent, since they exceed 5 % of all.", "ops",
              Query(f"sum by (server, result) ({rate('pillion_upstream_hedges_total')})", "{{server}} {{result}}")),
        Panel("In flight", "Queries sent and not yet answered, by server.", "short",
              Query("sum by (upstream, server) (pillion_upstream_in_flight{@})", "{{upstream}} {{server}}")),
        Panel("Connections", "Open connections by state.", "short",
              Query("sum by (upstream, server, state) (pillion_upstream_connections{@})", "{{upstream}} {{server}} {{state}}")),
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
        Panel("Negotiated", "TLS connections made in the last hour, by protocol version, key-exchange group and cipher suite; a group with "
              "`MLKEM` in its name protects recorded traffic from later quantum computers.", "short",
              Query("sum by (version, group, cipher) (increase(pillion_tls_connections_total{@}[1h]))", "{{version}} {{group}} {{cipher}}")),
        Panel("Handshake time, p95", "95 of 100 handshakes take no longer. " + BUCKETS, "s",
              Query(quantile(0.95, "pillion_tls_handshake_duration_seconds", ", server"), "{{server}}")),
        Panel("Certificate days left", "Until the server's certificate ends, as seen at the last handshake.", "d",
              Query(f"min by (upstream, server) ({DAYS_LEFT})", "{{upstream}} {{server}}"), **CERTIFICATE),
        Panel("Client certificate days left", "Until the certificate ends that Pillion presents to the upstream (`client_cert`), as read last. "
              "Empty without a client certificate.", "d", Query(f"min by (upstream) ({CLIENT_DAYS_LEFT})", "{{upstream}}"), **CERTIFICATE),
        Panel("CA certificates", "CA certificates in `ca_file` that Pillion trusts, as read last: a step means that the file has changed.", "short",
              Query("min by (upstream) (pillion_ca_certificates{@})", "{{upstream}}")),
    ),
    Row(
        "Configuration",
        StateTimeline("Last reload", "Taken, or refused: then the configuration in use is not that of the files, and the log has each reason.", "none",
                      Query("min (pillion_config_last_reload_successful{@})", "last reload"), base="red", limits=[(1, "green")], maximum=1,
                      words=("refused", "taken")),
        Panel("Reloads", "Reloads in the last hour, by their result. None until the first.", "short",
              Query("sum by (result) (increase(pillion_config_reloads_total{@}[1h]))", "{{result}}")),
        Panel("Generations", "Configurations that still exist: the one in use, and those whose last queries have not ended. The number is "
              "1 again within seconds after a reload.", "short", Query("max (pillion_config_generations{@})", "generations")),
        Panel("Hash", "Start of the SHA-256 of the effective configuration. Pods with the same configuration have the same hash.", "none",
              Query("count by (hash) (pillion_config_info{@})", "{{hash}}")),
    ),
    Row(
        "Clients",
        Panel("TCP connections", "Open client connections, and their limit.", "short",
              Query("sum by (family) (pillion_client_connections{@})", "{{family}}"), Query("sum (pillion_client_connections_limit{@})", LIMIT)),
        Panel("Queries in flight", "Queries for whose answers clients wait, and their limit.", "short",
              Query("sum (pillion_dns_in_flight{@})", "in flight"), Query("sum (pillion_dns_in_flight_limit{@})", LIMIT)),
        Panel("TCP connection turnover",
              "Connections accepted, closed after `idle_timeout`, closed while idle in favour of a new one at a limit, and failures to accept "
              "for lack of descriptors or memory, each second.", "ops",
              Query(f"sum ({rate('pillion_client_connections_accepted_total')})", "accepted"),
              Query(f"sum by (reason) ({rate('pillion_client_idle_closes_total')})", "idle close, {{reason}}"),
              Query(f"sum ({rate('pillion_accept_errors_total')})", "accept error")),
        Panel("Clients tracked and banned",
              "Clients of which Pillion keeps a record, those that are banned (`clients.ban_after`), and bans in the last hour. A client is an "
              "address, or an IPv6 prefix (`clients.ipv6_prefix`). Addresses that were only seen over UDP may be forged.", "short",
              Query("sum (pillion_clients_tracked{@})", "tracked"), Query("sum (pillion_clients_banned{@})", "banned"),
              Query("sum (increase(pillion_client_bans_total{@}[1h]))", "bans in an hour")),
        Panel("Rejected by reason",
              "Invalid queries, unsupported requests and limits reached, each second; the log has the client's address.",
              "ops", Query(f"sum by (reason) ({rate('pillion_dns_rejected_total')})", "{{reason}}")),
        Panel("Queries and answers lost",
              "Datagrams that the kernel dropped because the buffer of Pillion's socket was full, answers cut to the client's UDP size (clients ask "
              "again over TCP), and answers not sent because the client had gone or did not read, each second.", "ops",
              Query(f"sum ({rate('pillion_client_datagrams_dropped_total')})", "dropped"),
              Query(f"sum ({rate('pillion_responses_truncated_total')})", "truncated"), Query(f"sum ({rate('pillion_responses_undelivered_total')})", "undelivered")),
        Panel("Search list",
              "Walks along the pod's search list that Pillion made instead of a client, and questions that it did not ask, since the cluster cannot "
              "have such a name, each second. Empty without `search`.", "ops",
              Query(f"sum ({rate('pillion_search_walks_total')})", "walks"), Query(f"sum ({rate('pillion_search_withheld_total')})", "withheld")),
    ),
    Row(
        "Process",
        Panel("Memory", "Resident memory of Pillion, and its limit (`memory`); working set and limit of its container, if the "
              "kubelet's cAdvisor is scraped.", "bytes", Query(f"sum (process_resident_memory_bytes{{@}} {OURS})", "resident"),
              Query("sum (pillion_memory_limit_bytes{@})", LIMIT),
              Query(f"sum (container_memory_working_set_bytes{{@,{CONTAINER}}})", "working set of the container"),
              Query(f"sum (container_spec_memory_limit_bytes{{@,{CONTAINER}}})", "limit of the container")),
        Panel("Memory by use", "Memory in use, by purpose. The log says at the start how much is reserved for each: `memory divided`.",
              "bytes", Query("sum by (what) (pillion_memory_used_bytes{@})", "{{what}}")),
        Panel("CPU",
              "Processor time each second: 1 is one processor.", "none", Query(f"sum ({rate('process_cpu_seconds_total')} {OURS})", "processors")),
        Panel("CPU throttling", "Share of the periods in which the container had used up its CPU limit and waited for the next period. Empty without "
              "a limit, or if the kubelet's cAdvisor is not scraped.", "percentunit",
              Query(f"sum ({rate('container_cpu_cfs_throttled_periods_total', CONTAINER)}) "
                    f"/ sum ({rate('container_cpu_cfs_periods_total', CONTAINER)})", "throttled"), maximum=1),
        Panel("File descriptors", "Open descriptors and their limit; of several pods the greatest number and the lowest limit.", "short", Query(f"max (process_open_fds{{@}} {OURS})", "open"),
              Query(f"min (process_max_fds{{@}} {OURS})", LIMIT)),
        Panel("Log lines dropped", "Lines lost each second because standard error was not read fast enough.", "ops",
              Query(f"sum ({rate('pillion_log_lines_dropped_total')})", "dropped")),
        Panel("Internal errors",
              "Exceptions each second that ended a client, a query, a connection or a scrape: errors of Pillion, or lack of memory.", "ops",
              Query(f"sum ({rate('pillion_internal_errors_total')})", "exceptions")),
        Panel("Worker restarts", "Workers that a signal ended, such as SIGSEGV or the memory limit's SIGKILL, and that the supervisor started again.", "short",
              Query("sum (pillion_worker_restarts_total{@})", "since the container started")),
        Panel("Killed for lack of memory", "Times in the last hour that the container's memory limit ended a process in it. Empty if the kubelet's "
              "cAdvisor is not scraped.", "short", Query(f"sum (increase(container_oom_events_total{{@,{CONTAINER}}}[1h]))", "in an hour")),
    ),
]
