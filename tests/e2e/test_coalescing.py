"""Many clients with one question at the same time cause one upstream query, and each gets its own answer."""

import os
import random
import resource
import socket
import struct
import time

import pytest

from harness import pillion
from harness.client import TcpClient, ask_udp, make_query, read
from harness.dot_server import DotServer, address_of
from harness.process import PATIENCE

SANITIZED = bool(os.environ.get("E2E_SANITIZER"))
CLIENTS = 1000 if SANITIZED else 10000
BATCH = 200  # datagrams sent at once: their number fits in a socket's buffer
SEED = 3
# After a longer silence Pillion suspects the server and asks again, which would hide the coalescing.
ALL_AT_ONCE = 1.5

IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)


@pytest.fixture(scope="module", autouse=True)
def descriptors():
    """Raises the limit of open files for this process and for Pillion. Returns the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, 20000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


@pytest.fixture
def server(certificate):
    with DotServer(certificate) as running:
        yield running


def queries(name, count):
    """One query for each client. They differ in id, case and EDNS, which is not a part of the question."""
    rng = random.Random(SEED)
    template = {edns: make_query(name, use_edns=0 if edns else -1).to_wire() for edns in (False, True)}
    messages = []
    for _ in range(count):
        message = bytearray(template[rng.random() < 0.5])
        struct.pack_into("!H", message, 0, rng.randrange(65536))
        for at in range(12, 12 + len(name)):
            if chr(message[at]).isalpha() and rng.random() < 0.5:
                message[at] ^= 0x20
        messages.append(bytes(message))
    return messages


def check(query, answer, name):
    """Checks that the answer belongs to this client's query."""
    message = read(answer)
    end = 12 + len(name) + 1 + 4
    assert answer[:2] == query[:2], "the id of another"
    assert answer[12:end] == query[12:end], "the letters of another"
    assert message.rcode() == 0 and (message.edns >= 0) == (len(query) > end)
    (records,) = message.answer
    assert [record.to_text() for record in records] == [socket.inet_ntoa(address_of(query[12:12 + len(name) + 1]))]


class UdpClients:
    """Clients with `count` different addresses and ports. They use few sockets, since a socket can send from each address of 127/8."""

    PER_SOCKET = 100

    def __init__(self, port, count):
        self.port = port
        self.sockets = []
        self.places = []  # client -> (socket, address)
        self.client_of = {}
        for first in range(0, count, self.PER_SOCKET):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sockets.append(one)
            one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            one.settimeout(PATIENCE)
            one.bind(("", 0))
            for client in range(first, min(count, first + self.PER_SOCKET)):
                address = socket.inet_aton(f"127.77.{client // 250}.{1 + client % 250}")
                self.places.append((one, address))
                self.client_of[address] = client

    def close(self):
        for one in self.sockets:
            one.close()

    def send(self, client, message):
        one, address = self.places[client]
        information = struct.pack("=I", 0) + address + bytes(4)
        one.sendmsg([message], [(socket.IPPROTO_IP, IP_PKTINFO, information)], 0, ("127.0.0.1", self.port))

    def receive_all(self):
        """{client: its answer}"""
        answers = {}
        for number, one in enumerate(self.sockets):
            for _ in range(min(self.PER_SOCKET, len(self.places) - number * self.PER_SOCKET)):
                data, ancillary, _, _ = one.recvmsg(65536, 256)
                (information,) = [value for level, type_, value in ancillary if (level, type_) == (socket.IPPROTO_IP, IP_PKTINFO)]
                answers[self.client_of[information[8:12]]] = data
        return answers


def ask_at_once(proxy, server, count, send_all):
    """Makes all clients wait for one answer. Returns the name. `send_all(messages, arrived)` sends the queries, and calls arrived(n) to wait until n have
    arrived. If a busy machine does not do this in time, it is tried again with another name."""
    for attempt in range(5):
        name = f"hold-{attempt}.coalesced.example."
        messages = queries(name, count)
        before = proxy.metrics()

        def arrived(wanted):
            seen = proxy.metrics().sum("dns_requests_total") - before.sum("dns_requests_total")
            return seen >= wanted

        start = time.monotonic()
        send_all(messages, lambda wanted: proxy.process.wait_for(lambda: arrived(wanted), f"{wanted} queries have arrived"))
        took = time.monotonic() - start
        assert proxy.metrics().sum("dns_in_flight") == count
        server.release()
        print(f"{count} queries in {took:.2f} s")
        yield name, messages, before
        if took < ALL_AT_ONCE:
            return
    pytest.fail(f"{count} queries take longer than {ALL_AT_ONCE} s on this machine")


def assert_one_query(proxy, server, before, name, count):
    after = proxy.metrics()

    def grown(metric, **labels):
        return after.sum(metric, **labels) - before.sum(metric, **labels)

    assert server.asked_for(name) == 1
    assert grown("upstream_responses_total") == 1
    assert grown("dns_coalesced_total") == count - 1
    assert grown("dns_responses_total", rcode="NOERROR") == count
    assert after.sum("dns_in_flight") == 0


def test_udp_clients(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), cache={"size": "1MiB"}) as proxy:
        clients = UdpClients(proxy.port, CLIENTS)

        def send_all(messages, arrived):
            for client, message in enumerate(messages):
                clients.send(client, message)
                if (client + 1) % BATCH == 0 or client + 1 == len(messages):
                    arrived(client + 1)

        try:
            for name, messages, before in ask_at_once(proxy, server, CLIENTS, send_all):
                answers = clients.receive_all()
                assert len(answers) == CLIENTS
                for client, query in enumerate(messages):
                    check(query, answers[client], name)
            assert_one_query(proxy, server, before, name, CLIENTS)
        finally:
            clients.close()


def test_tcp_clients(tmp_path, server, verified, descriptors):
    count = min(CLIENTS, descriptors - 500)
    # One address may use three quarters of them.
    limits = {"max_connections": 2 * count, "max_connections_per_client": 2 * count}
    clients = []
    with pillion.running(tmp_path, verified(server), dns=limits, cache={"size": "1MiB"}) as proxy:
        try:
            clients.extend(TcpClient(proxy.port) for _ in range(count))
            proxy.wait_metric("client_connections", count)

            def send_all(messages, arrived):
                for client, message in zip(clients, messages):
                    client.send(message)
                arrived(len(messages))

            for name, messages, before in ask_at_once(proxy, server, count, send_all):
                for client, query in zip(clients, messages):
                    check(query, client.receive(), name)
            assert_one_query(proxy, server, before, name, count)
        finally:
            for client in clients:
                client.close()


def test_what_differs_is_asked_apart(tmp_path, server, verified):
    """Queries that differ in type, DO or CD are not coalesced (RFC 4035 section 3.2). Other differences do not matter."""
    name = "hold-apart.example."
    shapes = [make_query(name), make_query(name, want_dnssec=True), make_query(name, "AAAA"), make_query(name.upper()),
              make_query(name, use_edns=0, payload=4096)]
    checking_disabled = make_query(name)
    checking_disabled.flags |= 0x0010
    shapes.append(checking_disabled)
    with pillion.running(tmp_path, verified(server), cache={"size": "1MiB"}) as proxy, TcpClient(proxy.port) as client:
        for number, query in enumerate(shapes):
            query.id = number
        client.send(*shapes)
        proxy.process.wait_for(lambda: len(server.held) == 4, "four different questions have been asked")
        proxy.wait_metric("dns_in_flight", len(shapes))
        server.release()
        answers = sorted(read(client.receive()).id for _ in shapes)
        assert answers == list(range(len(shapes)))
        assert server.queries == 4
        assert proxy.metrics().sum("dns_coalesced_total") == 2


def test_clients_that_leave_do_not_take_the_answer_with_them(tmp_path, server, verified):
    name = "hold-leaving.example."
    with pillion.running(tmp_path, verified(server), cache={"size": "1MiB"}) as proxy:
        with TcpClient(proxy.port) as stays:
            with TcpClient(proxy.port) as leaves:
                leaves.send(make_query(name))
                proxy.process.wait_for(lambda: len(server.held) == 1, "asked")
                stays.send(make_query(name))
                proxy.wait_metric("dns_in_flight", 2)
                # Closes with a reset: a client that only closes its own direction still waits for answers.
                leaves.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # A message that comes after the reset is handled after it.
            assert read(ask_udp(proxy.port, make_query("other.example."))).answer
            server.release()
            assert read(stays.receive()).answer
        assert server.asked_for(name) == 1
        assert proxy.metrics().sum("responses_undelivered_total") == 1
