"""Tests of the files that need no Prometheus."""

import json
import re
import subprocess
import sys

import expressions
import pytest
import yaml

RULE_NAMES = [rule["name"] for path in expressions.RULES for rule in expressions.rules(path)]
ALERTS = [rule for path in expressions.RULES for rule in expressions.rules(path) if rule["kind"] == "alert"]
TARGET_LABELS = {"cluster", "namespace", "pod", "instance"}  # added by Prometheus
CASES = sorted((expressions.ROOT / "tests/dashboards").glob("alerts_*_test.yaml"))
# {metric that is on no dashboard: reason}
NOT_SHOWN = {
    "process_virtual_memory_bytes": "addresses that were reserved, most of them without memory behind them: it says nothing of health",
    "pillion_sink_records_written_total": "nobody has it who has turned on neither syslog, the query log nor dnstap",
    "pillion_sink_records_dropped_total": "likewise: whoever reads the records has to know of it, and DNS does not suffer",
}
# The files with the values of labels that expressions select.
LABEL_VALUES = {
    "rcode": ["upstream/metrics.hpp"],
    "reason": ["dns/query.hpp", "server/refusal.hpp", "upstream/error.hpp"],
    "result": ["app/metric_table.hpp", "upstream/metric_table.hpp"],
    "source": ["resolve/answer_source.hpp"],
    "state": ["upstream/metrics.hpp"],
}
by_name = {"ids": lambda path: path.name}


def everything():
    found = [pair for path in expressions.DASHBOARDS for pair in expressions.dashboard_expressions(path)]
    return found + [(rule["name"], rule["expr"]) for path in expressions.RULES for rule in expressions.rules(path)]


def test_the_files_are_what_the_generator_writes():
    done = subprocess.run([sys.executable, "-B", expressions.ROOT / "dashboards/generate.py", "--check"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


def test_the_metric_tables_were_understood():
    metrics = expressions.declared_metrics()
    assert len(metrics) > 40
    assert metrics["pillion_dns_responses_total"] == {"rcode", "source"}
    assert metrics["pillion_tls_handshake_duration_seconds_bucket"] == {"upstream", "server", "le"}


@pytest.mark.parametrize("where, expr", everything())
def test_metrics_and_labels_exist(where, expr):
    metrics = expressions.declared_metrics() | expressions.OF_OTHERS
    used = expressions.SELECTOR.findall(expr)
    assert used, where
    known = set()
    for name, selected in used:
        if ":" in name:
            assert name in RULE_NAMES, f"{where}: no rule records {name}"
            labels = set(name.split(":")[0].split("_")) | {"le"}
        else:
            assert name in metrics, f"{where}: the program has no {name}"
            labels = metrics[name]
        known |= labels
        assert set(expressions.LABEL.findall(selected)) <= labels | TARGET_LABELS, f"{where}: labels of {name}"
    known |= set(expressions.MADE.findall(expr))
    for grouped in expressions.GROUPED.findall(expr):
        assert {label.strip() for label in grouped.split(",") if label} <= known | TARGET_LABELS, where


@pytest.mark.parametrize("rule", [rule for path in expressions.RULES for rule in expressions.rules(path)], ids=lambda rule: rule["name"])
def test_clusters_are_never_added_up(rule):
    """One rule evaluator may serve several clusters, in which pods of the same name differ."""
    if rule["name"] == "PillionAbsent":  # a metric that is absent has no cluster
        assert "unless on () group (kube_pod_info)" in rule["expr"]
        rule = rule | {"expr": rule["expr"].replace("unless on () group (kube_pod_info)", "")}
    grouped = expressions.GROUPED.findall(rule["expr"])
    assert all("cluster" in labels.split(", ") for labels in grouped), rule["name"]
    assert not re.search(r"\b(sum|avg|min|max|count|group|topk|quantile) *\((?!\w+:)", rule["expr"]), rule["name"]
    assert rule["kind"] == "alert" or rule["name"].startswith("cluster")


def test_every_metric_is_shown_or_deliberately_not():
    page = (expressions.ROOT / "dashboards/METRICS.md").read_text(encoding="utf-8").split("<!-- metrics -->")[1]
    metrics = set(re.findall(r"^\| `(\w+)` \|", page, re.M))
    shown = {name for path in expressions.DASHBOARDS for _, expr in expressions.dashboard_expressions(path)
             for name, _ in expressions.SELECTOR.findall(expr)}
    shown |= {re.sub("_(bucket|count|sum)$", "", name) for name in shown}
    assert len(metrics) > 40
    assert metrics - shown == NOT_SHOWN.keys()


def test_what_is_chosen_by_a_label_exists():
    known = {label: re.findall(r'"([\w.]+)"', "".join((expressions.ROOT / "src" / path).read_text() for path in paths))
             for label, paths in LABEL_VALUES.items()}
    chosen = {(label, word) for _, expr in everything() for name, selected in expressions.SELECTOR.findall(expr)
              if name.startswith("pillion_") or ":" in name
              for label, value in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', selected) if label in known
              for word in value.split("|")}
    assert {label for label, _ in chosen} >= {"rcode", "reason", "source", "state"}
    for label, word in chosen:
        assert any(re.fullmatch(word, value) for value in known[label]), f"no {label} is {word}"


@pytest.mark.parametrize("path", expressions.DASHBOARDS, **by_name)
def test_every_panel_says_what_it_shows(path):
    dashboard = expressions.load(path)
    assert dashboard["schemaVersion"] >= 38
    panels = expressions.panels(dashboard)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"].endswith((".", ")")) and len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert panel["targets"], panel["title"]


@pytest.mark.parametrize("path", expressions.DASHBOARDS, **by_name)
def test_panels_do_not_overlap(path):
    taken = {}
    for panel in expressions.load(path)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


@pytest.mark.parametrize("path", expressions.DASHBOARDS, **by_name)
def test_every_expression_follows_the_variables(path):
    variables = [variable["name"] for variable in expressions.load(path)["templating"]["list"]]
    assert variables == ["datasource", "cluster", "namespace", "workload", "pod", "plaintext"]
    annotations = [(f"{path.name}: {one['name']}", one["expr"]) for one in expressions.load(path)["annotations"]["list"]]
    assert len(annotations) >= 3
    for where, expr in expressions.dashboard_expressions(path) + annotations:
        for name, selected in expressions.SELECTOR.findall(expr):
            assert "$cluster" in selected and "$namespace" in selected, f"{where}: {name}"
            of_pods = ":" not in name or "pod" in name.split(":")[0].split("_")
            assert "$workload" in selected or not of_pods, f"{where}: {name}"
        windows = re.findall(r'\brate\(\w+\{(?:[^}"]|"[^"]*")*\}\[([^]]*)\]', expr)
        assert windows == ["$__rate_interval"] * len(re.findall(r"\brate\(", expr)), where


@pytest.mark.parametrize("pod, workload", [
    ("web-66b6c48dd5-7r2xk", "web"), ("my-db-66b6c48dd5-7r2xk", "my-db"), ("web-api-5d9c7b8f6d-n4m9z", "web-api"),  # Deployments
    ("node-7r2xk", "node"), ("db-0", "db"), ("my-db-12", "my-db"),  # a DaemonSet, StatefulSets
    ("night-29401920-x9bqz", "night"), ("debug", "debug"), ("db-primary", "db-primary"),  # a CronJob's Job, pods of their own
])
@pytest.mark.parametrize("path", expressions.DASHBOARDS, **by_name)
def test_a_workload_stands_for_its_pods(path, pod, workload):
    variables = {variable["name"]: variable for variable in expressions.load(path)["templating"]["list"]}
    assert re.match(variables["workload"]["regex"].strip("/"), pod).group(1) == workload
    pattern = re.search(r'pod=~"(\$workload[^"]*)"', variables["pod"]["definition"]).group(1)
    for where, expr in expressions.dashboard_expressions(path):
        assert set(re.findall(r'pod=~"(\$workload[^"]*)"', expr)) <= {pattern}, where
    assert re.fullmatch(pattern.replace("$workload", workload), pod)
    assert not re.fullmatch(pattern.replace("$workload", "web"), "web-api-5d9c7b8f6d-n4m9z"), "another workload"


def test_the_fleets_panels_read_what_is_recorded():
    """Ten thousand pods have two million raw series."""
    for where, expr in expressions.dashboard_expressions(expressions.DASHBOARDS[1]):
        assert all(":" in name for name, _ in expressions.SELECTOR.findall(expr)), where


def test_promtool_has_nothing_to_say():
    done = subprocess.run(["promtool", "check", "rules", *expressions.RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(expressions.RULES)


def test_the_scrape_configuration_of_the_readme_gives_what_the_rules_ask_for():
    readme = (expressions.ROOT / "dashboards/README.md").read_text(encoding="utf-8")
    (scrape,) = yaml.safe_load(re.search(r"```yaml\n(.*?)```", readme, re.S).group(1))["scrape_configs"]
    steps = scrape["relabel_configs"]
    assert {step.get("target_label") for step in steps} >= {"namespace", "pod", "container"}
    assert {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Succeeded|Failed", "action": "drop"} in steps, "finished Jobs are no outage"


@pytest.mark.parametrize("told, path, constant", [
    ("16384 queries of all threads", "server/shared_limits.hpp", "max_in_flight = 16'384;"),
    ("after 1.8 s of waiting", "resolve/in_flight.hpp", "stale_after{1800};"),
    ("again every few seconds", "upstream/health.hpp", "longest_backoff{5000};"),
])
def test_runbooks_have_the_programs_numbers(told, path, constant):
    assert any(told in path.read_text(encoding="utf-8") for path in expressions.RULES)
    assert constant in (expressions.ROOT / "src" / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["name"])
def test_every_alert_says_what_to_do(alert):
    assert re.search(r"^        labels: \{severity: (critical|warning|info)\}$", alert["text"], re.M)
    for annotation in ("summary", "description", "runbook"):
        assert re.search(rf"^          {annotation}: \S", alert["text"], re.M), annotation
    assert re.search(r"^            1\. ", alert["text"], re.M)
    assert f"\n          runbook_url: runbooks.md#{alert['name'].lower()}\n" in alert["text"]
    assert f"\n## {alert['name']}\n" in (expressions.ROOT / "dashboards/runbooks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["name"])
def test_commands_of_runbooks_name_the_pod(alert):
    """The person on call copies these commands, so that they contain all that the alert knows."""
    commands = re.findall(r"kubectl (?:-n \S+ )?(?:exec|logs|port-forward|describe pod|get pod) +\S+", alert["text"].replace("{{ ", "{{").replace(" }}", "}}"))
    about_a_pod = "$labels.pod" in alert["text"]
    for command in commands:
        assert command.startswith(("kubectl -n {{$labels.namespace}} ", "kubectl get pods -A")), command
        assert "{{$labels.pod}}" in command or not about_a_pod, command
    assert ("severity: critical" in alert["text"]) <= (not about_a_pod), "a single pod pages nobody"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["name"])
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(alert):
    cases = re.split(r"^  - name: ", "".join(path.read_text() for path in CASES), flags=re.M)[1:]
    about = [case for case in cases if f'expr: ALERTS{{alertname="{alert["name"]}",alertstate="firing"}}' in case]
    assert {"exp_samples: []" in case for case in about} == {False, True}


def promtool_test(*paths):
    done = subprocess.run(["promtool", "test", "rules", *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should():
    promtool_test(*CASES)


SLOW = {name: "0+600x40" for name in ("pillion_dns_requests_total{POD}", 'pillion_dns_request_duration_seconds_bucket{POD,le="4"}',
                                      'pillion_dns_request_duration_seconds_bucket{POD,le="+Inf"}')}


@pytest.mark.parametrize("alert, labels, bad, good", [
    ("PillionFleetDown", "", {'up{CONTAINER}': "0x40"}, {'up{CONTAINER}': "1x40"}),
    ("PillionFleetCutOff", ',upstream="public"', {'pillion_upstream_up{POD,upstream="public",server="1.1.1.1:853"}': "0x40"},
     {'pillion_upstream_up{POD,upstream="public",server="1.1.1.1:853"}': "1x40"}),
    ("PillionFleetServfail", "", {'pillion_dns_responses_total{POD,rcode="SERVFAIL",source="local"}': "0+60x40"},
     {'pillion_dns_responses_total{POD,rcode="NOERROR",source="cache"}': "0+60x40"}),
    ("PillionFleetSlow", "", SLOW | {'pillion_dns_request_duration_seconds_bucket{POD,le="0.5"}': "0x40"},
     SLOW | {'pillion_dns_request_duration_seconds_bucket{POD,le="0.5"}': "0+600x40"}),
])
def test_more_than_one_pod_in_twenty_pages(tmp_path, alert, labels, bad, good):
    def of_pod(number, series):
        pod = f'namespace="shop",pod="web-{number}"'
        return [{"series": name.replace("POD", pod).replace("CONTAINER", f'{pod},container="pillion"'), "values": values}
                for name, values in series.items()]

    def case(count):
        fires = [{"labels": f'ALERTS{{alertname="{alert}",alertstate="firing",severity="critical"{labels}}}', "value": 1}]
        return {"interval": "1m", "input_series": [one for number in range(50) for one in of_pod(number, bad if number < count else good)],
                "promql_expr_test": [{"expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}', "eval_time": "30m",
                                      "exp_samples": fires if count > 2 else []}]}

    groups = [f"pillion-{group}" for group in ("recording", "recording-fleet", "alerts-fleet")]
    path = tmp_path / "share_test.yaml"
    path.write_text(json.dumps({"rule_files": [str(path) for path in expressions.RULES], "evaluation_interval": "1m", "group_eval_order": groups,
                                "tests": [case(2), case(3)]}))
    promtool_test(path)


@pytest.mark.parametrize("exempt, paged", [("cluster", ["corp", "public"]), ("cluster|corp", ["public"])])
def test_a_stub_domain_in_the_clear_can_be_exempted_by_name(tmp_path, exempt, paged):
    """Replaces text of the rule, like the value of the chart."""
    text = (expressions.ROOT / "dashboards/rules/alerts-fleet.yaml").read_text(encoding="utf-8")
    assert text.count('upstream!~"cluster"') == 1
    (tmp_path / "rules.yaml").write_text(text.replace('upstream!~"cluster"', f'upstream!~"{exempt}"'))
    fires = [{"labels": f'ALERTS{{alertname="PillionPlaintext",alertstate="firing",severity="critical",namespace="shop",upstream="{upstream}"}}',
              "value": 1} for upstream in paged]
    series = [{"series": f'pillion_plaintext_queries_total{{namespace="shop",pod="web-0",upstream="{upstream}"}}', "values": "0+5x20"}
              for upstream in ("cluster", "corp", "public")]
    (tmp_path / "test.yaml").write_text(json.dumps({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [
        {"interval": "1m", "input_series": series, "promql_expr_test": [
            {"expr": 'ALERTS{alertname="PillionPlaintext",alertstate="firing"}', "eval_time": "10m", "exp_samples": fires}]}]}))
    promtool_test(tmp_path / "test.yaml")
