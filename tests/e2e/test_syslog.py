"""Syslog: a server gets the log and the query log by RFC 5424 over UDP, TCP and TLS, and a slow or missing server does not affect queries."""

import json
import os

import pytest

from harness import dnsperf, pillion, servers
from harness.client import ask_udp, make_query, rcode
from harness.dot_server import DotServer
from harness.process import wait_until
from harness.syslog import Collector


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


def settings_of(collector, authority, name=f"#{servers.TLS_NAME}"):
    name = name if collector.over == "tls" else ""
    return {"output": f"{collector.over}:127.0.0.1:{collector.port}{name}", "ca_file": str(authority.ca_file)}


def dropped(proxy, sink="syslog"):
    return proxy.metrics().sum("sink_records_dropped_total", sink=sink)


@pytest.mark.parametrize("over", ["udp", "tcp", "tls"])
def test_each_line_of_the_log_is_a_message(tmp_path, server, verified, authority, certificate, over):
    with Collector(over, certificate) as collector:
        with pillion.running(tmp_path, verified(server), syslog=settings_of(collector, authority)) as proxy:
            assert rcode(ask_udp(proxy.port, make_query("one.example."))) == "NOERROR"
            proxy.stop()
            logged = [line for line in proxy.log() if "msg" in line]
        wait_until(lambda: len(collector.raw) >= len(logged), "each line has come")
        # Two threads that log at the same time may have another order here than there.
        assert sorted(collector.lines(), key=json.dumps) == sorted(logged, key=json.dumps)
        levels = {"31": "debug", "30": "info", "28": "warn", "27": "error"}
        for message, line in zip(collector.messages(), collector.lines()):
            assert (message.time, levels[message.priority]) == (line["ts"], line["level"])
            assert (message.host, message.program) == (os.uname().nodename, "pillion") and message.process.isdigit()


@pytest.mark.parametrize("over", ["udp", "tls"])
def test_the_query_log_goes_there_as_well(tmp_path, server, verified, authority, certificate, over):
    with Collector(over, certificate) as collector:
        settings = {"syslog": settings_of(collector, authority), "query_log": {"output": "syslog"}}
        with pillion.running(tmp_path, verified(server), **settings) as proxy:
            for number in range(50):
                ask_udp(proxy.port, make_query(f"n{number}.example.", id=number))
            proxy.wait_metric("sink_records_written_total", 50, sink="query_log")
            proxy.stop()
        wait_until(lambda: len(collector.lines("query")) >= 50, "each line has come")
        assert [line["dns.question.name"] for line in collector.lines("query")] == [f"n{number}.example" for number in range(50)]
        assert all(message.time == line["@timestamp"] and message.priority == "30"
                   for message, line in zip(collector.messages("query"), collector.lines("query")))


@pytest.mark.parametrize("name, says", [("#another.example", "hostname mismatch"), ("", "IP address mismatch")])
def test_a_certificate_of_another_is_refused(tmp_path, server, verified, authority, certificate, name, says):
    with Collector("tls", certificate) as collector:
        with pillion.running(tmp_path, verified(server), syslog=settings_of(collector, authority, name)) as proxy:
            wait_until(lambda: [line for line in proxy.log() if line["msg"] == "cannot write" and says in line["error"]], "the log says so")
            proxy.stop()
        assert not collector.raw


@pytest.mark.parametrize("over", ["udp", "tcp", "tls"])
def test_collectors_that_stand_still_or_vanish_cost_no_query(tmp_path, server, verified, authority, certificate, over):
    names = dnsperf.write_names(tmp_path / "names", "example.", 1000)

    def assert_no_query_suffers():
        dnsperf.load(proxy.port, names, "udp", runs=20).assert_flawless()

    collector = Collector(over, certificate)
    with collector:
        settings = {"syslog": settings_of(collector, authority), "query_log": {"output": "syslog"}, "cache": {"size": "1MiB"}}
        with pillion.running(tmp_path, verified(server), **settings) as proxy:
            ask_udp(proxy.port, make_query("before.example."))
            wait_until(lambda: collector.lines("query"), "a line has come")
            collector.reads.clear()
            if over != "udp":  # the kernel discards its datagrams
                before = dropped(proxy, "query_log")
                wait_until(lambda: assert_no_query_suffers() or dropped(proxy, "query_log") > before, "lines are dropped and counted")
            collector.vanish()
            assert_no_query_suffers()

            def while_asked(condition):
                # Pillion only notices by a write that the server has gone or is back.
                ask_udp(proxy.port, make_query("after.example."))
                return condition()

            wait_until(lambda: while_asked(lambda: [line for line in proxy.log() if line["msg"] == "cannot write"]), "the log says so")
            with Collector(over, certificate, collector.port) as another:
                wait_until(lambda: while_asked(lambda: another.lines("query")), "it is sent to again")
                if over != "udp":  # while no server listens, the line may be sent and lost
                    wait_until(lambda: [line for line in another.lines() if line["msg"] == "writing again"], "the log says so there as well")
                another.reads.clear()
                proxy.stop()  # the end of Pillion does not wait for the server
