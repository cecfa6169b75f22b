"""Reads the expressions of the dashboards and rules, and the metrics of the program."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
DASHBOARDS = [ROOT / "dashboards/pod.json", ROOT / "dashboards/fleet.json"]
RULES = sorted((ROOT / "dashboards/rules").glob("*.yaml"))

DECLARATION = re.compile(r'\{"(\w+)",\s*(counter|gauge|histogram),\s*"(?:[^"\\]|\\.)*"(?:,\s*\{([^}]*)\})?\}')
# An identifier that may be a metric, and its label matchers.
SELECTOR = re.compile(r"(?<![\w:.$\"'])((?:[a-z_]+:)?(?:pillion|process|kube|container)_[\w:]+|up(?![\w:]))(?:\{((?:[^}\"]|\"[^\"]*\")*)\})?")
# Metrics of other programs, with those of their labels that are used: of Prometheus, kube-state-metrics, and the kubelet's cAdvisor.
OF_OTHERS = {
    "up": {"container"},
    "kube_pod_info": set(),
    "kube_pod_status_phase": {"phase"},
    "kube_replicaset_created": {"replicaset"},
    "kube_statefulset_status_observed_generation": {"statefulset"},
    "kube_daemonset_status_observed_generation": {"daemonset"},
    **{f"kube_pod_{kind}container_status_{what}": {"container", "reason"} for kind in ("", "init_")
       for what in ("running", "waiting_reason", "last_terminated_reason", "restarts_total")},
    **{f"container_{what}": {"container"} for what in ("oom_events_total", "cpu_cfs_periods_total", "cpu_cfs_throttled_periods_total",
                                                       "memory_working_set_bytes", "spec_memory_limit_bytes")},
}
LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
# The arguments of label_replace: the new label, the replacement, the source, the pattern.
MADE = re.compile(r'"(\w+)", "\$\d", "\w+", "[^"]*"\)')
GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
COMPARISON = re.compile(r"(==|!=|<=|>=|<|>)(?=\s)")


def declared_metrics():
    """{name: labels} of the rooms' tables of metrics. A histogram is listed by the names of its series."""
    metrics = {}
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").glob("*/metric_table.hpp")))
    for name, kind, labels in DECLARATION.findall(text):
        names = set(re.findall(r'"(\w+)"', labels))
        if kind == "histogram":
            metrics |= {f"{name}_sum": names, f"{name}_count": names, f"{name}_bucket": names | {"le"}}
        else:
            metrics[name] = names
    return metrics


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def dashboard_expressions(path):
    """The expressions of a dashboard as [(where, expression)]."""
    return [(f"{path.name}: {panel['title']} ({target['refId']})", target["expr"])
            for panel in panels(load(path)) for target in panel["targets"]]


def rules(path):
    """The rules of a file, with kind, name, expression and text. The files are simple enough to be read without a YAML parser."""
    found = []
    for part in re.split(r"^      - (?=record:|alert:)", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        kind, name = re.match(r"(record|alert): (\S+)\n", part).groups()
        expr = re.search(r"^        expr:(.*\n(?:          .*\n)*)", part, re.M).group(1).strip().removeprefix("|").strip()
        found.append({"kind": kind, "name": name, "expr": expr, "text": part})
    return found


def as_grafana_sends(expr, namespace, workload, pod, rate_interval):
    """The expression with the variables replaced as Grafana does, for all clusters, and with the default list of unencrypted upstreams."""
    values = {"__rate_interval": rate_interval, "__range": "1h", "cluster": ".*", "namespace": namespace, "workload": workload, "pod": pod,
              "plaintext": "cluster"}
    return re.sub(r"\$(\w+)", lambda variable: values[variable.group(1)], expr)


def without_threshold(expr):
    """An alert's expression, changed so that it has a value, 0 or 1, also while the alert does not fire."""
    return COMPARISON.sub(r"\1 bool", expr)
