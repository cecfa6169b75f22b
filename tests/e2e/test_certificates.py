"""Strict verification (RFC 8310): Pillion refuses each bad certificate, and gives the reason in the log and in the answer to the client."""

import ssl

import pytest

from harness import certificates, pillion, servers
from harness.client import ask_tcp, ask_udp, extended_errors, make_query, rcode, read
from harness.dot_server import DotServer
from harness.process import wait_until

GOOD_SAN = f"DNS:{servers.TLS_NAME}"


def expired(authority, _):
    return authority.issue("expired", GOOD_SAN, certificates.EXPIRED)


def not_yet_valid(authority, _):
    return authority.issue("not-yet-valid", GOOD_SAN, certificates.NOT_YET_VALID)


def wrong_name(authority, _):
    return authority.issue("wrong-name", f"DNS:other.e2e.example,DNS:x.{servers.TLS_NAME}")


def common_name_only(authority, _):
    return authority.issue(servers.TLS_NAME, "IP:127.0.0.1")


def self_signed(_, directory):
    return certificates.self_signed(directory, "self-signed", GOOD_SAN)


def unknown_ca(_, directory):
    return certificates.Authority(directory / "unknown-ca", "an unknown CA").issue("unknown-ca", GOOD_SAN)


def namesakes(_, directory):
    """Issued by a CA that has the name of the trusted one, as after the CA was made anew."""
    return certificates.Authority(directory / "namesake").issue("namesakes", GOOD_SAN)


def for_signing_only(authority, _):
    return authority.issue("for-signing-only", GOOD_SAN, key_usage="keyCertSign,cRLSign")


def of_a_short_key(authority, _):
    return authority.issue("of-a-short-key", GOOD_SAN, key_kind="short RSA")


def of_sha1(authority, _):
    return authority.issue("of-sha1", GOOD_SAN, digest="sha1")


def through_no_ca(authority, directory):
    """Issued by a holder of a certificate that is not a CA's."""
    leaf = authority.issue("no-ca", "DNS:no-ca.example")
    return certificates.issued_by_leaf(directory, leaf, "through-no-ca", GOOD_SAN)


def without_its_intermediate(authority, directory):
    intermediate = certificates.Authority(directory / "intermediate", "an intermediate CA", issuer=authority)
    return intermediate.issue("without-its-intermediate", GOOD_SAN)


def of_another_level(authority, _):
    return authority.issue("of-another-level", f"DNS:*.{servers.TLS_NAME},DNS:*.example")


def for_clients_only(authority, _):
    return authority.issue("for-clients-only", GOOD_SAN, usage="clientAuth")


BAD = [
    (expired, "certificate_expired", "expired"),
    (not_yet_valid, "certificate_expired", "not yet valid"),
    (wrong_name, "certificate_name", "name mismatch"),
    (common_name_only, "certificate_name", "name mismatch"),
    (self_signed, "certificate_untrusted", "not signed by a trusted CA"),
    (unknown_ca, "certificate_untrusted", "not signed by a trusted CA"),
    (for_clients_only, "certificate_invalid", "rejected"),
    (namesakes, "certificate_untrusted", "not signed by a trusted CA"),
    (for_signing_only, "certificate_invalid", "rejected"),
    (of_a_short_key, "certificate_invalid", "rejected"),
    (of_sha1, "certificate_invalid", "rejected"),
    (through_no_ca, "certificate_invalid", "rejected"),
    (without_its_intermediate, "certificate_untrusted", "not signed by a trusted CA"),
    (of_another_level, "certificate_name", "name mismatch"),
]


def assert_refused(proxy, server, reason, words):
    query = make_query("a.example.", use_edns=0)
    for answer in (read(ask_tcp(proxy.port, query)), read(ask_udp(proxy.port, query))):
        assert answer.rcode() == 2 and not answer.answer
        errors = extended_errors(answer)
        assert len(errors) == 1 and words in errors[0][1] and server.address in errors[0][1], errors
        assert errors[0][0] in (22, 23), errors
    # A client without EDNS only gets the SERVFAIL.
    assert read(ask_tcp(proxy.port, make_query("a.example."))).edns == -1
    assert proxy.metrics().sum("upstream_failures_total", server=server.address, reason=reason) > 0
    assert proxy.metrics().sum("tls_handshakes_total", server=server.address, result="success") == 0

    def told():
        return [line for line in proxy.log() if line["level"] in ("warn", "warning", "error") and words in str(line)
                and server.address in str(line)]

    # Another thread writes the log a moment later.
    wait_until(told, "a line of the log that tells of it")
    assert server.queries == 0, "not a byte of a query goes to a server that is not verified"


@pytest.mark.parametrize("make, reason, words", BAD, ids=[make.__name__ for make, *_ in BAD])
def test_a_bad_certificate_is_refused(tmp_path, authority, verified, make, reason, words):
    with DotServer(make(authority, tmp_path)) as server, pillion.running(tmp_path, verified(server)) as proxy:
        assert_refused(proxy, server, reason, words)


@pytest.mark.parametrize("make, detail", [
    (namesakes, "CN=namesakes is signed by CN=throwaway CA; the trusted CA of that name has another key"),
    (without_its_intermediate, "CN=without-its-intermediate is signed by CN=an intermediate CA"),
    (for_signing_only, "unsuitable certificate purpose: CN=for-signing-only"),
    (of_a_short_key, "key too weak: CN=of-a-short-key"),
    (of_sha1, "digest algorithm too weak: CN=of-sha1"),
    (through_no_ca, "CN=no-ca"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_the_log_says_what_is_wrong_with_a_certificate(tmp_path, authority, verified, make, detail):
    with DotServer(make(authority, tmp_path)) as server, pillion.running(tmp_path, verified(server)) as proxy:
        ask_udp(proxy.port, make_query("a.example."))
        wait_until(lambda: [line for line in proxy.log() if line["msg"] == "upstream failed" and detail in line["detail"]], detail)


def entry(server, authority, **more):
    return {"real": pillion.upstream({"address": server.address, **more}, tls={"ca_file": str(authority.ca_file)})}


def test_a_wrong_pin_is_refused(tmp_path, authority, certificate):
    other = authority.issue("other", GOOD_SAN).pin()
    with DotServer(certificate) as server, \
            pillion.running(tmp_path, entry(server, authority, tls_name=servers.TLS_NAME, pins=[other])) as proxy:
        assert_refused(proxy, server, "pin_mismatch", "pin")


def test_a_right_pin_among_others_is_accepted_also_on_resumed_sessions(tmp_path, authority, certificate):
    pins = [authority.issue("another", GOOD_SAN).pin(), certificate.pin()]
    with DotServer(certificate, close_after_answer=True) as server, \
            pillion.running(tmp_path, entry(server, authority, tls_name=servers.TLS_NAME, pins=pins)) as proxy:
        for number in range(10):
            assert rcode(ask_tcp(proxy.port, make_query(f"n{number}.example."))) == "NOERROR"
        assert server.resumed > 0


def test_a_server_without_a_name_is_verified_by_its_address(tmp_path, authority, certificate):
    by_address = authority.issue("by-address", "IP:127.0.0.1")
    with DotServer(by_address) as server, pillion.running(tmp_path / "good", entry(server, authority)) as proxy:
        assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"
    with DotServer(certificate) as server, pillion.running(tmp_path / "bad", entry(server, authority)) as proxy:
        assert_refused(proxy, server, "certificate_name", "name mismatch")


def test_a_wildcard_name_is_accepted(tmp_path, authority, verified):
    with DotServer(authority.issue("wildcard", "DNS:*.e2e.example")) as server, pillion.running(tmp_path, verified(server)) as proxy:
        assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"


def test_a_second_server_takes_over_from_an_unverified_one(tmp_path, authority, certificate, verified):
    with DotServer(expired(authority, tmp_path)) as bad, DotServer(certificate) as good, \
            pillion.running(tmp_path, verified(bad, good, policy="sequential")) as proxy:
        for number in range(10):
            assert rcode(ask_tcp(proxy.port, make_query(f"n{number}.example."))) == "NOERROR"
        assert bad.queries == 0


def test_a_server_below_the_version_floor_is_refused(tmp_path, certificate, authority):
    with DotServer(certificate, maximum_version=ssl.TLSVersion.TLSv1_2) as server:
        server_entry = {"address": server.address, "tls_name": servers.TLS_NAME}
        for floor, expected in (("1.2", "NOERROR"), ("1.3", "SERVFAIL")):
            upstreams = {"real": pillion.upstream(server_entry, tls={"ca_file": str(authority.ca_file), "min_version": floor})}
            with pillion.running(tmp_path / floor, upstreams) as proxy:
                assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == expected


def test_the_systems_authorities_do_not_vouch_for_a_throwaway_ca(tmp_path, certificate):
    with DotServer(certificate) as server, pillion.running(
            tmp_path, {"real": pillion.upstream({"address": server.address, "tls_name": servers.TLS_NAME})}) as proxy:
        assert_refused(proxy, server, "certificate_untrusted", "not signed by a trusted CA")
