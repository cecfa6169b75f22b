"""No part of a query is sent to the upstream unencrypted."""

import pytest

from harness import capture, certificates, pillion, servers
from harness.client import ask_tcp, ask_udp, make_query, rcode
from harness.dot_server import DotServer

SECRET = "verysecretlabel"
TLS_HANDSHAKE = 22  # RFC 8446 5.1


def ask_everything(proxy):
    for number in range(50):
        query = make_query(f"{SECRET}{number}.example.", use_edns=0 if number % 2 else -1)
        assert rcode(ask_tcp(proxy.port, query)) == "NOERROR"
        assert rcode(ask_udp(proxy.port, query)) == "NOERROR"


def test_the_upstream_connection_carries_only_tls(tmp_path, certificate, verified):
    with DotServer(certificate, record=True) as server, pillion.running(tmp_path, verified(server)) as proxy:
        ask_everything(proxy)
        sent = bytes(server.recorded)
        assert server.queries == 100
        assert proxy.metrics().sum("plaintext_queries_total") == 0
    assert SECRET.encode() not in sent.lower()
    assert servers.TLS_NAME.encode() in sent, "the SNI is in the clear; this proves that the recording works"
    assert sent[0] == TLS_HANDSHAKE


@pytest.mark.skipif(not capture.possible(), reason="capturing packets needs root and tcpdump")
@pytest.mark.parametrize("fault", ["none", "expired certificate", "nobody listens"])
def test_a_capture_shows_no_plaintext(tmp_path, authority, certificate, verified, fault):
    presented = certificate
    if fault == "expired certificate":
        presented = authority.issue("expired-captured", f"DNS:{servers.TLS_NAME}", certificates.EXPIRED)
    with DotServer(presented) as server:
        if fault == "nobody listens":
            server.drop_everything()
        # The capture starts before the first connection. The traffic of the clients is captured separately.
        captured = capture.Capture(tmp_path / "upstream", server.port)
        with pillion.running(tmp_path, verified(server, timeout="500ms")) as proxy:
            captured_clients = capture.Capture(tmp_path / "clients", proxy.port)
            if fault == "none":
                ask_everything(proxy)
            else:
                for _ in range(3):
                    assert rcode(ask_tcp(proxy.port, make_query(f"{SECRET}.example."))) == "SERVFAIL"
            at_client = captured_clients.stop()
        towards = captured.stop()
        if fault == "nobody listens":
            server.listen()
    assert towards, "the upstream was tried"
    assert any(SECRET.encode() in packet for packet in at_client), "clients' queries are in the clear, and the capture sees them"
    assert not any(SECRET.encode() in packet.lower() for packet in towards)
    assert not any(packet[9] == 17 for packet in towards), "no UDP goes to the upstream"
