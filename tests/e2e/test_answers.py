"""Pillion gives the answers of its real upstream server, over TCP and UDP, with Unbound and with NSD."""

import re

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.tsigkeyring
import pytest

from harness import pillion, servers, zone
from harness.client import ask_tcp, ask_tls, ask_udp, essence, make_query, rcode, read
from harness.process import run

QUESTIONS = [
    ("a", "A"), ("aaaa", "AAAA"), ("a", "AAAA"), ("both", "A"), ("both", "AAAA"), ("many", "A"), ("zero", "A"), ("long", "A"),
    ("txt600", "TXT"), ("txt1300", "TXT"), ("txt5000", "TXT"), ("txt30000", "TXT"), ("txtmany", "TXT"), ("empty", "TXT"),
    ("missing", "A"), ("deep.er.missing", "TXT"), ("a", "MX"), ("empty.terminal", "A"), ("below.empty.terminal", "A"),
    ("cname1", "A"), ("cname1", "AAAA"), ("cname1", "CNAME"), ("cname-nodata", "A"), ("cname-nx", "A"), ("chain0", "A"),
    ("dname", "DNAME"), ("x.dname", "A"), ("x.wild", "A"), ("x.y.wild", "TXT"), ("x.wild", "MX"),
    ("@", "SOA"), ("@", "NS"), ("@", "MX"), ("@", "CAA"), ("@", "DNSKEY"), ("@", "TYPE51"), ("a", "RRSIG"), ("a", "NSEC"),
    ("_dns._tcp", "SRV"), ("svc", "HTTPS"), ("odd", "TYPE65400"), ("odd", "TYPE4242"), ("a", "TYPE65300"), ("a", "ANY"), ("@", "ANY"),
    ("A", "A"), ("tXt600", "TXT"), ("MISSING", "A"), ("cNaMe1", "A"), ("X.wIlD", "A"),
    ("under_score", "A"), ("a\\.b", "A"), ("gr\\195\\188n", "A"), ("sp\\032ace", "A"), ("l" * 63, "A"), (".".join(["m" * 60] * 3), "A"),
    ("child", "A"), ("x.child", "A"), ("child", "DS"),
]
CLASSES = [("a", "A", "CH"), ("a", "A", "HS"), ("a", "A", "CLASS65280"), ("a", "TYPE65400", "CLASS300"), ("a", "A", "NONE")]
SHAPES = {
    "plain": {},
    "edns": {"use_edns": 0, "payload": 4096},
    "do": {"want_dnssec": True, "payload": 4096},
    "cd": {"flags": dns.flags.RD | dns.flags.CD},
    "do cd": {"want_dnssec": True, "flags": dns.flags.RD | dns.flags.CD},
    "ad": {"flags": dns.flags.RD | dns.flags.AD},
    "no rd": {"flags": 0},
}


@pytest.fixture(scope="module", params=["unbound", "nsd"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def proxy(server, verified, tmp_path_factory):
    with pillion.running(tmp_path_factory.mktemp(f"pillion-{server.name}"), verified(server)) as running:
        yield running


def as_ours(answer, query, max_ttl=3600):
    """The server's answer in the form of a resolver's: RA is set, RD and CD are those of the query, and TTLs are at most max_ttl, whose default is
    1h."""
    copied = dns.flags.RD | dns.flags.CD
    answer.flags = answer.flags & ~copied | query.flags & copied | dns.flags.RA
    for section in (answer.answer, answer.authority, answer.additional):
        for rrset in section:
            rrset.ttl = min(rrset.ttl, max_ttl)
    return answer


def full(name):
    return zone.ORIGIN if name == "@" else f"{name}.{zone.ORIGIN}"


def questions():
    return [(full(name), type_, "IN") for name, type_ in QUESTIONS] + [(full(name), *rest) for name, *rest in CLASSES]


def lacks_only_additional(answer, whole):
    """True if the answer lacks only additional and authority records that did not fit. TC is not set for these (RFC 2181 section 9)."""
    fits_everywhere = len(whole.to_wire()) <= 512  # RFC 1035 4.2.1
    left_out = {"additional": []} if answer.authority == whole.authority else {"additional": [], "authority": essence(answer)["authority"]}
    return not fits_everywhere and not answer.additional and essence(answer) == {**essence(whole), **left_out}


@pytest.mark.parametrize("shape", SHAPES)
def test_answers_equal_those_of_the_server(proxy, server, tls_context, shape):
    different = []
    for question in questions():
        query = make_query(*question, **SHAPES[shape])
        direct = as_ours(ask_tls(server, query, tls_context, servers.TLS_NAME), query)
        through_tcp = read(ask_tcp(proxy.port, query))
        through_udp = read(ask_udp(proxy.port, query))
        assert through_tcp.id == through_udp.id == query.id
        if not direct.question:
            # NSD's refusal of a class does not repeat the question. Pillion's answer to the client does.
            assert through_tcp.rcode() == through_udp.rcode() == direct.rcode()
            continue
        if essence(through_tcp) != essence(direct):
            different.append(("tcp", question, direct.to_text(), through_tcp.to_text()))
        if through_udp.flags & dns.flags.TC:
            through_udp.flags &= ~dns.flags.TC
            given = {line for records in through_udp.answer for line in records.to_text().splitlines()}
            whole = {line for records in through_tcp.answer for line in records.to_text().splitlines()}
            if not given <= whole or through_udp.rcode() != direct.rcode():
                different.append(("udp, truncated", question, direct.to_text(), through_udp.to_text()))
        elif essence(through_udp) != essence(direct) and not lacks_only_additional(through_udp, through_tcp):
            different.append(("udp", question, direct.to_text(), through_udp.to_text()))
    assert not different, f"{len(different)} differ; the first:\n" + "\n".join(map(str, different[0]))


def test_the_letters_of_the_question_come_back_as_they_were(proxy):
    query = make_query(full("MiXeD.wIlD"))
    for answer in (ask_tcp(proxy.port, query), ask_udp(proxy.port, query)):
        assert read(answer).question[0].name.to_text() == full("MiXeD.wIlD")
        assert read(answer).answer[0].name.to_text() == full("MiXeD.wIlD")


def records(printed):
    """The status and the records, in any order, that kdig or dig has printed. The time, the id and the EDNS part are left out: they belong to one
    hop."""
    status = re.search(r"status: (\w+)", printed)
    assert status, printed
    return status.group(1), sorted(" ".join(line.split()) for line in printed.splitlines() if line and line[0] != ";")


@pytest.mark.parametrize("name, type_", [("a", "A"), ("aaaa", "AAAA"), ("txt600", "TXT"), ("txt5000", "TXT"), ("missing", "A"), ("a", "MX"),
                                         ("cname1", "A"), ("odd", "TYPE65400"), ("chain0", "A"), ("svc", "HTTPS")])
@pytest.mark.parametrize("flags", [[], ["+dnssec"], ["+cdflag"], ["+dnssec", "+cdflag"]], ids=" ".join)
def test_kdig_and_dig_see_the_same(proxy, server, authority, name, type_, flags):
    question = [full(name), type_, *flags]
    kdig = ["kdig", "+retry=0", "+timeout=20", "@127.0.0.1"]
    direct = run(*kdig, "-p", server.tls_port, f"+tls-ca={authority.ca_file}", f"+tls-hostname={servers.TLS_NAME}", *question).stdout
    assert "NOERROR" in direct or "NXDOMAIN" in direct, direct
    assert records(run(*kdig, "-p", proxy.port, "+tcp", *question).stdout) == records(direct)
    # Over UDP a client repeats a truncated query over TCP. Additional records may not fit (RFC 2181 section 9).
    over_udp = run(*kdig, "-p", proxy.port, "+noadditional", *question).stdout
    assert records(over_udp) == records(run(*kdig, "-p", proxy.port, "+tcp", "+noadditional", *question).stdout)
    dig = ["dig", "+tries=1", "+time=20", "@127.0.0.1"]
    dig_direct = records(run(*dig, "-p", server.plain_port, "+tcp", *question).stdout)
    assert records(run(*dig, "-p", proxy.port, "+tcp", *question).stdout) == dig_direct
    assert records(run(*dig, "-p", proxy.port, "+noadditional", *question).stdout) == records(
        run(*dig, "-p", server.plain_port, "+tcp", "+noadditional", *question).stdout)


@pytest.mark.parametrize("name, options, limit, fits", [
    ("txt600", {}, 512, False),
    ("txt600", {"use_edns": 0, "payload": 100}, 512, False),
    ("txt600", {"use_edns": 0, "payload": 512}, 512, False),
    ("txt600", {"use_edns": 0, "payload": 1232}, 1232, True),
    ("txt1300", {"use_edns": 0, "payload": 1232}, 1232, False),
    ("txt5000", {"use_edns": 0, "payload": 4096}, 4096, False),
    ("a", {}, 512, True),
    ("a", {"use_edns": 0, "payload": 0}, 512, True),
])
def test_udp_answers_keep_to_the_clients_size(proxy, name, options, limit, fits):
    type_ = "A" if name == "a" else "TXT"
    data = ask_udp(proxy.port, make_query(full(name), type_, **options))
    answer = read(data)
    assert len(data) <= limit
    assert bool(answer.flags & dns.flags.TC) != fits
    assert bool(answer.answer) == fits
    assert (answer.edns >= 0) == ("use_edns" in options)
    if not fits:
        whole = read(ask_tcp(proxy.port, make_query(full(name), type_, **options)))
        assert not whole.flags & dns.flags.TC and whole.answer


def test_edns_is_answered_as_by_a_resolver(proxy):
    assert read(ask_udp(proxy.port, make_query(full("a")))).edns == -1
    answer = read(ask_udp(proxy.port, make_query(full("a"), use_edns=0, payload=4000)))
    assert (answer.edns, answer.payload, answer.ednsflags & dns.flags.DO) == (0, 1232, 0)
    answer = read(ask_udp(proxy.port, make_query(full("a"), want_dnssec=True)))
    assert answer.ednsflags & dns.flags.DO
    assert [option.otype for option in answer.options] == []
    future = make_query(full("a"))
    future.use_edns(1)
    assert rcode(ask_udp(proxy.port, future)) == rcode(ask_tcp(proxy.port, future)) == "BADVERS"


def test_an_unknown_edns_option_is_ignored(proxy):
    option = dns.edns.GenericOption(65001, b"whatever")
    answer = read(ask_tcp(proxy.port, make_query(full("a"), use_edns=0, options=[option])))
    assert dns.rcode.to_text(answer.rcode()) == "NOERROR" and answer.answer


@pytest.mark.parametrize("opcode", ["STATUS", "NOTIFY", "UPDATE", 15])
def test_other_opcodes_are_not_implemented(proxy, opcode):
    query = make_query(full("a"))
    query.set_opcode(dns.opcode.from_text(opcode) if isinstance(opcode, str) else opcode)
    data = bytearray(query.to_wire())
    for answer in (ask_tcp(proxy.port, bytes(data)), ask_udp(proxy.port, bytes(data))):
        assert answer[3] & 15 == dns.rcode.NOTIMP
        assert answer[2] & 0x78 == data[2] & 0x78
    # The connection can still be used.
    assert rcode(ask_tcp(proxy.port, make_query(full("a")))) == "NOERROR"


@pytest.mark.parametrize("type_", ["AXFR", "IXFR"])
def test_zone_transfers_are_refused(proxy, type_):
    query = make_query(zone.ORIGIN, type_)
    assert rcode(ask_tcp(proxy.port, query)) == "REFUSED"
    assert rcode(ask_udp(proxy.port, query)) == "REFUSED"


def test_signed_messages_pass_untouched(proxy, nsd, server):
    if server is not nsd:
        pytest.skip("only NSD is given a key")
    keyring = dns.tsigkeyring.from_text({servers.TSIG_NAME: servers.TSIG_SECRET})
    query = make_query(full("a"))
    query.use_tsig(keyring, servers.TSIG_NAME)
    data = query.to_wire()
    for answer in (ask_tcp(proxy.port, data), ask_udp(proxy.port, data)):
        # from_wire verifies the server's signature of the answer.
        signed = dns.message.from_wire(answer, keyring=keyring, request_mac=query.mac)
        assert signed.had_tsig and signed.rcode() == 0 and signed.answer
