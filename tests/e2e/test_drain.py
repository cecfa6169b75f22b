"""The end of a running proxy from the side of its clients: which clients are still answered, for how long, and which answers are discarded."""

import contextlib
import signal
import threading
import time

import dns.edns
import pytest

from harness import pillion, zone
from harness.client import TcpClient, ask_tcp, ask_udp, make_query, rcode, read, udp_socket
from harness.dot_server import DotServer

KEEPALIVE = 11  # the option code of RFC 7828
THROWN_AWAY = "the drain ended before clients had taken their answers"
threaded = pytest.mark.parametrize("threads", [1, 2])


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


def begin_drain(proxy):
    """Sends SIGTERM, and waits until /readyz shows the drain. Returns the time of the signal."""
    began = time.monotonic()
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait_for(lambda: proxy.get("/readyz")[0] == 503, "/readyz answers 503")
    return began


def thrown_away(proxy):
    """The number of discarded answers in the log; 0 if there is no such line."""
    lines = [line for line in proxy.log() if line["msg"] == THROWN_AWAY]
    assert len(lines) <= 1, lines
    return lines[0]["answers"] if lines else 0


def hold(proxy, server, client, name="hold-it.example."):
    """Sends a query that the server holds back, and waits until the server has it."""
    before = len(server.held)
    client.send(make_query(name, id=1))
    proxy.process.wait_for(lambda: len(server.held) > before, "the upstream has the query")


@threaded
@pytest.mark.parametrize("size", [5000, 30000])
def test_a_slow_reader_gets_all_its_answers(tmp_path, unbound, verified, size, threads):
    with pillion.running(tmp_path, verified(unbound), threads=threads) as proxy, TcpClient(proxy.port, receive_buffer=4096) as client:
        client.send(*[make_query(f"txt{size}.{zone.ORIGIN}", "TXT", id=number, use_edns=0) for number in range(150)])
        proxy.wait_metric("dns_responses_total", 1)
        begin_drain(proxy)
        time.sleep(1.5)  # it does not read for three times drain_quiet
        answers = [read(client.receive()) for _ in range(150)]
        assert sorted(answer.id for answer in answers) == list(range(150)) and all(answer.answer for answer in answers)
        assert client.receive() is None
        assert proxy.process.wait() == 0
        assert thrown_away(proxy) == 0


def test_what_its_client_does_not_take_is_thrown_away_and_counted(tmp_path, unbound, verified):
    with pillion.running(tmp_path, verified(unbound), drain_timeout="1s") as proxy, TcpClient(proxy.port, receive_buffer=4096) as client:
        client.send(*[make_query(f"txt5000.{zone.ORIGIN}", "TXT", id=number, use_edns=0) for number in range(150)])
        proxy.wait_metric("dns_responses_total", 1)
        began = begin_drain(proxy)
        assert proxy.process.wait() == 0
        assert time.monotonic() - began >= 1
        # The kernel still delivers the data that it had.
        received = 0
        while client.receive():
            received += 1
        assert received > 0
        assert received + thrown_away(proxy) == 150


@threaded
def test_queries_without_an_answer_are_counted(tmp_path, server, verified, threads):
    with pillion.running(tmp_path, verified(server, timeout="30s"), drain_timeout="500ms", threads=threads) as proxy, \
            TcpClient(proxy.port) as client, udp_socket(proxy.port) as udp:
        before = server.queries
        client.send(*[make_query(f"drop-{number}.example.", id=number) for number in range(4)])
        udp.send(make_query("drop-udp.example.").to_wire())
        proxy.process.wait_for(lambda: server.queries == before + 5, "the upstream has the queries")
        begin_drain(proxy)
        assert proxy.process.wait() == 0
        assert thrown_away(proxy) == 5
        assert client.receive() is None


@threaded
def test_it_lasts_at_least_drain_min(tmp_path, server, verified, threads):
    """The nodes of a Service still send new clients for a while."""
    with pillion.running(tmp_path, verified(server), drain_min="3s", threads=threads) as proxy:
        began = begin_drain(proxy)
        assert proxy.get("/livez")[0] == 200 and proxy.get("/readyz")[0] == 503
        for number in range(4):
            query = make_query(f"n{number}.example.")
            assert rcode(ask_tcp(proxy.port, query)) == rcode(ask_udp(proxy.port, query)) == "NOERROR"
        assert proxy.process.wait() == 0
        assert time.monotonic() - began >= 3


def test_it_lasts_drain_quiet_behind_the_last_query(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), drain_quiet="2s") as proxy, TcpClient(proxy.port) as client:
        asked = time.monotonic()
        assert rcode(client.ask(make_query("first.example."))) == "NOERROR"
        begin_drain(proxy)
        assert client.receive() is None
        assert time.monotonic() - asked >= 2
        assert proxy.process.wait() == 0


def test_a_client_that_waited_for_its_answer_may_ask_again(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server, timeout="30s")) as proxy, TcpClient(proxy.port) as client:
        hold(proxy, server, client)
        begin_drain(proxy)
        time.sleep(0.6)  # longer than drain_quiet
        server.release()
        assert read(client.receive()).id == 1
        assert rcode(client.ask(make_query("next.example."))) == "NOERROR"
        assert proxy.process.wait() == 0


def test_idle_clients_are_closed_while_others_are_answered(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server, timeout="30s")) as proxy, TcpClient(proxy.port) as busy, TcpClient(proxy.port) as idle:
        assert rcode(idle.ask(make_query("idle.example."))) == "NOERROR"
        hold(proxy, server, busy)
        begin_drain(proxy)
        assert idle.receive() is None
        assert len(server.held) == 1, "the other one still waits"
        server.release()
        assert read(busy.receive()).id == 1
        assert proxy.process.wait() == 0


def keepalive_query(number):
    return make_query(f"n{number}.example.", id=number, use_edns=0, options=[dns.edns.GenericOption(KEEPALIVE, b"")])


def keepalive_of(message):
    """The timeout of the keepalive option in units of 100 ms, or None if the answer has no option."""
    return next((int.from_bytes(option.data, "big") for option in message.options if option.otype == KEEPALIVE), None)


@threaded
def test_busy_clients_leave_when_they_are_told_to(tmp_path, server, verified, threads):
    """RFC 7828 section 3.4: a timeout of 0 tells clients to close. Otherwise they would stay until drain_timeout."""
    with pillion.running(tmp_path, verified(server), threads=threads, drain_min="1s", drain_timeout="1h") as proxy, \
            contextlib.ExitStack() as connections:
        clients = [connections.enter_context(TcpClient(proxy.port)) for _ in range(4)]
        for client in clients:
            assert keepalive_of(read(client.ask(keepalive_query(0)))) == 600
        began = begin_drain(proxy)
        for client in clients:
            answer = read(client.ask(keepalive_query(1)))
            assert answer.id == 1 and keepalive_of(answer) == 0
            client.close()
        assert proxy.process.wait() == 0
        assert time.monotonic() - began >= 1


def test_busy_clients_that_stay_are_answered_until_drain_timeout(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), drain_timeout="2s") as proxy, TcpClient(proxy.port) as client:
        assert client.ask(keepalive_query(0))
        began = begin_drain(proxy)
        number = 0
        with contextlib.suppress(OSError):
            while client.ask(keepalive_query(number)):
                number += 1
        assert time.monotonic() - began >= 2
        assert number > 0
        assert proxy.process.wait() == 0


def test_a_second_signal_closes_at_once(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server, timeout="30s"), drain_min="1h", drain_quiet="1h", drain_timeout="1h") as proxy, \
            TcpClient(proxy.port) as client:
        hold(proxy, server, client)
        begin_drain(proxy)
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait() == 0
        assert client.receive() is None
        assert thrown_away(proxy) == 1
        server.release()


class UntilRefused(threading.Thread):
    """Asks one query after the other over UDP, until the kernel reports that the port is closed. `unanswered` are queries without an answer or
    error."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.answered = 0
        self.unanswered = []

    def run(self):
        with udp_socket(self.port) as client:
            while True:
                try:
                    client.send(make_query("localhost.", id=self.answered % 65536).to_wire())
                    client.recv(65536)
                except ConnectionRefusedError:
                    return
                except TimeoutError:
                    self.unanswered.append(self.answered)
                    return
                self.answered += 1


@threaded
def test_each_datagram_is_answered_or_refused(tmp_path, server, verified, threads):
    """Includes datagrams that come at the moment of the end."""
    for repetition in range(5):
        with pillion.running(tmp_path / str(repetition), verified(server), drain_timeout="200ms", threads=threads) as proxy:
            askers = [UntilRefused(proxy.port) for _ in range(8)]
            for asker in askers:
                asker.start()
            begin_drain(proxy)
            for asker in askers:
                asker.join()
            assert proxy.process.wait() == 0
            assert [asker.unanswered for asker in askers] == [[]] * 8
            assert all(asker.answered for asker in askers)


def test_a_client_that_does_not_close_holds_nobody_up(tmp_path, server, verified):
    """The client neither closes its end nor reads. Its kernel has acknowledged Pillion's end."""
    with pillion.running(tmp_path, verified(server), drain_timeout="1h") as proxy, TcpClient(proxy.port) as client:
        assert rcode(client.ask(make_query("a.example."))) == "NOERROR"
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait() == 0


def test_queries_that_come_too_late_do_not_reset_the_connection(tmp_path, unbound, verified):
    """They are not answered, but the answers to earlier queries are delivered completely."""
    with pillion.running(tmp_path, verified(unbound), drain_timeout="1h", drain_quiet="100ms") as proxy, \
            TcpClient(proxy.port, receive_buffer=4096) as client:
        client.send(*[make_query(f"txt1300.{zone.ORIGIN}", "TXT", id=number, use_edns=0) for number in range(4)])
        proxy.wait_metric("dns_responses_total", 4)
        begin_drain(proxy)
        # The kernel has accepted all data, so that the connection has been closed after the data that is still to be delivered.
        proxy.process.wait_for(lambda: in_state(client, proxy.port, ("FIN_WAIT1", "FIN_WAIT2")), "our side has been ended")
        client.send(*[make_query(f"a.{zone.ORIGIN}", id=9)] * 100)
        assert sorted(read(client.receive()).id for _ in range(4)) == [0, 1, 2, 3]
        assert client.receive() is None
        assert proxy.process.wait() == 0


STATES = {"01": "ESTABLISHED", "04": "FIN_WAIT1", "05": "FIN_WAIT2"}


def in_state(client, port, states):
    """True if the proxy's end of the client's connection is in one of these states."""
    own = client.socket.getsockname()[1]
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table.readlines()[1:]:
            _, local, remote, state = line.split()[:4]
            if int(local.split(":")[1], 16) == port and int(remote.split(":")[1], 16) == own:
                return STATES.get(state) in states
    return False
