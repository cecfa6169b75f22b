"""dnstap, read by fstrm_capture and dnstap-ldns: the messages are exactly the traffic; and readers that stop reading or end."""

import collections

import pytest

from harness import dnsperf, dnstap, pillion
from harness.client import TcpClient, make_query, rcode, udp_socket
from harness.dot_server import DotServer
from harness.process import free_port, wait_until

NAMES = 300


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


def dropped(proxy):
    return proxy.metrics().sum("sink_records_dropped_total", sink="dnstap")


def ask_all(proxy):
    """Asks half of the names over UDP and half over TCP, all of them twice, the second time from the cache. Returns the sizes of the messages."""
    sent, received = collections.Counter(), collections.Counter()
    with udp_socket(proxy.port) as udp, TcpClient(proxy.port) as tcp:
        for number in [*range(NAMES), *range(NAMES)]:
            name, transport = f"n{number}.example.", "UDP" if number % 2 else "TCP"
            query = make_query(name, id=number).to_wire()
            if transport == "UDP":
                udp.send(query)
                answer = udp.recv(65536)
            else:
                tcp.send(query)
                answer = tcp.receive()
            assert rcode(answer) == "NOERROR"
            sent[(name, transport, len(query))] += 1
            received[(name, transport, len(answer))] += 1
    return sent, received


def of_type(messages, wanted):
    return collections.Counter((one.name, one.transport, int(one.size)) for one in messages if one.type == wanted)


@pytest.mark.parametrize("over", ["unix", "tcp"])
def test_it_is_the_traffic_one_for_one(tmp_path, certificate, verified, over):
    with DotServer(certificate) as server:
        where = tmp_path / "dnstap.sock" if over == "unix" else free_port()
        capture = dnstap.Capture(tmp_path, where)
        output = f"unix:{where}" if over == "unix" else f"tcp:127.0.0.1:{where}"
        with pillion.running(tmp_path, verified(server), cache={"size": "1MiB", "prefetch": False}, dnstap={"output": output}) as proxy:
            sent, received = ask_all(proxy)
            assert dropped(proxy) == 0
            proxy.stop()
            asked = server.queries
    messages = capture.finish()
    assert of_type(messages, "CQ") == sent
    assert of_type(messages, "CR") == received
    assert {one.address for one in messages} == {"127.0.0.1"}
    # All messages to and from the server, including probes of a connection.
    queries, replies = ([one for one in messages if one.type == kind] for kind in ("FQ", "FR"))
    assert len(queries) == len(replies) == asked
    names = collections.Counter(one.name for one in queries if one.name != ".")
    assert names == collections.Counter(one.name for one in replies if one.name != ".")
    assert names == collections.Counter(f"n{number}.example." for number in range(NAMES)), "each name was asked for once, and then in the cache"
    assert {one.transport for one in queries} <= {"DOT", "?"}
    assert all(int(one.size) % 128 == 0 for one in queries), "they are padded, as they went out"
    assert len(messages) == sum(sent.values()) + sum(received.values()) + 2 * asked


def test_either_kind_alone(tmp_path, server, verified):
    for kind, types in (("client", {"CQ", "CR"}), ("forwarder", {"FQ", "FR"})):
        directory = tmp_path / kind
        directory.mkdir()
        capture = dnstap.Capture(directory, directory / "dnstap.sock")
        settings = {"output": f"unix:{directory}/dnstap.sock", "client": kind == "client", "forwarder": kind == "forwarder"}
        with pillion.running(directory, verified(server), dnstap=settings) as proxy:
            with TcpClient(proxy.port) as client:
                client.ask(make_query("one.example."))
            proxy.stop()
        assert {one.type for one in capture.finish()} == types


def test_a_reader_that_comes_late_gets_what_waited(tmp_path, server, verified):
    path = tmp_path / "dnstap.sock"
    with pillion.running(tmp_path, verified(server), dnstap={"output": f"unix:{path}", "forwarder": False}) as proxy:
        with TcpClient(proxy.port) as client:
            client.ask(make_query("early.example."))
        wait_until(lambda: [line for line in proxy.log() if line["msg"] == "cannot write"], "the log says that nobody is there")
        capture = dnstap.Capture(tmp_path, path)
        proxy.wait_metric("sink_records_written_total", 2, sink="dnstap")
        proxy.stop()
    assert [(one.type, one.name) for one in capture.finish()] == [("CQ", "early.example."), ("CR", "early.example.")]


def test_readers_that_stand_still_or_vanish_cost_no_query(tmp_path, server, verified):
    names = dnsperf.write_names(tmp_path / "names", "example.", 1000)
    path = tmp_path / "dnstap.sock"

    def assert_no_query_suffers():
        for mode in ("udp", "tcp"):
            dnsperf.load(proxy.port, names, mode, runs=20).assert_flawless()

    with pillion.running(tmp_path, verified(server), cache={"size": "1MiB"}, dnstap={"output": f"unix:{path}"}) as proxy:
        assert_no_query_suffers()  # without any reader
        assert dropped(proxy) > 0
        with dnstap.Reader(path) as reader:
            wait_until(lambda: reader.frames > 0, "the reader gets frames")
            reader.reads.clear()
            before = dropped(proxy)
            wait_until(lambda: assert_no_query_suffers() or dropped(proxy) > before, "messages are dropped and counted")
        assert_no_query_suffers()  # after the reader has ended
        with dnstap.Reader(path) as another:
            wait_until(lambda: another.frames > 0, "another reader gets frames")
            another.reads.clear()
            assert_no_query_suffers()
            proxy.stop()  # the end of Pillion does not wait for the reader
