"""Tests deploy/TROUBLESHOOTING.md: causes each symptom, runs the commands of the page, and compares their output with the page."""

import contextlib
import dataclasses
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from harness import pillion, servers
from harness.client import ask_tcp, make_query
from harness.dot_server import SERVFAIL, DotServer
from harness.process import PATIENCE, free_port
from harness.shown import difference, normal

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "deploy" / "TROUBLESHOOTING.md"
# Replaces curl, which is not among the packages of the tests.
CURL = "/usr/bin/python3 -c 'import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1]).read().decode())' "
BAD = "log: {level: loud}\n"
RESOLV_CONF = "search default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
ROUTES = """upstreams:
  cluster: {protocol: udp, servers: [{address: "10.96.0.10:53"}]}
  public: {servers: [{address: "192.0.2.53:853", tls_name: resolver.example}]}
routes:
  - {zone: cluster.local, upstream: cluster}
  - {network: 10.0.0.0/8, upstream: cluster}
  - {zone: ".", upstream: public}
"""
# Parts that differ between runs, or between the machine of the page and this one.
VARIABLE = [
    (re.compile(r"\b\d+\.\d+\.\d+\.\d+:(\d+|PORT)"), "ADDRESS"),
    (re.compile(r"\b198\.1[89]\.\d+\.\d+"), "ANSWER"),
    (re.compile(r"\d+(\.\d+)? ms\b"), "TIME ms"),
    (re.compile(r", \d+ bytes$"), ", BYTES"),
    (re.compile(r"TLSv1\.3 \S+ TLS_\w+"), "TLS"),
    (re.compile(r'"ts":"[^"]*"'), '"ts":TIME'),
    (re.compile(r"\S*/pillion\.yaml:"), "pillion.yaml:"),
    (re.compile(re.escape(servers.TLS_NAME)), "resolver.example"),
]


@dataclasses.dataclass
class Place:
    """The directory and the proxy for the commands, and what differs from the page."""

    directory: pathlib.Path
    proxy: pillion.Pillion | None = None
    admin_port: int = 0
    names: dict[str, str] = dataclasses.field(default_factory=dict)  # {name on the page: name here, whose words tell the server what to do}

    def run(self, command):
        """Runs a command of the page. Returns its output. The status of a pipe is that of its last command."""
        for shown, here in self.names.items():
            command = command.replace(shown, here)
        words = {r"^pillion ": f"{pillion.BINARY} ", r"^curl -s ": CURL}
        if self.proxy:
            pid = f"--pid {self.proxy.process.child.pid}"
            words |= {r"^pillion (query .*)": rf"{pillion.BINARY} \1 --server 127.0.0.1:{self.proxy.port}",
                      r"^pillion (status|health|reload)(.*)": rf"{pillion.BINARY} \1\2 {pid}",
                      r":9153/": f":{self.proxy.http_port}/", r":9154/": f":{self.admin_port}/",
                      r"^kubectl logs POD -c pillion": "cat pillion.log", r" --search": " --search --resolv-conf resolv.conf"}
            (self.directory / "pillion.log").write_text(self.proxy.process.err(), encoding="utf-8")
        for pattern, here in sorted(words.items(), key=lambda word: -len(word[0])):
            command = re.sub(pattern, here, command)
        done = subprocess.run(["bash", "-c", command], cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE,
                              check=False)
        printed = done.stdout
        for shown, here in self.names.items():
            printed = printed.replace(here, shown)
        return [line for line in normal(printed, VARIABLE) if line]


@pytest.fixture
def place(tmp_path, authority, certificate):
    """place(…) -> a context with a Pillion whose upstream server follows the words of names."""

    @contextlib.contextmanager
    def made(server=None, tls_name=servers.TLS_NAME, names=None, **options):
        admin_port = free_port()
        with contextlib.ExitStack() as stack:
            server = server or stack.enter_context(DotServer(certificate))
            upstreams = {"public": pillion.upstream({"address": server.address, "tls_name": tls_name}, tls={"ca_file": str(authority.ca_file)})}
            options = {"cache": {"size": "1MiB"}, "admin": {"listen": f"127.0.0.1:{admin_port}"}} | options
            proxy = stack.enter_context(pillion.running(tmp_path, upstreams, **options))
            yield Place(tmp_path, proxy, admin_port, names or {})

    made.directory = tmp_path
    return made


@contextlib.contextmanager
def bad_configuration(place, _certificate):
    (place.directory / "pillion.yaml").write_text(BAD, encoding="utf-8")
    yield Place(place.directory)


@contextlib.contextmanager
def draining(place, _certificate):
    with place(drain_min="20s", drain_timeout="20s") as made:
        made.proxy.process.child.send_signal(signal.SIGTERM)
        made.proxy.process.wait_for(lambda: made.proxy.get("/readyz")[0] == 503, "/readyz answers 503")
        yield made


@contextlib.contextmanager
def another_name(place, _certificate):
    with place(tls_name="other.example") as made:
        # The verdict gets its reason from the failures of the last seconds.
        made.proxy.process.wait_for(lambda: "certificate name mismatch" in made.run("pillion status")[0], "the verdict has the reason")
        yield made


@contextlib.contextmanager
def servfail(place, certificate):
    with DotServer(certificate) as server:
        server.refusal = SERVFAIL
        with place(server) as made:
            yield made


@contextlib.contextmanager
def slow(place, certificate):
    with DotServer(certificate) as server:
        server.late_every = 1
        with place(server) as made:
            yield made


@contextlib.contextmanager
def routed(place, _certificate):
    (place.directory / "pillion.yaml").write_text(ROUTES, encoding="utf-8")
    yield Place(place.directory)


@contextlib.contextmanager
def no_such_name(place, _certificate):
    (place.directory / "resolv.conf").write_text(RESOLV_CONF, encoding="utf-8")
    with place(names={"shop": "nx-shop"}) as made:
        yield made


@contextlib.contextmanager
def expired(place, certificate):
    name = "ttl-1-www.example.com"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(DotServer(certificate))
        made = stack.enter_context(place(server, names={"www.example.com": name}))
        ask_tcp(made.proxy.port, make_query(f"{name}."))
        server.silent = True
        made.proxy.process.wait_for(lambda: any("extended error 3 " in line for line in made.run("pillion query www.example.com")), "a stale answer")
        yield made


@contextlib.contextmanager
def denied(place, _certificate):
    with place(names={"new.example.com": "nx-new.example.com"}) as made:
        ask_tcp(made.proxy.port, make_query("nx-new.example.com."))
        yield made


@contextlib.contextmanager
def invalid_query(place, _certificate):
    with place() as made:
        answer = b"\x12\x34\x81\x00\x00\x01" + bytes(6) + b"\x03www\x07example\x00\x00\x01\x00\x01"
        with socket.create_connection(("127.0.0.1", made.proxy.port), timeout=PATIENCE) as client:
            client.sendall(len(answer).to_bytes(2, "big") + answer)
            assert client.recv(1) == b"", "the connection is closed"
        made.proxy.process.wait_for(lambda: any(line["msg"] == "invalid query" for line in made.proxy.log()), "the log has it")
        yield made


@contextlib.contextmanager
def refused_reload(place, _certificate):
    with place(reload={"watch": False}) as made:
        made.proxy.config.write_text(BAD, encoding="utf-8")
        yield made


@contextlib.contextmanager
def asked(place, _certificate):
    with place() as made:
        ask_tcp(made.proxy.port, make_query("www.example.com."))
        yield made


SYMPTOMS = {
    "Pillion does not start, or starts again and again": bad_configuration,
    "The pod does not become ready": draining,
    "Every name ends as SERVFAIL": another_name,
    "One name ends as SERVFAIL": servfail,
    "Names resolve slowly": slow,
    "Names of one zone do not resolve": routed,
    "A short name does not resolve": no_such_name,
    "An answer is old": expired,
    "A new name does not exist yet": denied,
    "Pillion closes a client's connection": invalid_query,
    "A changed configuration has no effect": refused_reload,
    "Is anything sent in the clear?": asked,
}


def sections():
    """The page as {heading: [(command, shown lines)]}."""
    found = {}
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]:
        blocks = re.findall(r"^```console\n(.*?)^```", section, re.M | re.S)
        parts = [part.partition("\n") for block in blocks for part in re.split(r"^\$ ", block, flags=re.M)[1:]]
        found[section.partition("\n")[0]] = [(command, shown) for command, _, shown in parts]
    return found


def test_each_symptom_is_brought_about():
    assert list(sections()) == list(SYMPTOMS)
    assert all(sections().values())


def test_the_list_at_the_top_is_whole():
    assert re.findall(r"^- \[(.*)\]\(#", PAGE.read_text(encoding="utf-8"), re.M) == list(SYMPTOMS)


@pytest.mark.parametrize("heading", SYMPTOMS)
def test_commands_print_what_the_page_shows(heading, place, certificate):
    with SYMPTOMS[heading](place, certificate) as made:
        for command, shown in sections()[heading]:
            printed = made.run(command)
            missing = difference(normal(shown, VARIABLE), printed)
            assert missing is None, "\n".join([f"$ {command}", "the page shows this, which is not printed:", *missing, "", "printed:", *printed])


def test_the_words_of_errors_are_the_programs():
    table = re.findall(r"^\| (`.*?`) \|", PAGE.read_text(encoding="utf-8"), re.M)
    told = [text for cell in table for text in re.findall(r"`([^`]*)`", cell)]
    known = re.findall(r'\.text = "([^"]*)"', (ROOT / "src/upstream/error.hpp").read_text(encoding="utf-8"))
    assert len(told) > 10 and set(told) <= set(known)


def test_another_output_is_noticed(place, certificate):
    with bad_configuration(place, certificate) as made:
        (command, shown), = sections()["Pillion does not start, or starts again and again"]
        (made.directory / "pillion.yaml").write_text("log: {level: shrill}\n", encoding="utf-8")
        assert difference(normal(shown, VARIABLE), made.run(command)) is not None
