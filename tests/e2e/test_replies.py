"""Upstream replies: which are refused, and in which form the others are given to each client."""

import struct
import threading

import dns.flags
import dns.name
import dns.rcode
import dns.rdatatype
import pytest

from harness import pillion
from harness.client import TcpClient, ask_tcp, ask_udp, extended_errors, make_query, read
from harness.scripted import Scripted, by_hand, reply_to

TO_QUESTION = b"\xc0\x0c"


@pytest.fixture
def start(tmp_path):
    """start(server, **cache) -> a running Pillion whose upstream is a scripted server."""

    def start(server, **cache):
        return pillion.running(tmp_path, {"real": pillion.upstream({"address": server.address}, protocol="udp", timeout="1s")},
                               cache={"size": "1MiB", **cache})

    return start


def ask(proxy, name, type_="A", **options):
    return read(ask_udp(proxy.port, make_query(name, type_, **options)))


def record(owner, type_, rdata, ttl=300):
    return owner + struct.pack("!HHIH", type_, 1, ttl, len(rdata)) + rdata


def flags_of(message):
    """The second word of the header without QR and the response code. dnspython has no name for the bit that must be zero."""
    return struct.unpack_from("!H", message, 2)[0] & 0x7FF0


ADDRESS = record(TO_QUESTION, 1, bytes([192, 0, 2, 1]))
# "\x01x\x00" in a text: these bytes look like a name and are not one.
TEXT = record(TO_QUESTION, 16, b"\x04\x01x\x00y")
MALFORMED = {
    "another opcode": {"records": [ADDRESS], "flags": 0xA980},
    "an error code without text or code": {"records": [ADDRESS], "options": struct.pack("!HH", 15, 1) + b"\0"},
    "an error text that is not UTF-8": {"records": [ADDRESS], "options": struct.pack("!HHH", 15, 4, 22) + b"\xc3\x28"},
    "an address of three bytes": {"records": [record(TO_QUESTION, 1, b"\1\2\3")]},
    "a target that is cut": {"records": [record(TO_QUESTION, 5, b"\3www")]},
    "a target with bytes behind it": {"records": [record(TO_QUESTION, 5, b"\1x\0\0")]},
    "a target that points forward": {"records": [record(TO_QUESTION, 5, b"\xc0\xff")]},
    "a mailbox of no label type": {"records": [record(TO_QUESTION, 6, b"\x80\0" + bytes(21))]},
    "a pointer into a text": {"records": [TEXT, record(b"\xc0\x2a", 1, bytes(4))]},
    "a signature that nobody asked for": {"records": [ADDRESS], "signed": True},
}


@pytest.mark.parametrize("how", MALFORMED)
def test_a_malformed_reply_is_neither_kept_nor_passed_on(start, how):
    parts = dict(MALFORMED[how])
    signed = parts.pop("signed", False)

    def answer(query, number):
        reply = by_hand(query, **parts)
        if signed:
            tsig = b"\0" + struct.pack("!HHIH", 250, 255, 0, 17) + b"\0" + bytes(16)
            reply = reply[:10] + struct.pack("!H", 2) + reply[12:] + tsig
        return reply

    with Scripted(answer) as server, start(server) as proxy:
        got = ask(proxy, "spoilt.example.", use_edns=0)
        assert dns.rcode.to_text(got.rcode()) == "SERVFAIL" and not got.answer
        assert "malformed reply" in extended_errors(got)[0][1]
        assert proxy.metrics().sum("upstream_failures_total", reason="malformed_reply") >= 1
        assert proxy.metrics().sum("dns_responses_total", rcode="NOERROR") == 0


def test_flags_are_the_querys_and_ours(start):
    """RFC 1035 section 4.1.1, RFC 4035 section 3.2: the upstream does not copy RD and CD, does not set RA, and sets the bit that must be zero."""
    with Scripted(lambda query, number: by_hand(query, [ADDRESS], flags=0x8440)) as server, start(server) as proxy:
        for sent in (dns.flags.RD, dns.flags.RD | dns.flags.CD):
            for _ in range(2):  # the second time from the cache
                data = ask_udp(proxy.port, make_query("flags.example.", flags=sent))
                assert flags_of(data) == int(dns.flags.AA | dns.flags.RA | sent), hex(flags_of(data))
        assert server.count("flags.example.") == 2, "kept, once for each CD"


def test_many_addresses_fit_as_those_of_the_clusters_dns_do(start):
    """RFC 1035 section 4.1.4: CoreDNS writes each owner in full, so that 20 addresses are longer than 512 bytes."""
    name = "web.shop.svc.cluster.example."
    owner = dns.name.from_text(name).to_wire()
    records = [record(owner, 1, bytes([10, 0, 0, number]), ttl=5) for number in range(20)]
    with Scripted(lambda query, number: by_hand(query, records)) as server, start(server) as proxy:
        for _ in range(2):
            data = ask_udp(proxy.port, make_query(name))
            answer = read(data)
            assert not answer.flags & dns.flags.TC and len(answer.answer[0]) == 20 and len(data) <= 512


def test_the_letters_of_an_owner_are_the_askers(start):
    """RFC 4343 section 4.1: otherwise Go's LookupCNAME would show the case of another client's query."""
    def answer(query, number):
        return by_hand(query, [record(query.question[0].name.to_wire(), 1, bytes([10, 0, 0, 1]))])

    with Scripted(answer) as server, start(server) as proxy:
        for name in ("WEB.A1.example.", "web.a1.example.", "wEb.A1.Example."):
            got = ask(proxy, name)
            assert [str(records.name) for records in got.answer] == [name]
        assert server.count("web.a1.example.") == 1


@pytest.mark.parametrize("rotate", [True, False])
def test_addresses_from_the_cache_take_turns(start, rotate):
    addresses = [f"192.0.2.{number}" for number in range(1, 5)]
    with Scripted(lambda query, number: reply_to(query, *(f"@ 300 IN A {address}" for address in addresses))) as server, \
            start(server, rotate=rotate) as proxy:
        seen = [[str(address) for address in ask(proxy, "turns.example.").answer[0]] for _ in range(100)][1:]
        assert all(sorted(given) == addresses for given in seen)
        # Servers are drawn at random. The probability that one of four is not drawn in 99 turns is about 10^-12.
        assert {given[0] for given in seen} == (set(addresses) if rotate else {addresses[0]})


def test_truncation_is_said_of_answers_alone(start):
    """RFC 2181 section 9: TC is not set because authority records did not fit."""
    authority = [f"example. 300 IN NS ns-{number}.{'abcdefghij'[number] * 30}.net." for number in range(10)]
    with Scripted(lambda query, number: reply_to(query, "@ 300 IN A 192.0.2.1", authority=authority)) as server, start(server) as proxy:
        for _ in range(2):
            got = ask(proxy, "authority.example.")
            assert not got.flags & dns.flags.TC and len(got.answer) == 1
        validating = ask(proxy, "authority.example.", want_dnssec=True, payload=512)
        assert validating.flags & dns.flags.TC, "RFC 4035 3.1.1"


def test_a_denial_that_lacks_its_soa_is_truncated(start):
    """RFC 2308 sections 5 and 6: the SOA says for how long a denial holds. Without it, a client with a cache of its own would ask again each time."""
    chain = ["@ 300 IN CNAME c0.example."] + [f"c{number}.example. 300 IN CNAME c{number + 1}.example." for number in range(12)]
    soa = [f"example. 300 IN SOA {'m' * 60}.{'n' * 60}. {'r' * 60}.{'s' * 60}. 1 2 3 4 60"]
    with Scripted(lambda query, number: reply_to(query, *chain, authority=soa, rcode=dns.rcode.NXDOMAIN)) as server, start(server) as proxy:
        for _ in range(2):
            got = ask(proxy, "denied.example.")
            assert got.flags & dns.flags.TC and dns.rcode.to_text(got.rcode()) == "NXDOMAIN" and len(got.answer) == len(chain)
            whole = read(ask_tcp(proxy.port, make_query("denied.example.")))
            assert not whole.flags & dns.flags.TC and whole.authority


def test_times_hold_for_the_first_answer_too(start):
    def answer(query, number):
        ttl = {"short": 1, "long": 86400, "top": 0x80000001}.get(query.question[0].name.labels[0].decode(), 5)
        return by_hand(query, [record(TO_QUESTION, 1, bytes(4), ttl=ttl)])

    with Scripted(answer) as server, start(server, min_ttl="10s", max_ttl="100s") as proxy:
        assert ask(proxy, "short.example.").answer[0].ttl == 10
        assert ask(proxy, "long.example.").answer[0].ttl == 100
    with Scripted(answer) as server, start(server) as proxy:
        assert ask(proxy, "top.example.").answer[0].ttl == 0, "RFC 2181 8"
        ask(proxy, "top.example.")
        assert server.count("top.example.") == 2


def test_a_query_without_recursion_is_its_own(start):
    """RFC 1035 section 4.1.1: an answer without recursion has what one upstream has in its cache, and is not given to other clients."""
    arrived, go_on = threading.Event(), threading.Event()

    def answer(query, number):
        if not query.flags & dns.flags.RD:
            arrived.set()
            go_on.wait(30)
            return reply_to(query, rcode=dns.rcode.REFUSED)
        return reply_to(query, "@ 300 IN A 192.0.2.1")

    with Scripted(answer) as server, start(server) as proxy:
        refused = []
        asking = threading.Thread(target=lambda: refused.append(ask(proxy, "alone.example.", flags=0)))
        asking.start()
        assert arrived.wait(30)
        go_on.set()
        assert ask(proxy, "alone.example.").answer, "not that client's refusal"
        asking.join()
        assert dns.rcode.to_text(refused[0].rcode()) == "REFUSED"
        assert ask(proxy, "alone.example.").answer, "nor is it kept"
        assert sorted(has_rd for _, type_, has_rd in server.asked if type_ == "A") == [False, True]


def test_what_the_clusters_dns_denies_of_one_type_it_has_of_another(start):
    """RFC 4074 section 4.2, RFC 8020: the server answers NXDOMAIN to TXT and NS of names with names below them, and to AAAA of a name with an A
    record."""
    soa = ["cluster.example. 30 IN SOA ns.cluster.example. h.cluster.example. 1 2 3 4 30"]

    def answer(query, number):
        if query.question[0].rdtype == dns.rdatatype.A:
            return reply_to(query, "@ 1 IN A 10.0.0.9")
        return reply_to(query, authority=soa, rcode=dns.rcode.NXDOMAIN)

    with Scripted(answer) as server, start(server) as proxy:
        for apex in ("cluster.example.", "svc.cluster.example.", "a1.svc.cluster.example."):
            for type_ in ("TXT", "NS", "SOA"):
                assert dns.rcode.to_text(ask(proxy, apex, type_).rcode()) == "NXDOMAIN"
        assert ask(proxy, "web.a1.svc.cluster.example.").answer
        assert ask(proxy, "a1.svc.cluster.example.").answer
        got = ask(proxy, "web.a1.svc.cluster.example.", "AAAA")
        assert dns.rcode.to_text(got.rcode()) == "NOERROR" and not got.answer
        proxy.process.wait_for(lambda: ask(proxy, "web.a1.svc.cluster.example.").answer and
                               server.count("web.a1.svc.cluster.example.") >= 2, "its address is asked for again")
        assert ask(proxy, "web.a1.svc.cluster.example.").answer


@pytest.mark.parametrize("name, message", {
    "DSO with a keepalive (RFC 8490 7.1)": struct.pack("!HHHHHH", 7, 6 << 11, 0, 0, 0, 0) + struct.pack("!HHII", 1, 8, 15000, 15000),
    "a bare header": struct.pack("!HHHHHH", 7, 2 << 11, 0, 0, 0, 0),
    "an update with a zone and a cut record": struct.pack("!HHHHHH", 7, 5 << 11, 1, 0, 1, 0) + b"\1x\0\0\6\0\1" + b"\xc0\x0c\0",
    "two questions": struct.pack("!HHHHHH", 7, 1 << 11, 2, 0, 0, 0) + b"\1x\0\0\1\0\1" * 2,
    "garbage": struct.pack("!HH", 7, 9 << 11) + b"\xff" * 30,
}.items())
def test_what_is_not_a_query_is_not_implemented(start, name, message):
    with Scripted(lambda query, number: reply_to(query, "@ 300 IN A 192.0.2.1")) as server, start(server) as proxy:
        with TcpClient(proxy.port) as client:
            answer = client.ask(message)
            assert answer[:2] == message[:2] and answer[2] & 0xF8 == message[2] & 0x78 | 0x80 and answer[3] & 15 == dns.rcode.NOTIMP
            assert client.ask(make_query("after.example.")) is not None, "the connection is kept"
        assert ask_udp(proxy.port, message)[3] & 15 == dns.rcode.NOTIMP
        assert proxy.metrics().sum("dns_rejected_total", reason="opcode") == 2


def test_formerr_carries_our_edns_where_the_query_had_some(start):
    """RFC 6891 section 7."""
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000, 0)
    two = struct.pack("!HHHHHH", 7, 0x0100, 2, 0, 0, 1) + b"\1x\0\0\1\0\1" * 2
    with Scripted(lambda query, number: None) as server, start(server) as proxy:
        answer = ask_udp(proxy.port, two + opt)
        assert answer[3] & 15 == dns.rcode.FORMERR and answer[12:] == opt, answer.hex()
        without = ask_udp(proxy.port, two[:10] + b"\0\0" + two[12:])
        assert without[3] & 15 == dns.rcode.FORMERR and len(without) == 12


def test_tcp_and_udp_get_the_same(start):
    with Scripted(lambda query, number: reply_to(query, "@ 300 IN CNAME host.example.", "host.example. 300 IN A 192.0.2.1")) as server, \
            start(server, rotate=False) as proxy:
        query = make_query("same.example.")
        first = read(ask_tcp(proxy.port, query))
        assert first.answer == read(ask_udp(proxy.port, query)).answer and len(first.answer) == 2
