"""Upstreams that are slow, refuse queries, or no longer answer: which server Pillion blames, and which clients still get an answer."""

import contextlib
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from harness import dnsperf, pillion, servers, zone
from harness.client import TcpClient, ask_tcp, ask_udp, make_query, rcode
from harness.dot_server import DotServer
from harness.path import Path
from harness.process import free_port, served, wait_until

REFUSED, SERVFAIL = 5, 2
CLUSTER_TIMEOUT = "4s"


def ask_all(proxy, names):
    """Asks for all names at once. Returns the response codes."""
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: rcode(ask_tcp(proxy.port, make_query(name))), names))


def assert_no_failures(proxy):
    metrics = proxy.metrics()
    assert metrics.sum("upstream_failures_total") == 0, metrics.series("upstream_failures_total")


def test_a_name_that_takes_long_is_waited_for_at_each_of_two_servers(tmp_path, certificate, verified):
    with DotServer(certificate) as first, DotServer(certificate) as second, pillion.running(tmp_path, verified(first, second)) as proxy:
        assert ask_all(proxy, [f"delay-2500-n{number}.example." for number in range(20)]) == ["NOERROR"] * 20
        assert_no_failures(proxy)
        assert first.connections == second.connections == 1


def test_a_name_that_takes_long_is_waited_for_where_the_other_server_is_down(tmp_path, certificate, verified):
    with DotServer(certificate) as first, DotServer(certificate) as second:
        second.drop_everything()
        with pillion.running(tmp_path, verified(first, second)) as proxy:
            assert ask_all(proxy, [f"delay-2500-n{number}.example." for number in range(20)]) == ["NOERROR"] * 20
            assert first.connections == 1
        second.listen()


def test_a_slow_name_ends_no_quiet_connection(tmp_path, certificate, verified):
    with DotServer(certificate) as server, pillion.running(tmp_path, verified(server)) as proxy:
        for number in range(3):
            assert rcode(ask_udp(proxy.port, make_query(f"delay-2800-n{number}.example."))) == "NOERROR"
        assert_no_failures(proxy)
        # A query without an answer does no harm either.
        assert rcode(ask_udp(proxy.port, make_query("drop.example."))) == "SERVFAIL"
        assert rcode(ask_udp(proxy.port, make_query("a.example."))) == "NOERROR"
        assert server.connections == server.handshakes == 1
        failures = proxy.metrics()
        assert failures.sum("upstream_failures_total", reason="timeout") == failures.sum("upstream_failures_total") == 1
        assert proxy.metrics().sum("upstream_up") == 1


@pytest.mark.parametrize("policy", ["fastest", "sequential", "round_robin", "random"])
@pytest.mark.parametrize("refusal", [REFUSED, SERVFAIL])
def test_what_one_server_refuses_the_other_is_asked(tmp_path, certificate, verified, refusal, policy):
    with DotServer(certificate) as bad, DotServer(certificate) as good, \
            pillion.running(tmp_path, verified(bad, good, policy=policy)) as proxy, TcpClient(proxy.port) as client:
        bad.refusal = refusal
        for number in range(40):
            assert rcode(client.ask(make_query(f"n{number}.example."))) == "NOERROR"
        assert proxy.metrics().sum("upstream_up") == 2, "it answers, after all"
        if policy == "fastest":
            assert bad.queries < 20, "a quick refusal makes no server the fastest"
        good.refusal = refusal
        assert rcode(client.ask(make_query("nobody.example."))) == {REFUSED: "REFUSED", SERVFAIL: "SERVFAIL"}[refusal]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_connections_that_the_path_has_forgotten_are_replaced_within_the_budget(tmp_path, certificate, verified, count):
    with DotServer(certificate) as server:
        paths = [Path(server.address) for _ in range(count)]
        try:
            for path in paths:
                path.__enter__()
            # round_robin asks each server, so that each has answered before: a server that never has is judged by its silence alone.
            with pillion.running(tmp_path, verified(*paths, policy="round_robin")) as proxy:
                proxy.wait_metric("tls_handshakes_total", count, result="success")
                assert ask_all(proxy, [f"n{number}.example." for number in range(10)]) == ["NOERROR"] * 10
                for path in paths:
                    path.forget()
                assert ask_all(proxy, [f"m{number}.example." for number in range(10)]) == ["NOERROR"] * 10
                assert proxy.metrics().sum("upstream_up") == count, "a path forgets connections, not servers"
        finally:
            for path in paths:
                path.__exit__()


def test_a_server_that_ends_each_connection_after_its_handshake_is_backed_off_from(tmp_path, certificate, verified):
    with DotServer(certificate) as server:
        server.reset_after_handshake = True
        with pillion.running(tmp_path, verified(server)) as proxy:
            wait_until(lambda: server.handshakes >= 6, "six attempts")
            before, since = server.handshakes, time.monotonic()
            wait_until(lambda: server.handshakes >= before + 2, "two more")
            # At the earliest: the attempts are seconds apart by now, and no client asks.
            assert time.monotonic() - since > 1
            assert proxy.metrics().sum("upstream_up") == 0
            assert len([line for line in proxy.log() if line["msg"] in ("upstream connected", "upstream failed")]) <= 4
            server.reset_after_handshake = False
            proxy.wait_metric("upstream_up", 1)
            wait_until(lambda: [line for line in proxy.log() if line["msg"] == "upstream answers again"], "a line of the log")


def test_where_few_ask_the_log_says_that_their_answers_fail(tmp_path, certificate, verified):
    """The server is up: it answers handshakes, and closes the connection of each query."""
    with DotServer(certificate) as server, pillion.running(tmp_path, verified(server), admin={"listen": f"127.0.0.1:{free_port()}"}) as proxy:
        assert rcode(ask_udp(proxy.port, make_query("close.example."))) == "SERVFAIL"

        def found():
            return {line["code"]: line for line in proxy.log() if line["msg"] == "finding"}

        proxy.process.wait_for(lambda: {"answers_failing", "server_failing"} <= found().keys(), "the log says so")
        assert found()["answers_failing"]["level"] == "info" and "1 of 1 answer" in found()["answers_failing"]["text"]
        assert "closed" in found()["server_failing"]["text"]


def test_a_failure_that_goes_on_is_in_the_log_of_each_minute(tmp_path, verified):
    """The newest lines of the log show a failure, although its first line is old. No client asks meanwhile."""
    with pillion.running(tmp_path, verified(SimpleNamespace(address=f"127.0.0.1:{free_port()}"))) as proxy:
        def lines(message):
            return [line for line in proxy.log() if line["msg"] == message]

        (first,) = wait_until(lambda: lines("upstream failed"), "the first line")
        (still,) = wait_until(lambda: lines("upstream still fails"), "a line a minute later", patience=120)
        assert lines("upstream failed") == [first], "repetitions are at debug"
        assert (still["level"], still["reason"], still["detail"]) == ("warn", first["reason"], first["detail"])
        # A server that is down is tried every 5 s at the latest.
        assert still["failures"] >= 12
        assert datetime.fromisoformat(still["ts"]) - datetime.fromisoformat(first["ts"]) >= timedelta(minutes=1)


def test_a_udp_upstream_at_which_nobody_listens_stays_down(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    upstreams = {"cluster": pillion.upstream({"address": address}, protocol="udp", timeout=CLUSTER_TIMEOUT)}
    with pillion.running(tmp_path, upstreams) as proxy:
        assert rcode(ask_udp(proxy.port, make_query("a.example."))) == "SERVFAIL"
        for number in range(20):
            assert proxy.metrics().sum("upstream_up") == 0
            time.sleep(0.1)
            ask_udp(proxy.port, make_query(f"n{number}.example."))
        assert len([line for line in proxy.log() if line["msg"] == "upstream connected"]) <= 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", int(address.rsplit(":", 1)[1])))
            server.settimeout(20)
            query, client = server.recvfrom(4096)
            server.sendto(query[:2] + b"\x81\x80" + query[4:], client)
            # No client has asked: the probe has shown that the server is back.
            assert query[12:17] == b"\0\0\2\0\1"
            proxy.wait_metric("upstream_up", 1)


@contextlib.contextmanager
def unbound(tmp_path_factory, certificate, zone_file):
    with served(lambda: servers.unbound(tmp_path_factory.mktemp("unbound"), certificate, zone_file, zone.ORIGIN)) as server:
        try:
            yield server
        finally:
            server.process.send_signal(signal.SIGCONT)


def test_where_one_of_two_servers_falls_silent_under_load_nobody_waits_for_it(tmp_path, tmp_path_factory, certificate, zone_file, verified):
    """SIGSTOP: the kernel still acknowledges data, and the server sends nothing, neither FIN nor RST. The usual latency of the server decides after
    which time its silence is a fault. A unit test holds the exact time; this test holds the whole behaviour."""
    names = dnsperf.write_names(tmp_path / "names", f"wild.{zone.ORIGIN}")
    with unbound(tmp_path_factory, certificate, zone_file) as first, unbound(tmp_path_factory, certificate, zone_file) as second, \
            pillion.running(tmp_path, verified(first, second, policy="sequential")) as proxy:
        load = dnsperf.BackgroundLoad(tmp_path, proxy.port, names, "tcp", seconds=6, rate=1000)
        # By then Pillion knows the latency of the first server, which gets every query.
        wait_until(lambda: proxy.metrics().sum("upstream_responses_total", server=first.address) > 2000, "load at the first server")
        first.process.send_signal(signal.SIGSTOP)
        result = load.finish()
        result.assert_flawless()
        assert proxy.metrics().sum("upstream_responses_total", server=second.address) > 1000
        # A query that times out takes two seconds; one on a connection that is given up as dead takes more than one.
        assert result.slowest < 1, result.printed
