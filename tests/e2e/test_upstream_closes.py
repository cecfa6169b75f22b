"""Upstreams that close connections, for good and bad reasons: no query is lost, and none fails."""

import signal

import pytest

from harness import dnsperf, pillion, servers, zone
from harness.client import TcpClient, make_query, rcode, read
from harness.dot_server import DotServer
from harness.process import served, wait_until


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return dnsperf.write_names(tmp_path_factory.mktemp("load") / "names", "load.example.")


def assert_no_failures(proxy):
    metrics = proxy.metrics()
    assert metrics.sum("upstream_failures_total") == 0, metrics.series("upstream_failures_total")
    assert metrics.sum("upstream_up") >= 1


@pytest.mark.parametrize("close_notify", [True, False], ids=["close_notify", "bare FIN"])
@pytest.mark.parametrize("outstanding", [1, 100])
def test_it_closes_after_every_answer(tmp_path, certificate, verified, names, outstanding, close_notify):
    with DotServer(certificate, close_after_answer=True, close_notify=close_notify) as server, \
            pillion.running(tmp_path, verified(server)) as proxy:
        dnsperf.load(proxy.port, names, "tcp", outstanding=outstanding, seconds=min(dnsperf.SECONDS, 10)).assert_flawless()
        assert_no_failures(proxy)
        assert server.connections > 10


@pytest.mark.parametrize("close_notify", [True, False], ids=["close_notify", "bare FIN"])
def test_it_closes_idle_connections_after_100_ms(tmp_path, certificate, verified, names, close_notify):
    with DotServer(certificate, idle_close=0.1, close_notify=close_notify) as server, pillion.running(tmp_path, verified(server)) as proxy:
        # Five queries a second: at each, the connection is about to be closed or has just been closed.
        dnsperf.load(proxy.port, names, "tcp", clients=1, rate=5).assert_flawless()
        dnsperf.load(proxy.port, names, "udp", clients=1, rate=9).assert_flawless()
        assert_no_failures(proxy)


def test_resumption_saves_full_handshakes(tmp_path, certificate, verified, names):
    with DotServer(certificate, close_after_answer=True) as server, pillion.running(tmp_path, verified(server)) as proxy:
        dnsperf.load(proxy.port, names, "tcp", outstanding=1, seconds=2).assert_flawless()
        metrics = proxy.metrics()
        assert server.resumed > 0.8 * server.handshakes
        assert metrics.sum("tls_handshakes_total", result="success", resumed="true") >= 0.8 * server.handshakes


def restarts(server, load):
    """Stops and starts the server five times while the load runs."""
    for _ in range(5):
        before = server.queries
        load.process.wait_for(lambda: server.queries > before + 200, "the load goes on")
        server.drop_everything()
        server.listen()


def test_it_is_restarted_in_the_middle_of_a_load(tmp_path, certificate, verified, names):
    with DotServer(certificate) as server, pillion.running(tmp_path, verified(server)) as proxy:
        load = dnsperf.BackgroundLoad(tmp_path, proxy.port, names, "tcp", seconds=max(dnsperf.SECONDS, 8))
        restarts(server, load)
        load.finish().assert_flawless()


def test_one_of_two_is_restarted_in_the_middle_of_a_load(tmp_path, certificate, verified, names):
    with DotServer(certificate) as one, DotServer(certificate) as other, \
            pillion.running(tmp_path, verified(one, other, policy="round_robin")) as proxy:
        load = dnsperf.BackgroundLoad(tmp_path, proxy.port, names, "tcp", seconds=max(dnsperf.SECONDS, 8))
        restarts(one, load)
        load.finish().assert_flawless()


def test_a_real_server_is_killed_and_started_in_the_middle_of_a_load(tmp_path, tmp_path_factory, certificate, zone_file, verified, nsd):
    names = dnsperf.write_names(tmp_path / "names", f"wild.{zone.ORIGIN}")

    def unbound(tls_port=None):
        return served(lambda: servers.unbound(tmp_path_factory.mktemp("unbound"), certificate, zone_file, zone.ORIGIN, tls_port))

    with unbound() as first, pillion.running(tmp_path, verified(first, nsd, policy="sequential")) as proxy:
        load = dnsperf.BackgroundLoad(tmp_path, proxy.port, names, "tcp", seconds=max(dnsperf.SECONDS, 6))
        proxy.wait_metric("upstream_responses_total", 1000, server=first.address)
        first.process.stop(signal.SIGKILL)
        answered = proxy.metrics().sum("upstream_responses_total", server=nsd.address)
        proxy.wait_metric("upstream_responses_total", answered + 1000, server=nsd.address)
        with unbound(first.tls_port):
            load.finish().assert_flawless()


def test_nobody_answers_and_then_somebody_does(tmp_path, certificate, verified):
    """While no server answers, clients get a SERVFAIL with the reason. When one is back, recovery takes at most the largest back-off."""
    with DotServer(certificate) as server, pillion.running(tmp_path, verified(server, timeout="500ms")) as proxy, \
            TcpClient(proxy.port) as client:
        assert rcode(client.ask(make_query("before.example."))) == "NOERROR"
        server.drop_everything()
        failed = read(client.ask(make_query("while.example.", use_edns=0)))
        assert failed.rcode() == 2 and failed.options, failed
        assert proxy.is_ready(), "readiness never depends on an upstream"
        server.listen()
        proxy.process.wait_for(lambda: rcode(client.ask(make_query("after.example."))) == "NOERROR", "answers again")


def test_a_slow_recursion_is_waited_for(tmp_path, certificate, verified):
    """The recursion takes longer than the time after which a connection counts as stalled, and less than the query's timeout of 4 s."""
    with DotServer(certificate) as server, pillion.running(tmp_path, verified(server)) as proxy, TcpClient(proxy.port) as client:
        assert rcode(client.ask(make_query("recursion-3200-slow.example."))) == "NOERROR"
        assert rcode(client.ask(make_query("quick.example."))) == "NOERROR"


def test_a_frozen_server_is_given_up(tmp_path, tmp_path_factory, certificate, zone_file, verified, nsd):
    """SIGSTOP: connections stay open, and nothing is answered. The other server takes over within each query's timeout."""
    with served(lambda: servers.unbound(tmp_path_factory.mktemp("unbound"), certificate, zone_file, zone.ORIGIN)) as frozen, \
            pillion.running(tmp_path, verified(frozen, nsd, policy="sequential")) as proxy, TcpClient(proxy.port) as client:
        assert rcode(client.ask(make_query(f"a.{zone.ORIGIN}"))) == "NOERROR"
        frozen.process.send_signal(signal.SIGSTOP)
        try:
            for number in range(20):
                assert rcode(client.ask(make_query(f"n{number}.wild.{zone.ORIGIN}"))) == "NOERROR"
            # The kernel of the server has acknowledged all queries, so that Pillion waits longer than for a dead path.
            wait_until(lambda: proxy.metrics().sum("upstream_failures_total", server=frozen.address), "a failure of the frozen server")
        finally:
            frozen.process.send_signal(signal.SIGCONT)
