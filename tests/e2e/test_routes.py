"""The destinations of names: the cluster's DNS, unencrypted; records of the configuration; no server; and the encrypted upstream for all others."""

import contextlib
import re

import dns.flags
import dns.rcode
import dns.reversename
import pytest

from harness import pillion, servers, zone
from harness.client import ask_tcp, ask_udp, make_query, read
from harness.cluster import ZONE, asked, cluster_dns
from harness.dot_server import DotServer
from harness.process import free_port, run, served
from harness.scripted import Scripted, reply_to


@pytest.fixture(scope="module")
def cluster_server(tmp_path_factory, certificate):
    with served(lambda: cluster_dns(tmp_path_factory.mktemp("cluster"), certificate)) as server:
        yield server


@pytest.fixture
def public(certificate):
    with DotServer(certificate) as server:
        yield server


RECORDS = ["primary 60 A 192.0.2.77", "@ 60 TXT \"a fixed zone\"", "alias 60 CNAME primary", "*.pool 60 AAAA 2001:db8::77"]


@pytest.fixture
def proxy(tmp_path, verified, public, cluster_server):
    upstreams = {**verified(public), "cluster": pillion.upstream({"address": cluster_server.plain_address}, protocol="udp")}
    routes = [{"zone": "cluster.local", "upstream": "cluster"}, {"zone": "10.in-addr.arpa", "upstream": "cluster"},
              {"zone": "public.svc.cluster.local", "upstream": "real"}, {"zone": "db.internal", "records": RECORDS},
              {"zone": ".", "upstream": "real"}]
    with pillion.running(tmp_path, upstreams, routes=routes, cache={"size": "1MiB"}) as running:
        yield running


def ask(proxy, name, type_="A"):
    answer = read(ask_udp(proxy.port, make_query(name, type_)))
    return dns.rcode.to_text(answer.rcode()), sorted(str(rdata) for records in answer.answer for rdata in records)


def sources(proxy):
    metrics = proxy.metrics()
    return {source: metrics.sum("dns_responses_total", source=source) for source in ("cache", "stale", "upstream", "cluster", "local")}


def test_each_name_goes_to_its_longest_zone(proxy, public, cluster_server):
    before = len(asked(cluster_server))
    assert ask(proxy, f"kubernetes.default.svc.{ZONE}") == ("NOERROR", ["10.96.0.1"])
    assert ask(proxy, "KuberNetes.default.svc.Cluster.Local.") == ("NOERROR", ["10.96.0.1"])
    assert ask(proxy, f"missing.default.svc.{ZONE}") == ("NXDOMAIN", [])
    assert ask(proxy, "1.0.96.10.in-addr.arpa.", "PTR") == ("NOERROR", [f"kubernetes.default.svc.{ZONE}"])
    assert ask(proxy, f"_https._tcp.kubernetes.default.svc.{ZONE}", "SRV") == ("NOERROR", [f"0 100 443 kubernetes.default.svc.{ZONE}"])
    assert len(asked(cluster_server)) - before == 4 and public.queries == 0
    assert sources(proxy) == {"cache": 1, "stale": 0, "upstream": 0, "cluster": 4, "local": 0}
    assert proxy.metrics().sum("plaintext_queries_total", upstream="cluster") >= 4
    for name in ("a.example.", "notcluster.local.example.", f"x.public.svc.{ZONE}", "xcluster-local.", "11.in-addr.arpa."):
        code, _ = ask(proxy, name)
        assert code == "NOERROR" and public.asked_for(name) == 1, name
    assert len(asked(cluster_server)) - before == 4
    assert proxy.metrics().sum("plaintext_queries_total", upstream="real") == 0


def test_a_missing_name_above_another_route_hides_nothing(tmp_path, certificate, verified, public):
    """RFC 8020 applies to one tree of names. A route puts another tree below a name."""
    with DotServer(certificate) as other:
        upstreams = {**verified(public), "other": verified(other)["real"]}
        routes = [{"zone": "in.nx-lab.example", "upstream": "other"}, {"zone": ".", "upstream": "real"}]
        with pillion.running(tmp_path, upstreams, routes=routes, cache={"size": "1MiB"}) as proxy:
            assert ask(proxy, "nx-lab.example.") == ("NXDOMAIN", [])
            assert ask(proxy, "x.in.nx-lab.example.")[0] == "NOERROR"
            assert (public.queries, other.queries) == (1, 1)


def pointer(server):
    """An unencrypted DNS server that has a PTR record for each address."""
    return Scripted(lambda query, number: reply_to(query, f"@ 60 IN PTR {server}."))


def test_networks_are_the_zones_of_their_addresses(tmp_path):
    networks = {"10.0.0.0/8": "eight", "172.16.0.0/12": "twelve", "9.9.9.64/26": "addresses", "fc00::/7": "seven", "198.51.100.7/32": "in-special", "2600:1f::/33": "nibble",
                # The longer of the two applies, whatever their order.
                "100.64.0.0/11": "longer", "100.64.0.0/10": "shorter"}
    asked = {"10.1.2.3": "eight", "9.1.2.3": "rest", "172.15.255.255": "rest", "172.16.0.0": "twelve", "172.31.255.255": "twelve", "172.32.0.0": "rest",
             "9.9.9.63": "rest", "9.9.9.64": "addresses", "9.9.9.127": "addresses", "9.9.9.128": "rest",
             "100.63.0.1": "rest", "100.64.0.1": "longer", "100.95.0.1": "longer", "100.96.0.1": "shorter", "100.127.0.1": "shorter", "100.128.0.1": "rest",
             "fb00::1": "rest", "fc00::1": "seven", "fd12:3456::1": "seven", "fe00::1": "rest",
             "2600:1f:7fff::1": "nibble", "2600:1f:8000::1": "rest", "2600:1f::": "nibble",
             # Names around a route still get the answers that each resolver must give locally (RFC 6303).
             "198.51.100.7": "in-special", "198.51.100.8": None}
    with contextlib.ExitStack() as running:
        upstreams = {name: pillion.upstream({"address": running.enter_context(pointer(f"{name}.example")).address}, protocol="udp")
                     for name in ["rest", *networks.values()]}
        routes = [*({"network": network, "upstream": name} for network, name in networks.items()), {"zone": ".", "upstream": "rest"}]
        proxy = running.enter_context(pillion.running(tmp_path, upstreams, routes=routes))
        for address, name in asked.items():
            expected = ("NOERROR", [f"{name}.example."]) if name else ("NXDOMAIN", [])
            assert ask(proxy, str(dns.reversename.from_address(address)), "PTR") == expected, address
        printed = run(pillion.BINARY, "check", "--config", proxy.config).stdout
        again = tmp_path / "again.yaml"
        again.write_text(printed)
        assert run(pillion.BINARY, "check", "--config", again).stdout == printed
        assert "# 172.16.0.0/12 (16.172.in-addr.arpa to 31.172.in-addr.arpa) " in printed


@pytest.mark.parametrize("name, type_, expected", [
    ("primary.db.internal.", "A", ("NOERROR", ["192.0.2.77"])),
    ("PRIMARY.DB.internal.", "A", ("NOERROR", ["192.0.2.77"])),
    ("primary.db.internal.", "AAAA", ("NOERROR", [])),
    ("db.internal.", "TXT", ("NOERROR", ['"a fixed zone"'])),
    ("alias.db.internal.", "A", ("NOERROR", ["192.0.2.77", "primary.db.internal."])),
    ("x.pool.db.internal.", "AAAA", ("NOERROR", ["2001:db8::77"])),
    ("missing.db.internal.", "A", ("NXDOMAIN", [])),
])
def test_records_of_the_configuration(proxy, public, name, type_, expected):
    assert ask(proxy, name, type_) == expected
    assert read(ask_tcp(proxy.port, make_query(name, type_))).rcode() == dns.rcode.from_text(expected[0])
    assert sources(proxy)["local"] == 2 and public.queries == 0


def test_names_beside_a_zone_of_records_are_the_upstreams(proxy, public):
    assert ask(proxy, "internal.")[0] == "NOERROR"
    assert ask(proxy, "xdb.internal.")[0] == "NOERROR"
    assert public.queries == 2


@pytest.mark.parametrize("name, type_, expected", [
    ("localhost.", "A", ("NOERROR", ["127.0.0.1"])),
    ("localhost.", "AAAA", ("NOERROR", ["::1"])),
    ("x.LocalHost.", "A", ("NOERROR", ["127.0.0.1"])),
    ("localhost.", "MX", ("NOERROR", [])),
    ("1.0.0.127.in-addr.arpa.", "PTR", ("NOERROR", ["localhost."])),
    ("1." + "0." * 31 + "ip6.arpa.", "PTR", ("NOERROR", ["localhost."])),
    ("x.invalid.", "A", ("NXDOMAIN", [])),
    ("x.onion.", "A", ("NXDOMAIN", [])),
    ("x.test.", "A", ("NXDOMAIN", [])),
    ("x.alt.", "A", ("NXDOMAIN", [])),
    ("printer.local.", "A", ("NXDOMAIN", [])),
    ("x.home.arpa.", "A", ("NXDOMAIN", [])),
    ("1.1.168.192.in-addr.arpa.", "PTR", ("NXDOMAIN", [])),
])
def test_special_names_are_nobody_elses_business(proxy, public, cluster_server, name, type_, expected):
    before = len(asked(cluster_server))
    assert ask(proxy, name, type_) == expected
    negative = read(ask_tcp(proxy.port, make_query(name, type_)))
    assert negative.answer or negative.authority, "a negative answer says for how long (RFC 2308)"
    assert sources(proxy)["local"] == 2
    assert public.queries == 0 and len(asked(cluster_server)) == before


@pytest.mark.parametrize("zone", ["home.arpa.", "resolver.arpa.", "168.192.in-addr.arpa."])
def test_the_zone_above_a_special_one_proves_that_it_is_not_signed(proxy, public, zone):
    """RFC 8375 section 4: validating clients, such as Unbound, ask for the DS records before they accept the proxy's own answers."""
    ask(proxy, zone, "DS")
    assert public.queries == 1
    ask(proxy, "x." + zone, "DS")
    ask(proxy, zone, "SOA")
    assert public.queries == 1


ARPA = ["$ORIGIN arpa.", "$TTL 300", "@ SOA ns hostmaster 1 3600 600 86400 60", "@ NS ns", "ns A 192.0.2.53", "home NS ns", "168.192.in-addr NS ns"]


def test_a_validating_client_accepts_the_proxys_own_answers(tmp_path, certificate, verified):
    """Unbound, with the key of a signed `arpa.`, behind the proxy. It answers SERVFAIL where it finds no proof that a zone is not signed."""
    plain = tmp_path / "arpa"
    plain.write_text("\n".join(ARPA) + "\n")
    key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "arpa.", cwd=tmp_path).stdout.strip()
    run("ldns-signzone", "-f", tmp_path / "arpa.signed", plain, tmp_path / key, cwd=tmp_path)
    options = [f'trust-anchor-file: "{tmp_path / key}.key"',
               *(f"local-zone: {zone} nodefault" for zone in ("home.arpa.", "168.192.in-addr.arpa."))]
    with served(lambda: servers.nsd(tmp_path / "nsd", certificate, tmp_path / "arpa.signed", "arpa.")) as arpa, \
            pillion.running(tmp_path / "proxy", verified(arpa), cache={"size": "1MiB"}) as proxy, \
            served(lambda: servers.forwarder(tmp_path / "validator", certificate, f"127.0.0.1:{proxy.port}", options, True)) as validator:
        for name, type_ in (("1.1.168.192.in-addr.arpa.", "PTR"), ("nas.home.arpa.", "A")):
            got = read(ask_tcp(validator.plain_port, make_query(name, type_, want_dnssec=True)))
            assert dns.rcode.to_text(got.rcode()) == "NXDOMAIN" and not got.flags & dns.flags.AD, got
        signed = read(ask_tcp(validator.plain_port, make_query("ns.arpa.", want_dnssec=True)))
        assert signed.answer and signed.flags & dns.flags.AD, signed


def test_a_route_goes_before_a_special_name(tmp_path, verified, public):
    routes = [{"zone": "test", "upstream": "real"}, {"zone": "168.192.in-addr.arpa", "records": ["1.1 300 PTR router.example."]},
              {"zone": ".", "upstream": "real"}]
    with pillion.running(tmp_path, verified(public), routes=routes, cache={"size": "1MiB"}) as proxy:
        assert ask(proxy, "x.test.")[0] == "NOERROR" and public.queries == 1
        assert ask(proxy, "1.1.168.192.in-addr.arpa.", "PTR") == ("NOERROR", ["router.example."])
        assert ask(proxy, "x.invalid.") == ("NXDOMAIN", [])


def test_a_truncated_answer_is_asked_for_again_over_tcp(tmp_path, verified, public, unbound):
    upstreams = {**verified(public), "cluster": pillion.upstream({"address": unbound.plain_address}, protocol="udp")}
    routes = [{"zone": zone.ORIGIN, "upstream": "cluster"}, {"zone": ".", "upstream": "real"}]
    with pillion.running(tmp_path, upstreams, routes=routes, cache={"size": "1MiB"}) as proxy:
        name = f"txt5000.{zone.ORIGIN}"
        assert read(ask_udp(unbound.plain_port, make_query(name, "TXT", use_edns=0, payload=1232))).flags & dns.flags.TC
        for _ in range(2):  # the second time from the cache
            whole = read(ask_tcp(proxy.port, make_query(name, "TXT")))
            assert not whole.flags & dns.flags.TC
            assert sum(len(string) for string in whole.answer[0][0].strings) == 5000
        assert sources(proxy)["cluster"] == sources(proxy)["cache"] == 1
        assert proxy.metrics().sum("plaintext_queries_total", upstream="cluster") >= 2
        assert public.queries == 0


def test_a_group_that_is_down_takes_no_other_with_it(tmp_path, verified, public):
    nobody = f"127.0.0.1:{free_port()}"
    upstreams = {**verified(public), "cluster": pillion.upstream({"address": nobody}, protocol="udp", timeout="500ms")}
    routes = [{"zone": "cluster.local", "upstream": "cluster"}, {"zone": ".", "upstream": "real"}]
    with pillion.running(tmp_path, upstreams, routes=routes, cache={"size": "1MiB"}) as proxy:
        assert ask(proxy, f"kubernetes.default.svc.{ZONE}") == ("SERVFAIL", [])
        assert ask(proxy, "a.example.")[0] == "NOERROR"
        assert public.queries == 1, "a cluster's name goes to no one else"


def test_an_upstream_that_is_pillion_itself_is_refused_at_start(tmp_path):
    port = free_port()
    path = pillion.write_config(tmp_path / "pillion.yaml", port, free_port(),
                                {"cluster": pillion.upstream({"address": f"127.0.0.1:{port}"}, protocol="udp")})
    for command in ("check", "run"):
        done = run(pillion.BINARY, command, "--config", path, check=False)
        assert done.returncode == 1, done
        assert re.search(r"pillion\.yaml:\d+:\d+: .*Pillion itself", done.stderr), done.stderr


def test_a_forwarding_loop_is_found_while_running(tmp_path, certificate, verified, public):
    """The cluster's DNS forwards names that it does not have to Pillion, the resolver of its pod, and Pillion asks the cluster's DNS again."""
    port = free_port()
    with served(lambda: servers.forwarder(tmp_path / "forwarder", certificate, f"127.0.0.1:{port}")) as forwarder:
        upstreams = {**verified(public), "cluster": pillion.upstream({"address": forwarder.plain_address}, protocol="udp", timeout="1s")}
        routes = [{"zone": "cluster.local", "upstream": "cluster"}, {"zone": ".", "upstream": "real"}]
        with pillion.running(tmp_path, upstreams, port=port, routes=routes, cache={"size": "1MiB"}) as proxy:
            proxy.wait_metric("forwarding_loops_total", 1)
            proxy.process.wait_for(lambda: any("loop" in line["msg"] for line in proxy.log() if line["level"] == "error"), "says so")
            assert any(line.get("upstream") == "cluster" for line in proxy.log() if line["level"] == "error")
            before = len(asked(forwarder))
            assert ask(proxy, f"round.and.round.{ZONE}")[0] == "SERVFAIL"
            assert len(asked(forwarder)) - before < 20
            assert ask(proxy, "a.example.")[0] == "NOERROR", "others are served"
