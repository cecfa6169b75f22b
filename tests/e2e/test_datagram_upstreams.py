"""Unencrypted upstreams: datagrams that are truncated, too long, forged or refused, and queries that are repeated over TCP."""

import collections
import struct
import time

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.tsig
import pytest

from harness import dnsperf, pillion
from harness.client import TcpClient, ask_tcp, ask_udp, make_query, rcode, read, wire
from harness.dot_server import answer_to, other_id, other_name
from harness.plain_server import PlainServer, well
from harness.scripted import reply_to
from harness.steady import Steady, failures

PADDING = 12  # the option code of RFC 7830
QUERIES_PER_PORT = 128
FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 1, 2, 3, 4, 5


def running(tmp_path, server, protocol="udp"):
    return pillion.running(tmp_path, {"cluster": pillion.upstream({"address": server.address}, protocol=protocol, timeout="4s")})


def addresses(query, count, flags=0):
    """A reply with `count` addresses, of any length."""
    records = (f"@ 30 IN A 192.0.{number >> 8}.{number & 255}" for number in range(count))
    return reply_to(dns.message.from_wire(query), *records, flags=flags).to_wire(max_size=65535)


def count_of(data):
    message = read(data)
    assert dns.rcode.to_text(message.rcode()) == "NOERROR" and not message.flags & dns.flags.TC, message
    return sum(len(records) for records in message.answer)


@pytest.mark.parametrize("cut", [512, 100, 40])
def test_a_truncated_reply_may_be_cut_in_the_middle_of_a_record(tmp_path, cut):
    """RFC 2181 section 9: TC means that the query is repeated over TCP, whatever the rest of the message is."""
    with PlainServer(lambda query: addresses(query, 60, dns.flags.TC)[:cut], lambda query: addresses(query, 60)) as server, \
            running(tmp_path, server) as proxy:
        assert count_of(ask_tcp(proxy.port, make_query("big-tcp.example."))) == 60
        assert count_of(ask_udp(proxy.port, make_query("big-udp.example.", use_edns=0, payload=4096))) == 60
        for name in ("big-tcp.example.", "big-udp.example."):
            assert [asked.over_tcp for asked in server.asked_for(name)] == [False, True]
        assert proxy.metrics().sum("upstream_failures_total") == 0


@pytest.mark.parametrize("count", [250, 260, 600])
def test_a_datagram_longer_than_the_buffer_is_asked_for_over_tcp(tmp_path, count):
    """RFC 6891 section 6.2.4: the datagram is longer than offered and has no TC. Pillion accepts up to 4,096 bytes."""
    with PlainServer(lambda query: addresses(query, count), lambda query: addresses(query, count)) as server, \
            running(tmp_path, server) as proxy:
        assert count_of(ask_tcp(proxy.port, make_query("big.example."))) == count
        is_cut = len(addresses(wire(make_query("big.example.", use_edns=0)), count)) > 4096
        assert [asked.over_tcp for asked in server.asked_for("big.example.")] == [False, True][:1 + is_cut]
        assert proxy.metrics().sum("upstream_failures_total") == 0


@pytest.mark.parametrize("has_question", [True, False], ids=["with the question", "the header alone"])
@pytest.mark.parametrize("refusal", [FORMERR, NOTIMP])
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_server_that_knows_no_edns_is_asked_without(tmp_path, protocol, refusal, has_question):
    """RFC 6891 section 7."""

    def refuse(query):
        if not struct.unpack_from("!H", query, 10)[0]:
            return well(query)
        if has_question:
            return answer_to(query[:10] + b"\0\0" + query[12:], {}, refusal)
        return query[:2] + struct.pack("!HHHHH", 0x8080 | refusal, 0, 0, 0, 0)

    with PlainServer(refuse, refuse) as server, running(tmp_path, server, protocol) as proxy:
        assert rcode(ask_udp(proxy.port, make_query("first.example."))) == "NOERROR"
        assert rcode(ask_tcp(proxy.port, make_query("second.example.", use_edns=0))) == "NOERROR"
        assert [asked.has_edns for asked in server.asked_for("first.example.")] == [True, False]
        assert [asked.has_edns for asked in server.asked_for("second.example.")] == [False], "it is remembered"
        proxy.process.wait_for(lambda: any("without EDNS" in line["msg"] for line in proxy.log()), "says so")


@pytest.mark.parametrize("code", [REFUSED, SERVFAIL, NXDOMAIN, 0])
def test_a_datagram_with_another_question_is_passed_over(tmp_path, code):
    """RFC 5452 section 9.1: a datagram that does not match is dropped, and Pillion waits on."""

    def forged_first(query):
        forged = other_name(answer_to(query, {"nx": True} if code == NXDOMAIN else {}, code))
        return [forged, other_id(well(query)), well(query)]

    with PlainServer(forged_first) as server, running(tmp_path, server) as proxy:
        for number in range(5):
            name = f"n{number}.example."
            assert read(ask_udp(proxy.port, make_query(name))).answer == read(well(wire(make_query(name)))).answer
            assert [asked.over_tcp for asked in server.asked_for(name)] == [False]


def test_after_a_few_near_misses_the_name_is_asked_over_tcp(tmp_path):
    def forged(query):
        return [other_name(answer_to(query, {}, REFUSED))] * 5

    with PlainServer(forged) as server, running(tmp_path, server) as proxy:
        assert rcode(ask_udp(proxy.port, make_query("near.example."))) == "NOERROR"
        assert [asked.over_tcp for asked in server.asked_for("near.example.")] == [False, True]
        assert proxy.metrics().sum("upstream_up") == 1


def test_where_ids_are_guessed_the_name_is_asked_over_tcp(tmp_path):
    """RFC 5452 section 9.3: many answers with a wrong id to a question that is in flight."""

    def guesses(query):
        right = well(query)
        return [struct.pack("!H", (struct.unpack_from("!H", right)[0] + 1 + number) & 0xFFFF) + right[2:] for number in range(100)]

    with PlainServer(guesses) as server, running(tmp_path, server) as proxy:
        assert rcode(ask_udp(proxy.port, make_query("guessed.example."))) == "NOERROR"
        assert server.asked_for("guessed.example.", over_tcp=True)


@pytest.mark.parametrize("silent", [False, True], ids=["TCP is refused", "TCP is silent"])
def test_where_tcp_says_nothing_the_client_gets_the_truncated_answer(tmp_path, silent):
    """A network policy only permits UDP. The client may reach the server over TCP, and at least knows that there is more."""
    with PlainServer(lambda query: addresses(query, 60, dns.flags.TC)[:512], (lambda query: None) if silent else None) as server, \
            running(tmp_path, server) as proxy:
        for name in ("one.example.", "two.example."):
            got = read(ask_udp(proxy.port, make_query(name)))
            assert dns.rcode.to_text(got.rcode()) == "NOERROR" and got.flags & dns.flags.TC, got
            assert bool(server.asked_for(name, over_tcp=True)) == silent
        assert proxy.metrics().sum("upstream_up") == 1


def signed_query(name, size):
    """A query of exactly `size` bytes with TSIG. The proxy passes it on unchanged, since it does not have the key."""
    key = dns.tsig.Key(dns.name.from_text("key.example."), b"no secret")

    def of(padding):
        query = make_query(name, use_edns=0, options=[dns.edns.GenericOption(PADDING, bytes(padding))])
        query.use_tsig(key)
        return query.to_wire(max_size=65535)

    made = of(size - len(of(0)))
    assert len(made) == size
    return made


def test_a_signed_query_too_long_for_a_datagram_goes_over_tcp_and_harms_nobody(tmp_path):
    """send(2) refuses a datagram of more than 65,507 bytes."""
    large = [signed_query(f"large{number}.example.", 65520) for number in range(8)]
    # Other queries are always in flight, so that a fault of the socket would affect some of them.
    with PlainServer(delay=0.1) as server, running(tmp_path, server) as proxy, TcpClient(proxy.port) as client:
        with Steady(proxy.port, lambda number: f"n{number}.example.", 50) as others:
            for query in large:
                client.send(query)
                time.sleep(0.5)
            outcomes = others.finish()
        for query in large:
            reply = client.receive()
            assert reply is not None and reply[:2] == query[:2] and reply[3] & 15 == 0
        assert len(outcomes) > 50 and not failures(outcomes), failures(outcomes)[:20]
        for number in range(len(large)):
            assert [(asked.over_tcp, asked.size) for asked in server.asked_for(f"large{number}.example.")] == [(True, 65520)]
        assert proxy.metrics().sum("upstream_up") == 1


def test_under_load_no_port_serves_many_queries(tmp_path):
    """RFC 5452 section 9.2: a forger has to guess the port too, during the whole load."""
    names = dnsperf.write_names(tmp_path / "names", "load.example.")
    outstanding = 100
    with PlainServer() as server, running(tmp_path, server) as proxy:
        dnsperf.load(proxy.port, names, "udp", seconds=4, rate=4000, outstanding=outstanding).assert_flawless()
    ports = [asked.port for asked in server.asked]
    assert len(ports) > 4000, "that is a load"
    # Queries that come while the next socket is being opened, one or two turns of the loop, still use the socket before.
    most = QUERIES_PER_PORT + 2 * outstanding
    assert max(collections.Counter(ports).values()) <= most, collections.Counter(ports).most_common(5)
    quarter = len(ports) // 4
    for start in range(0, 4 * quarter, quarter):
        assert len(set(ports[start:start + quarter])) >= quarter / most, f"from the {start}th query on"
