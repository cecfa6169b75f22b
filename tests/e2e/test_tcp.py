"""TCP (RFC 7766): many queries on one connection, answers out of order, half-closed connections."""

import struct

import dns.edns
import pytest

from harness import dot_server, pillion
from harness.client import TcpClient, framed, make_query, read
from harness.dot_server import DotServer


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server, verified, tmp_path_factory):
    with pillion.running(tmp_path_factory.mktemp("pillion"), verified(server)) as running:
        yield running


def expect_answer(query, data):
    """Checks that the answer belongs to the query: its id, its question, and the address for that name."""
    answer = read(data)
    assert answer.id == query.id and answer.question == query.question
    wanted = struct.unpack("!BBBB", dot_server.address_of(query.question[0].name.to_wire()))
    assert [record.address for records in answer.answer for record in records] == [".".join(map(str, wanted))]


def queries(count, prefix="q"):
    """Distinct questions, each with its own id."""
    made = [make_query(f"{prefix}{number}.example.") for number in range(count)]
    for number, query in enumerate(made):
        query.id = number
    return made


def receive_by_id(client, count):
    """[(id, bytes)] in the order of arrival."""
    arrived = [client.receive() for _ in range(count)]
    assert None not in arrived, "closed before the last answer"
    return [(struct.unpack_from("!H", data)[0], data) for data in arrived]


def test_the_first_of_a_hundred_does_not_hold_up_the_rest(proxy):
    batch = queries(100)
    batch[0] = make_query("delay-1000-slow.example.")
    batch[0].id = 0
    with TcpClient(proxy.port) as client:
        client.send(*batch)
        arrived = receive_by_id(client, 100)
    assert arrived[-1][0] == 0, "the delayed answer must come last"
    assert {identifier for identifier, _ in arrived} == set(range(100))
    for identifier, data in arrived:
        expect_answer(batch[identifier], data)


def test_answers_come_in_the_order_of_readiness(proxy):
    batch = [make_query(f"delay-{delay}-order.example.", id=number) for number, delay in enumerate((900, 600, 300, 0))]
    with TcpClient(proxy.port) as client:
        client.send(*batch)
        assert [identifier for identifier, _ in receive_by_id(client, 4)] == [3, 2, 1, 0]


def test_thousands_of_queries_on_one_connection(proxy):
    with TcpClient(proxy.port) as client:
        for round_ in range(50):
            batch = queries(100, f"r{round_}-")
            client.send(*batch)
            for identifier, data in receive_by_id(client, 100):
                expect_answer(batch[identifier], data)


def test_half_closed_connections_get_their_answers(proxy):
    batch = queries(20, "half") + [make_query("delay-500-half.example.", id=20)]
    with TcpClient(proxy.port) as client:
        client.send(*batch)
        client.half_close()
        for identifier, data in receive_by_id(client, 21):
            expect_answer(batch[identifier], data)
        assert client.receive() is None, "after the last answer Pillion closes too"


def test_messages_in_pieces(proxy):
    batch = queries(5, "piece")
    stream = b"".join(framed(query) for query in batch)
    with TcpClient(proxy.port) as client:
        client.socket.setsockopt(6, 1, 1)  # TCP_NODELAY: each piece is sent as its own segment
        for at in range(len(stream)):
            client.send_raw(stream[at:at + 1])
        for identifier, data in receive_by_id(client, 5):
            expect_answer(batch[identifier], data)


@pytest.mark.parametrize("size", [9000, 60000])
def test_long_messages_in_pieces(proxy, size):
    """Each is longer than what Pillion reads at once, and a piece may end one message and begin the next."""
    padding = dns.edns.GenericOption(12, bytes(size))
    batch = queries(3, f"long{size}-") + [make_query(f"padded{size}-{number}.example.", options=[padding], id=10 + number) for number in range(3)]
    batch = [query for pair in zip(batch[3:], batch[:3]) for query in pair]
    stream = b"".join(framed(query.to_wire(max_size=65535)) for query in batch)
    with TcpClient(proxy.port) as client:
        client.socket.setsockopt(6, 1, 1)  # TCP_NODELAY: each piece is sent as its own segment
        for at in range(0, len(stream), 3001):
            client.send_raw(stream[at:at + 3001])
        for identifier, data in receive_by_id(client, len(batch)):
            expect_answer(next(query for query in batch if query.id == identifier), data)


def test_the_same_id_twice_on_one_connection(proxy):
    pair = [make_query("delay-300-same.example.", id=7), make_query("same.example.", id=7)]
    with TcpClient(proxy.port) as client:
        client.send(*pair)
        expect_answer(pair[1], client.receive())
        expect_answer(pair[0], client.receive())


def test_a_client_that_leaves_disturbs_nobody(proxy, server):
    with TcpClient(proxy.port) as staying, TcpClient(proxy.port) as leaving:
        query = make_query("delay-700-staying.example.")
        staying.send(query)
        before = server.queries
        leaving.send(*[make_query(f"delay-300-leaving{number}.example.") for number in range(50)])
        proxy.process.wait_for(lambda: server.queries >= before + 50, "the upstream has the queries")
        leaving.close()
        expect_answer(query, staying.receive())
        query = make_query("after.example.")
        expect_answer(query, staying.ask(query))
    assert proxy.metrics().sum("upstream_failures_total") == 0


def test_one_connection_upstream_serves_many_clients(proxy, server):
    clients = [TcpClient(proxy.port) for _ in range(100)]
    try:
        for client in clients:
            client.send(*queries(3, "many"))
        for client in clients:
            receive_by_id(client, 3)
    finally:
        for client in clients:
            client.close()
    assert server.connections <= 4, "connections are shared, not made for each client"
    assert server.alpn == {"dot"}
    assert not server.tls_errors
