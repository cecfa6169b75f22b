"""`pillion status`: a summary of the running proxy for a terminal, and an attestation."""

import json
import signal
import subprocess

import pytest

from harness import pillion, servers
from harness.client import ask_tcp, make_query
from harness.dot_server import DotServer
from harness.process import PATIENCE, free_port, run


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture
def proxied(tmp_path, verified, server):
    def make(**options):
        port = free_port()
        running = pillion.running(tmp_path, verified(server), **({"admin": {"listen": f"127.0.0.1:{port}"}} | options))
        return running
    return make


def status(*options):
    return run(pillion.BINARY, "status", *options, check=False)


def test_one_screen_with_the_verdict_first(proxied, server):
    with proxied() as proxy:
        ask_tcp(proxy.port, make_query("a.example."))
        done = status("--pid", proxy.process.child.pid)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].startswith("DNS works: ") and lines[0].endswith("1 of 1 server up.")
        assert max(map(len, lines)) <= 80 and len(lines) < 25, done.stdout
        assert any(server.address in line and " up, 1 reply," in line for line in lines)
        assert any(servers.TLS_NAME in line and "TLSv1.3" in line for line in lines)


def test_the_attestation(proxied, server, certificate):
    with proxied() as proxy:
        ask_tcp(proxy.port, make_query("a.example."))
        (line,) = status("--pid", proxy.process.child.pid, "--json").stdout.splitlines()
        attested = json.loads(line)
        assert attested["plaintext_queries"] == 0 and attested["verdict"]["code"] == "all_well"
        assert len(attested["config"]["hash"]) == 12
        version = run(pillion.BINARY, "version").stdout
        assert attested["build"]["version"] in version and attested["build"]["commit"] in version
        (upstream,) = attested["upstreams"]
        (has,) = upstream["servers"]
        assert has["address"] == server.address and has["verified_name"] == servers.TLS_NAME and has["pin_matched"] is None
        assert "throwaway CA" in has["issuer"] and has["tls_version"] == "TLSv1.3" and has["cipher"].startswith("TLS_")
        assert has["group"] and has["not_after"] > has["last_handshake"] and has["plaintext_queries"] == 0


def test_a_pin_that_matched_is_attested(tmp_path, verified, server, certificate):
    upstreams = verified(server)
    next(iter(upstreams.values()))["servers"][0]["pins"] = [certificate.pin()]
    with pillion.running(tmp_path, upstreams, admin={"listen": "127.0.0.1:0"}) as proxy:
        ask_tcp(proxy.port, make_query("a.example."))
        attested = json.loads(status("--pid", proxy.process.child.pid, "--json").stdout)
        assert attested["upstreams"][0]["servers"][0]["pin_matched"] == certificate.pin()


def test_an_upstream_that_is_down_is_said_first(tmp_path, verified, certificate):
    with DotServer(certificate) as gone:
        pass
    with pillion.running(tmp_path, verified(gone), admin={"listen": "127.0.0.1:0"}) as proxy:
        ask_tcp(proxy.port, make_query("a.example."))
        first = status("--pid", proxy.process.child.pid).stdout
        assert first.startswith(f"Server {gone.address} of upstream ") and "connection refused" in first
        assert max(map(len, first.splitlines())) <= 80


def test_watching_shows_it_again_until_it_is_interrupted(proxied):
    with proxied() as proxy:
        watching = subprocess.Popen([pillion.BINARY, "status", "--watch", "--json", "--pid", str(proxy.process.child.pid)],
                                    stdout=subprocess.PIPE, text=True)
        try:
            times = [json.loads(watching.stdout.readline())["time"] for _ in range(2)]
            assert times[0] < times[1]
        finally:
            watching.send_signal(signal.SIGINT)
            watching.wait(PATIENCE)
            watching.stdout.close()


def test_an_address_may_be_given(proxied, tmp_path):
    port = free_port()
    with proxied(admin={"listen": f"127.0.0.1:{port}"}):
        assert status("--admin", f"127.0.0.1:{port}").returncode == 0
    done = status("--admin", f"127.0.0.1:{port}")
    assert done.returncode == 1 and f"127.0.0.1:{port}: Connection refused" in done.stderr and done.stdout == ""


def test_without_an_admin_server_it_says_so(proxied):
    with proxied(admin={"listen": ""}) as proxy:
        done = status("--pid", proxy.process.child.pid)
        assert done.returncode == 1 and "has no admin server" in done.stderr


def test_a_worker_of_a_supervisor_is_found(proxied):
    with proxied(supervise=True) as proxy:
        assert status("--pid", proxy.process.child.pid).stdout.splitlines()[0]
