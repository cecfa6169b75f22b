"""The TLS parameters that Pillion and a resolver agree on. The servers are Python's ssl and openssl(1)."""

import socket
import ssl

import pytest

from harness import certificates, pillion, servers
from harness.client import ask_tcp, extended_errors, make_query, rcode, read
from harness.dot_server import DotServer
from harness.process import Process, accepts_tcp, free_port, run, wait_until

IANA = {"ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-CHACHA20-POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"}
GOOD_SAN = f"DNS:{servers.TLS_NAME}"


@pytest.fixture(scope="module")
def rsa(authority):
    """A valid certificate with an RSA key, which the DHE cipher suites need."""
    return authority.issue("rsa", GOOD_SAN, key_kind="RSA")


def of_tls_1_2(certificate, ciphers):
    """A server for TLS 1.2 with only these cipher suites, in OpenSSL's names."""
    server = DotServer(certificate, maximum_version=ssl.TLSVersion.TLSv1_2)
    server.context.set_ciphers(ciphers)
    return server


def failure(proxy):
    """The log line with the reason why a server cannot be used."""
    return wait_until(lambda: [line for line in proxy.log() if line["msg"] == "upstream failed"], "a failure in the log")[0]


def agreed(proxy):
    """The agreed combinations of version, group and cipher suite, sorted."""
    found = {(labels["version"], labels["group"].lower(), labels["cipher"]) for name, labels, _ in proxy.metrics().samples
             if name == "pillion_tls_connections_total"}
    return sorted(found)


def assert_unusable(proxy, address, reason, error, detail):
    answer = read(ask_tcp(proxy.port, make_query("a.example.", use_edns=0)))
    assert answer.rcode() == 2 and error in extended_errors(answer)[0][1], answer
    line = failure(proxy)
    assert (line["reason"], line["server"]) == (reason, address) and detail in line["detail"], line
    metrics = proxy.metrics()
    assert metrics.sum("upstream_failures_total", server=address, reason=reason) > 0
    assert metrics.sum("tls_handshakes_total", server=address, result="success") == 0


def agrees(server, ciphers, authority):
    """True if a client with only these cipher suites, in OpenSSL's names, can connect to the server."""
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    context.set_ciphers(ciphers)
    with socket.create_connection((server.host, server.port)) as client, context.wrap_socket(client, server_hostname=servers.TLS_NAME):
        return True


@pytest.mark.parametrize("ciphers", IANA)
def test_ecdhe_with_aead_is_agreed_on_under_tls_1_2(tmp_path, certificate, rsa, verified, ciphers):
    with of_tls_1_2(rsa if "RSA" in ciphers else certificate, ciphers) as server, pillion.running(tmp_path, verified(server)) as proxy:
        assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"
        assert proxy.metrics().sum("upstream_failures_total") == 0
        assert agreed(proxy) == [("TLSv1.2", "x25519", IANA[ciphers])]


@pytest.mark.parametrize("curve, group", [("prime256v1", "secp256r1"), ("secp384r1", "secp384r1")])
def test_connections_are_counted_by_what_was_agreed_on(tmp_path, certificate, verified, curve, group):
    with DotServer(certificate) as server:
        server.context.set_ecdh_curve(curve)
        with pillion.running(tmp_path, verified(server)) as proxy:
            assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"
            [(version, seen, cipher)] = agreed(proxy)
            assert (version, seen) == ("TLSv1.3", group) and cipher.startswith("TLS_")
            assert proxy.metrics().sum("tls_connections_total", upstream="real", server=server.address) == 1


def test_resumed_connections_are_counted_too(tmp_path, certificate, verified):
    for version, maximum in (("TLSv1.2", ssl.TLSVersion.TLSv1_2), ("TLSv1.3", ssl.TLSVersion.TLSv1_3)):
        with DotServer(certificate, close_after_answer=True, maximum_version=maximum) as server, \
                pillion.running(tmp_path / version, verified(server)) as proxy:
            for number in range(10):
                assert rcode(ask_tcp(proxy.port, make_query(f"n{number}.example."))) == "NOERROR"
            metrics = proxy.metrics()
            assert metrics.sum("tls_handshakes_total", result="success", resumed="true") > 0
            made = metrics.sum("tls_handshakes_total", result="success")
            assert metrics.sum("tls_connections_total", server=server.address, version=version) == made
            assert metrics.sum("tls_connections_total") == made and len(agreed(proxy)) == 1


@pytest.mark.parametrize("ciphers", ["DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305", "AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA384"])
def test_no_other_cipher_suite_is_agreed_on_under_tls_1_2(tmp_path, authority, rsa, verified, ciphers):
    parameters = tmp_path / "dh.pem"
    run("openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", parameters)
    with of_tls_1_2(rsa, ciphers) as server:
        server.context.load_dh_params(parameters)
        assert agrees(server, ciphers, authority), "the server itself is sound"
        with pillion.running(tmp_path, verified(server)) as proxy:
            assert_unusable(proxy, server.address, "tls_failed", "TLS handshake failed",
                            'the server sent the alert "handshake failure": it may accept none of Pillion\'s cipher suites')
            assert server.queries == 0


def test_a_server_that_speaks_another_protocol_says_so_by_its_alert(tmp_path, certificate, verified):
    class Server:
        port = free_port()
        address = f"127.0.0.1:{port}"

    process = Process(["openssl", "s_server", "-accept", Server.address, "-cert", certificate.path, "-key", certificate.key, "-alpn", "http/1.1",
                       "-quiet"], tmp_path, "s_server")
    try:
        process.wait_for(lambda: accepts_tcp(Server.port), "accepts connections")
        with pillion.running(tmp_path, verified(Server)) as proxy:
            assert_unusable(proxy, Server.address, "alpn_mismatch", "ALPN protocol is not dot",
                            'the server sent the alert "no application protocol"')
    finally:
        process.kill()


@pytest.fixture(scope="module")
def intermediate(authority, tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("pki") / "intermediate", "an intermediate CA", authority)


def trusting(server, tmp_path, *pem_files):
    """`upstreams` with one server and a ca_file that contains these files."""
    ca_file = tmp_path / "trusted.pem"
    ca_file.write_text("".join(path.read_text() for path in pem_files))
    return {"real": pillion.upstream({"address": server.address, "tls_name": servers.TLS_NAME}, tls={"ca_file": str(ca_file)})}


def warnings(proxy):
    return [line["warning"] for line in proxy.log() if line["msg"] == "configuration warning"]


def test_an_intermediate_without_its_issuer_is_a_trust_anchor(tmp_path, intermediate):
    with DotServer(intermediate.issue("below", GOOD_SAN)) as server, \
            pillion.running(tmp_path, trusting(server, tmp_path, intermediate.ca_file)) as proxy:
        assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"
        told = wait_until(lambda: warnings(proxy), "a warning in the log")
        assert len(told) == 1 and "the intermediate CA `CN=an intermediate CA` is a trust anchor" in told[0], told


def test_it_vouches_for_what_it_has_signed_alone(tmp_path, authority, certificate, intermediate):
    other = certificates.Authority(tmp_path / "other", "another intermediate CA", authority)
    for name, bad in (("of the root", certificate), ("of another", other.issue("other", GOOD_SAN))):
        with DotServer(bad) as server, pillion.running(tmp_path / name, trusting(server, tmp_path, intermediate.ca_file)) as proxy:
            assert_unusable(proxy, server.address, "certificate_untrusted", "not signed by a trusted CA", "issuer")


@pytest.mark.parametrize("validity, words", [(certificates.EXPIRED, "expired"), (certificates.NOT_YET_VALID, "not yet valid")])
def test_an_intermediate_outside_of_its_dates_is_none(tmp_path, authority, validity, words):
    outside = certificates.Authority(tmp_path / "outside", "a CA of another time", authority, validity)
    with DotServer(outside.issue("below", GOOD_SAN)) as server, \
            pillion.running(tmp_path, trusting(server, tmp_path, outside.ca_file)) as proxy:
        assert_unusable(proxy, server.address, "certificate_expired", "certificate expired or not yet valid", words)


def test_an_intermediate_with_its_issuer_completes_the_chain(tmp_path, authority, intermediate):
    # The server only sends its own certificate.
    with DotServer(intermediate.issue("alone", GOOD_SAN)) as server, \
            pillion.running(tmp_path, trusting(server, tmp_path, intermediate.ca_file, authority.ca_file)) as proxy:
        assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"
        assert not warnings(proxy)
