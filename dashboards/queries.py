"""Parts of the expressions of both dashboards. `@` after a brace stands for the selector of pods, `#` for that of their namespaces."""

from grafana import Query

# The application beside Pillion may export process_* too. Only the target that is Pillion counts.
OURS = "and on (cluster, namespace, pod, instance) pillion_build_info{@}"
CONTAINER = 'container="pillion"'  # of the kubelet's and kube-state-metrics' series
# The chart names the cluster's own DNS `cluster`; a variable has the other upstreams that may be unencrypted.
NOT_IN_THE_CLEAR = 'upstream!~"$plaintext"'
LIMIT = "limit"  # the legend of a limit, which grafana.py draws as a dashed line
CERTIFICATE = {"base": "red", "limits": [(7, "orange"), (14, "green")], "minimum": None}
DAYS_LEFT = "(pillion_upstream_certificate_not_after_timestamp_seconds{@} - time()) / 86400"
CLIENT_DAYS_LEFT = "(pillion_client_certificate_not_after_timestamp_seconds{@} - time()) / 86400"

BUCKETS = "An estimate between the bounds of the histogram's buckets (25 us, 100 us, 500 us, 2.5 ms, 10 ms, 100 ms, 500 ms, 4 s; the lowest only "\
          "for series that are so fast)."


def rate(metric, *more):
    return f"rate({metric}{{{','.join(('@', *more))}}}[$__rate_interval])"


def quantile(number, metric, by=""):
    return f"histogram_quantile({number}, sum by (le{by}) ({rate(metric + '_bucket')}))"


def quantiles(metric):
    return [Query(quantile(number, metric), f"p{number * 100:g}") for number in (0.5, 0.95, 0.99)]


def share(part, whole, by=""):
    """The share of `part` in `whole`; 0 if `part` has no series. Both are sums of rates by the same labels."""
    by = f" by ({by})" if by else ""
    return f"(sum{by} ({part}) or 0 * sum{by} ({whole})) / sum{by} ({whole})"
