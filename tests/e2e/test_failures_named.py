"""Causes each kind of failure, and checks that all places in which a person on call looks name it: the trace and the rest of
`/api/v1/resolve`, the Extended DNS Error of a client's answer, the log, and the data of `pillion status` and of the page. tests/page checks
the page itself."""

import contextlib

import dns.rcode
import pytest

from harness import pillion
from harness.admin import Admin
from harness.client import TcpClient, ask_udp, extended_errors, make_query, read, udp_socket
from harness.failing_world import DeadServers, PoorServers
from harness.failures import DEAD, POOR, Heard
from harness.process import free_port, wait_until
from harness.scripted import Scripted


@pytest.fixture(scope="module")
def heard(tmp_path_factory, authority, certificate):
    """heard(world, failures) -> the reports, collected once for all tests of a world."""
    with contextlib.ExitStack() as life:
        known = {}

        def hear(world, failures):
            if world not in known:
                made = life.enter_context(world(tmp_path_factory.mktemp(world.__name__), authority, certificate))
                known[world] = Heard(made, failures)
            return known[world]

        yield hear


def assert_in_order(parts, lines):
    rest = iter(lines)
    for part in parts:
        assert any(part in line for line in rest), (part, lines)


def assert_named(heard, failure):
    def filled(text):
        return text.format(server=heard.world.servers[failure.kind])

    ede = [(failure.ede[0], filled(failure.ede[1]))] if failure.ede else []
    for answer in heard.answers[failure.kind]:
        assert (dns.rcode.to_text(answer.rcode()), extended_errors(answer)) == (failure.rcode, ede), answer

    explained = heard.explained[failure.kind]
    assert (explained["rcode"], [(error["code"], error["text"]) for error in explained["ede"]]) == (failure.rcode, ede), explained
    assert_in_order([filled(part) for part in failure.trace], [event["text"] for event in explained["trace"]])

    server = heard.upstreams[failure.kind]
    assert server["state"] == failure.state, server
    assert (server["last_error"] or {}).get("reason") == failure.error, server

    if failure.finding:
        code, fault, part = failure.finding
        assert [found for found in heard.findings if (found["code"], found["fault"]) == (code, fault) and filled(part) in found["text"]
                and (heard.world.servers[failure.kind] == found["subject"] or code == "forwarding_loop")], heard.findings

    if failure.log:
        # Another thread writes the log, and findings appear in it within ten seconds.
        wait_until(lambda: [line for line in heard.log(failure) if any(failure.log[1] in str(value) for value in line.values())],
                   f"a line of the log that names it {failure.log}")


@pytest.mark.parametrize("failure", DEAD, ids=str)
def test_a_dead_server_is_named(heard, failure):
    assert_named(heard(DeadServers, DEAD), failure)


@pytest.mark.parametrize("failure", POOR, ids=str)
def test_a_poor_server_is_named(heard, failure):
    assert_named(heard(PoorServers, POOR), failure)


def test_an_expired_answer_is_named(heard):
    world = heard(PoorServers, POOR).world

    def ask():
        answer = read(ask_udp(world.port, make_query("ttl-1-a.stale.example.", use_edns=0)))
        return dns.rcode.to_text(answer.rcode()), extended_errors(answer)

    assert ask() == ("NOERROR", [])
    world.fading.go_away()
    wait_until(lambda: ask() == ("NOERROR", [(3, "")]), "an expired answer, which says that it is one (RFC 8914 section 4.4)")
    explained = world.admin.get("/resolve", "?name=ttl-1-a.stale.example")
    assert explained["source"] == "stale" and [error["code"] for error in explained["ede"]] == [3]
    assert any("answer" in event["text"] and "expired" in event["text"] for event in explained["trace"]), explained["trace"]
    assert any(found["code"] == "stale_answers" and found["fault"] == "upstream" for found in world.admin.get("/status")["verdict"]["findings"])
    wait_until(lambda: [line for line in world.proxy.log() if line["msg"] == "finding" and line["code"] == "stale_answers"], "a line of the log")


def test_a_name_of_ours_is_told_from_a_failure(heard):
    """RFC 6761: Pillion asks no server."""
    world = heard(PoorServers, POOR).world
    explained = world.admin.get("/resolve", "?name=www.invalid")
    assert (explained["rcode"], explained["source"], explained["ede"]) == ("NXDOMAIN", "local", [])
    assert "is a special-use domain (RFC 6761): Pillion answers itself" in explained["trace"][0]["text"]


def test_a_client_that_misbehaves_is_named(heard):
    world = heard(PoorServers, POOR).world
    with TcpClient(world.port) as client:
        client.send(b"\0\1\1\0\0\2\0\0\0\0\0\0")
        assert client.receive() is None
    wait_until(lambda: [line for line in world.proxy.log() if line["msg"] == "invalid query" and line["client"] == "127.0.0.1"], "a line of the log")
    assert any((found["code"], found["fault"]) == ("clients_misbehaving", "clients") for found in world.admin.get("/status")["verdict"]["findings"])


def test_want_of_room_is_named(tmp_path):
    """The report is neither a failure of the name nor one of the upstream."""
    port = free_port()
    with Scripted(lambda query, number: None) as server, \
            pillion.running(tmp_path, {"real": pillion.upstream({"address": server.address}, protocol="udp", timeout="30s")}, memory="16MiB",
                            admin={"listen": f"127.0.0.1:{port}"}) as proxy, udp_socket(proxy.port) as client:
        client.settimeout(0.01)
        answer, sent = None, 0
        while answer is None:
            for number in range(sent, sent + 300):
                client.send(make_query(f"n{number}.example.", use_edns=0, id=number % 65536).to_wire())
            sent += 300
            with contextlib.suppress(TimeoutError):
                answer = read(client.recv(65536))
        assert dns.rcode.to_text(answer.rcode()) == "REFUSED"
        assert extended_errors(answer) == [(0, "too many queries in flight from this address")]
        verdict = Admin(port).get("/status")["verdict"]
        assert [(found["code"], found["fault"]) for found in verdict["findings"]] == [("clients_refused", "clients")], verdict
        wait_until(lambda: [line for line in proxy.log() if line["msg"] == "finding" and line["code"] == "clients_refused"], "a line of the log")
