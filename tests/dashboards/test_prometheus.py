"""Evaluates every expression of the dashboards and rules in a real Prometheus that scrapes a real Pillion under load."""

import contextlib
import json
import re
import signal

import expressions
import kube_metrics
import pytest
import watching
from harness import certificates, cluster, pillion
from harness.process import free_port, served, wait_until
from watching import NAMESPACE, OTHER_POD, POD, RATE_INTERVAL, Prometheus, wait_for_data

EVERY_SOURCE = {"cache", "stale", "upstream", "cluster", "local"}


@contextlib.contextmanager
def reloaded(proxy):
    """Reloads once: the counter of reloads has no series before."""
    proxy.process.child.send_signal(signal.SIGHUP)
    proxy.wait_metric("config_reloads_total", 1, result="success")
    yield


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    search = {"domains": [domain.rstrip(".") for domain in cluster.SEARCH], "ndots": cluster.NDOTS}
    directory = tmp_path_factory.mktemp("dashboards")
    with watching.surroundings(directory) as around, \
            pillion.running(directory / "pillion", **around.config, search=search) as proxy, around.load(proxy.port), \
            reloaded(proxy), kube_metrics.exporter(NAMESPACE, POD) as of_kubernetes, \
            served(lambda: Prometheus(tmp_path_factory.mktemp("prometheus") / "run", f"127.0.0.1:{proxy.http_port}", of_kubernetes)) as running:
        yield running


@pytest.mark.parametrize("path", expressions.DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_has_data(prometheus, path):
    wanted = watching.of_panels(path)
    assert len(wanted) > 30
    wait_for_data(prometheus, wanted)


@pytest.mark.parametrize("path", expressions.DASHBOARDS, ids=lambda path: path.stem)
def test_every_annotation_has_data(prometheus, path):
    wanted = watching.of_annotations(path)
    assert len(wanted) == 4
    wait_for_data(prometheus, wanted)


def test_every_recording_rule_has_data(prometheus):
    wait_for_data(prometheus, watching.of_recording_rules())


def test_every_alert_has_data_to_look_at(prometheus):
    wanted = watching.of_alerts()
    assert all("bool" in expr for _, expr in wanted)
    wait_for_data(prometheus, wanted)


def test_no_rule_fails(prometheus):
    def evaluated():
        groups = prometheus.api("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]] if all(
            rule["health"] != "unknown" for group in groups for rule in group["rules"]) else None

    rules = wait_until(evaluated, "all rules are evaluated")
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
    assert {rule["name"] for rule in rules} == {rule["name"] for path in expressions.RULES for rule in expressions.rules(path)}


def test_a_refused_certificate_is_told_with_the_server(prometheus):
    def fired():
        return [alert for alert in prometheus.api("alerts")["alerts"]
                if alert["labels"]["alertname"] == "PillionCertificateRejected" and alert["state"] == "firing"]

    alerts = wait_until(fired, "PillionCertificateRejected fires")
    assert {alert["labels"]["reason"] for alert in alerts} == {"certificate_name"}
    annotations = alerts[0]["annotations"]
    assert f"{alerts[0]['labels']['server']} showed {NAMESPACE}/web-" in annotations["summary"]
    assert "{{" not in json.dumps(annotations)


def panel(path, title):
    """The first expression of a panel in the form in which Grafana sends it for one pod."""
    (expr,) = [expr for where, expr in expressions.dashboard_expressions(path) if where == f"{path.name}: {title} (A)"]
    return expressions.as_grafana_sends(expr, NAMESPACE, "web", POD, RATE_INTERVAL)


def test_every_source_of_answers_is_told_apart(prometheus):
    expr = panel(expressions.DASHBOARDS[0], "Answers by source")
    wait_until(lambda: {labels["source"] for labels, value in prometheus.query(expr) if value > 0} == EVERY_SOURCE,
               f"answers from {EVERY_SOURCE}")


def test_reasons_that_are_chosen_by_name_are_there_before_anything_happened(tmp_path):
    """Otherwise the first event would create the series, and would not be seen as an increase."""
    chosen = {(name, reason) for path in expressions.RULES for rule in expressions.rules(path)
              for name, selected in expressions.SELECTOR.findall(rule["expr"]) if name.startswith("pillion_")
              for reason in re.findall(r'reason=~?"([^"]*)"', selected)}
    assert {name for name, _ in chosen} == {"pillion_dns_rejected_total", "pillion_upstream_failures_total"}
    listed = re.findall(r'"([a-z_]+)"', "".join((expressions.ROOT / "src" / path).read_text() for path in ("dns/query.hpp", "server/refusal.hpp", "upstream/error.hpp")))
    authority = certificates.Authority(tmp_path / "ca")
    upstream = pillion.upstream({"address": f"127.0.0.1:{free_port()}"}, tls={"ca_file": str(authority.ca_file)})
    with pillion.running(tmp_path / "pillion", upstreams={"public": upstream}) as proxy:
        samples = proxy.metrics().samples
    for name, pattern in chosen:
        wanted = {reason for reason in listed if re.fullmatch(pattern, reason)}
        there = {labels["reason"]: value for sample, labels, value in samples if sample == name}
        assert len(wanted) >= 6
        assert {reason: there.get(reason) for reason in wanted} == dict.fromkeys(wanted, 0), name


def test_memory_is_pillions_and_not_the_applications(prometheus):
    expr = panel(expressions.DASHBOARDS[0], "Memory")
    of_pod = f'process_resident_memory_bytes{{namespace="{NAMESPACE}",pod="{POD}"}}'
    ours = f'process_resident_memory_bytes{{namespace="{NAMESPACE}",pod="{POD}",job="pillion"}}'
    wait_until(lambda: len(prometheus.query(of_pod)) == 2, "both programs of the pod are scraped")
    assert wait_until(lambda: prometheus.query(f"{expr} - sum ({ours})"), "memory") == [({}, 0)]


def test_the_variables_offer_what_there_is(prometheus):
    wait_until(lambda: len(prometheus.query("pillion_build_info")) == 2, "both pods are scraped")
    assert prometheus.api("label/namespace/values", **{"match[]": "pillion_build_info"}) == [NAMESPACE]
    assert prometheus.api("label/pod/values", **{"match[]": f'pillion_build_info{{namespace="{NAMESPACE}"}}'}) == [POD, OTHER_POD]
