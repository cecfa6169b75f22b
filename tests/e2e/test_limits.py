"""Clients that use too many descriptors or connections, too much time or memory. Each use is bounded, and other clients are not affected."""

import os
import resource
import signal
import socket
import time

import pytest

from harness import pillion, zone
from harness.client import TcpClient, ask_tcp, ask_udp, extended_errors, framed, make_query, rcode, read, udp_socket, wire
from harness.dot_server import DotServer

SANITIZED = bool(os.environ.get("E2E_SANITIZER"))  # with a sanitizer, its memory hides the memory of Pillion


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def many_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


def works(port):
    return rcode(ask_tcp(port, make_query("works.example."))) == rcode(ask_udp(port, make_query("works.example."))) == "NOERROR"


def test_datagrams_that_the_kernel_drops_are_counted(tmp_path, server, verified):
    """Each query over UDP is answered, or counted. While the proxy is stopped, more queries arrive than its socket's buffer has room for."""
    count = 3000
    with pillion.running(tmp_path, verified(server)) as proxy, udp_socket(proxy.port) as sender:
        query = make_query("works.example.")
        assert works(proxy.port)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        # A client's own buffer may have no room for all answers. So the proxy's counter says how many there were.
        before = proxy.metrics().sum("dns_requests_total")
        proxy.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(count):
                sender.send(wire(query))
        finally:
            proxy.process.send_signal(signal.SIGCONT)
        assert works(proxy.port)

        def received():
            return proxy.metrics().sum("dns_requests_total") - before - 2

        proxy.process.wait_for(lambda: received() + proxy.metrics().sum("client_datagrams_dropped_total") == count, "each query is counted")
        assert 200 < received() < count


def test_many_idle_clients(tmp_path, server, verified, clients):
    limits = {"max_connections": 4000, "max_connections_per_client": 4000}
    with pillion.running(tmp_path, verified(server), dns=limits) as proxy:
        assert works(proxy.port)
        before = proxy.process.status_bytes("VmRSS")
        count = 2000
        for number in range(count):
            clients.append(TcpClient(proxy.port))
            if number % 10 == 0:
                assert rcode(clients[-1].ask(make_query(f"n{number}.example."))) == "NOERROR"
        proxy.wait_metric("client_connections", count)
        each = (proxy.process.status_bytes("VmRSS") - before) / count
        print(f"{each:.0f} bytes of resident memory for an idle TCP client")
        assert SANITIZED or each < 16 * 1024
        assert rcode(clients[0].ask(make_query("again.example."))) == "NOERROR"
        for client in clients:
            client.close()
        proxy.process.wait_for(lambda: proxy.metrics().sum("client_connections") == 0, "all are forgotten")


def test_what_idle_clients_have_asked_during_a_pause_of_the_process_is_answered(tmp_path, server, verified, clients):
    """All idle timeouts are over at the end of the pause. The kernel hands over the events of 128 sockets at once."""
    with pillion.running(tmp_path, verified(server), dns={"idle_timeout": "1s"}) as proxy:
        clients += [TcpClient(proxy.port) for _ in range(400)]
        for client in clients:
            client.send(make_query("before.example."))
        for client in clients:
            assert rcode(client.receive()) == "NOERROR"
        proxy.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(3)
            for number, client in enumerate(clients):
                client.send(make_query(f"n{number}.example."))
        finally:
            proxy.process.send_signal(signal.SIGCONT)
        for client in clients:
            assert rcode(client.receive()) == "NOERROR"


@pytest.mark.parametrize("limit, reason", [("max_connections", "connection_limit"), ("max_connections_per_client", "client_limit")])
def test_connections_over_the_limit_are_closed_and_counted(tmp_path, server, verified, clients, limit, reason):
    # One address may only use a part of max_connections: that test uses two.
    sources = ["127.0.0.1"] * 8 + ["127.0.0.1" if limit == "max_connections_per_client" else "127.0.0.2"] * 2
    with pillion.running(tmp_path, verified(server), dns={limit: 10}) as proxy:
        for number, source in enumerate(sources):
            clients.append(TcpClient(proxy.port, source=source))
            # A client that waits for an answer is not idle and is not displaced.
            clients[-1].send(make_query(f"hold-{number}.example."))
            proxy.wait_metric("dns_in_flight", number + 1)
        with TcpClient(proxy.port) as eleventh:
            assert eleventh.receive() is None
        assert proxy.metrics().sum("dns_rejected_total", reason=reason) == 1
        assert rcode(ask_udp(proxy.port, make_query("udp.example."))) == "NOERROR"
        server.release()
        assert all(rcode(client.receive()) == "NOERROR" for client in clients)
        clients.pop().close()
        proxy.process.wait_for(lambda: proxy.metrics().sum("client_connections") == 9, "the place is free again")
        with TcpClient(proxy.port, source=sources[-1]) as again:
            assert rcode(again.ask(make_query("again.example."))) == "NOERROR"


def test_queries_over_the_limit_of_a_connection_are_not_lost(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), dns={"max_in_flight_per_connection": 10}) as proxy, TcpClient(proxy.port) as client:
        client.send(*[make_query(f"delay-200-n{number}.example.", id=number, use_edns=0) for number in range(100)])
        answers = [read(client.receive()) for _ in range(100)]
        assert sorted(answer.id for answer in answers) == list(range(100))
        for answer in answers:
            assert answer.rcode() == 0 or (answer.rcode() == 5 and extended_errors(answer)), answer
        assert sum(answer.rcode() == 0 for answer in answers) >= 10


def test_silent_and_slow_clients_are_closed(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), dns={"idle_timeout": "1s"}) as proxy:
        with TcpClient(proxy.port) as silent, TcpClient(proxy.port) as half:
            half.send_raw(framed(make_query("half.example."))[:9])
            assert silent.receive() is None
            assert half.receive() is None
        proxy.wait_metric("dns_rejected_total", 1, reason="slow_client")
        proxy.wait_metric("client_idle_closes_total", 1)
        assert works(proxy.port)


def test_a_client_that_trickles_bytes_is_closed(tmp_path, server, verified):
    """Each byte is activity, but a whole message must come within the timeout."""
    message = framed(make_query("trickle." + "x" * 60 + ".example."))
    with pillion.running(tmp_path, verified(server), dns={"idle_timeout": "1s"}) as proxy, TcpClient(proxy.port) as client:
        client.socket.settimeout(0.25)
        for at in range(len(message)):
            client.send_raw(message[at:at + 1])
            try:
                if client.socket.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("a message in 250 ms a byte was waited for")


def test_idle_time_does_not_run_while_a_query_is_answered(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), dns={"idle_timeout": "1s"}) as proxy, TcpClient(proxy.port) as client:
        assert rcode(client.ask(make_query("delay-1500-slow.example."))) == "NOERROR"


def test_an_answer_made_in_the_moment_of_the_idle_timeout_still_leaves(tmp_path, server, verified):
    """The query's timeout and the client's idle timeout end at the same time."""
    with pillion.running(tmp_path, verified(server, timeout="2s"), dns={"idle_timeout": "1s"}) as proxy, TcpClient(proxy.port) as client:
        assert rcode(client.ask(make_query("drop-it.example."))) == "SERVFAIL"


def test_a_client_that_does_not_read_is_bounded_and_dropped(tmp_path, unbound, verified):
    big = f"txt30000.{zone.ORIGIN}"
    with pillion.running(tmp_path, verified(unbound), dns={"idle_timeout": "2s"}) as proxy, \
            TcpClient(proxy.port, receive_buffer=4096) as greedy, TcpClient(proxy.port) as modest:
        assert rcode(modest.ask(make_query(f"a.{zone.ORIGIN}"))) == "NOERROR"
        before = proxy.process.status_bytes("VmRSS")
        batch = b"".join(framed(make_query(big, "TXT", id=number)) for number in range(100))
        greedy.socket.settimeout(0.05)
        gone = False
        peak = 0

        def pushed_out():
            nonlocal gone, peak
            try:
                if not gone:
                    greedy.send_raw(batch)
            except TimeoutError:
                pass  # Pillion no longer reads from the connection, which also bounds the memory
            except OSError:
                gone = True
            peak = max(peak, proxy.process.status_bytes("VmRSS"))
            assert rcode(modest.ask(make_query(f"a.{zone.ORIGIN}"))) == "NOERROR"
            metrics = proxy.metrics()
            return metrics.sum("dns_rejected_total", reason="output_limit") + metrics.sum("dns_rejected_total", reason="slow_client") >= 1

        proxy.process.wait_for(pushed_out, "the client that does not read is dropped and counted")
        assert SANITIZED or peak - before < 64 * 2**20, f"{(peak - before) / 2**20:.0f} MiB more"
        proxy.process.wait_for(lambda: proxy.metrics().sum("client_connections") == 1, "only the modest client is left")


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_queries_that_nobody_answers_do_not_grow_memory(tmp_path, server, verified, threads):
    with pillion.running(tmp_path, verified(server, timeout="1s"), threads=threads) as proxy:
        assert works(proxy.port)
        before = proxy.process.status_bytes("VmRSS")
        with TcpClient(proxy.port) as client:
            for number in range(200):
                client.send(*[make_query(f"drop-{number}-{more}.example.", id=more) for more in range(100)])
            codes = {rcode(client.receive()) for _ in range(20000)}
        assert codes <= {"SERVFAIL", "REFUSED"}
        assert SANITIZED or proxy.process.status_bytes("VmRSS") - before < 64 * 2**20
        proxy.process.wait_for(lambda: proxy.metrics().sum("dns_in_flight") == 0, "nothing is in flight")
        proxy.process.wait_for(lambda: works(proxy.port), "answers again after the back-off")
