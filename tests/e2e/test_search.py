"""The walk along a search list, answered at its first step. test_libc.py tests it with an application."""

import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from harness import pillion, servers, zone
from harness.client import ask_tcp, ask_udp, make_query, rcode, read
from harness.cluster import NDOTS, SEARCH, asked, cluster_dns
from harness.process import free_port, served

FIRST = SEARCH[0]


@pytest.fixture(scope="module")
def cluster_server(tmp_path_factory, certificate):
    with served(lambda: cluster_dns(tmp_path_factory.mktemp("cluster"), certificate)) as server:
        yield server


@pytest.fixture(scope="module")
def public(tmp_path_factory, certificate, zone_file):
    directory = tmp_path_factory.mktemp("public")
    zones = {zone.ORIGIN: zone_file, ".": zone.write_root(directory)}
    with served(lambda: servers.make_unbound(directory, certificate, zones, recursive=True)) as server:
        yield server


@pytest.fixture
def start(tmp_path, verified, cluster_server, public):
    """start(**configuration) -> a running Pillion. With search=False libc takes each step itself."""

    def start(search=True, **more):
        upstreams = {**verified(public), "cluster": pillion.upstream({"address": cluster_server.plain_address}, protocol="udp")}
        routes = [{"zone": "cluster.local", "upstream": "cluster"}, {"zone": ".", "upstream": "real"}]
        if search:
            more["search"] = {"domains": SEARCH, "ndots": NDOTS}
        return pillion.running(tmp_path, upstreams, routes=routes, **{"cache": {"size": "1MiB"}, **more})

    return start


def chain(answer):
    """The answer section as [(owner, type, values)], in order."""
    return [(str(records.name), dns.rdatatype.to_text(records.rdtype), sorted(map(str, records))) for records in answer.answer]


@pytest.mark.parametrize("ask", [ask_tcp, ask_udp])
@pytest.mark.parametrize("name, type_, expected", [
    # (value of the CNAME, last records); None instead of the value if the name itself exists
    ("kubernetes", "A", (None, ["10.96.0.1"])),
    ("kubernetes.default", "A", (f"kubernetes.default.{SEARCH[1]}", ["10.96.0.1"])),
    ("kubernetes.default.svc", "A", (f"kubernetes.default.svc.{SEARCH[2]}", ["10.96.0.1"])),
    ("dual.default", "AAAA", (f"dual.default.{SEARCH[1]}", ["fd00:96::20"])),
    ("a.e2e.example", "A", ("a.e2e.example.", ["192.0.2.1"])),
    ("aaaa.e2e.example", "AAAA", ("aaaa.e2e.example.", ["2001:db8::1"])),
    ("x.wild.e2e.example", "A", ("x.wild.e2e.example.", ["192.0.2.7"])),
])
def test_the_first_success_of_the_list_is_the_answer(start, ask, name, type_, expected):
    target, values = expected
    with start() as proxy:
        for _ in range(2):  # the second time from the cache
            query = make_query(f"{name}.{FIRST}", type_)
            answer = read(ask(proxy.port, query))
            assert answer.id == query.id and answer.rcode() == 0 and not answer.flags & dns.flags.TC
            assert [str(question) for question in answer.question] == [str(question) for question in query.question]
            records = chain(answer)
            if target:
                assert records[0] == (f"{name}.{FIRST}", "CNAME", [target])
                assert records[-1][0] == target
            else:
                assert records[0][0] == f"{name}.{FIRST}"
            assert records[-1][1:] == (type_, values)


def test_a_cname_of_the_target_follows(start):
    with start() as proxy:
        answer = read(ask_udp(proxy.port, make_query(f"cname1.e2e.example.{FIRST}")))
    assert chain(answer)[0] == (f"cname1.e2e.example.{FIRST}", "CNAME", ["cname1.e2e.example."])
    assert ("a.e2e.example.", "A", ["192.0.2.1"]) in chain(answer)


def test_a_long_answer_is_truncated_for_udp(start):
    query = make_query(f"many.e2e.example.{FIRST}")
    with start() as proxy:
        for _ in range(2):
            data = ask_udp(proxy.port, query)
            assert len(data) <= 512 and read(data).flags & dns.flags.TC
            assert 20 < len(chain(read(data))[-1][2]) < 40, "for clients that do not ask again, what fits"
            whole = read(ask_tcp(proxy.port, query))
            assert not whole.flags & dns.flags.TC and len(chain(whole)[-1][2]) == 40


def test_a_step_that_cannot_be_taken_is_not_taken_for_missing(tmp_path, verified, public):
    """While the cluster's DNS does not answer, Pillion cannot know whether the cluster has the name or similar ones: libc continues itself."""
    upstreams = {**verified(public), "cluster": pillion.upstream({"address": f"127.0.0.1:{free_port()}"}, protocol="udp", timeout="300ms")}
    routes = [{"zone": "cluster.local", "upstream": "cluster"}, {"zone": ".", "upstream": "real"}]
    with pillion.running(tmp_path, upstreams, routes=routes, search={"domains": SEARCH, "ndots": NDOTS}) as proxy:
        assert rcode(ask_udp(proxy.port, make_query(f"missing.e2e.example.{FIRST}"))) == "NXDOMAIN"
        assert rcode(ask_udp(proxy.port, make_query(f"missing.e2e.example.{SEARCH[1]}"))) == "SERVFAIL"
        assert rcode(ask_udp(proxy.port, make_query(f"www.deep.wild.e2e.example.{FIRST}"))) == "NXDOMAIN"
        assert rcode(ask_udp(proxy.port, make_query("www.deep.wild.e2e.example."))) == "NOERROR"


def test_the_type_that_a_name_does_not_have_is_no_error(start):
    """libc asks for A and AAAA in parallel, and must not continue because one of them does not exist."""
    with start() as proxy:
        for name in ("kubernetes.default", "a.e2e.example"):
            answer = read(ask_udp(proxy.port, make_query(f"{name}.{FIRST}", "AAAA")))
            assert answer.rcode() == 0
            assert [type_ for _, type_, _ in chain(answer)] in ([], ["CNAME"])


def test_what_nobody_has_is_missing(start):
    with start() as proxy:
        for name in ("missing", "missing.default", "missing.e2e.example", "x.missing.e2e.example"):
            answer = read(ask_udp(proxy.port, make_query(f"{name}.{FIRST}")))
            assert dns.rcode.to_text(answer.rcode()) == "NXDOMAIN" and not answer.answer
        assert proxy.metrics().sum("dns_responses_total", rcode="NXDOMAIN") == 4


def test_a_walk_asks_each_server_what_it_can_know(start, cluster_server):
    walk = "www.deep.wild.e2e.example"
    with start() as proxy:
        before = len(asked(cluster_server))
        assert rcode(ask_udp(proxy.port, make_query(f"{walk}.{FIRST}"))) == "NOERROR"
        # A name of a cluster never has five labels. The Service and the namespace of the last name are asked for.
        guards = [(f"example.{SEARCH[0]}", "A"), (f"example.{SEARCH[1]}", "A")]
        assert sorted(asked(cluster_server)[before:]) == sorted(guards)
        before = len(asked(cluster_server))
        assert rcode(ask_udp(proxy.port, make_query(f"both.e2e.example.{FIRST}"))) == "NOERROR"
        assert asked(cluster_server)[before:] == [(f"both.e2e.example.{SEARCH[1]}", "A")], "host `both` of service `e2e` in `example`"


def test_without_search_each_step_is_libcs(start, cluster_server):
    with start(search=False) as proxy:
        before = len(asked(cluster_server))
        assert rcode(ask_udp(proxy.port, make_query(f"www.more.wild.e2e.example.{FIRST}"))) == "NXDOMAIN"
        assert asked(cluster_server)[before:] == [(f"www.more.wild.e2e.example.{FIRST}", "A")]


def test_more_dots_than_libc_walks_with(start, cluster_server):
    """A client that asks for this name does not walk: with five dots or more libc asks for the name itself first. The cluster cannot have such a name
    either, so that no server is asked."""
    name = f"a.b.c.d.wild.e2e.example.{FIRST}"
    with start() as proxy:
        before = len(asked(cluster_server))
        assert rcode(ask_udp(proxy.port, make_query(name))) == "NXDOMAIN"
        assert asked(cluster_server)[before:] == []
