"""The groups of the TLS key exchange, with the OpenSSL of this machine: what Pillion offers, what is agreed on, and what it does if a ClientHello
of two packets does not arrive. OpenSSL's configuration file changes nothing."""

import os
import subprocess
import sys

import pytest

from harness import pillion, servers
from harness.client import ask_udp, make_query, rcode
from harness.dot_server import DotServer
from harness.path import Path
from harness.process import wait_until

HYBRID = "X25519MLKEM768"
FELL_BACK = "upstream does not answer a handshake with post-quantum key exchange: connecting without it"
# OpenSSL's names for a group: the one that it accepts and the one that it prints, which differ.
PRINTED = {"P-256": "secp256r1", "P-384": "secp384r1", "X25519": "x25519", HYBRID: "x25519mlkem768"}


@pytest.fixture(scope="module")
def has_hybrid(tmp_path_factory, authority):
    """True if the OpenSSL of this machine has ML-KEM."""
    servers_entry = {"address": "127.0.0.1:853"}
    config = pillion.write_config(tmp_path_factory.mktemp("hybrid") / "pillion.yaml", 8053, 9153, {
        "real": pillion.upstream(servers_entry, tls={"ca_file": str(authority.ca_file), "groups": [HYBRID]})})
    done = subprocess.run([pillion.BINARY, "check", "--config", config], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return True
    assert f"upstreams.real.tls.groups[0]: `{HYBRID}` is not a group that OpenSSL 3." in done.stderr, done.stderr
    return False


@pytest.fixture
def through(authority):
    """through(address, groups) -> `upstreams` with one server at this address."""

    def upstreams(address, groups=None):
        tls = {"ca_file": str(authority.ca_file), **({"groups": groups} if groups else {})}
        return {"real": pillion.upstream({"address": address, "tls_name": servers.TLS_NAME}, tls=tls)}

    return upstreams


def connected(proxy):
    """The log lines about new connections."""
    return [line for line in proxy.log() if line["msg"] == "upstream connected"]


def agreed(proxy):
    """The group of the first connection, in the spelling of PRINTED."""
    return wait_until(lambda: connected(proxy), "a line of the log that tells of a connection")[0]["group"].lower()


def answers(proxy, name="a.example."):
    return rcode(ask_udp(proxy.port, make_query(name))) == "NOERROR"


def fallbacks(proxy):
    return proxy.metrics().sum("tls_group_fallbacks_total")


def test_the_hybrid_group_is_agreed_on_where_openssl_has_it(tmp_path, certificate, through, has_hybrid):
    with DotServer(certificate) as server, Path(server.address) as path, pillion.running(tmp_path, through(server.address)) as proxy:
        assert answers(proxy)
        assert agreed(proxy) == PRINTED[HYBRID if has_hybrid else "X25519"]
        assert fallbacks(proxy) == 0
        # The path below drops a ClientHello of the size that is sent here.
        with pillion.running(tmp_path / "path", through(path.address)):
            wait_until(lambda: path.hellos, "a ClientHello")
        assert bool(path.large()) == has_hybrid, path.hellos


def test_a_server_without_the_hybrid_group_needs_no_second_handshake(tmp_path, certificate, through):
    for group, curve in (("P-256", "prime256v1"), ("P-384", "secp384r1")):
        with DotServer(certificate) as server:
            server.context.set_ecdh_curve(curve)
            with pillion.running(tmp_path / group, through(server.address)) as proxy:
                assert answers(proxy)
                assert agreed(proxy) == PRINTED[group]
                assert server.connections == 1 and not server.tls_errors
                assert fallbacks(proxy) == 0


def test_the_groups_of_the_configuration_are_what_is_offered(tmp_path, certificate, through):
    with DotServer(certificate) as server:
        with pillion.running(tmp_path / "one", through(server.address, ["P-384"])) as proxy:
            assert answers(proxy)
            assert agreed(proxy) == PRINTED["P-384"]
        server.context.set_ecdh_curve("secp521r1")
        with pillion.running(tmp_path / "none", through(server.address, ["P-384", "P-256"])) as proxy:
            assert rcode(ask_udp(proxy.port, make_query("b.example."))) == "SERVFAIL"
            assert proxy.metrics().sum("tls_handshakes_total", result="failure") > 0


@pytest.mark.parametrize("resets", [False, True], ids=["silent", "resets"])
def test_a_path_that_drops_large_hellos_is_passed_without_the_hybrid_group(tmp_path, certificate, through, has_hybrid, resets):
    with DotServer(certificate) as server, Path(server.address, resets=resets) as path, \
            pillion.running(tmp_path, through(path.address)) as proxy:
        wait_until(lambda: answers(proxy), "an answer through the path")
        assert agreed(proxy) == PRINTED["X25519"]
        assert fallbacks(proxy) == has_hybrid
        assert path.large() == 2 * has_hybrid
        told = [line for line in proxy.log() if line["msg"] == FELL_BACK]
        assert len(told) == has_hybrid and all(line["level"] == "warn" and line["server"] == path.address for line in told)
        # Pillion uses what it has learned for the connections that follow, without a delay.
        server.drop_everything()
        server.listen()
        wait_until(lambda: answers(proxy, "b.example."), "an answer by another connection")
        assert path.large() == 2 * has_hybrid


def test_post_quantum_groups_alone_never_fall_back(tmp_path, certificate, through, has_hybrid):
    if not has_hybrid:
        pytest.skip("the OpenSSL of this machine has no post-quantum group")
    with DotServer(certificate) as server, Path(server.address, resets=True) as path, \
            pillion.running(tmp_path, through(path.address, [HYBRID])) as proxy:
        # At least two handshakes without an answer. One of them would be the fallback.
        wait_until(lambda: answers(proxy) or path.large() >= 5, "five attempts")
        assert server.connections == 0 and path.large() == len(path.hellos)
        assert fallbacks(proxy) == 0


def test_openssls_own_configuration_file_is_not_loaded(tmp_path, certificate, through):
    file = tmp_path / "openssl.cnf"
    file.write_text("openssl_conf = main\n[main]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\nMaxProtocol = TLSv1.2\nGroups = P-521\n")
    # The file has an effect on a program that loads it.
    control = subprocess.run([sys.executable, "-c", "import ssl; print(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).maximum_version.name)"],
                             env={**os.environ, "OPENSSL_CONF": str(file)}, capture_output=True, text=True, check=True)
    assert control.stdout.strip() == "TLSv1_2"
    with DotServer(certificate) as server, \
            pillion.running(tmp_path, through(server.address, ["X25519"]), prefix=["env", f"OPENSSL_CONF={file}"]) as proxy:
        assert answers(proxy)
        assert agreed(proxy) == PRINTED["X25519"]
        assert connected(proxy)[0]["tls"] == "TLSv1.3"
