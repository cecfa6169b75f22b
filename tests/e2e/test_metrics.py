"""The HTTP server and the metrics."""

import re
import subprocess
import time

import pytest

from harness import pillion, zone
from harness.client import TcpClient, ask_tcp, ask_udp, make_query
from harness.process import free_port


@pytest.fixture(scope="module")
def proxy(unbound, nsd, verified, tmp_path_factory):
    with pillion.running(tmp_path_factory.mktemp("pillion"), verified(unbound, nsd)) as running:
        for number in range(20):
            ask_tcp(running.port, make_query(f"n{number}.wild.{zone.ORIGIN}"))
            ask_udp(running.port, make_query(f"n{number}.wild.{zone.ORIGIN}", "AAAA"))
        ask_tcp(running.port, make_query(f"missing.{zone.ORIGIN}", "TXT"))
        ask_tcp(running.port, make_query(zone.ORIGIN, "AXFR"))
        with TcpClient(running.port) as client:
            client.send(b"\0\1")
            client.receive()
        yield running


def test_promtool_has_nothing_to_say(proxy):
    done = subprocess.run(["promtool", "check", "metrics"], input=proxy.metrics().text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_series_are_few(proxy):
    ours = [sample for sample in proxy.metrics().samples if sample[0].startswith("pillion_")]
    assert 30 < len(ours) < 200


def test_no_name_of_a_query_is_a_label(proxy):
    text = proxy.metrics().text
    assert zone.ORIGIN.rstrip(".") not in text and "missing" not in text


@pytest.mark.parametrize("name", [
    "dns_requests_total", "dns_responses_total", "dns_request_duration_seconds_bucket", "dns_rejected_total", "client_connections",
    "upstream_request_duration_seconds_bucket", "upstream_responses_total", "upstream_connections", "upstream_in_flight", "upstream_up",
    "tls_handshakes_total", "tls_connections_total", "tls_handshake_duration_seconds_bucket", "upstream_certificate_not_after_timestamp_seconds",
    "config_last_reload_success_timestamp_seconds", "plaintext_queries_total", "build_info",
])
def test_the_contracts_metrics_are_there(proxy, name):
    assert any(sample == f"pillion_{name}" for sample, _, _ in proxy.metrics().samples)
    assert f"# TYPE pillion_{name.removesuffix('_bucket')} " in proxy.metrics().text


def test_process_metrics_are_there(proxy):
    names = {sample for sample, _, _ in proxy.metrics().samples}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"} <= names


def test_numbers_agree(proxy):
    metrics = proxy.metrics()
    assert metrics.sum("dns_requests_total", proto="tcp", type="A") == 20
    assert metrics.sum("dns_requests_total", proto="udp", type="AAAA") == 20
    assert metrics.sum("dns_responses_total", rcode="NXDOMAIN", source="upstream") == 1
    assert metrics.sum("dns_rejected_total", reason="short_header") == 1
    assert metrics.sum("dns_rejected_total", reason="zone_transfer") == 1
    assert metrics.sum("dns_request_duration_seconds_count", source="upstream") == 41
    assert metrics.sum("upstream_responses_total") >= 41
    expiry = metrics.sum("upstream_certificate_not_after_timestamp_seconds") / metrics.sum("upstream_up")
    assert expiry - time.time() == pytest.approx(30 * 86400, abs=86400), "the authority's end comes before the server's (harness.certificates)"


def test_limits_stand_beside_what_they_limit(tmp_path, verified, unbound):
    settings = {"dns": {"max_connections": 100, "max_connections_per_client": 50}, "cache": {"size": "1MiB"}, "threads": 2}
    with pillion.running(tmp_path, verified(unbound), **settings) as running:
        metrics = running.metrics()
    assert metrics.sum("client_connections_limit") == 100, "of the process, not of each thread"
    assert metrics.sum("cache_limit_bytes") == 2 << 20, "of both threads"
    assert metrics.sum("memory_used_bytes") < metrics.sum("memory_limit_bytes")
    assert 0 < metrics.sum("dns_in_flight_limit") <= 16384


@pytest.mark.parametrize("path, status", [("/healthz", 200), ("/livez", 200), ("/readyz", 200), ("/startupz", 200), ("/metrics", 200),
                                          ("/", 404), ("/nothing", 404), ("/readyz/", 404)])
def test_paths(proxy, path, status):
    assert proxy.get(path)[0] == status
    assert proxy.get(path, "HEAD") == (status, "")
    assert proxy.get(path, "POST")[0] in (404, 405) if status == 404 else proxy.get(path, "POST")[0] == 405


def test_verbose_lists_the_reasons(proxy):
    assert proxy.get("/readyz?verbose")[1] == (
        "[+]configuration loaded\n[+]listeners bound\n[+]not draining\n[+]upstream real: 2 of 2 servers up\nok\n")


def test_readiness_does_not_depend_on_an_upstream(tmp_path, verified):
    class Nobody:
        address = f"127.0.0.1:{free_port()}"

    with pillion.running(tmp_path, verified(Nobody)) as lonely:
        ask_tcp(lonely.port, make_query("a.example."))
        assert lonely.get("/readyz") == (200, "ok\n")
        status, told = lonely.get("/readyz?verbose")
        assert status == 200 and "[-]upstream real: 0 of 1 servers up (readiness does not depend on it)\nok\n" in told
        assert lonely.metrics().sum("upstream_up", server=Nobody.address) == 0
