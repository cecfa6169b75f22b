"""`pillion probe` with real servers and with one whose behaviour is known; `pillion query` over TLS and along a search list."""

import contextlib
import json
import pathlib
import socket
import ssl
import subprocess
import threading

import pytest

from harness import certificates, pillion, servers, zone
from harness.client import ask_udp, make_query, rcode
from harness.dot_server import DotServer
from harness.process import free_port, run, served, wait_until

# Few enough queries to be quick, and enough to measure. Names of other zones are not asked from servers that would have to ask others.
FEW = ("--samples", "8", "--queries", "300", "--bogus", f"bogus.{zone.ORIGIN}")


def probe(*arguments, expected=0):
    done = run(pillion.BINARY, "probe", *arguments, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    return done


@pytest.fixture
def measured(authority):
    """measured(address, …) -> the figures of one server."""

    def measure(address, *options, name=servers.TLS_NAME, expected=0):
        few = FEW[:-2] if "--bogus" in options else FEW
        options = (*few, *options, "--zone", "probe.example") if "--zone" not in options else (*few, *options)
        done = probe(f"{address}#{name}" if name else address, "--ca", authority.ca_file, "--json", *options, expected=expected)
        (figures,) = json.loads(done.stdout)["servers"]
        return figures

    return measure


def test_known_manners_are_found(certificate, measured):
    with DotServer(certificate, idle_close=1.5) as server:
        server.recursion = 0.15
        server.max_in_flight = 5
        server.keepalive = 70
        server.padding = 256
        figures = measured(server.address, "--idle", "20s")
    assert figures["passed"], figures["findings"]
    assert figures["cold"]["p50_ms"] >= 150
    assert figures["in_flight"] == {"served_at_once": 5, "is_limit": True} and figures["out_of_order"]
    assert 1400 <= figures["idle_closed_after_ms"] < 20000
    assert figures["keepalive_ms"] == 7000
    assert figures["padding_block_bytes"] == 256
    assert figures["tls"]["resumes"] and figures["tls"]["version"] == "TLSv1.3"
    assert figures["pipelined"]["answered"] == 300


def test_what_is_missing_is_found(certificate, measured):
    with DotServer(certificate) as server:
        server.recursion = 0.15
        server.max_in_flight = 1
        server.context.num_tickets = 0
        figures = measured(server.address)
    assert figures["tls"]["resumes"] is False and figures["tls"]["resumed_handshake_ms"] is None
    assert figures["padding_block_bytes"] is None and figures["keepalive_ms"] is None and figures["idle_closed_after_ms"] is None
    assert figures["out_of_order"] is False
    texts = " ".join(finding["text"] for finding in figures["findings"])
    assert "does not resume" in texts and "does not pad" in texts and "in order" in texts
    assert figures["passed"], "it can be used all the same"


def test_an_authoritative_unbound(unbound, measured, certificate):
    figures = measured(unbound.address, "--zone", zone.ORIGIN, "--large", f"txt30000.{zone.ORIGIN}", "--large-type", "TXT")
    assert figures["passed"], figures["findings"]
    assert figures["padding_block_bytes"] == 468, "its pad-responses-block-size"
    assert figures["large_answer"]["size_bytes"] > 30000 and not figures["large_answer"]["truncated"]
    assert figures["tls"]["chain"][0]["pin"] == certificate.pin()
    assert figures["tls"]["chain"][0]["names"] == [servers.TLS_NAME]
    assert figures["tls"]["days_left"] in (29, 30), "the authority's, which ends first"


def test_a_validating_unbound(tmp_path, certificate, zone_file, measured):
    options = servers.resolver_options(zone.key_file(zone_file)) + "  tcp-idle-timeout: 2000\n  edns-tcp-keepalive: yes\n  edns-tcp-keepalive-timeout: 9000"
    with served(lambda: servers.make_unbound(tmp_path, certificate, {zone.ORIGIN: zone_file}, recursive=True, options=options)) as server:
        figures = measured(server.address, "--zone", zone.ORIGIN, "--large", f"txt5000.{zone.ORIGIN}", "--large-type", "TXT", "--idle", "20s")
    assert figures["passed"], figures["findings"]
    assert figures["signed_name"]["authentic"] and figures["signed_name"]["rcode"] == "NOERROR"
    assert figures["keepalive_ms"] == 9000
    assert 1800 <= figures["idle_closed_after_ms"] < 20000


def test_nsd(nsd, measured):
    figures = measured(nsd.address, "--zone", zone.ORIGIN, "--large", f"txt5000.{zone.ORIGIN}", "--large-type", "TXT")
    assert figures["passed"], figures["findings"]
    assert figures["signed_name"]["rcode"] == "NOERROR" and not figures["signed_name"]["authentic"]
    assert figures["bogus_name"]["rcode"] == "NXDOMAIN", "the name is in its zone, and is not there"


@pytest.mark.skipif(not pathlib.Path("/usr/bin/dnsdist").exists(), reason="dnsdist is not installed")
def test_dnsdist(tmp_path, certificate, unbound, measured):
    """dnsdist in front of Unbound: it closes idle connections, and no server pads its answers."""
    with served(lambda: servers.dnsdist(tmp_path, certificate, unbound.plain_address, zone.ORIGIN, 3)) as server:
        figures = measured(server.address, "--zone", zone.ORIGIN, "--large", f"txt1300.{zone.ORIGIN}", "--large-type", "TXT", "--idle", "20s")
    assert figures["passed"], figures["findings"]
    assert figures["tls"]["resumes"] and figures["padding_block_bytes"] is None
    assert 2500 <= figures["idle_closed_after_ms"] < 20000


@pytest.mark.skipif(not pathlib.Path("/usr/sbin/named").exists(), reason="bind9 is not installed")
def test_bind(tmp_path, certificate, zone_file, measured):
    with served(lambda: servers.bind(tmp_path, certificate, zone_file, zone.ORIGIN, idle=20, advertised=90)) as server:
        figures = measured(server.address, "--zone", zone.ORIGIN, "--large", f"txt30000.{zone.ORIGIN}", "--large-type", "TXT", "--idle", "20s")
    assert figures["passed"], figures["findings"]
    assert figures["keepalive_ms"] == 9000 and 1800 <= figures["idle_closed_after_ms"] < 20000
    assert figures["large_answer"]["size_bytes"] > 30000 and not figures["large_answer"]["truncated"]
    assert figures["bogus_name"]["rcode"] == "NXDOMAIN", "the name is in its zone, and is not there"


@pytest.mark.skipif(not pathlib.Path("/usr/sbin/kresd").exists(), reason="knot-resolver is not installed")
def test_knot_resolver(tmp_path, certificate, unbound, measured):
    """Knot Resolver in front of Unbound. An Extended DNS Error marks the names that it denies."""
    with served(lambda: servers.knot_resolver(tmp_path, certificate, unbound.plain_address, "denied.example", 2000)) as server:
        # It accepts connections before it can reach Unbound.
        wait_until(lambda: rcode(ask_udp(server.plain_port, make_query(f"a.{zone.ORIGIN}"))) == "NOERROR", "an answer")
        figures = measured(server.address, "--zone", zone.ORIGIN, "--large", f"txt5000.{zone.ORIGIN}", "--large-type", "TXT",
                           "--bogus", "a.denied.example")
    assert figures["passed"], figures["findings"]
    assert figures["padding_block_bytes"] == 468 and figures["keepalive_ms"] == 2000
    assert figures["large_answer"]["size_bytes"] > 5000
    assert figures["bogus_name"]["rcode"] == "NXDOMAIN" and figures["extended_errors"] == {"15": "Blocked"}, figures


def test_over_tcp_and_udp(unbound):
    large = ("--zone", zone.ORIGIN, "--large", f"txt5000.{zone.ORIGIN}", "--large-type", "TXT")
    for protocol in ("tcp", "udp"):
        done = probe(unbound.plain_address, "--protocol", protocol, "--json", *FEW, *large)
        (figures,) = json.loads(done.stdout)["servers"]
        assert figures["passed"] and figures["tls"] is None, figures["findings"]
        assert figures["large_answer"]["truncated"] == (protocol == "udp")
    assert figures["large_answer_over_tcp"]["size_bytes"] > 5000


@pytest.mark.parametrize("kind, words", [
    ("name", f"certificate name mismatch: the name must be other.example, and the certificate is for {servers.TLS_NAME}"),
    ("expired", "CN=late was valid until 2020-02-01"),
    ("early", "CN=early is not valid before 2050-01-01"),
    ("untrusted", "certificate not signed by a trusted CA: CN=alone is signed by CN=alone"),
    ("closed", "connection refused"),
])
def test_failures_are_named(tmp_path, authority, certificate, kind, words):
    shown = {"expired": lambda: authority.issue("late", f"DNS:{servers.TLS_NAME}", validity=certificates.EXPIRED),
             "early": lambda: authority.issue("early", f"DNS:{servers.TLS_NAME}", validity=certificates.NOT_YET_VALID),
             "untrusted": lambda: certificates.self_signed(tmp_path, "alone", f"DNS:{servers.TLS_NAME}")}
    name = "other.example" if kind == "name" else servers.TLS_NAME
    with DotServer(shown.get(kind, lambda: certificate)()) as server:
        address = f"127.0.0.1:{free_port()}" if kind == "closed" else server.address
        done = probe(f"{address}#{name}", "--ca", authority.ca_file, expected=1)
    printed = " ".join(done.stdout.split())
    assert "failed: " in printed and words in printed, done.stdout
    assert len(max(done.stdout.splitlines(), key=len)) <= 80


def resetting(server):
    server.reset_after_handshake = True


def silent(server):
    server.silent = True


BROKEN = [
    (resetting, "probe.example", "connection reset"),
    (silent, "probe.example", "connection stalled: the server has replied neither to waiting queries nor to a probe"),
    (None, "close.example", "connection closed before the answer"),
    (None, "wrongname.example", "reply does not match any question"),
    (None, "wrongid.example", "reply does not match any question"),
]


@pytest.mark.parametrize("make, name, words", BROKEN, ids=lambda value: getattr(value, "__name__", value))
def test_why_a_server_gives_no_answer_is_named(authority, certificate, make, name, words):
    """By `probe` and by `query`, although the TLS handshake succeeds."""
    with DotServer(certificate) as server:
        if make:
            make(server)
        done = probe(f"{server.address}#{servers.TLS_NAME}", "--ca", authority.ca_file, "--zone", name, *FEW, expected=1)
        assert f"failed: {words}" in " ".join(done.stdout.split()), done.stdout
        asked = query(name, "--server", server.address, "--ca", authority.ca_file, "--tls-name", servers.TLS_NAME, check=False)
    assert asked.returncode == 1 and words in asked.stderr, asked.stderr


@pytest.mark.parametrize("version, alert", [
    (ssl.TLSVersion.TLSv1_2, "handshake failure"),
    (ssl.TLSVersion.TLSv1_3, "certificate required"),  # comes after the handshake
])
def test_a_server_that_requires_a_client_certificate_is_named(authority, certificate, version, alert):
    """By `probe` and by `query`."""
    with DotServer(certificate, client_authorities=[authority.ca_file], maximum_version=version) as server:
        done = probe(f"{server.address}#{servers.TLS_NAME}", "--ca", authority.ca_file, *FEW, expected=1)
        asked = query("a.example", "--server", server.address, "--ca", authority.ca_file, "--tls-name", servers.TLS_NAME, check=False)
    for text in (" ".join(done.stdout.split()), asked.stderr):
        assert f'the server sent the alert "{alert}"' in text and "a client certificate" in text, text
    assert asked.returncode == 1 and len(max(done.stdout.splitlines(), key=len)) <= 80


def test_a_server_that_does_not_speak_tls_is_named(unbound, authority):
    done = probe(f"{unbound.plain_address}#{servers.TLS_NAME}", "--ca", authority.ca_file, *FEW, expected=1)
    assert "failed: TLS handshake" in done.stdout, done.stdout
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def greet():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as client:
                        client.sendall(b"220 mail.example ESMTP\r\n")
                        client.recv(4096)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        done = probe("127.0.0.1:%d#%s" % (listener.getsockname()[1], servers.TLS_NAME), "--ca", authority.ca_file, *FEW, expected=1)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert "wrong version number: what the server sent is not TLS" in " ".join(done.stdout.split()), done.stdout


def test_a_server_that_closes_after_each_answer_passes(certificate, measured):
    """The proxy asks again what such a close has lost, so that no query fails."""
    with DotServer(certificate, close_after_answer=True) as server:
        figures = measured(server.address)
    assert figures["passed"] and not figures["hot"]["unanswered"] and not figures["cold"]["unanswered"], figures["findings"]
    assert "connections during the measurement" in " ".join(finding["text"] for finding in figures["findings"])


def test_a_ca_with_the_name_of_the_trusted_one_is_named(tmp_path, authority):
    shown = certificates.Authority(tmp_path / "namesake").issue("namesakes", f"DNS:{servers.TLS_NAME}")
    with DotServer(shown) as server:
        done = probe(f"{server.address}#{servers.TLS_NAME}", "--ca", authority.ca_file, expected=1)
    assert f"is signed by CN=throwaway CA, and {authority.ca_file} has no CA with that name and key" in " ".join(done.stdout.split())


def test_a_configuration_with_its_own_tls(tmp_path, authority, certificate, unbound):
    """A wrong pin fails, and the report states the right one. The chosen configuration lacks that server, and `check` accepts it."""
    good = {"address": unbound.address, "tls_name": servers.TLS_NAME, "pins": [certificate.pin()]}
    with DotServer(certificate) as server:
        wrong = {"address": server.address, "tls_name": servers.TLS_NAME, "pins": ["sha256/" + "A" * 43 + "="]}
        config = pillion.write_config(tmp_path / "pillion.yaml", 5300, 9153, {
            "real": pillion.upstream(wrong, good, tls={"ca_file": str(authority.ca_file)})})
        options = ("--config", config, *FEW, "--zone", zone.ORIGIN, "--large", zone.ORIGIN, "--large-type", "SOA")
        table = probe(*options, expected=1).stdout
        assert f"no pin matches the certificate's key: the pin of the certificate is {certificate.pin()}" in " ".join(table.split())
        done = probe(*options, "--yaml", expected=1)
    assert server.address in done.stderr and "no pin matches" in done.stderr
    chosen = tmp_path / "chosen.yaml"
    chosen.write_text(done.stdout)
    checked = run(pillion.BINARY, "check", "--config", chosen).stdout
    assert unbound.address in checked and server.address not in checked and certificate.pin() in checked


def test_the_load_is_bounded(certificate, measured):
    with DotServer(certificate) as server:
        server.recursion = 0.01
        measured(server.address)
        assert server.queries <= 300 + 2 * 8 + 900
        assert server.connections <= 12


def test_bad_command_lines():
    for arguments, words in ((["1.1.1.1"], "1.1.1.1"), (["192.0.2.1:853#a_b"], "a_b"), (["192.0.2.1:0"], "port 0"), (["192.0.2.1:853#"], "no name behind #"),
                             (["192.0.2.1:53#a.example", "--protocol", "udp"], "has a TLS name"), (["--idle", "5"], "--idle"),
                             (["192.0.2.1:853", "192.0.2.1:853"], "twice"), (["--zone", "a..b"], "--zone"),
                             (["--config", "/dev/null", "--ca", "/dev/null"], "--config has its own")):
        done = probe(*arguments, expected=2)
        assert words in done.stderr and not done.stdout, done.stderr


def query(*arguments, check=True):
    return run(pillion.BINARY, "query", *arguments, check=check)


def test_query_over_tls(unbound, authority, certificate):
    over_tls = ("--server", unbound.address, "--ca", authority.ca_file)
    printed = query(f"a.{zone.ORIGIN}", *over_tls, "--tls-name", servers.TLS_NAME, "--pin", certificate.pin()).stdout
    assert "192.0.2.1" in printed and "over tls" in printed and "TLSv1.3" in printed
    answer = json.loads(query(f"txt30000.{zone.ORIGIN}", "TXT", *over_tls, "--tls-name", servers.TLS_NAME, "--json").stdout)
    assert answer["transport"] == "tls" and answer["size"] > 30000 and answer["tls"].startswith("TLSv1.3")
    for options, words in ((("--tls-name", "other.example"), "the name must be other.example"), ((), "the name must be 127.0.0.1"),
                           (("--tls-name", servers.TLS_NAME, "--pin", "sha256/" + "A" * 43 + "="), certificate.pin())):
        done = query(f"a.{zone.ORIGIN}", *over_tls, *options, check=False)
        assert done.returncode == 1 and words in done.stderr, done.stderr
    assert query("a.example", "--tls", check=False).returncode == 2, "it says no server"
    assert query("a.example", "--server", "192.0.2.1:0", check=False).returncode == 2, "no server has port 0"


def test_query_says_that_it_asked_nobody(tmp_path, unbound):
    """Where a file cannot be used, the server is not at fault."""
    missing = tmp_path / "missing"
    for options, words in ((("--tls-name", "a.example", "--ca", missing), "CA file `"),
                           (("--search", "--resolv-conf", missing), f"{missing} cannot be read: ")):
        done = query("a.example", "--server", unbound.address, *options, check=False)
        assert done.returncode == 1 and done.stderr.startswith(f"pillion: query: {words}"), done.stderr
        assert done.stderr.endswith("cannot be read: No such file or directory\n"), done.stderr


def test_query_along_a_search_list(tmp_path, certificate, authority):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 192.0.2.53\nsearch one.example two.example\noptions ndots:2\n")
    with DotServer(certificate) as server:
        def walk(name, *options):
            printed = query(name, *options, "--search", "--resolv-conf", resolv_conf, "--server", server.address, "--ca",
                            authority.ca_file, "--tls-name", servers.TLS_NAME, "--json").stdout
            answer = json.loads(printed)
            return answer["question"]["name"], answer["status"], [tuple(step.values()) for step in answer.get("search", [])]

        assert walk("a") == ("a.one.example.", "NOERROR", [])
        resolv_conf.write_text(resolv_conf.read_text() + "search a..b one.example two.example\n")
        over = ("--server", server.address, "--ca", authority.ca_file, "--tls-name", servers.TLS_NAME)
        told = query("a", "--search", "--resolv-conf", resolv_conf, *over)
        assert told.stderr == f"pillion: query: {resolv_conf}:4: `a..b` is not a domain name: an empty label; skipped\n"
        assert walk("nx-1") == ("nx-1.", "NXDOMAIN", [("nx-1.one.example.", "NXDOMAIN"), ("nx-1.two.example.", "NXDOMAIN")])
        assert walk("nx-1.") == ("nx-1.", "NXDOMAIN", [])
        assert walk("nodata-1") == ("nodata-1.one.example.", "NOERROR", []), "that it is there says more than NXDOMAIN"
        assert walk("nx-1.b.c") == ("nx-1.b.c.two.example.", "NXDOMAIN", [("nx-1.b.c.", "NXDOMAIN"), ("nx-1.b.c.one.example.", "NXDOMAIN")]), \
            "a name with as many dots as ndots says is the first itself"
    missing = query("a", "--search", "--resolv-conf", tmp_path / "none", "--server", "127.0.0.1:1", check=False)
    assert missing.returncode == 1 and "none cannot be read" in missing.stderr


def test_the_terminal_has_a_progress_bar(certificate, authority):
    with DotServer(certificate) as server:
        command = f"{pillion.BINARY} probe {server.address}#{servers.TLS_NAME} --ca {authority.ca_file} --zone probe.example --samples 3 --queries 20"
        seen = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, check=True, timeout=120).stdout
        assert "[#" in seen and "handshakes" in seen
        assert "\x1b" not in probe(*command.split()[2:]).stderr
