"""The dashboard of many pods. It reads the series that the recording rules write, since thousands of pods have millions of raw series. So its
rates are over five minutes."""

from grafana import Panel, Query, Row, Stat, Table
from queries import BUCKETS, CERTIFICATE, NOT_IN_THE_CLEAR, share

BY_POD = "cluster, namespace, pod"
BY_NAMESPACE = "cluster, namespace"
NAMESPACE = "{{cluster}} {{namespace}}"
POD_LINK = {"title": "This pod", "targetBlank": False,
            "url": "/d/pillion-pod?var-datasource=${datasource}&var-cluster=$__all&var-namespace=${__data.fields.namespace}&var-workload=$__all"
                   "&var-pod=${__data.fields.pod}&${__url_time_range}"}


def of_pods(name, *more):
    """A recorded series of each pod."""
    return f"cluster_namespace_pod{name}{{{','.join(('@', *more))}}}"


def of_namespaces(name, *more):
    """A recorded series for all pods of a namespace."""
    return f"cluster_namespace{name}{{{','.join(('#', *more))}}}"


def top(series, of="pod"):
    """The ten pods with the greatest value at any time that is shown. The ranking is for the whole line, not for each point of it."""
    return Query(f"{series} and topk(10, max_over_time({series}[$__range] @ end()))", f"{NAMESPACE}/{{{{{of}}}}}")


def quantile(number, buckets, by=""):
    return f"histogram_quantile({number}, sum by (le{by}) ({buckets}))"


REQUESTS = of_pods(":pillion_dns_requests:rate5m")
RESPONSES = of_pods(":pillion_dns_responses:rate5m")
SERVFAIL = of_pods("_rcode:pillion_dns_responses:rate5m", 'rcode="SERVFAIL"')
BUCKET = of_pods("_le:pillion_dns_request_duration_seconds_bucket:rate5m")
HITS = of_pods(":pillion_cache_hits:rate5m")
LOOKUPS = of_pods(":pillion_cache_lookups:rate5m")
UP = of_pods(":pillion_up:max")
CUT_OFF = of_pods("_upstream:pillion_upstream_up:max_avg5m")
MEMORY = of_pods(":process_resident_memory_bytes:pillion")
PLAINTEXT = "_upstream:pillion_plaintext_queries:rate5m"
OF_NAMESPACES = " For all pods of the chosen namespaces, whatever workload or pod is chosen."

FLEET = [
    Row(
        "At a glance",
        Stat("Pods", "Pods in which Pillion can be scraped.", "short", Query(f"sum ({UP})"), width=3),
        Stat("Pods down", "Share of the pods in which Pillion cannot be scraped, without finished pods.", "percentunit",
             Query(f"avg ({UP} == bool 0)"), limits=[(0.01, "orange"), (0.05, "red")], width=3),
        Stat("Pods cut off", "Share of the upstreams of all pods of which a pod can use no server.", "percentunit",
             Query(f"avg ({CUT_OFF} < bool 0.5)"), limits=[(0.01, "orange"), (0.05, "red")], width=3),
        Stat("Queries", "Valid queries received each second.", "reqps", Query(f"sum ({REQUESTS})"), width=3),
        Stat("SERVFAIL", "Share of the answers that are SERVFAIL: neither a resolver nor the cache had an answer in time.", "percentunit",
             Query(share(SERVFAIL, RESPONSES)), limits=[(0.01, "orange"), (0.05, "red")], width=3),
        Stat("p99 latency", "99 of 100 queries are answered within this time. " + BUCKETS, "s", Query(quantile(0.99, BUCKET)),
             limits=[(0.5, "orange"), (2, "red")], width=3),
        Stat("Cache hit ratio", "Share of the cache's lookups that found an answer that had not expired.", "percentunit",
             Query(f"sum ({HITS}) / sum ({LOOKUPS})"), width=3),
        Stat("Unexpected plaintext", "The highest rate, in the time shown, of queries sent unencrypted to an upstream that is not one of `May be "
             "unencrypted`. Must be 0.", "reqps",
             Query(f"sum (max_over_time({of_namespaces(PLAINTEXT, NOT_IN_THE_CLEAR)}[$__range]))"), limits=[(0.000001, "red")], width=3),
    ),
    Row(
        "Queries: rate, errors, duration",
        Panel("Queries by namespace", "Valid queries received each second.", "reqps",
              Query(f"sum by ({BY_NAMESPACE}) ({REQUESTS})", NAMESPACE), stack=True),
        Panel("SERVFAIL by namespace", "Share of the answers that are SERVFAIL: the namespaces that are affected.", "percentunit",
              Query(share(SERVFAIL, RESPONSES, BY_NAMESPACE), NAMESPACE)),
        Panel("Latency by namespace, p99", "99 of 100 queries are answered within this time. " + BUCKETS, "s",
              Query(quantile(0.99, BUCKET, f", {BY_NAMESPACE}"), NAMESPACE)),
        Panel("Answers by RCODE", "Answers made each second, by their code.", "reqps",
              Query(f"sum by (rcode) ({of_pods('_rcode:pillion_dns_responses:rate5m')})", "{{rcode}}"), stack=True),
        Panel("Answers by source", "Where answers come from: `cache`, `stale`, `upstream` (over TLS), `cluster` (unencrypted), `local`.", "reqps",
              Query(f"sum by (source) ({of_pods('_source:pillion_dns_responses:rate5m')})", "{{source}}"), stack=True),
        Panel("Latency", "From the receipt of a query to its answer, over all pods. " + BUCKETS, "s",
              *(Query(quantile(number, BUCKET), f"p{number * 100:g}") for number in (0.5, 0.95, 0.99))),
        Panel("Pods with most SERVFAIL", "Share of SERVFAIL in the answers: the ten pods with the greatest share.", "percentunit",
              top(of_pods(":pillion_dns_servfail:ratio_rate5m"))),
        Panel("SERVFAIL by source", "Answers that are SERVFAIL, each second: `local`: made by Pillion, since no server had an answer; `upstream`, "
              "`cluster`: sent by a server; `cache`: either of them, asked for again within five seconds.", "reqps",
              Query(f"sum by (source) ({of_pods('_source:pillion_dns_servfail:rate5m')})", "{{source}}"), stack=True),
        Panel("Slowest pods, p99", "99 of 100 queries in the pod are answered within this time; the ten slowest pods. " + BUCKETS, "s",
              top(of_pods(":pillion_dns_request_duration_seconds:p99_5m"))),
    ),
    Row(
        "Cache",
        Panel("Hit ratio by namespace", "Share of the cache's lookups that found an answer that had not expired.", "percentunit",
              Query(f"sum by ({BY_NAMESPACE}) ({HITS}) / sum by ({BY_NAMESPACE}) ({LOOKUPS})", NAMESPACE), maximum=1),
        Panel("Stale answers", "Share of the answers that had expired and were given because no resolver answered: the ten pods with the greatest share.",
              "percentunit", top(of_pods(":pillion_dns_stale:ratio_rate5m"))),
        Panel("Evictions", "Usable answers removed each second to make room: the ten pods with the most, for which `cache.size` is small.", "ops",
              top(of_pods(":pillion_cache_evictions:rate5m"))),
    ),
    Row(
        "Upstream servers",
        Panel("Pods that can use the server", "Share of the pods that send queries to the server; in the others the server is in back-off.",
              "percentunit", Query(f"avg by (cluster, upstream, server) ({of_pods('_upstream_server:pillion_upstream_up:avg5m')})",
                                   "{{cluster}} {{upstream}} {{server}}"), maximum=1),
        Panel("Replies by server", "Replies received each second.", "reqps",
              Query(f"sum by (upstream, server) ({of_pods('_upstream_server:pillion_upstream_requests:rate5m')})", "{{upstream}} {{server}}"),
              stack=True),
        Panel("Latency by server, p95", "95 of 100 queries to the server have their reply within this time. " + BUCKETS + OF_NAMESPACES, "s",
              Query(quantile(0.95, of_namespaces("_upstream_server_le:pillion_upstream_request_duration_seconds_bucket:rate5m"),
                             ", upstream, server"), "{{upstream}} {{server}}")),
        Panel("Failures by reason", "Failures each second." + OF_NAMESPACES, "ops",
              Query(f"sum by (server, reason) ({of_namespaces('_upstream_server_reason:pillion_upstream_failures:rate5m')}) > 0",
                    "{{server}} {{reason}}")),
        Panel("Connections by server", "Ready connections, as the operator of the resolver sees them." + OF_NAMESPACES, "short",
              Query(f"sum by (upstream, server) ({of_namespaces('_upstream_server:pillion_upstream_connections_ready:sum')})",
                    "{{upstream}} {{server}}")),
        Panel("Plaintext", "Queries sent unencrypted each second. Only the cluster's own DNS may be here, and upstreams that you have chosen to leave unencrypted." + OF_NAMESPACES,
              "reqps", Query(f"sum by (upstream) ({of_namespaces(PLAINTEXT)})", "{{upstream}}")),
    ),
    Row(
        "TLS",
        Panel("Handshakes", "TLS handshakes each second, by outcome." + OF_NAMESPACES, "ops",
              Query(f"sum by (result, resumed) ({of_namespaces('_result_resumed:pillion_tls_handshakes:rate5m')})",
                    "{{result}}, resumed {{resumed}}"), stack=True),
        Panel("Handshake time by server, p95", "95 of 100 handshakes take no longer. " + BUCKETS + OF_NAMESPACES, "s",
              Query(quantile(0.95, of_namespaces("_server_le:pillion_tls_handshake_duration_seconds_bucket:rate5m"), ", server"), "{{server}}")),
        Panel("Certificate days left", "Until the server's certificate ends: the earliest end that any pod has seen.", "d",
              Query("(min by (upstream, server) (" + of_namespaces(
                  "_upstream_server:pillion_upstream_certificate_not_after_timestamp_seconds:min") + ") - time()) / 86400",
                    "{{upstream}} {{server}}"), **CERTIFICATE),
        Panel("Client certificate days left", "Until the certificate ends that Pillion presents to the upstream: the earliest end in any pod. Empty without a client certificate.", "d",
              Query("(" + of_namespaces("_upstream:pillion_client_certificate_not_after_timestamp_seconds:min") + " - time()) / 86400",
                    NAMESPACE + " {{upstream}}"), **CERTIFICATE),
        Panel("CA certificates", "CA certificates in `ca_file` that Pillion trusts: the fewest and the most in any pod. If these differ, some pods have "
              "another file.", "short", Query(of_namespaces("_upstream:pillion_ca_certificates:min"), NAMESPACE + " {{upstream}}, fewest"),
              Query(of_namespaces("_upstream:pillion_ca_certificates:max"), NAMESPACE + " {{upstream}}, most")),
    ),
    Row(
        "Configuration",
        Panel("Pods by configuration", "Pods by the hash of their effective configuration. During a change one colour replaces another; two colours that "
              "remain in pods of one workload are a drift." + OF_NAMESPACES, "short",
              Query(of_namespaces("_hash:pillion_config_info:count"), NAMESPACE + " {{hash}}"), stack=True),
        Panel("Reloads", "Reloads in the last hour, by their result. None until the first." + OF_NAMESPACES, "short",
              Query(f"sum by (result) ({of_namespaces('_result:pillion_config_reloads:increase1h')})", "{{result}}")),
        Panel("Last reload refused", "Pods that have refused their last reload, and use the previous configuration. Their logs have the reason.", "short",
              Query(f"sum by ({BY_NAMESPACE}) (1 - {of_pods(':pillion_config_last_reload_successful:min')})", NAMESPACE)),
    ),
    Row(
        "Clients and processes",
        Panel("Rejected by reason", "Invalid queries, unsupported requests and limits reached, each second." + OF_NAMESPACES, "ops",
              Query(f"sum by (reason) ({of_namespaces('_reason:pillion_dns_rejected:rate5m')}) > 0", "{{reason}}")),
        Panel("Answers lost", "Answers not sent each second because the client had gone or did not read: the ten pods with the most.", "ops",
              top(of_pods(":pillion_responses_undelivered:rate5m"))),
        Panel("Forwarding loops", "Questions of Pillion that an unencrypted upstream has sent back to it, since it started: the ten "
              "pods with the most. Must be 0.", "short", top(of_pods(":pillion_forwarding_loops:sum"))),
        Panel("Memory", "Resident memory of Pillion: the ten pods with the most.", "bytes", top(MEMORY)),
        Panel("Memory used of its limit", "Share in use of the memory that Pillion may take (`memory`): the ten pods with the greatest share. Above 0.9 "
              "Pillion is about to refuse clients.", "percentunit", top(of_pods(":pillion_memory_used:ratio")), maximum=1),
        Panel("CPU", "Processor time each second: the ten pods with the most; 1 is one processor.", "none",
              top(of_pods(":process_cpu_seconds:pillion_rate5m"))),
        Panel("Restarts", "How often the process started again in the last hour: the ten pods with the most.", "short",
              top(of_pods(":process_starts:pillion_changes1h"))),
        Panel("Versions", "Pods by the version that they run." + OF_NAMESPACES, "short",
              Query(f"sum by (version, commit) ({of_namespaces('_version_commit:pillion_build_info:count')})", "{{version}} ({{commit}})"),
              stack=True),
        Panel("Versions in a workload", "Number of versions that the pods of one workload run: the ten workloads with the most. More than one means a rollout, or pods "
              "that a rollout has not replaced." + OF_NAMESPACES, "short", top(of_namespaces("_workload:pillion_versions:count"), "workload")),
        Panel("Memory of the fleet", "Resident memory of all Pillions together.", "bytes", Query(f"sum ({MEMORY})", "resident")),
    ),
    Row(
        "Pod by pod",
        Table("Every pod", "Figures of each pod; its name links to its own dashboard.",
              [("Queries/s", "reqps"), ("SERVFAIL", "percentunit"), ("Hit ratio", "percentunit"), ("Servers up", "percentunit"), ("Memory", "bytes")],
              Query(f"sum by ({BY_POD}) ({REQUESTS})"),
              Query(f"sum by ({BY_POD}) ({of_pods(':pillion_dns_servfail:ratio_rate5m')})"),
              Query(f"sum by ({BY_POD}) ({HITS}) / sum by ({BY_POD}) ({LOOKUPS})"),
              Query(f"avg by ({BY_POD}) ({of_pods('_upstream_server:pillion_upstream_up:avg5m')})"),
              Query(f"sum by ({BY_POD}) ({MEMORY})"),
              links=[POD_LINK]),
    ),
]
