"""The query log: it has a line for each answered query, and a slow or missing reader, disk or socket does not affect queries."""

import collections
import hashlib
import hmac
import json
import os
import socket
import subprocess

import pytest

from harness import dnsperf, pillion
from harness.client import TcpClient, ask_udp, make_query, rcode, udp_socket
from harness.dot_server import DotServer
from harness.process import wait_until
from harness.unix_reader import UnixReader


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


def lines_of(text):
    return [line for line in map(json.loads, text.splitlines()) if line.get("event.dataset") == "pillion.dns"]


class Reader(UnixReader):
    """Listens on a unix socket and keeps the data that it reads, except while it is stopped."""

    def __init__(self, path):
        self.text = b""
        super().__init__(path)

    def run(self):
        try:
            self.client, _ = self.socket.accept()
            while True:
                self.reads.wait()
                data = self.client.recv(65536)
                if not data:
                    return
                self.text += data
        except OSError:
            return

    def lines(self):
        """Parses the complete lines."""
        return [json.loads(line) for line in self.text.split(b"\n")[:-1]]


def written(proxy):
    return proxy.metrics().sum("sink_records_written_total", sink="query_log")


def dropped(proxy):
    return proxy.metrics().sum("sink_records_dropped_total", sink="query_log")


@pytest.fixture
def names(tmp_path):
    return dnsperf.write_names(tmp_path / "names", "example.", 1000)


def assert_no_query_suffers(proxy, names):
    for mode in ("udp", "tcp"):
        dnsperf.load(proxy.port, names, mode, runs=20).assert_flawless()


def test_a_line_tells_of_the_query_and_of_its_answer(tmp_path, server, verified):
    path = tmp_path / "queries.json"
    with pillion.running(tmp_path, verified(server), cache={"size": "1MiB"}, query_log={"output": f"file:{path}"}) as proxy:
        with udp_socket(proxy.port) as udp, TcpClient(proxy.port) as tcp:
            udp.send(make_query("First.example.", id=17).to_wire())
            assert rcode(udp.recv(65536)) == "NOERROR"
            udp_port = udp.getsockname()[1]
            assert rcode(tcp.ask(make_query("first.example.", id=18))) == "NOERROR"
            tcp_port = tcp.socket.getsockname()[1]
            assert rcode(tcp.ask(make_query("example.", "AXFR", id=19, use_edns=0))) == "REFUSED"
        proxy.wait_metric("sink_records_written_total", 3, sink="query_log")
    asked, hit, refused = lines_of(path.read_text())
    duration = asked.pop("event.duration")
    assert 0 < duration < 10**10
    assert asked.pop("@timestamp").endswith("Z")
    assert asked == {
        "ecs.version": "8.11.0", "event.dataset": "pillion.dns", "client.ip": "127.0.0.1", "client.port": udp_port,
        "network.transport": "udp", "network.type": "ipv4", "dns.id": "17", "dns.question.name": "First.example",
        "dns.question.type": "A", "dns.question.class": "IN", "dns.response_code": "NOERROR", "pillion.source": "upstream",
        "pillion.upstream": "real", "pillion.server": server.address}
    assert (hit["client.port"], hit["network.transport"], hit["dns.id"], hit["pillion.source"]) == (tcp_port, "tcp", "18", "cache")
    assert "pillion.server" not in hit and hit["dns.question.name"] == "first.example"
    assert (refused["dns.response_code"], refused["pillion.source"], refused["pillion.ede.code"]) == ("REFUSED", "local", 21)
    assert refused["pillion.ede.text"] == "zone transfers are not supported" and refused["dns.question.type"] == "AXFR"


def test_a_failure_names_the_server_that_was_asked(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), query_log={"output": "stderr"}) as proxy:
        server.refusal = "SERVFAIL"
        try:
            assert rcode(ask_udp(proxy.port, make_query("fails.example."))) == "SERVFAIL"
        finally:
            server.refusal = None
        proxy.wait_metric("sink_records_written_total", 1, sink="query_log")
        proxy.stop()
        line, = lines_of("\n".join(json.dumps(line) for line in proxy.log()))
    assert (line["dns.response_code"], line["pillion.server"], line["pillion.upstream"]) == ("SERVFAIL", server.address, "real")


def test_it_is_off_and_has_no_metric_unless_asked_for(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server)) as proxy:
        ask_udp(proxy.port, make_query("off.example."))
        assert "pillion_sink" not in proxy.metrics().text
        proxy.stop()
        assert not lines_of("\n".join(json.dumps(line) for line in proxy.log()))


def test_every_query_has_its_line(tmp_path, server, verified, names):
    """With a sample of 100 % and several threads there is exactly one line for each query."""
    path = tmp_path / "queries.json"
    with pillion.running(tmp_path, verified(server), threads=2, query_log={"output": f"file:{path}"}) as proxy:
        with TcpClient(proxy.port) as client:
            messages = [make_query(f"n{number}.one.example.", id=number) for number in range(2000)]
            for start in range(0, len(messages), 100):
                client.send(*messages[start:start + 100])
                for _ in range(100):
                    assert rcode(client.receive()) == "NOERROR"
        proxy.wait_metric("sink_records_written_total", 2000, sink="query_log")
        assert dropped(proxy) == 0
    logged = collections.Counter((line["dns.question.name"], line["dns.id"]) for line in lines_of(path.read_text()))
    assert logged == collections.Counter((f"n{number}.one.example", str(number)) for number in range(2000))


def test_names_are_hashed_and_fields_chosen(tmp_path, server, verified):
    key = b"a key of no less than 16 bytes"
    (tmp_path / "key").write_bytes(key)
    path = tmp_path / "queries.json"
    settings = {"output": f"file:{path}", "fields": ["dns.question.name", "dns.response_code"], "names": "hashed", "key_file": str(tmp_path / "key")}
    with pillion.running(tmp_path, verified(server), query_log=settings) as proxy:
        ask_udp(proxy.port, make_query("Secret.Example."))
        proxy.wait_metric("sink_records_written_total", 1, sink="query_log")
    line, = lines_of(path.read_text())
    assert line.keys() == {"@timestamp", "ecs.version", "event.dataset", "dns.question.name", "dns.response_code"}
    assert line["dns.question.name"] == hmac.new(key, b"\6secret\7example\0", hashlib.sha256).hexdigest()
    assert "ecret" not in path.read_text()


def test_a_sample_is_a_share(tmp_path, server, verified):
    path = tmp_path / "queries.json"
    with pillion.running(tmp_path, verified(server), query_log={"output": f"file:{path}", "sample": 0.2}) as proxy:
        with TcpClient(proxy.port) as client:
            for start in range(0, 3000, 100):
                client.send(*[make_query(f"n{number}.sample.example.", id=number) for number in range(start, start + 100)])
                for _ in range(100):
                    client.receive()
        proxy.stop()
    # A fair choice is outside this range once in 10^15 times: eight standard deviations.
    assert 600 - 8 * 22 < len(lines_of(path.read_text())) < 600 + 8 * 22


def test_a_reader_that_stands_still_costs_no_query(tmp_path, server, verified, names):
    with Reader(tmp_path / "log.sock") as reader:
        output = {"output": f"unix:{reader.path}"}
        with pillion.running(tmp_path, verified(server), cache={"size": "1MiB"}, query_log=output) as proxy:
            assert_no_query_suffers(proxy, names)
            reader.reads.clear()
            before = dropped(proxy)
            wait_until(lambda: assert_no_query_suffers(proxy, names) or dropped(proxy) > before, "lines are dropped and counted")
            reader.reads.set()
            at = written(proxy)

            def is_written_again():
                # Until the reader has caught up, the line of such a query is dropped too.
                ask_udp(proxy.port, make_query("again.example."))
                return any(line["dns.question.name"] == "again.example" for line in reader.lines()[-50:])

            wait_until(is_written_again, "it is written again")
            assert written(proxy) > at
            reader.reads.clear()
            assert_no_query_suffers(proxy, names)
            proxy.stop()  # the end of Pillion does not wait for the reader


def test_a_socket_that_vanishes_costs_no_query(tmp_path, server, verified, names):
    reader = Reader(tmp_path / "log.sock")
    with reader:
        output = {"output": f"unix:{reader.path}"}
        with pillion.running(tmp_path, verified(server), cache={"size": "1MiB"}, query_log=output) as proxy:
            ask_udp(proxy.port, make_query("before.example."))
            wait_until(lambda: reader.lines(), "a line has come")
            reader.vanish()
            assert_no_query_suffers(proxy, names)
            wait_until(lambda: [line for line in proxy.log() if line["msg"] == "cannot write"], "the log says so")
            with Reader(reader.path) as another:
                wait_until(another.lines, "it has connected again")
                wait_until(lambda: [line for line in proxy.log() if line["msg"] == "writing again"], "the log says so")
            proxy.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_full_disk_costs_no_query(tmp_path, server, verified, names):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        path = disk / "queries.json"
        with pillion.running(tmp_path, verified(server), cache={"size": "1MiB"}, query_log={"output": f"file:{path}"}) as proxy:
            wait_until(lambda: assert_no_query_suffers(proxy, names) or dropped(proxy) > 0, "lines are dropped and counted")
            full, = [line for line in proxy.log() if line["msg"] == "cannot write"]
            assert full["error"] == "No space left on device"
            # The file has only complete lines.
            assert path.read_text().endswith("}\n") and lines_of(path.read_text())
            path.write_text("")
            wait_until(lambda: [line for line in proxy.log() if line["msg"] == "writing again"], "there is room again")
            assert lines_of(path.read_text())
            proxy.stop()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_key_that_has_gone_is_a_bad_configuration(tmp_path):
    (tmp_path / "c.yaml").write_text('query_log: {output: stderr, names: hashed, key_file: "/nowhere/key"}\n')
    done = subprocess.run([pillion.BINARY, "run", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and ":1:54: query_log.key_file: `/nowhere/key` cannot be read" in done.stderr
