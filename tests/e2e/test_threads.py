"""Several threads: clients, other processes, probes and limits see one Pillion."""

import concurrent.futures
import contextlib
import signal
import socket

import pytest

from harness import pillion, servers
from harness.client import TcpClient, ask_tcp, ask_udp, make_query, rcode
from harness.dot_server import DotServer
from harness.process import free_port, run, served


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture(params=[2, 4])
def threads(request):
    return request.param


def has_ipv6():
    with socket.socket(socket.AF_INET6) as probe, contextlib.suppress(OSError):
        probe.bind(("::1", 0))
        return True
    return False


def answered(port, host, count):
    """How many of `count` clients, each with its own socket, over UDP and TCP, get an answer."""
    def ask(number):
        make, name = (ask_tcp, "tcp") if number % 2 else (ask_udp, "udp")
        return rcode(make(port, make_query(f"{name}{number}.example."), host)) == "NOERROR"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return sum(pool.map(ask, range(count)))


@pytest.mark.parametrize("host, other", [("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1"), ("::1", "::")])
def test_no_other_process_joins(tmp_path, server, verified, threads, host, other):
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no ::1")
    asked = "127.0.0.1" if host == "0.0.0.0" else host
    with pillion.running(tmp_path, verified(server), host=host, threads=threads) as proxy:
        for address in (host, other):
            config = pillion.write_config(tmp_path / "second.yaml", proxy.port, free_port(), verified(server), address, threads=threads)
            second = run(pillion.BINARY, "run", "--config", config, check=False)
            assert second.returncode == pillion.CANNOT_BIND and "Address already in use" in second.stderr, second
        # A program that tries to join the group: the kernel permits it, and it gets no datagrams.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams, socket.socket(family) as streams:
            for joining in (datagrams, streams):
                joining.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, joining is streams)
                joining.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                if ":" in host:
                    joining.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                joining.bind((host, proxy.port))
            streams.listen()
            assert answered(proxy.port, asked, 120) == 120


def test_the_limit_of_connections_is_of_all_threads(tmp_path, server, verified, threads):
    with pillion.running(tmp_path, verified(server), threads=threads, dns={"max_connections": 10}) as proxy, contextlib.ExitStack() as held:
        for _ in range(40):
            held.enter_context(TcpClient(proxy.port))
        proxy.wait_metric("dns_rejected_total", 30, reason="connection_limit")
        assert proxy.metrics().sum("client_connections") == 10


def test_each_loop_is_asked_whether_it_turns(tmp_path, server, verified, threads):
    with pillion.running(tmp_path, verified(server), threads=threads) as proxy:
        for path in ("/livez", "/healthz"):
            status, text = proxy.get(f"{path}?verbose")
            assert status == 200
            assert text == "".join(f"[+]event loop {number} turns\n" for number in range(1, threads + 1)) + "ok\n"


def test_a_forwarding_loop_is_found_by_whichever_thread_it_reaches(tmp_path, certificate, verified, server, threads):
    for attempt in range(2):
        port = free_port()
        directory = tmp_path / str(attempt)
        with served(lambda: servers.forwarder(directory / "forwarder", certificate, f"127.0.0.1:{port}")) as forwarder:
            upstreams = {**verified(server), "cluster": pillion.upstream({"address": forwarder.plain_address}, protocol="udp", timeout="1s")}
            routes = [{"zone": "cluster.local", "upstream": "cluster"}, {"zone": ".", "upstream": "real"}]
            with pillion.running(directory, upstreams, port=port, routes=routes, threads=threads) as proxy:
                proxy.wait_metric("forwarding_loops_total", 1)
                assert proxy.metrics().sum("plaintext_queries_total", upstream="cluster") <= 3 * threads, "nobody passes a probe on"


@pytest.mark.parametrize("supervise", [False, True])
def test_no_more_threads_run_than_the_memory_allows(tmp_path, server, verified, supervise):
    with pillion.running(tmp_path, verified(server), threads=64, memory="26MiB", supervise=supervise) as proxy:
        lowered = [line for line in proxy.log() if line["msg"].startswith("fewer threads than configured")]
        assert [(line["level"], line["threads"], line["configured"]) for line in lowered] == [("warn", 3, 64)]
        assert [line["threads"] for line in proxy.log() if line["msg"] == "pillion started"] == [3]
        assert rcode(ask_udp(proxy.port, make_query("few.example."))) == "NOERROR"
        checked = run(pillion.BINARY, "check", "--config", proxy.config)
        assert checked.stderr.strip() == "threads: 64 are more than fit into the memory; 3 will run"
        proxy.process.send_signal(signal.SIGHUP)
        proxy.process.wait_for(lambda: "without a change" in proxy.process.err(), "the same file changes nothing")
