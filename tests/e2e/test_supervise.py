"""`pillion run --supervise`: the worker dies, and clients only notice a short delay. Otherwise it behaves like a proxy without a supervisor."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import time

import pytest

from harness import namespace, pillion, servers, zone
from harness.client import TcpClient, ask_tcp, ask_udp, make_query, rcode, read, udp_socket
from harness.dot_server import DotServer
from harness.process import Process, accepts_tcp, children_of, free_port, run, served, wait_until

SUPERVISOR_ANONYMOUS = 512 << 10  # bytes
LIBC_RETRY = 5  # seconds after which libc asks again
POD = {"/etc/resolv.conf": "nameserver 127.0.0.1\n", "/etc/hosts": "127.0.0.1 localhost\n", "/etc/nsswitch.conf": "hosts: files dns\n"}


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture
def supervised(tmp_path, verified, server):
    """supervised(…) -> a context with a running proxy and its supervisor. The options are those of pillion.running()."""
    def make(name="pillion", **options):
        return pillion.running(tmp_path / name, verified(server), supervise=True, **options)
    return make


def worker(proxy):
    """The process id of the worker, or 0 if there is none."""
    found = children_of(proxy.process.pid)
    return found[0] if found else 0


def kill_worker(proxy, number=signal.SIGKILL):
    """Kills the worker, and waits until it has gone, so that later queries reach another one. Returns its process id."""
    pid = worker(proxy)
    os.kill(pid, number)
    proxy.process.wait_for(lambda: worker(proxy) != pid, "the supervisor has seen it")
    return pid


DEATHS = 6  # after which there is no worker for 640 ms


def exhaust_patience(proxy):
    """Kills workers until the supervisor waits long enough before the next one for a test to see that there is none."""
    for _ in range(DEATHS):
        proxy.process.wait_for(lambda: worker(proxy), "a worker is there")
        kill_worker(proxy)
    assert worker(proxy) == 0


def log_lines(proxy, text):
    return [line for line in proxy.log() if text in line["msg"]]


@pytest.mark.parametrize("host, threads", [("127.0.0.1", 1), ("0.0.0.0", 2)])
def test_what_comes_while_there_is_no_worker_waits(supervised, host, threads):
    with supervised(host=host, threads=threads) as proxy, contextlib.ExitStack() as opened:
        exhaust_patience(proxy)
        datagrams = [opened.enter_context(udp_socket(proxy.port)) for _ in range(16)]
        for client in datagrams:
            client.send(make_query("udp.example.").to_wire())
        streams = [opened.enter_context(TcpClient(proxy.port)) for _ in range(16)]
        for client in streams:
            client.send(make_query("tcp.example."))
        assert worker(proxy) == 0, "all of this was sent to nobody"
        for client in datagrams:
            assert rcode(client.recv(65536)) == "NOERROR"
        for client in streams:
            assert rcode(client.receive()) == "NOERROR"
        assert proxy.metrics().sum("worker_restarts_total") == DEATHS


def test_a_signal_is_logged_and_counted(supervised):
    with supervised() as proxy:
        assert proxy.metrics().sum("worker_restarts_total") == 0
        numbers = [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT]
        for count, number in enumerate(numbers, 1):
            before = kill_worker(proxy, number)
            assert rcode(ask_udp(proxy.port, make_query("a.example."))) == "NOERROR"
            assert worker(proxy) not in (0, before)
            proxy.wait_ready()
            assert proxy.metrics().sum("worker_restarts_total") == count
        lines = log_lines(proxy, "a signal ended the worker")
        assert [(line["level"], line["signal"], line["restarts"]) for line in lines] == [
            ("error", number.name, count) for count, number in enumerate(numbers, 1)]


def test_the_log_has_the_form_that_the_configuration_says(supervised):
    with supervised(log={"level": "error", "format": "text"}) as proxy:
        kill_worker(proxy)
        assert rcode(ask_udp(proxy.port, make_query("a.example."))) == "NOERROR"
        proxy.stop()
        lines = proxy.process.err().splitlines()
    assert len(lines) == 1
    assert re.match(r"\d{4}-\d\d-\d\d\S* ERROR a signal ended the worker\b.* signal=SIGKILL ", lines[0]), lines


@pytest.mark.parametrize("number, threads", [(signal.SIGTERM, 2), (signal.SIGINT, 1)])
def test_it_drains_before_it_stops(supervised, server, number, threads):
    with supervised(threads=threads) as proxy, TcpClient(proxy.port) as client:
        before = server.queries
        client.send(*[make_query(f"delay-700-n{query}.example.", id=query) for query in range(20)])
        proxy.process.wait_for(lambda: server.queries == before + 20, "the upstream has the queries")
        proxy.process.send_signal(number)
        proxy.process.wait_for(lambda: not accepts_tcp(proxy.port), "new connections are refused, by the kernel")
        assert sorted(read(client.receive()).id for _ in range(20)) == list(range(20))
        assert proxy.process.wait() == 0


def test_a_signal_that_comes_before_the_worker_listens_to_it_is_not_lost(supervised):
    with supervised() as proxy:
        kill_worker(proxy)
        pid = proxy.process.wait_for(lambda: worker(proxy), "a worker is there")
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait() == 0
        assert not pathlib.Path(f"/proc/{pid}").exists()


def test_sigterm_while_there_is_no_worker(supervised):
    with supervised() as proxy:
        exhaust_patience(proxy)
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait() == 0
        assert not accepts_tcp(proxy.port)


def test_a_worker_that_is_killed_while_it_drains_stays_away(supervised, server):
    with supervised() as proxy, TcpClient(proxy.port) as client:
        before = server.queries
        client.send(make_query("delay-5000-slow.example."))
        proxy.process.wait_for(lambda: server.queries == before + 1, "the upstream has the query")
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait_for(lambda: proxy.get("/readyz")[0] == 503, "it drains")
        os.kill(worker(proxy), signal.SIGKILL)
        assert proxy.process.wait() == 128 + signal.SIGKILL


def test_sigpipe_ends_it_no_more_than_the_worker(supervised):
    with supervised() as proxy:
        before = worker(proxy)
        for pid in (proxy.process.pid, before):
            os.kill(pid, signal.SIGPIPE)
        # The supervisor handles this signal after the other.
        proxy.process.send_signal(signal.SIGHUP)
        proxy.process.wait_for(lambda: log_lines(proxy, "configuration read again"), "it has read its configuration again")
        assert worker(proxy) == before
        assert rcode(ask_udp(proxy.port, make_query("a.example."))) == "NOERROR"


def test_sighup_goes_to_the_worker(supervised):
    with supervised() as proxy:
        pid = worker(proxy)
        lines = len(proxy.log())
        proxy.process.send_signal(signal.SIGHUP)
        proxy.process.wait_for(lambda: len(proxy.log()) > lines, "the worker says something of it")
        assert worker(proxy) == pid
        assert rcode(ask_udp(proxy.port, make_query("a.example."))) == "NOERROR"


def test_the_worker_dies_with_its_supervisor(supervised):
    with supervised() as proxy:
        pid = worker(proxy)
        os.kill(proxy.process.pid, signal.SIGKILL)
        assert proxy.process.wait() == -signal.SIGKILL
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the worker has gone")
        assert not accepts_tcp(proxy.port)


def without_time(text):
    """The lines of a log or of error messages, without times."""
    return [{**json.loads(line), "ts": ""} if line.startswith("{") else line for line in text.splitlines()]


@pytest.mark.parametrize("arguments, code", [
    (["run", "--config", "{bad}"], 1), (["--config", "{bad}"], 1), (["run", "--config", "{missing}"], 1), (["run", "--nonsense"], 2),
    (["query", "a.example"], 2), (["run", "--help"], 0)])
def test_what_cannot_run_ends_as_without_a_supervisor(tmp_path, arguments, code):
    (tmp_path / "bad.yaml").write_text("dns:\n  idle_timeout: 5\nunknown: 1\n")
    words = [word.format(bad=tmp_path / "bad.yaml", missing=tmp_path / "missing.yaml") for word in arguments]
    done = run(pillion.BINARY, *words, "--supervise", check=False)
    assert done.returncode == code
    if words[0] != "query":  # it has no such option
        alone = run(pillion.BINARY, *words, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (alone.returncode, alone.stdout, alone.stderr)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("taken", ["dns", "http"])
def test_a_busy_port(tmp_path, verified, server, taken, threads):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = "127.0.0.1:%d" % holder.getsockname()[1]
        listen = {"listen": [address]} if taken == "dns" else {"listen": address}
        config = pillion.write_config(tmp_path / "pillion.yaml", free_port(), free_port(), verified(server), threads=threads, **{taken: listen})
        done, alone = (run(pillion.BINARY, "run", "--config", config, *more, check=False) for more in (["--supervise"], []))
    assert done.returncode == alone.returncode == pillion.CANNOT_BIND
    assert address in done.stderr and without_time(done.stderr) == without_time(alone.stderr)


def test_a_file_that_cannot_be_used_any_more_ends_it(supervised):
    """Only an end by a signal is a crash: if the next worker says why it cannot start, the supervisor ends too."""
    with supervised() as proxy:
        proxy.config.write_text("threads: 0\n")
        os.kill(worker(proxy), signal.SIGKILL)
        assert proxy.process.wait() == 1
        assert f"{proxy.config}:1:10: threads: `0` is out of range" in proxy.process.err()


@pytest.mark.parametrize("before, after", [(1, 2), (3, 1)])
def test_a_new_worker_has_the_configuration_of_its_start(supervised, before, after):
    kept, removed, added = (free_port() for _ in range(3))
    with supervised(threads=before, port=kept, dns={"listen": [f"127.0.0.1:{removed}", f"127.0.0.1:{kept}"]}) as proxy:
        config = json.loads(proxy.config.read_text()) | {"threads": after}
        config["dns"]["listen"] = [f"127.0.0.1:{kept}", f"127.0.0.1:{added}"]
        proxy.config.write_text(json.dumps(config))
        kill_worker(proxy)
        proxy.process.wait_for(lambda: accepts_tcp(added), "the new address is there")
        proxy.process.wait_for(lambda: not accepts_tcp(removed), "the old one is not")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(("127.0.0.1", removed))
        for port in (kept, added) * 16:  # some for the socket of each thread
            assert rcode(ask_udp(port, make_query("a.example."))) == rcode(ask_tcp(port, make_query("a.example."))) == "NOERROR"
        # No other program can join the socket's group now, whatever its user.
        second = run(pillion.BINARY, "run", "--config", proxy.config, check=False)
        assert second.returncode == pillion.CANNOT_BIND


def listen_on(proxy, *ports):
    """Reloads the configuration of the running worker with these ports."""
    config = json.loads(proxy.config.read_text())
    config["dns"]["listen"] = [f"127.0.0.1:{port}" for port in ports]
    before = proxy.metrics().sum("config_reloads_total", result="success")
    proxy.config.write_text(json.dumps(config))
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_metric("config_reloads_total", before + 1, result="success")


def is_held(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        try:
            datagrams.bind(("127.0.0.1", port))
        except OSError:
            return True
    return accepts_tcp(port)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_address_that_a_reload_has_added_is_held_too(supervised, threads):
    kept, added = free_port(), free_port()
    with supervised(threads=threads, port=kept) as proxy, contextlib.ExitStack() as opened:
        for _ in range(2):
            listen_on(proxy, kept, added)
            assert rcode(ask_tcp(added, make_query("a.example."))) == "NOERROR"
            listen_on(proxy, kept)
            proxy.process.wait_for(lambda: not is_held(added), "the supervisor has let go of it as well")
        listen_on(proxy, kept, added)
        exhaust_patience(proxy)
        datagrams = [opened.enter_context(udp_socket(added)) for _ in range(8)]
        for client in datagrams:
            client.send(make_query("udp.example.").to_wire())
        streams = [opened.enter_context(TcpClient(added)) for _ in range(8)]
        for client in streams:
            client.send(make_query("tcp.example."))
        assert worker(proxy) == 0, "all of this was sent to nobody"
        for client in datagrams:
            assert rcode(client.recv(65536)) == "NOERROR"
        for client in streams:
            assert rcode(client.receive()) == "NOERROR"
        proxy.wait_ready()
        assert anonymous_memory(proxy.process.pid) <= SUPERVISOR_ANONYMOUS
        listen_on(proxy, kept)
        proxy.process.wait_for(lambda: not is_held(added), "the next worker has it closed by the number that it knows")
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait() == 0


def anonymous_memory(pid):
    """The anonymous memory of a process in bytes."""
    return 1024 * sum(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines()
                      if line.startswith("Anonymous:"))


def context_switches(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return sum(int(count) for count in re.findall(r"ctxt_switches:\s+(\d+)", text))


def test_the_supervisor_costs_next_to_nothing(supervised):
    with supervised(threads=2) as proxy:
        for restarts in range(2):
            assert anonymous_memory(proxy.process.pid) <= SUPERVISOR_ANONYMOUS, restarts
            switches = context_switches(proxy.process.pid)
            with TcpClient(proxy.port) as client:
                for number in range(100):
                    assert rcode(client.ask(make_query(f"n{number}.example."))) == "NOERROR"
                time.sleep(0.3)  # a timer would use CPU time in it
            assert context_switches(proxy.process.pid) == switches, "it has slept all the time"
            kill_worker(proxy)
            assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"


def test_as_process_1_it_takes_in_orphans(tmp_path, verified, server):
    if os.geteuid() != 0 or run("unshare", "--pid", "--fork", "true", check=False).returncode != 0:
        pytest.skip("making process namespaces is not permitted here")
    with pillion.running(tmp_path, verified(server), supervise=True, prefix=["unshare", "--pid", "--fork"]) as proxy:
        init, = children_of(proxy.process.pid)
        pid, = children_of(init)
        run("nsenter", f"--target={init}", "--pid", "--", "sh", "-c", "(sleep 0.05; exec sleep 0.05) & exec true")
        proxy.process.wait_for(lambda: children_of(init) == [pid], "the supervisor has no child but its worker")
        os.kill(pid, signal.SIGKILL)
        assert rcode(ask_udp(proxy.port, make_query("a.example."))) == "NOERROR"
        os.kill(init, signal.SIGTERM)
        assert proxy.process.wait() == 0


class LookUp:
    """One lookup by libc, from a line of steady_getaddrinfo's output."""

    def __init__(self, line):
        number, start, seconds, error = line.split()
        self.number, self.start, self.seconds, self.error = int(number), float(start), float(seconds), int(error)

    def __repr__(self):
        return f"#{self.number} at {self.start:.3f}: {self.seconds * 1000:.1f} ms, error {self.error}"


@pytest.fixture(scope="module")
def steady_getaddrinfo(tmp_path_factory):
    if namespace.impossible():
        pytest.skip(namespace.impossible())
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed (tests/deps test)")
    program = tmp_path_factory.mktemp("programs") / "steady_getaddrinfo"
    run("gcc", "-D_GNU_SOURCE", "-O1", "-pthread", "-o", program, pathlib.Path(namespace.__file__).with_name("steady_getaddrinfo.c"))
    return program


def test_libc_hardly_notices_that_workers_are_killed(tmp_path, certificate, zone_file, verified, steady_getaddrinfo):
    """Some of the lookups that are in flight when the worker is killed are lost, and libc asks again. No other lookup waits longer."""
    seconds = float(os.environ.get("SUPERVISE_SECONDS", "5.6"))
    pause = float(os.environ.get("SUPERVISE_PAUSE", "1.3"))
    with namespace.entered(tmp_path, POD), \
            served(lambda: servers.unbound(tmp_path / "unbound", certificate, zone_file, zone.ORIGIN)) as upstream, \
            pillion.running(tmp_path / "pillion", verified(upstream), supervise=True, port=53, cache={"size": "4MiB"}) as proxy:
        client = Process([steady_getaddrinfo, f"n%d.wild.{zone.ORIGIN}", 200, seconds], tmp_path)
        kills = []  # (time before the kill, time when it had gone)
        end = time.monotonic() + seconds
        while (due := time.monotonic() + pause) < end:
            time.sleep(due - time.monotonic())
            proxy.process.wait_for(lambda: worker(proxy), "a worker is there")
            before = time.monotonic()
            kill_worker(proxy)
            kills.append((before, time.monotonic()))
        assert client.wait() == 0
        look_ups = [LookUp(line) for line in client.out().splitlines()]
        assert len(look_ups) == int(200 * seconds) and len(kills) >= 4
        assert [one for one in look_ups if one.error] == [], "each has its address"

        def was_under_way_at_a_kill(one):
            return any(one.start < gone and one.start + one.seconds > killed for killed, gone in kills)

        others = [one for one in look_ups if not was_under_way_at_a_kill(one)]
        lost = [one for one in look_ups if was_under_way_at_a_kill(one) and one.seconds >= LIBC_RETRY]
        after = sorted((one for one in others if any(gone <= one.start < gone + 0.1 for _, gone in kills)), key=lambda one: one.seconds)
        print(f"{len(kills)} kills, {len(look_ups)} look-ups, {len(lost)} lost and asked again; "
              f"the slowest of {len(others)} others: {max(one.seconds for one in others) * 1000:.0f} ms; "
              f"of {len(after)} asked within 100 ms of a kill: {after[-1].seconds * 1000:.0f} ms")
        assert [one for one in others if one.seconds >= LIBC_RETRY / 2] == []
        assert len(lost) <= 5 * len(kills), "what was under way, not what came later"
        proxy.wait_metric("worker_restarts_total", len(kills))
