"""RLIMIT_NOFILE: whatever clients do, probes, scrapes, upstream connections and clients over UDP have descriptors left."""

import os
import re
import socket

import pytest

from harness import pillion
from harness.client import TcpClient, ask_tcp, ask_udp, make_query, rcode
from harness.dot_server import DotServer
from harness.process import free_port, run


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture
def held():
    """A list of connections, which are closed at the end."""
    made = []
    yield made
    for one in made:
        one.close()


def limited(limit, hard=None):
    return ["prlimit", f"--nofile={limit}:{hard or limit}"]


def lines_of(proxy, message):
    return [line for line in proxy.log() if line["msg"] == message]


def refused(tmp_path, verified, server, limit, **more):
    """Runs `pillion run` with a limit that is too low. Returns its message."""
    config = pillion.write_config(tmp_path / "low.yaml", free_port(), free_port(), verified(server), **more)
    done = run(*limited(limit), pillion.BINARY, "run", "--config", config, check=False)
    assert done.returncode == 1, done
    return done.stderr


@pytest.mark.parametrize("threads, limit", [(1, 32), (1, 64), (1, 256), (2, 48), (4, 64)])
def test_what_clients_hold_is_not_what_others_need(tmp_path, certificate, verified, held, threads, limit):
    with DotServer(certificate, close_after_answer=True) as closing, \
            pillion.running(tmp_path, verified(closing), prefix=limited(limit), threads=threads) as proxy:
        message = "fewer TCP clients are allowed than configured, because of the limit of open files (RLIMIT_NOFILE)"
        proxy.process.wait_for(lambda: lines_of(proxy, message), "the log says so")
        lowered, = lines_of(proxy, message)
        assert 0 < lowered["max_connections"] < limit and lowered["configured"] == 4096
        held.extend(socket.create_connection(("127.0.0.1", proxy.http_port)) for _ in range(80))
        held.extend(TcpClient(proxy.port) for _ in range(limit + 32))
        assert proxy.wait_metric("dns_rejected_total", limit + 32 - lowered["max_connections"], reason="connection_limit")
        assert proxy.metrics().sum("client_connections") == lowered["max_connections"]
        assert proxy.get("/livez")[0] == proxy.get("/readyz")[0] == 200
        for number in range(8):  # each uses a new upstream connection
            assert rcode(ask_udp(proxy.port, make_query(f"cold{number}.example."))) == "NOERROR"
        assert proxy.metrics().sum("accept_errors_total") == 0
        for one in held:
            one.close()
        proxy.process.wait_for(lambda: proxy.metrics().sum("client_connections") == 0, "all are forgotten")
        assert rcode(ask_tcp(proxy.port, make_query("after.example."))) == "NOERROR"


def test_the_limit_is_raised_as_far_as_it_is_needed(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), prefix=limited(64, 1024), dns={"max_connections": 100}) as proxy:
        assert not lines_of(proxy, "fewer TCP clients are allowed than configured, because of the limit of open files (RLIMIT_NOFILE)")
        found, = re.findall(r"^process_max_fds (\d+)$", proxy.metrics().text, re.M)
        assert 164 < int(found) < 300


@pytest.mark.parametrize("more", [{}, {"threads": 2}, {"http": {"listen": ""}}, {"dns": {"listen": ["127.0.0.1:0", "127.0.0.2:0"]}}])
def test_exit_code_1_where_it_cannot_do_with_so_few(tmp_path, server, verified, more):
    said = refused(tmp_path, verified, server, 12, **more)
    least = int(re.search(r"the limit of open files \(RLIMIT_NOFILE\) is 12; this configuration needs at least (\d+)", said).group(1))
    assert f"needs at least {least}" in refused(tmp_path, verified, server, least - 1, **more)


@pytest.mark.parametrize("threads", [1, 2])
def test_as_many_as_it_asks_for_are_enough(tmp_path, server, verified, threads):
    least = int(re.search(r"at least (\d+)", refused(tmp_path, verified, server, 12, threads=threads)).group(1))
    with pillion.running(tmp_path, verified(server), prefix=limited(least), threads=threads) as proxy:
        with TcpClient(proxy.port) as client:
            assert rcode(client.ask(make_query("one.example."))) == "NOERROR"
            assert rcode(ask_udp(proxy.port, make_query("two.example."))) == "NOERROR"
            assert proxy.get("/livez")[0] == 200 and proxy.metrics().sum("accept_errors_total") == 0


def test_clients_that_cannot_be_accepted_are_turned_away(tmp_path, server, verified):
    """The limit is lowered while Pillion runs, so that accept(2) fails."""
    with pillion.running(tmp_path, verified(server)) as proxy, TcpClient(proxy.port) as client:
        assert rcode(client.ask(make_query("first.example."))) == "NOERROR"
        # The kernel gives the lowest free descriptor next.
        taken = {int(entry) for entry in os.listdir(f"/proc/{proxy.process.pid}/fd")}
        run("prlimit", "--pid", str(proxy.process.pid), f"--nofile={min(set(range(len(taken) + 1)) - taken)}:1024")
        used = proxy.process.cpu_seconds()
        for number in range(20):
            with TcpClient(proxy.port) as turned_away:
                assert turned_away.receive() is None
            assert rcode(client.ask(make_query(f"n{number}.example."))) == "NOERROR"
        assert proxy.process.cpu_seconds() - used < 0.5
        assert len(lines_of(proxy, "cannot accept a TCP client")) == 1
        run("prlimit", "--pid", str(proxy.process.pid), "--nofile=1024:1024")
        assert rcode(ask_tcp(proxy.port, make_query("again.example."))) == "NOERROR"
        assert proxy.metrics().sum("accept_errors_total") >= 1
