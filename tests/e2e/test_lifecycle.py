"""Start, stop, exit codes and logs."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import time

import pytest

from harness import pillion, zone
from harness.client import TcpClient, ask_tcp, ask_udp, make_query, rcode, read
from harness.dot_server import DotServer
from harness.process import Process, accepts_tcp, free_port, run, wait_until


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.mark.parametrize("number, threads", [(signal.SIGTERM, 1), (signal.SIGINT, 1), (signal.SIGTERM, 2), (signal.SIGTERM, 4)])
def test_it_drains_before_it_stops(tmp_path, server, verified, number, threads):
    with pillion.running(tmp_path, verified(server), threads=threads) as proxy, TcpClient(proxy.port) as client, TcpClient(proxy.port) as idle:
        assert rcode(idle.ask(make_query("idle.example."))) == "NOERROR"
        before = server.queries
        client.send(*[make_query(f"delay-1500-n{query}.example.", id=query) for query in range(50)])
        proxy.process.wait_for(lambda: server.queries == before + 50, "the upstream has the queries")
        proxy.process.send_signal(number)
        proxy.process.wait_for(lambda: not accepts_tcp(proxy.port), "no new connections")
        assert sorted(read(client.receive()).id for _ in range(50)) == list(range(50)), "what was accepted is answered"
        assert client.receive() is None and idle.receive() is None
        assert proxy.process.wait() == 0


def test_readiness_ends_with_the_drain(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server)) as proxy, TcpClient(proxy.port) as client:
        before = server.queries
        client.send(make_query("delay-1000-slow.example."))
        proxy.process.wait_for(lambda: server.queries == before + 1, "the upstream has the query")
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait_for(lambda: proxy.get("/readyz")[0] == 503, "/readyz answers 503")
        assert proxy.get("/livez")[0] == 200
        assert "drain" in proxy.get("/readyz?verbose")[1]
        assert rcode(client.receive()) == "NOERROR"
        assert proxy.process.wait() == 0


def test_clients_that_go_on_asking_are_answered_while_it_drains(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server, timeout="30s")) as proxy, TcpClient(proxy.port) as client:
        before = len(server.held)
        client.send(make_query("hold-slow.example.", id=1))
        proxy.process.wait_for(lambda: len(server.held) == before + 1, "the upstream has the query")
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait_for(lambda: proxy.get("/readyz")[0] == 503, "/readyz answers 503")
        client.send(make_query("late.example.", id=2))
        assert read(client.receive()).id == 2
        server.release()
        assert read(client.receive()).id == 1
        assert proxy.process.wait() == 0


@pytest.mark.parametrize("threads", [1, 4])
def test_a_query_that_is_never_answered_does_not_hold_it_for_ever(tmp_path, server, verified, threads):
    with pillion.running(tmp_path, verified(server, timeout="30s"), drain_timeout="1s", threads=threads) as proxy, TcpClient(proxy.port) as client:
        before = server.queries
        client.send(make_query("drop-it.example."))
        proxy.process.wait_for(lambda: server.queries == before + 1, "the upstream has the query")
        proxy.process.send_signal(signal.SIGTERM)
        # The query's own timeout is 30 s: the drain's timeout has ended it.
        assert proxy.process.wait(25) == 0


def test_a_second_signal_does_no_harm(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server)) as proxy, TcpClient(proxy.port) as client:
        before = server.queries
        client.send(make_query("delay-500-slow.example."))
        proxy.process.wait_for(lambda: server.queries == before + 1, "the upstream has the query")
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_very_end_does_not_change_the_exit_code(tmp_path, server, verified, number):
    for attempt in range(10):
        with pillion.running(tmp_path / str(attempt), verified(server), drain_timeout="1s", drain_quiet="100ms") as proxy:
            proxy.process.send_signal(signal.SIGTERM)
            # On a busy machine, a flood without an end takes all of the program's time.
            for _ in range(3000):
                if not proxy.process.running():
                    break
                proxy.process.send_signal(number)
                time.sleep(0.0002)
            assert proxy.process.wait() == 0, attempt


def handles(process, number):
    """True once the program has blocked this signal, handles it, or has ended."""
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return True
    masks = [int(mask, 16) for mask in re.findall(r"^Sig(?:Blk|Cgt):\t(\w+)$", status, re.M)]
    return not masks or any(mask >> (number - 1) & 1 for mask in masks)


@pytest.mark.parametrize("supervise", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_start_ends_it_cleanly(tmp_path, server, verified, number, supervise):
    for attempt in range(10):
        proxy = pillion.Pillion(tmp_path / str(attempt), verified(server), supervise=supervise, drain_timeout="1s")
        with contextlib.ExitStack() as stack:
            stack.callback(proxy.process.kill)
            # While the supervisor waits for signals, the kernel does not show them as blocked. It has written something by then.
            wait_until(lambda: handles(proxy.process, number) or proxy.process.err(), "signals are held back")
            time.sleep(attempt * 0.001)  # another moment of the start
            proxy.process.send_signal(number)
            assert proxy.process.wait() == 0, proxy.process.printed()


@pytest.mark.parametrize("key", ["", "ca_file", "client_cert", "client_key"])
def test_a_fifo_in_place_of_a_file_is_refused_and_does_not_delay_the_end(tmp_path, authority, server, verified, key):
    identity = authority.issue("client", "DNS:client.example")
    files = {"client_cert": str(identity.path), "client_key": str(identity.key)}
    with pillion.running(tmp_path, verified(server), drain_timeout="1s") as proxy:
        if key:
            fifo = tmp_path / "fifo"
            os.mkfifo(fifo)
            config = json.loads(proxy.config.read_text())
            next(iter(config["upstreams"].values()))["tls"].update({**(files if key.startswith("client") else {}), key: str(fifo)})
            (tmp_path / "next.yaml").write_text(json.dumps(config))
            os.replace(tmp_path / "next.yaml", proxy.config)
        else:
            os.mkfifo(tmp_path / "next.yaml")
            os.replace(tmp_path / "next.yaml", proxy.config)
        proxy.process.send_signal(signal.SIGHUP)
        proxy.process.wait_for(lambda: "configuration refused" in proxy.process.err(), "the reload is refused")
        assert any(key in line["error"] and "it is not a regular file" in line["error"]
                   for line in proxy.log() if line["msg"] == "configuration refused")
        assert rcode(ask_udp(proxy.port, make_query("goes-on.example."))) == "NOERROR"
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait(25) == 0


def test_it_starts_and_stops_without_an_upstream(tmp_path, verified):
    class Nobody:
        address = f"127.0.0.1:{free_port()}"

    with pillion.running(tmp_path, verified(Nobody)) as proxy:
        assert proxy.get("/readyz")[0] == 200
        proxy.process.wait_for(lambda: proxy.get("/startupz")[0] == 200, "/startupz gives up waiting after 5 s")


def test_ipv6(tmp_path, unbound, verified):
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no ::1")
    with pillion.running(tmp_path, verified(unbound), host="::1") as proxy:
        query = make_query(f"a.{zone.ORIGIN}")
        assert read(ask_tcp(proxy.port, query, "::1")).answer and read(ask_udp(proxy.port, query, "::1")).answer
        assert not accepts_tcp(proxy.port), "only the address that was asked for"
        assert proxy.metrics().sum("dns_requests_total", family="ipv6") == 2
        assert proxy.metrics().sum("dns_requests_total", family="ipv4") == 0


@pytest.mark.parametrize("threads", [2, 4])
def test_more_threads(tmp_path, server, verified, threads):
    with pillion.running(tmp_path, verified(server), threads=threads) as proxy:
        for number in range(50):
            query = make_query(f"n{number}.example.")
            assert read(ask_tcp(proxy.port, query)).answer and read(ask_udp(proxy.port, query)).answer
        metrics = proxy.metrics()
        assert metrics.sum("dns_requests_total") == metrics.sum("dns_responses_total") == 100


def config(tmp_path, verified, server, **more):
    return pillion.write_config(tmp_path / "pillion.yaml", free_port(), free_port(), verified(server), **more)


@pytest.mark.parametrize("taken", ["dns", "http"])
def test_exit_code_3_where_it_cannot_bind(tmp_path, server, verified, taken):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = "127.0.0.1:%d" % holder.getsockname()[1]
        listen = {"listen": [address]} if taken == "dns" else {"listen": address}
        done = run(pillion.BINARY, "run", "--config", config(tmp_path, verified, server, **{taken: listen}), check=False)
        assert done.returncode == 3, done
        assert address in done.stderr


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("text, expected", [
    ("dns: {listen: [\"127.0.0.1:1\"]}\nunknown: 1\n", r"pillion\.yaml:2:1: "),
    ("dns:\n  idle_timeout: 5\n", r"pillion\.yaml:2:17: "),
    ("dns: [\n", r"pillion\.yaml:\d+:\d+: "),
    ("admin: {listen: \"localhost:9154\"}\n", r"pillion\.yaml:1:17: "),
])
def test_exit_code_1_for_a_bad_configuration(tmp_path, command, text, expected):
    path = tmp_path / "pillion.yaml"
    path.write_text(text)
    done = run(pillion.BINARY, command, "--config", path, check=False)
    assert done.returncode == 1, done
    assert re.search(expected, done.stderr), done.stderr


def test_exit_code_1_for_a_file_that_is_not_there(tmp_path):
    done = run(pillion.BINARY, "run", "--config", tmp_path / "missing.yaml", check=False)
    assert done.returncode == 1 and "missing.yaml" in done.stderr


@pytest.mark.parametrize("arguments", [["--nonsense"], ["run", "--nonsense"], ["nonsense"], ["query"], ["check", "extra"]])
def test_exit_code_2_for_a_bad_command_line(arguments):
    done = run(pillion.BINARY, *arguments, check=False)
    assert done.returncode == 2, done
    assert done.stderr


def test_log_lines_are_json_objects(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server)) as proxy:
        assert rcode(ask_tcp(proxy.port, make_query("secretname.example."))) == "NOERROR"
        proxy.stop()
        lines = [json.loads(line) for line in proxy.process.err().splitlines()]
    assert lines
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"]), line
        assert line["level"] in ("debug", "info", "warn", "error") and line["msg"]
    assert "secretname" not in proxy.process.err(), "names are logged at debug level only"


def test_log_lines_as_text(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), log={"level": "info", "format": "text"}) as proxy:
        assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"
        proxy.stop()
        lines = proxy.process.err().splitlines()
    assert lines
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\d\S* +(DEBUG|INFO|WARN|ERROR) +\S", line), line


def test_log_levels(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), log={"level": "error", "format": "json"}) as proxy:
        assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"
        proxy.stop()
        assert proxy.process.err() == ""


def test_a_log_that_nobody_reads_blocks_nothing(tmp_path, server, verified):
    """Standard error is a full pipe. Pillion still answers queries."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        try:
            while os.write(writing, b"x" * 4096):
                pass
        except BlockingIOError:
            pass
        os.set_blocking(writing, True)
        path = config(tmp_path, verified, server, log={"level": "debug", "format": "json"})
        port = int(json.loads(path.read_text())["dns"]["listen"][0].rsplit(":", 1)[1])
        proxy = Process([pillion.BINARY, "run", "--config", path], tmp_path, "blocked", stderr=writing)
        try:
            proxy.wait_for(lambda: accepts_tcp(port), "listens")
            with TcpClient(port) as client:
                for number in range(2000):
                    assert rcode(client.ask(make_query(f"n{number}.example."))) == "NOERROR"
        finally:
            proxy.kill()
    finally:
        os.close(reading)
        os.close(writing)
