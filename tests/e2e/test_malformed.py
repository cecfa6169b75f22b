"""Messages that are not valid queries. Over TCP they close the connection at once; over UDP they get FORMERR or no answer. Each is counted with its
reason, and later queries are answered. The messages are those of tests/dns/bad_messages.hpp."""

import os
import pathlib
import struct

import pytest

from harness import pillion
from harness.client import TcpClient, ask_tcp, make_query, rcode, read, udp_socket
from harness.dot_server import DotServer
from harness.process import run

DUMP = pathlib.Path(os.environ.get("DUMP_BAD_MESSAGES", pillion.BINARY.parent / "tests/dns/dump_bad_messages"))
SILENT = {"short_header", "is_response"}  # never answered over UDP: the header is incomplete, or the message is a response
FORMERR = 1


def bad_messages():
    """The messages as [(name, bytes, reason)]."""
    lines = [line.split() for line in run(DUMP).stdout.splitlines()]
    # An empty message has no hexadecimal digits: its line has two fields, or "-" for them.
    return [(fields[0], bytes.fromhex("" if len(fields) == 2 or fields[1] == "-" else fields[1]), fields[-1]) for fields in lines]


BAD = bad_messages()


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server, verified, tmp_path_factory):
    with pillion.running(tmp_path_factory.mktemp("pillion"), verified(server)) as running:
        yield running


def rejected(proxy, reason):
    return proxy.metrics().sum("dns_rejected_total", reason=reason)


def test_the_table_is_long_and_its_messages_differ():
    assert len(BAD) >= 60
    assert len({data for _, data, _ in BAD}) == len(BAD)


@pytest.mark.parametrize("name, data, reason", BAD, ids=[name for name, *_ in BAD])
def test_over_tcp_the_connection_is_closed_at_once(proxy, name, data, reason):
    before = rejected(proxy, reason)
    with TcpClient(proxy.port) as client:
        client.send(data)
        assert client.receive() is None, f"{name} was answered"
    assert rejected(proxy, reason) == before + 1
    assert rcode(ask_tcp(proxy.port, make_query("fine.example."))) == "NOERROR"


@pytest.mark.parametrize("name, data, reason", BAD, ids=[name for name, *_ in BAD])
def test_over_udp_there_is_formerr_or_silence(proxy, name, data, reason):
    before = rejected(proxy, reason)
    valid = make_query("fine.example.", id=struct.unpack_from("!H", data + b"\0\0")[0] ^ 0xFFFF)
    with udp_socket(proxy.port) as client:
        client.send(data)
        client.send(valid.to_wire())
        answer = client.recv(65536)
        if reason in SILENT:
            assert read(answer).id == valid.id, f"{name} was answered"
        else:
            assert answer[:2] == data[:2] and answer[2] & 0x80 and answer[3] & 15 == FORMERR, answer.hex()
            assert len(answer) <= max(512, len(data))
            answer = client.recv(65536)
        assert rcode(answer) == "NOERROR" and read(answer).id == valid.id
    assert rejected(proxy, reason) == before + 1


def test_a_bad_message_costs_only_its_own_connection(proxy):
    with TcpClient(proxy.port) as good, TcpClient(proxy.port) as bad:
        slow = make_query("delay-300-good.example.")
        good.send(slow)
        bad.send(b"\0" * 5)
        assert bad.receive() is None
        assert read(good.receive()).id == slow.id
        assert rcode(good.ask(make_query("again.example."))) == "NOERROR"


def test_valid_queries_before_a_bad_message_are_not_forgotten(proxy):
    """The valid queries were accepted: each ends with an answer or a counted close."""
    before = proxy.metrics()
    with TcpClient(proxy.port) as client:
        client.send(make_query("before.example."), b"\0" * 11)
        while client.receive() is not None:
            pass
    proxy.process.wait_for(lambda: proxy.metrics().sum("dns_in_flight") == 0, "nothing is in flight")
    after = proxy.metrics()
    for names in (["dns_requests_total"], ["dns_rejected_total"], ["dns_responses_total", "responses_undelivered_total"]):
        assert sum(map(after.sum, names)) == sum(map(before.sum, names)) + 1, names


def test_it_is_not_said_to_the_upstream(proxy, server):
    before = server.queries
    with udp_socket(proxy.port) as client:
        for _, data, _ in BAD:
            client.send(data)
        client.send(make_query("last.example.", id=1).to_wire())
        while not read_or_none(client.recv(65536)):
            pass
    assert server.queries == before + 1


def read_or_none(data):
    """The message if its code is NOERROR, which only the answer to the valid query has; otherwise False."""
    return data[3] & 15 == 0 and data


def test_names_that_are_not_utf8_pass_where_the_check_is_off(tmp_path, server, verified):
    latin1 = make_query("gr\\252n.example.")
    with pillion.running(tmp_path, verified(server), dns={"reject_non_utf8_names": False}) as lenient:
        assert rcode(ask_tcp(lenient.port, latin1)) == "NOERROR"


def test_noise(proxy):
    """Bytes that are not DNS."""
    for noise in (b"GET / HTTP/1.1\r\nHost: pillion\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\0" * 600, b"\0" * 70000):
        with TcpClient(proxy.port) as client:
            try:
                client.send_raw(noise)
                client.half_close()
            except OSError:
                pass  # closed already
            assert client.receive() is None
    assert rcode(ask_tcp(proxy.port, make_query("fine.example."))) == "NOERROR"
