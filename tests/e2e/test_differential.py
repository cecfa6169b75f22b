"""Sends many different questions through Pillion and directly to its real upstream server, and compares the answers, from the server and from the
cache.

Two answers are equal if the response code, the flags, and the records of each section as sets are equal. These may differ: TTLs, the case of
letters that name compression takes from other places of the message, and the EDNS parts, which belong to one hop."""

import collections
import os
import random
import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest

from harness import cluster, pillion, servers, zone
from harness.client import TcpClient, udp_socket
from harness.process import served

SEED = 3
COUNT = 3000 if os.environ.get("E2E_SANITIZER") else 20000
TCP_CONNECTIONS, TCP_BATCH = 4, 250
UDP_BATCH = 40  # their answers must fit in a socket's buffer, which usually has 208 KiB
UDP_PAYLOAD = 1232

FIXED = ["@", "a", "aaaa", "both", "many", "zero", "long", "txt600", "txt1300", "txt5000", "txt30000", "txtmany", "empty", "mail", "ns",
         "cname1", "cname2", "cname-nodata", "cname-nx", "cname-out", "chain0", "chain3", "_dns._tcp", "_tcp", "svc", "odd",
         "empty.terminal", "terminal", "below.empty.terminal", "under_score", "a\\.b", "gr\\195\\188n",
         "sp\\032ace", "l" * 63, ".".join(["m" * 60] * 3), "dname", "child", "ns.child", "x.child"]
# {n} is one of few numbers, so that questions repeat; {m} is one of many.
PATTERNS = ["host{n}", "host{n}", "missing{m}", "missing{n}", "x{n}.missing{n}", "x.y.missing{n}", "x{n}.a", "x{n}.cname1", "x{n}.child",
            "x{n}.empty.terminal"]
# When it validates, Unbound 1.17 gives different answers for these names at different times: with the NSEC of the wildcard, or of the name that it
# covers.
WILDCARDS = ["n{m}.wild", "n{n}.wild", "a.b.c{n}.wild", "n{n}.dname", "wild", "*.wild", "x.*.wild"]
# Names of walks along a search list, its domains, and names that only the root zone has data about.
SUFFIXED = ["{inside}.default.svc.cluster.local.", "{inside}.svc.cluster.local.", "{inside}.cluster.local.",
            "n{n}.default.svc.cluster.local.", "kubernetes.default.svc.cluster.local.", "web-0.web.default.svc.cluster.local.",
            "default.svc.cluster.local.", "cluster.local.", "n{n}.nowhere.", "nowhere{n}.", "example.", "other{n}.example.", ".",
            "_http._tcp.web.default.svc.cluster.local."]
TYPES = ["A"] * 30 + ["AAAA"] * 15 + ["TXT"] * 10 + ["HTTPS"] * 3 + [
    "MX", "NS", "SOA", "CNAME", "SRV", "PTR", "CAA", "DS", "DNSKEY", "NSEC", "NSEC3", "DNAME", "NAPTR", "TLSA", "SVCB", "LOC",
    "HINFO", "SPF", "TYPE65400", "TYPE4242", "TYPE65300", "TYPE1000"]
PAYLOADS = [0, 100, 512, 513, 1220, 1232, 1233, 1400, 4096, 65535]
OPTIONS = [
    dns.edns.ECSOption("192.0.2.0", 24),
    dns.edns.GenericOption(10, b"12345678"),  # COOKIE
    dns.edns.GenericOption(dns.edns.NSID, b""),
    dns.edns.GenericOption(12, bytes(40)),  # PADDING
    dns.edns.GenericOption(65001, b"whatever"),
]

Question = collections.namedtuple("Question", "wire name edns dnssec_ok limit over_tcp")


def any_name(rng, recursive):
    def numbered(pattern, **more):
        return pattern.format(n=rng.randrange(60), m=rng.randrange(100000), **more)

    inside = rng.choice(FIXED) if rng.random() < 0.6 else numbered(rng.choice(PATTERNS if recursive else PATTERNS + WILDCARDS))
    if rng.random() < 0.15:
        # "@" by itself is not a name of a search-list walk.
        return numbered(rng.choice(SUFFIXED), inside="www.e2e.example" if inside == "@" or len(inside) > 150 else inside + ".e2e.example")
    return zone.ORIGIN if inside == "@" else f"{inside}.{zone.ORIGIN}"


def any_case(rng, name):
    choice = rng.random()
    if choice < 0.5:
        return name
    return name.upper() if choice < 0.6 else "".join(rng.choice((letter.lower(), letter.upper())) for letter in name)


def any_question(rng, recursive):
    """A random question. If `recursive`, only one that a resolver always answers alike: it answers ANY and RRSIG from what it happens to have, it
    refuses questions without RD, which a cache does not, and it cannot recurse in classes other than IN."""
    name = dns.name.from_text(any_case(rng, any_name(rng, recursive)))
    unusual = not recursive and rng.random() < 0.03
    query = dns.message.make_query(name, rng.choice(["ANY", "RRSIG", *TYPES[60:]] if unusual else TYPES),
                                   rng.choice(["CH", "HS", "NONE", "CLASS300", "IN"]) if unusual else "IN")
    query.id = rng.randrange(65536)
    query.flags = dns.flags.RD
    if rng.random() < 0.15:
        query.flags |= dns.flags.CD
    if rng.random() < 0.15:
        query.flags |= dns.flags.AD
    if not recursive and rng.random() < 0.05:
        query.flags &= ~dns.flags.RD
    edns = rng.random() < 0.65
    payload = rng.choice(PAYLOADS)
    dnssec_ok = edns and rng.random() < 0.35
    if edns:
        options = rng.sample(OPTIONS, rng.choice((1, 1, 2))) if rng.random() < 0.2 else []
        query.use_edns(0, dns.flags.DO if dnssec_ok else 0, payload, options=options)
    limit = max(512, min(payload, UDP_PAYLOAD)) if edns else 512
    return Question(query.to_wire(), name, edns, dnssec_ok, limit, rng.random() < 0.5)


def any_questions(recursive):
    rng = random.Random(SEED)
    print(f"{COUNT} questions, seed {SEED}")
    return [any_question(rng, recursive) for _ in range(COUNT)]


def with_ids(questions):
    """The messages of the questions, with ids that are unique in a batch."""
    return [struct.pack("!H", number) + question.wire[2:] for number, question in enumerate(questions)]


def batches(questions, size):
    return [questions[start:start + size] for start in range(0, len(questions), size)]


def ask_all_tcp(port, questions):
    """The answers as bytes, in the order of the questions. Each of a few connections gets a batch at once."""
    answers = []
    clients = [TcpClient(port) for _ in range(TCP_CONNECTIONS)]
    try:
        for batch_of_all in batches(questions, TCP_BATCH * TCP_CONNECTIONS):
            pairs = list(zip(clients, batches(batch_of_all, TCP_BATCH)))
            for client, batch in pairs:
                client.send(*with_ids(batch))
            for client, batch in pairs:
                received = {}
                for _ in batch:
                    data = client.receive()
                    assert data is not None, "closed instead of answered"
                    received[struct.unpack_from("!H", data)[0]] = data
                answers += [received[number] for number in range(len(batch))]
    finally:
        for client in clients:
            client.close()
    return answers


def ask_all_udp(port, questions):
    answers = []
    with udp_socket(port) as client:
        for batch in batches(questions, UDP_BATCH):
            for message in with_ids(batch):
                client.send(message)
            received = {}
            for _ in batch:
                data = client.recv(65536)
                received[struct.unpack_from("!H", data)[0]] = data
            answers += [received[number] for number in range(len(batch))]
    return answers


def ask_all(port, questions):
    """Sends each question over its transport. A truncated answer comes with the whole one: [(bytes, whole bytes or None)]."""
    tcp = [number for number, question in enumerate(questions) if question.over_tcp]
    udp = [number for number, question in enumerate(questions) if not question.over_tcp]
    answers = dict(zip(tcp, ask_all_tcp(port, [questions[number] for number in tcp])))
    answers.update(zip(udp, ask_all_udp(port, [questions[number] for number in udp])))
    truncated = [number for number in udp if answers[number][2] & 2]
    whole = dict(zip(truncated, ask_all_tcp(port, [questions[number] for number in truncated])))
    return [(answers[number], whole.get(number)) for number in range(len(questions))]


def essence(message):
    """The parts of an answer that must be equal, in comparable form: rdata is canonical (RFC 4034 section 6.2), names are in lower case."""

    def sets(section):
        return {(records.name, records.rdclass, records.rdtype, records.covers, frozenset(rdata.to_digestable() for rdata in records))
                for records in section}

    # For data that it need not validate, a server may know already that it is authentic, or not know it.
    flags = message.flags & ~dns.flags.AD if message.flags & dns.flags.CD else message.flags
    # Unbound only sets RA in authoritative answers to queries that have asked for recursion.
    flags = flags if flags & dns.flags.RD else flags & ~dns.flags.RA
    return (dns.rcode.to_text(message.rcode()), dns.flags.to_text(flags), sets(message.answer), sets(message.authority),
            sets(message.additional))


def spelling(message):
    """The question with the case of its letters."""
    return [(question.name.to_wire(), question.rdtype, question.rdclass) for question in message.question]


def is_part_of(section, whole):
    """True if `whole` contains each record of the section."""
    return all(any(records.match(others.name, others.rdclass, others.rdtype, others.covers) and set(records) <= set(others) for others in whole)
               for records in section)


def faults_of(question, expected, answer, whole):
    """Yields the faults of an answer. `expected` is the server's own answer."""
    message = dns.message.from_wire(answer)
    asked = [(question.name.to_wire(), *struct.unpack("!HH", question.wire[12 + len(question.name.to_wire()):][:4]))]
    if spelling(message) != asked:
        yield f"the question comes back as {message.question}"
    if (message.edns >= 0) != question.edns or bool(message.ednsflags & dns.flags.DO) != question.dnssec_ok:
        yield "its EDNS is not an answer to the client's"
    if question.edns and message.payload != UDP_PAYLOAD:
        yield f"its EDNS says {message.payload} bytes"
    if not question.over_tcp and len(answer) > question.limit:
        yield f"{len(answer)} bytes over UDP are more than {question.limit}"
    if whole is not None:
        if message.rcode() != expected[0].rcode() or not is_part_of(message.answer, expected[0].answer):
            yield "truncated, but not a part of the whole, or of another code"
        if len(whole) <= question.limit:
            yield f"truncated, but its {len(whole)} bytes would have fit in {question.limit}"
        message = dns.message.from_wire(whole)
    if essence(message) != expected[1]:
        yield "another answer"


def differences(questions, expected, answers):
    found = []
    for question, own, (answer, whole) in zip(questions, expected, answers):
        faults = list(faults_of(question, own, answer, whole))
        if faults:
            found.append(f"{faults} over {'TCP' if question.over_tcp else 'UDP'}\n--- asked\n{dns.message.from_wire(question.wire)}"
                         f"\n--- the server\n{own[0]}\n--- Pillion\n{dns.message.from_wire(whole or answer)}")
    return found


@pytest.fixture(scope="module", params=["authoritative", "validating"])
def server(request, tmp_path_factory, certificate, zone_file):
    """Unbound, which is authoritative for its zones or resolves from them. As a resolver it sets AD and follows CNAME chains."""
    directory = tmp_path_factory.mktemp(request.param)
    zones = {zone.ORIGIN: zone_file, **cluster.write_zones(directory), ".": zone.write_root(directory)}
    recursive = request.param == "validating"
    options = servers.resolver_options(zone.key_file(zone_file)) if recursive else ""
    with served(lambda: servers.make_unbound(directory, certificate, zones, recursive=recursive, options=options)) as running:
        running.recursive = recursive
        yield running


def test_answers_are_those_of_the_server(tmp_path, server, verified):
    questions = any_questions(server.recursive)
    expected = []
    for own in ask_all_tcp(server.plain_port, questions):
        message = dns.message.from_wire(own)
        expected.append((message, essence(message)))
    codes = collections.Counter(dns.rcode.to_text(message.rcode()) for message, _ in expected)
    print(f"the server's codes: {dict(codes)}; with AD: {sum(bool(message.flags & dns.flags.AD) for message, _ in expected)}")
    assert min(codes["NOERROR"], codes["NXDOMAIN"]) > COUNT / 10
    # `local` is a special-use name. The server's zone below it is not.
    routes = [{"zone": "cluster.local", "upstream": "real"}, {"zone": ".", "upstream": "real"}]
    with pillion.running(tmp_path, verified(server), routes=routes, cache={"size": "32MiB"}) as proxy:
        for state in ("cold", "warm"):
            before = proxy.metrics()
            answers = ask_all(proxy.port, questions)
            after = proxy.metrics()
            assert len(answers) == len(questions)
            different = differences(questions, expected, answers)
            assert not different, f"{state}: {len(different)} of {COUNT} differ; the first:\n" + "\n\n".join(different[:3])
            from_cache, all_answers = (after.sum("dns_responses_total", **labels) - before.sum("dns_responses_total", **labels)
                                       for labels in ({"source": "cache"}, {}))
            print(f"{state}: {from_cache:.0f} of {all_answers:.0f} answers from the cache")
            if state == "warm":
                assert from_cache > 0.6 * all_answers
