"""`pillion health`, as probes and hooks run it: with a proxy that starts, is ready, drains, crashes, hangs or does not run; and how it finds the
proxy."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import pillion, servers
from harness.dot_server import DotServer
from harness.fake_proxy import fake_proxy
from harness.process import PATIENCE, children_of, free_port, run, wait_until
from harness.process_namespace import needs_namespace, python_in_namespace

STARTUP_PATIENCE = 5  # seconds after which /startupz no longer waits for an upstream


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture
def proxied(tmp_path, verified, server):
    """proxied(…) -> a context with a ready proxy. The options are those of pillion.running()."""
    def make(**options):
        return pillion.running(tmp_path, verified(server), **options)
    return make


def health(pid, *options):
    """Runs `pillion health`. Returns (exit code, standard error)."""
    done = run(pillion.BINARY, "health", "--pid", pid, *options, check=False)
    assert done.stdout == ("ok\n" if done.returncode == 0 else "")
    assert bool(done.stderr) == (done.returncode != 0)
    return done.returncode, done.stderr


HEALTHY = (0, "")
QUESTIONS = [[], ["--startup"], ["--live"], ["--ready"]]


@contextlib.contextmanager
def serving(answer, family=socket.AF_INET):
    """A server that passes each connection to `answer` and then closes it. Yields its address in the form that the proxy writes."""
    with socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family) as listener:
        def accept():
            while True:
                connection, _ = listener.accept()
                with connection:
                    if connection.recv(65536) == b"":  # the client has closed, see below
                        return
                    answer(connection)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        host, port = listener.getsockname()[:2]
        try:
            yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        finally:
            with contextlib.suppress(OSError):
                socket.create_connection((host, port)).close()
            thread.join()


def test_a_proxy_that_is_ready(proxied):
    with proxied() as proxy:
        assert health(proxy.process.pid, "--startup", "--wait", "60s") == HEALTHY
        for question in QUESTIONS:
            assert health(proxy.process.pid, *question) == HEALTHY


@contextlib.contextmanager
def silent_upstream():
    """An upstream that accepts connections and sends nothing. Yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield "127.0.0.1:%d" % listener.getsockname()[1]


def test_a_proxy_that_starts(tmp_path):
    with silent_upstream() as address:
        begun = time.monotonic()
        with pillion.running(tmp_path, {"silent": pillion.upstream({"address": address, "tls_name": servers.TLS_NAME})}) as proxy:
            pid = proxy.process.pid
            code, printed = health(pid, "--startup")
            if time.monotonic() - begun < STARTUP_PATIENCE:
                assert code == 1
                assert printed == ("pillion: health: /startupz: 503 Service Unavailable\n[+]listeners bound\n"
                                   "[-]waiting for the first upstream connection\nnot ok\n")
            assert health(pid, "--live") == health(pid, "--ready") == HEALTHY
            assert health(pid, "--startup", "--wait", "60s") == HEALTHY


def test_a_proxy_that_drains(proxied):
    with proxied(drain_min="1h", drain_timeout="1h") as proxy:
        pid = proxy.process.pid
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait_for(lambda: not proxy.is_ready(), "it drains")
        for wait in ([], ["--wait", "50ms"]):
            code, printed = health(pid, "--ready", *wait)
            assert code == 1
            assert printed == ("pillion: health: /readyz: 503 Service Unavailable\n[+]configuration loaded\n[+]listeners bound\n"
                               "[-]draining\nnot ok\n")
        assert health(pid) == health(pid, "--live") == HEALTHY
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait() == 0
        code, printed = health(pid, "--live")
        assert code == 1 and "there is no process" in printed


def test_it_depends_on_no_configuration_file(proxied):
    with proxied() as proxy:
        proxy.config.write_text("dns: nonsense")
        assert run(pillion.BINARY, "reload", "--pid", proxy.process.pid, check=False).returncode == 1
        assert health(proxy.process.pid, "--live") == HEALTHY
        proxy.config.unlink()
        assert health(proxy.process.pid, "--ready") == HEALTHY


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", ["[::]:0", "0.0.0.0:0"]], ids=str)
def test_an_address_of_all_interfaces_is_asked_on_loopback(tmp_path, verified, server, listen):
    config = pillion.write_config(tmp_path / "pillion.yaml", 0, 0, verified(server), http={"listen": listen})
    with running_process(tmp_path, config) as process:
        assert health(process.pid, "--ready", "--wait", "60s") == HEALTHY


@contextlib.contextmanager
def running_process(directory, config, *options):
    """Runs `pillion run`. Yields the process."""
    with open(directory / "err", "wb") as err:
        process = subprocess.Popen([pillion.BINARY, "run", *options, "--config", config], stderr=err)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()


def test_http_that_is_switched_off(tmp_path, verified, server):
    config = pillion.write_config(tmp_path / "pillion.yaml", 0, 0, verified(server), http={"listen": ""})
    with running_process(tmp_path, config) as process:
        wait_until(lambda: "the proxy has no HTTP server" in health(process.pid, "--live")[1], "it says so")
        # Waiting would not help: it does not wait.
        code, printed = health(process.pid, "--startup", "--wait", "1h")
        assert code == 1 and "the proxy has no HTTP server" in printed


def test_the_hook_waits_for_a_proxy_that_is_yet_to_come(tmp_path, verified, server):
    with proxied_supervisor(tmp_path, verified(server), port=0) as process:
        assert health(process.pid, "--startup", "--wait", "60s") == HEALTHY


@contextlib.contextmanager
def proxied_supervisor(directory, upstreams, port):
    config = pillion.write_config(directory / "pillion.yaml", 0, port, upstreams)
    with running_process(directory, config, "--supervise") as process:
        yield process


DEATHS = 6  # after which there is no worker for 640 ms


@pytest.mark.parametrize("has_port", [True, False], ids=["fixed-port", "port-0"])
def test_a_worker_that_dies(tmp_path, verified, server, has_port):
    with proxied_supervisor(tmp_path, verified(server), free_port() if has_port else 0) as process:
        assert health(process.pid, "--startup", "--wait", "60s") == HEALTHY
        killed = 0
        for _ in range(DEATHS):
            wait_until(lambda: set(children_of(process.pid)) - {killed}, "a worker is there", alive=lambda: process.poll() is None)
            killed = children_of(process.pid)[0]
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: killed not in children_of(process.pid), "the supervisor has seen it")
        code, printed = health(process.pid, "--live")
        if not children_of(process.pid):
            assert code == 1 and "Connection refused" in printed
        for question in QUESTIONS:
            assert health(process.pid, *question, "--wait", "60s") == HEALTHY


def test_before_the_first_worker_is_up():
    with fake_proxy("ignores", "--supervised") as pids:
        for pid in pids:
            for wait in ([], ["--wait", "50ms"]):
                code, printed = health(pid, "--startup", *wait)
                assert code == 1 and printed == f"pillion: health: process {pids[1]} does not listen yet\n"


def says_nothing(connection):
    connection.recv(1)  # until the other side has closed


def says_half(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    connection.recv(1)


def says_never_enough(connection):
    with contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.1)


@pytest.mark.parametrize("answer", [says_nothing, says_half, says_never_enough])
@pytest.mark.parametrize("wait", [[], ["--wait", "100ms"]], ids=["once", "wait"])
def test_a_server_that_hangs_is_not_waited_for(answer, wait):
    with serving(answer) as address, fake_proxy("ignores", f"http {address}") as (pid,):
        code, printed = health(pid, "--live", *wait)
        assert code == 1 and printed == f"pillion: health: {address}: no answer in time\n"


@pytest.mark.parametrize("said, reason", [(b"", "end of stream"), (b"SSH-2.0-x\r\n", "bad version"),
                                          (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "body limit exceeded")], ids=["nothing", "ssh", "much"])
def test_what_is_no_answer(said, reason):
    with serving(lambda connection: connection.sendall(said)) as address, fake_proxy("ignores", f"http {address}") as (pid,):
        code, printed = health(pid, "--live")
        assert code == 1 and address in printed and reason in printed, printed


def says(status):
    return lambda connection: connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nit\n".encode())


def test_any_one_of_several_addresses_will_do():
    with serving(says("200 OK"), socket.AF_INET6) as good, serving(says_nothing) as silent:
        refused = f"127.0.0.1:{free_port()}"
        for first in (refused, silent):
            with fake_proxy("ignores", "dns 127.0.0.1:1", "what.is.not.known.yet x", f"http {first}", f"http {good}") as (pid,):
                assert health(pid, "--live") == HEALTHY
        with fake_proxy("ignores", f"http {refused}", f"http {refused}") as (pid,):
            code, printed = health(pid)
            assert code == 1 and printed == f"pillion: health: {refused}: Connection refused; {refused}: Connection refused\n"


def test_other_codes_are_told():
    with serving(says("404 Not Found")) as address, fake_proxy("ignores", f"http {address}") as (pid,):
        assert health(pid, "--live") == (1, "pillion: health: /livez: 404 Not Found\nit\n")


def test_waiting_ends_with_health():
    """The first two answers say not healthy, the third says healthy."""
    answers = iter([says("503 Service Unavailable"), says("503 Service Unavailable"), says("200 OK")])
    with serving(lambda connection: next(answers)(connection)) as address, fake_proxy("ignores", f"http {address}") as (pid,):
        assert health(pid, "--startup", "--wait", "60s") == HEALTHY
        assert next(answers, None) is None


def test_another_process_is_no_proxy():
    code, printed = health(os.getpid(), "--live")
    assert code == 1 and printed == f"pillion: health: process {os.getpid()} is not a running proxy\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="making network namespaces needs root")
def test_a_proxy_in_another_network_cannot_be_asked(proxied):
    with proxied() as proxy:
        done = run("unshare", "--net", pillion.BINARY, "health", "--pid", proxy.process.pid, check=False)
        assert done.returncode == 1 and "runs in another network namespace" in done.stderr


def in_namespace(tmp_path, script):
    """Runs a Python script as in a container. It may call the functions defined here. Returns the lines that it prints."""
    return python_in_namespace(f"""
import json, pathlib, subprocess
config = pathlib.Path({str(tmp_path / 'pillion.yaml')!r})
resolv_conf = config.parent / "resolv.conf"
resolv_conf.write_text("nameserver 127.255.255.254\\n")  # nobody is there
def write(dns, http):
    config.write_text(json.dumps({{
        "dns": {{"listen": dns}}, "http": {{"listen": http}}, "reload": {{"watch": False}},
        "upstreams": {{"nobody": {{"protocol": "udp", "servers": [{{"address": "127.0.0.1:9"}}]}}}},
        "routes": [{{"zone": "fixed.example", "records": ["@ A 192.0.2.7"]}}, {{"zone": ".", "upstream": "nobody"}}]}}))
def start(dns, http="127.0.0.1:0"):
    write(dns, http)
    return subprocess.Popen([{str(pillion.BINARY)!r}, "run", "--config", config], stderr=subprocess.DEVNULL)
def pillion(*arguments):
    return subprocess.run([{str(pillion.BINARY)!r}, *arguments], capture_output=True, text=True)
def asked():
    done = pillion("query", "fixed.example", "--json", "--resolv-conf", resolv_conf)
    return json.loads(done.stdout)["server"] if done.returncode == 0 else " ".join(done.stderr.split())
{script}""").splitlines()


@needs_namespace
def test_the_only_proxy_is_found(tmp_path):
    printed = in_namespace(tmp_path, """
print(pillion("health", "--live").stderr.strip())
print(pillion("health", "--live", "--wait", "30ms").stderr.strip())
waiting = subprocess.Popen([PILLION, "health", "--startup", "--wait", "60s"], stdout=subprocess.PIPE, text=True)
first = start(["127.0.0.1:0"])
print(waiting.communicate()[0].strip(), waiting.returncode)
print(pillion("health", "--ready").returncode)
""".replace("PILLION", repr(str(pillion.BINARY))))
    absent = "pillion: health: no proxy runs here; run this in the container of `pillion run`"
    assert printed == [absent, absent, "ok 0", "0"]


@needs_namespace
def test_query_asks_where_the_proxy_listens(tmp_path):
    first, second = free_port(), free_port()
    printed = in_namespace(tmp_path, f"""
print(asked())
start(["127.0.0.1:{first}", "[::1]:{first}"])
print(pillion("health", "--startup", "--wait", "60s").returncode, asked())
write(["0.0.0.0:{second}"], "127.0.0.1:0")
print(pillion("reload").returncode, asked())
write(["127.0.0.1:{first}", "0.0.0.0:{second}"], "127.0.0.1:0")
print(pillion("reload").returncode, asked())
""")
    # Another program may listen there outside of the namespace.
    assert printed[0] == "127.0.0.1:8053" or ("nothing listens at 127.0.0.1:8053 (no proxy runs here; " in printed[0]
                                              and "no answer from 127.255.255.254:53: " in printed[0])
    assert printed[1:] == [f"0 127.0.0.1:{first}", f"0 127.0.0.1:{second}", f"0 127.0.0.1:{second}"]


@needs_namespace
def test_query_asks_a_port_of_the_kernels_choice(tmp_path):
    printed = in_namespace(tmp_path, """
start(["[::]:0"], "")
while "no proxy runs here" in (answer := asked()) or "does not listen yet" in answer:
    pass
print(answer)
""")
    assert printed[0].startswith("[::1]:") and printed[0] != "[::1]:0"


@needs_namespace
@pytest.mark.skipif(os.geteuid() != 0, reason="making network namespaces needs root")
def test_query_asks_the_first_name_server_where_no_proxy_listens(tmp_path):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.1\nnameserver 127.0.0.2\n")
    printed = python_in_namespace(f"""
import subprocess, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from harness.plain_server import PlainServer
def query(*options):
    done = subprocess.run([{str(pillion.BINARY)!r}, "query", "a.example", *options], capture_output=True, text=True)
    print(done.returncode, " ".join(done.stdout.split()[-9:]), "|", " ".join(done.stderr.split()))
server = PlainServer()
server.port = 53
with server:
    query("--resolv-conf", {str(resolv_conf)!r})
    query("--resolv-conf", {str(resolv_conf)!r}, "--tcp")
    query("--resolv-conf", "/dev/null")
query("--resolv-conf", {str(resolv_conf)!r})
query("--resolv-conf", "/none")
""", with_network=True).splitlines()
    absent = "127.0.0.1:8053 (no proxy runs here; run this in the container of `pillion run`)"
    turned = f"| pillion: query: nothing listens at {absent}; asking 127.0.0.1:53, "
    assert [line.partition(turned)[2] for line in printed[:3]] == [
        f"the first name server of {resolv_conf}", f"the first name server of {resolv_conf}",
        "since /dev/null has no name server whose address can be read"], printed
    assert all(line.startswith("0 ") and "127.0.0.1:53 over " in line for line in printed[:3]), printed
    assert "over tcp" in printed[1]
    assert printed[3].startswith("1 ") and printed[3].endswith("no answer from 127.0.0.1:53: Connection refused"), printed[3]
    assert printed[4].startswith("1 ") and "no answer from 127.0.0.1:8053: Connection refused (no proxy runs here" in printed[4]
    assert "/none cannot be read" in printed[4]
