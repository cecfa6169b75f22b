"""Runs a real Prometheus, and the good and bad servers and clients that make every series appear."""

import contextlib
import json
import math
import re
import socket
import threading
import urllib.parse
import urllib.request

import expressions
from harness import certificates, cluster, pillion, servers
from harness.client import TcpClient, ask_tcp, ask_udp, make_query
from harness.dot_server import DotServer
from harness.process import PATIENCE, Process, free_port, served, wait_until

NAMESPACE, POD, OTHER_POD = "shop", "web-0", "web-1"
RATE_INTERVAL = "10s"
CONNECTIONS_PER_CLIENT = 16
STALE = "ttl-1-bridged.flaky.example."


class Prometheus:
    """A Prometheus with both pods among its targets, and itself as the application beside the first one. `scraped` is the host:port of Pillion,
    `of_kubernetes` that of the metrics of kube-state-metrics and the kubelet."""

    def __init__(self, directory, scraped, of_kubernetes):
        self.port = free_port()
        directory.mkdir()
        config = directory / "prometheus.yml"

        def target(address, pod, container):
            return {"targets": [address], "labels": {"namespace": NAMESPACE, "pod": pod, "container": container}}

        # JSON is YAML. The second pod is the same process again.
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in expressions.RULES],
            "scrape_configs": [
                {"job_name": "pillion", "static_configs": [target(scraped, POD, "pillion"), target(scraped, OTHER_POD, "pillion")]},
                {"job_name": "application", "static_configs": [target(f"127.0.0.1:{self.port}", POD, "web")]},
                {"job_name": "kubernetes", "honor_labels": True, "static_configs": [{"targets": [of_kubernetes]}]},
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
        """Evaluates an expression. Returns [(labels, value)] without values that are not finite."""
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
    """Clients that ask until the end, and cause some of each event that is counted."""

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
        except Exception as error:  # reported by the test that checks it
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
        ask_udp(self.port, make_query(STALE))

    def invalid(self, number):
        ask_udp(self.port, make_query("public.example.", "AXFR"))
        with TcpClient(self.port) as client:
            client.send(b"\0\1")
            assert client.receive() is None

    def too_many(self, number):
        with contextlib.ExitStack() as stack:
            for _ in range(CONNECTIONS_PER_CLIENT + 1):
                stack.enter_context(socket.create_connection(("127.0.0.1", self.port), source_address=("127.0.0.2", 0)))


class Surroundings:
    """Good and bad servers, and the configuration for a Pillion that uses them. It lacks the listen addresses, `http` and `search`."""

    def __init__(self, authority, client, flaky, config):
        self.authority = authority
        self.client = client  # Pillion's own certificate
        self.flaky = flaky
        self.config = config

    @contextlib.contextmanager
    def load(self, port):
        """Runs the clients at 127.0.0.1 in the network of the calling thread. The answer that must become stale is cached before its server stops
        answering."""
        ask_udp(port, make_query(STALE))
        self.flaky.silent = True
        with Load(port) as load:
            yield
        if load.failure:
            raise load.failure


@contextlib.contextmanager
def surroundings(directory, host="127.0.0.1", ca_file=None, client_files=None):
    """DoT servers on `host`. `ca_file` and `client_files` are the paths under which Pillion finds the CA, and its own certificate and key, if these
    differ from the paths on this machine."""
    authority = certificates.Authority(directory / "ca")
    good = authority.issue("good", f"DNS:{servers.TLS_NAME}")
    client = authority.issue("client", "DNS:pillion.example", usage="clientAuth")
    certificate, key = map(str, client_files or (client.path, client.key))
    wrong_name = authority.issue("wrong", "DNS:somebody.else.example")
    with contextlib.ExitStack() as stack:
        public = stack.enter_context(DotServer(good, host=host))
        intercepted = stack.enter_context(DotServer(wrong_name, host=host))
        flaky = stack.enter_context(DotServer(good, host=host))
        closing = stack.enter_context(DotServer(good, host=host, close_after_answer=True))  # causes new handshakes all the time
        cluster_dns = stack.enter_context(served(lambda: cluster.cluster_dns(directory / "cluster", good, host=host)))

        def tls(*resolvers, **more):
            return pillion.upstream(*({"address": server.address, "tls_name": servers.TLS_NAME} for server in resolvers),
                                    tls={"ca_file": str(ca_file or authority.ca_file), **more})

        yield Surroundings(authority, client, flaky, {
            "upstreams": {"public": tls(public, intercepted), "flaky": tls(flaky), "closing": tls(closing, client_cert=certificate, client_key=key),
                          "cluster": {"protocol": "udp", "servers": [{"address": cluster_dns.plain_address}]}},
            "routes": [{"zone": ".", "upstream": "public"}, {"zone": "flaky.example", "upstream": "flaky"},
                       {"zone": "closing.example", "upstream": "closing"},
                       {"zone": "cluster.local", "upstream": "cluster"},
                       {"zone": "db.internal", "records": ["primary 60 A 192.0.2.10"]}],
            "cache": {"size": "64KiB"},
            "dns": {"max_connections_per_client": CONNECTIONS_PER_CLIENT},
            "clients": {"ban_after": 1000},
        })


def of_panels(path):
    """The expressions of a dashboard as [(where, expression)], in the form in which Grafana sends them: for one pod, or for the fleet."""
    chosen = (NAMESPACE, "web", POD) if path.name == "pod.json" else (".+", ".+", ".+")
    return [(where, expressions.as_grafana_sends(expr, *chosen, RATE_INTERVAL))
            for where, expr in expressions.dashboard_expressions(path)]


def of_annotations(path):
    """The expressions of the annotations of a dashboard, without their thresholds, as [(where, expression)]."""
    return [(one["name"], expressions.without_threshold(expressions.as_grafana_sends(one["expr"], NAMESPACE, "[a-z]+", ".+", RATE_INTERVAL)))
            for one in expressions.load(path)["annotations"]["list"]]


def _rules(kind):
    return [rule for path in expressions.RULES for rule in expressions.rules(path) if rule["kind"] == kind]


def of_recording_rules():
    return [(rule["name"], rule["name"]) for rule in _rules("record")]


def of_alerts():
    """Each alert's expression without its threshold, and with present values in place of past ones. Those that only have a value while nothing is
    scraped are left out."""
    present = [(alert["name"], re.sub(r" offset \d+[hd]", "", alert["expr"])) for alert in _rules("alert")]
    return [(name, expressions.without_threshold(expr)) for name, expr in present if "absent(" not in expr]


def wait_for_data(prometheus, wanted):
    """Evaluates each of [(where, expression)] until it has data. Fails with the names of those that never had."""
    pending = dict(wanted)

    def all_there():
        for where, expr in list(pending.items()):
            if prometheus.query(expr):
                del pending[where]
        return not pending

    with contextlib.suppress(AssertionError):
        wait_until(all_there, "data")
    assert not pending
