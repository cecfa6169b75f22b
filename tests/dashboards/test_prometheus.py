"""Every expression of the dashboards and rules, asked of a real Prometheus that scrapes a real Pillion while it has something to do."""

import contextlib
import json
import math
import socket
import threading
import urllib.parse
import urllib.request

import expressions
import pytest
from harness import certificates, cluster, pillion, servers
from harness.client import TcpClient, ask_tcp, ask_udp, make_query
from harness.dot_server import DotServer
from harness.process import PATIENCE, Process, free_port, served, wait_until

NAMESPACE, POD, OTHER_POD = "shop", "web-0", "web-1"
RATE_INTERVAL = "10s"
CONNECTIONS_PER_CLIENT = 16
EVERY_SOURCE = {"cache", "stale", "upstream", "cluster", "local"}


class Prometheus:
    """A Prometheus that has both pods among its targets, and itself as the application beside the first."""

    def __init__(self, directory, scraped):
        self.port = free_port()
        directory.mkdir()
        config = directory / "prometheus.yml"

        def target(port, pod):
            return {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": NAMESPACE, "pod": pod}}

        # JSON is YAML. The second pod is the same process once more.
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in expressions.RULES],
            "scrape_configs": [
                {"job_name": "pillion", "static_configs": [target(scraped, POD), target(scraped, OTHER_POD)]},
                {"job_name": "application", "static_configs": [target(self.port, POD)]},
            ],
        }))
        self.process = Process(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
                                f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"], directory)

    def open(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.read()

    def api(self, path, **parameters):
        return json.loads(self.open(f"/api/v1/{path}", **parameters))["data"]

    def query(self, expr):
        """[(labels, value)], without values that are no number."""
        result = self.api("query", query=expr)["result"]
        found = [(series["metric"], float(series["value"][1])) for series in result]
        return [(labels, value) for labels, value in found if math.isfinite(value)]

    def is_ready(self):
        with contextlib.suppress(OSError):
            return bool(self.open("/-/ready"))
        return False

    def wait_ready(self):
        self.process.wait_for(self.is_ready, "/-/ready")


class Load:
    """Clients that ask until the end: a little of everything that is counted."""

    def __init__(self, port):
        self.port = port
        self.ending = threading.Event()
        self.failure = None
        self.threads = [threading.Thread(target=self.repeat, args=[what])
                        for what in (self.well_behaved, self.stale, self.invalid, self.too_many)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def repeat(self, what):
        number = 0
        try:
            while not self.ending.wait(0.02):
                number += 1
                what(number)
        except Exception as error:  # told by the test that looks at it
            self.failure = error

    def well_behaved(self, number):
        ask_udp(self.port, make_query(f"n{number}.public.example."))
        ask_udp(self.port, make_query("popular.public.example."))
        ask_tcp(self.port, make_query(f"nx-{number}.public.example.", "AAAA"))
        ask_tcp(self.port, make_query(f"servfail-{number}.public.example.", "TXT"))
        ask_udp(self.port, make_query(f"service-{number}.other.svc.{cluster.ZONE}"))
        ask_udp(self.port, make_query(f"www.example.{cluster.SEARCH[0]}"))
        ask_udp(self.port, make_query("primary.db.internal."))
        ask_udp(self.port, make_query(f"n{number}.closing.example."))

    def stale(self, number):
        ask_udp(self.port, make_query("ttl-1-bridged.flaky.example."))

    def invalid(self, number):
        ask_udp(self.port, make_query("public.example.", "AXFR"))
        with TcpClient(self.port) as client:
            client.send(b"\0\1")
            assert client.receive() is None

    def too_many(self, number):
        with contextlib.ExitStack() as stack:
            for _ in range(CONNECTIONS_PER_CLIENT + 1):
                stack.enter_context(socket.create_connection(("127.0.0.1", self.port), source_address=("127.0.0.2", 0)))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    directory = tmp_path_factory.mktemp("dashboards")
    authority = certificates.Authority(directory / "ca")
    good = authority.issue("good", f"DNS:{servers.TLS_NAME}")
    wrong_name = authority.issue("wrong", "DNS:somebody.else.example")
    with contextlib.ExitStack() as stack:
        public = stack.enter_context(DotServer(good))
        intercepted = stack.enter_context(DotServer(wrong_name))
        flaky = stack.enter_context(DotServer(good))
        closing = stack.enter_context(DotServer(good, close_after_answer=True))  # so that there are always new handshakes
        cluster_dns = stack.enter_context(served(lambda: cluster.cluster_dns(directory / "cluster", good)))

        def tls(*resolvers):
            return pillion.upstream(*({"address": server.address, "tls_name": servers.TLS_NAME} for server in resolvers),
                                    tls={"ca_file": str(authority.ca_file)})

        upstreams = {"public": tls(public, intercepted), "flaky": tls(flaky), "closing": tls(closing),
                     "cluster": {"protocol": "udp", "servers": [{"address": cluster_dns.plain_address}]}}
        routes = [{"zone": ".", "upstream": "public"}, {"zone": "flaky.example", "upstream": "flaky"},
                  {"zone": "closing.example", "upstream": "closing"},
                  {"zone": "cluster.local", "upstream": "cluster"},
                  {"zone": "db.internal", "records": ["primary 60 A 192.0.2.10"]}]
        search = {"domains": [domain.rstrip(".") for domain in cluster.SEARCH], "ndots": cluster.NDOTS}
        proxy = stack.enter_context(pillion.running(directory / "pillion", upstreams, routes=routes, cache={"size": "64KiB"},
                                                    dns={"max_connections_per_client": CONNECTIONS_PER_CLIENT}, search=search))
        ask_udp(proxy.port, make_query("ttl-1-bridged.flaky.example."))
        flaky.silent = True
        load = stack.enter_context(Load(proxy.port))
        running = stack.enter_context(served(lambda: Prometheus(tmp_path_factory.mktemp("prometheus") / "run", proxy.http_port)))
        yield running
        if load.failure:
            raise load.failure


def wait_for_data(prometheus, wanted):
    """Asks each of [(where, expression)] until it has data; says which never had."""
    pending = dict(wanted)

    def all_there():
        for where, expr in list(pending.items()):
            if prometheus.query(expr):
                del pending[where]
        return not pending

    with contextlib.suppress(AssertionError):
        wait_until(all_there, "data")
    assert not pending


@pytest.mark.parametrize("path, namespace, pod", [(expressions.DASHBOARDS[0], NAMESPACE, POD), (expressions.DASHBOARDS[1], ".+", ".+")],
                         ids=["pod", "fleet"])
def test_every_panel_has_data(prometheus, path, namespace, pod):
    wanted = [(where, expressions.as_grafana_sends(expr, namespace, pod, RATE_INTERVAL))
              for where, expr in expressions.dashboard_expressions(path)]
    assert len(wanted) > 30
    wait_for_data(prometheus, wanted)


def test_every_recording_rule_has_data(prometheus):
    recorded = [rule for path in expressions.RULES for rule in expressions.rules(path) if rule["kind"] == "record"]
    wait_for_data(prometheus, [(rule["name"], rule["name"]) for rule in recorded])


def test_every_alert_has_data_to_look_at(prometheus):
    alerts = [rule for path in expressions.RULES for rule in expressions.rules(path) if rule["kind"] == "alert"]
    wanted = [(alert["name"], expressions.without_threshold(alert["expr"])) for alert in alerts]
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
    """The first expression of a panel, as Grafana sends it for one pod."""
    (expr,) = [expr for where, expr in expressions.dashboard_expressions(path) if where == f"{path.name}: {title} (A)"]
    return expressions.as_grafana_sends(expr, NAMESPACE, POD, RATE_INTERVAL)


def test_every_source_of_answers_is_told_apart(prometheus):
    expr = panel(expressions.DASHBOARDS[0], "Answers by source")
    wait_until(lambda: {labels["source"] for labels, value in prometheus.query(expr) if value > 0} == EVERY_SOURCE,
               f"answers from {EVERY_SOURCE}")


def test_memory_is_pillions_and_not_the_applications(prometheus):
    expr = panel(expressions.DASHBOARDS[0], "Memory")
    ours = f'process_resident_memory_bytes{{namespace="{NAMESPACE}",pod="{POD}"}}'
    wait_until(lambda: len(prometheus.query(ours)) == 2, "both programs of the pod are scraped")
    found = wait_until(lambda: prometheus.query(expr), "memory")
    assert [labels["job"] for labels, _ in found] == ["pillion"]


def test_the_variables_offer_what_there_is(prometheus):
    wait_until(lambda: len(prometheus.query("pillion_build_info")) == 2, "both pods are scraped")
    assert prometheus.api("label/namespace/values", **{"match[]": "pillion_build_info"}) == [NAMESPACE]
    assert prometheus.api("label/pod/values", **{"match[]": f'pillion_build_info{{namespace="{NAMESPACE}"}}'}) == [POD, OTHER_POD]
