"""Memory is shared among client addresses: one that takes much of it, over however many connections, takes it from itself. Each address of 127.0.0.0/8
is a client of its own."""

import contextlib
import time

import dns.edns
import dns.tsig
import pytest

from harness import pillion, zone
from harness.client import TcpClient, framed, make_query, rcode
from harness.dot_server import DotServer
from harness.kernel_memory import kernel_memory
from harness.process import PATIENCE

GREEDY, MODEST = "127.0.0.2", "127.0.0.3"
MEMORY = "48MiB"
KEY = dns.tsig.Key("key.", "dGhpcyBpcyBubyBzZWNyZXQgYXQgYWxsISEh")
# Bytes of the kernel for a connection: the queries, of which it counts twice as many, and answers that it cannot send.
RECEIVE_BUFFER = 8192
UNSENT_OUTPUT = 4096
HTTP_CONNECTIONS = 64  # the most that the HTTP server has
REASONS = ("memory_limit", "client_share", "in_flight_limit")


def read_some(client, size):
    """Reads what has come, up to `size` bytes. Returns their number, or None if the connection has ended."""
    try:
        return len(client.socket.recv(size)) or None
    except BlockingIOError:
        return 0
    except OSError:
        return None


def slow_readers(proxy, clients, sources, count):
    """A connection from each of `sources` that asks `count` times for an answer of 5 kB, which the cache has."""
    query = make_query(f"txt5000.{zone.ORIGIN}", "TXT")
    made = []
    for source in sources:
        made.append(TcpClient(proxy.port, source=source, receive_buffer=8192))
        clients.append(made[-1])
        made[-1].send(*[query] * count)
        made[-1].socket.setblocking(False)
    return made


def test_many_slow_readers_of_one_address_do_not_cost_others_their_connections(tmp_path, unbound, verified, clients):
    with pillion.running(tmp_path, verified(unbound), memory=MEMORY, cache={"size": "4MiB"}, drain_timeout="1s") as proxy:
        with TcpClient(proxy.port) as client:
            assert rcode(client.ask(make_query(f"txt5000.{zone.ORIGIN}", "TXT"))) == "NOERROR"
        greedy = slow_readers(proxy, clients, [GREEDY] * 200, 600)
        proxy.wait_metric("dns_rejected_total", 1, reason="memory_limit")
        wanted = 120 * 5000
        got = {each: 0 for each in slow_readers(proxy, clients, [f"127.0.1.{number}" for number in range(1, 21)], 120)}
        deadline = time.monotonic() + PATIENCE
        while min(got.values()) < wanted and time.monotonic() < deadline:
            dropped = [each for each in greedy if read_some(each, 4096) is None]
            greedy = [each for each in greedy if each not in dropped] + slow_readers(proxy, clients, [GREEDY] * len(dropped), 600)
            for each, size in got.items():
                if size < wanted:
                    came = read_some(each, 8192)
                    assert came is not None, f"dropped after {size} bytes"
                    got[each] += came
            time.sleep(0.1)
        assert min(got.values()) >= wanted


def test_the_kernel_holds_little_for_clients_that_write_and_do_not_read(tmp_path, unbound, verified, clients):
    queries = b"".join(framed(make_query(f"txt5000.{zone.ORIGIN}", "TXT", id=number)) for number in range(4000))
    with pillion.running(tmp_path, verified(unbound), memory=MEMORY, cache={"size": "4MiB"}, drain_timeout="1s") as proxy:
        for _ in range(200):
            client = TcpClient(proxy.port, receive_buffer=4096)
            clients.append(client)
            client.socket.setblocking(False)
        held = []
        # The clients always have more to send than the socket takes.
        for _ in range(10):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.socket.send(queries)
            proxy.metrics()
            held.append(kernel_memory(proxy.port))
        metrics = proxy.metrics()
        assert max(received for connections in held for received, _ in connections) <= 4 * RECEIVE_BUFFER
        share = 8 * 2**20  # of the answers that clients have not read, for this memory
        assert max(sum(to_send for _, to_send in connections) for connections in held) <= share + 200 * UNSENT_OUTPUT
        assert metrics.sum("client_connections") + metrics.sum("dns_rejected_total", reason="memory_limit") >= 200


def test_the_kernel_holds_little_for_http_clients_that_do_not_read(tmp_path, unbound, verified, clients):
    request = b"GET /metrics HTTP/1.1\r\nHost: pillion\r\n\r\n" * 1000
    with pillion.running(tmp_path, verified(unbound), drain_timeout="1s") as proxy:
        for _ in range(20):
            clients.append(TcpClient(proxy.http_port, receive_buffer=4096))
            clients[-1].socket.setblocking(False)
            with contextlib.suppress(OSError):
                clients[-1].socket.send(request)
        # A scrape that is answered comes after all of them.
        held = [(proxy.metrics(), kernel_memory(proxy.http_port))[1] for _ in range(5)]
        assert max(received for connections in held for received, _ in connections) <= 4 * RECEIVE_BUFFER
        assert max(to_send for connections in held for _, to_send in connections) <= 4 * UNSENT_OUTPUT


def test_the_kernel_forgets_the_responses_of_http_clients_that_made_room_for_others(tmp_path, unbound, verified, clients):
    with pillion.running(tmp_path, verified(unbound), drain_timeout="1s") as proxy:
        for _ in range(4 * HTTP_CONNECTIONS):
            clients.append(TcpClient(proxy.http_port, receive_buffer=4096))
            clients[-1].send_raw(b"GET /metrics HTTP/1.1\r\nHost: pillion\r\n\r\n")
        proxy.process.wait_for(lambda: len(kernel_memory(proxy.http_port)) <= HTTP_CONNECTIONS, "the kernel has no more than the proxy")
        assert proxy.get("/livez")[0] == 200


def test_the_kernel_forgets_the_answers_of_a_client_that_was_dropped(tmp_path, unbound, verified):
    with pillion.running(tmp_path, verified(unbound), drain_timeout="1s") as proxy, TcpClient(proxy.port, receive_buffer=4096) as client:
        client.send(*[make_query(f"txt5000.{zone.ORIGIN}", "TXT")] * 10)
        # Without unread input, the kernel would send FIN after the answers, and so keep them.
        client.half_close()
        proxy.process.wait_for(lambda: [to_send for _, to_send in kernel_memory(proxy.port) if to_send > UNSENT_OUTPUT], "the client's buffer is full")
        proxy.wait_metric("dns_rejected_total", 1, reason="slow_client")
        proxy.process.wait_for(lambda: not kernel_memory(proxy.port), "the kernel has forgotten the connection")


@pytest.fixture
def silent(certificate):
    """An upstream for names below silent.example that never answers."""
    with DotServer(certificate) as running:
        yield running


def signed(number, padding):
    query = make_query(f"drop-{number}.silent.example.", use_edns=0, id=number, options=[dns.edns.GenericOption(12, bytes(padding))])
    query.use_tsig(KEY)
    return query.to_wire(max_size=65535)


def test_signed_queries_of_one_address_leave_memory_for_those_of_others(tmp_path, unbound, silent, verified, clients):
    upstreams = {**verified(unbound), "silent": verified(silent, timeout="30s")["real"]}
    routes = [{"zone": ".", "upstream": "real"}, {"zone": "silent.example", "upstream": "silent"}]
    # Smaller and smaller messages, which fill the memory to its last bytes if they may.
    paddings = [58000] * 40 + [10000] * 30 + [2000] * 30 + [300] * 60 + [0] * 300
    with pillion.running(tmp_path, upstreams, routes=routes, memory=MEMORY, drain_timeout="1s") as proxy:
        for connection in range(3):
            clients.append(TcpClient(proxy.port, source=GREEDY))
            clients[-1].send(*(signed(1000 * connection + number, padding) for number, padding in enumerate(paddings)))
            proxy.wait_metric("dns_rejected_total", connection + 1, reason="memory_limit")
        with TcpClient(proxy.port, source=MODEST) as modest:
            codes = [rcode(modest.ask(make_query(f"new-{number}.{zone.ORIGIN}"))) for number in range(100)]
        assert set(codes) <= {"NOERROR", "NXDOMAIN"}
        # The last connection's queries may still be coming in.
        proxy.process.wait_for(lambda: is_every_refusal_counted(proxy.metrics()), "each refusal has its reason")


def is_every_refusal_counted(metrics):
    refused = metrics.sum("dns_responses_total", rcode="REFUSED")
    return refused > 0 and refused == sum(metrics.sum("dns_rejected_total", reason=reason) for reason in REASONS)
