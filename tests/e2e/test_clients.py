"""The limits of one client address: connections, queries in flight, log lines; and bans of clients that send invalid messages. Each address of
127.0.0.0/8 is a client of its own, but loopback addresses are never banned: bans are tested in a network namespace with other addresses."""

import contextlib
import resource
import signal
import socket
import time

import pytest
import yaml

from harness import namespace, pillion
from harness.admin import Admin
from harness.client import TcpClient, ask_udp, make_query, rcode, read, udp_socket
from harness.dot_server import DotServer
from harness.process import free_port, wait_until

GREEDY, MODEST = "127.0.0.2", "127.0.0.3"
PLACES = 16384  # the largest number of queries in flight of a thread
RUBBISH = b"\0" * 5


@pytest.fixture(scope="module", autouse=True)
def many_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture
def silent(certificate):
    """An upstream for names below silent.example that never answers."""
    with DotServer(certificate) as running:
        yield running


def is_served(proxy):
    """True if a query over TCP and one over UDP are answered without delay."""
    with TcpClient(proxy.port, source=MODEST) as tcp, udp_socket(proxy.port, source=MODEST) as udp:
        started = time.monotonic()
        udp.send(make_query("udp.example.").to_wire())
        codes = {rcode(tcp.ask(make_query("tcp.example."))), rcode(udp.recv(65536))}
        return codes == {"NOERROR"} and time.monotonic() - started < 2


@pytest.fixture
def proxy_with_silent_route(tmp_path, server, silent, verified):
    upstreams = {**verified(server), "silent": verified(silent, timeout="30s")["real"]}
    routes = [{"zone": ".", "upstream": "real"}, {"zone": "silent.example", "upstream": "silent"}]
    with pillion.running(tmp_path, upstreams, routes=routes, drain_timeout="1s") as proxy:
        yield proxy


def unanswered(number):
    return make_query(f"drop-{number}.silent.example.", id=number % 65536, use_edns=0)


# All connections of one address together may use two thirds of the places. At that limit they wait, so that its datagrams still find places, and a
# connection without queries in flight is still read.
PLACES_OF_CONNECTIONS = PLACES * 2 // 3


def test_one_address_cannot_take_all_places_over_tcp(proxy_with_silent_route, clients):
    proxy = proxy_with_silent_route
    for number in range(20):
        clients.append(TcpClient(proxy.port, source=GREEDY))
        clients[-1].send(*map(unanswered, range(1000 * number, 1000 * (number + 1))))
    proxy.wait_metric("dns_in_flight", PLACES_OF_CONNECTIONS)
    assert is_served(proxy)
    metrics = proxy.metrics()
    assert metrics.sum("dns_in_flight") <= PLACES_OF_CONNECTIONS + len(clients)
    assert metrics.sum("dns_rejected_total") == 0, "they are not read from, and nothing is refused"


def test_one_address_cannot_take_all_places_over_udp(proxy_with_silent_route):
    proxy = proxy_with_silent_route
    with contextlib.ExitStack() as stack:
        for number in range(20):
            client = stack.enter_context(udp_socket(proxy.port, source=GREEDY))
            for each in range(1000):
                client.send(unanswered(1000 * number + each).to_wire())
        proxy.wait_metric("dns_rejected_total", 1, reason="client_share")
        assert proxy.metrics().sum("dns_in_flight") == PLACES * 3 // 4
        assert is_served(proxy)


def test_names_that_nobody_answers_do_not_take_a_servers_connections_from_others(tmp_path, server, verified, clients):
    """All of these queries are for one server, whose connections have fewer ids: later ones wait until the earlier ones have timed out."""
    with pillion.running(tmp_path, verified(server), drain_timeout="1s") as proxy:
        for number in range(20):
            clients.append(TcpClient(proxy.port, source=GREEDY))
            clients[-1].send(*map(unanswered, range(1000 * number, 1000 * (number + 1))))
        proxy.wait_metric("dns_in_flight", PLACES_OF_CONNECTIONS)
        started = time.monotonic()
        proxy.process.wait_for(lambda: is_served(proxy), "another address is served")
        assert time.monotonic() - started < 15, "ids are kept for 30 s otherwise"


def test_the_containers_of_a_pod_may_have_all_connections(tmp_path, server, verified, clients):
    """All containers share the loopback addresses, and no other client needs a reserve."""
    with pillion.running(tmp_path, verified(server), dns={"max_connections": 16}) as proxy:
        # Each connection waits for an answer, so that none can be displaced.
        for number in range(16):
            clients.append(TcpClient(proxy.port, source=GREEDY))
            clients[-1].send(make_query(f"hold-{number}.example."))
        proxy.wait_metric("dns_in_flight", 16)
        with TcpClient(proxy.port, source=GREEDY) as one_more:
            assert one_more.receive() is None
        assert proxy.metrics().sum("dns_rejected_total", reason="connection_limit") == 1
        server.release()
        assert all(rcode(client.receive()) == "NOERROR" for client in clients)


def test_at_a_limit_the_connection_that_was_idle_for_the_longest_makes_room(tmp_path, server, verified, clients):
    with pillion.running(tmp_path, verified(server), dns={"max_connections_per_client": 3}) as proxy:
        busy, idle, active = (TcpClient(proxy.port, source=GREEDY) for _ in range(3))
        clients += [busy, idle, active]
        busy.send(make_query("hold-busy.example."))
        assert rcode(idle.ask(make_query("idle.example."))) == "NOERROR"
        with TcpClient(proxy.port, source=MODEST) as neighbour:
            assert rcode(neighbour.ask(make_query("neighbour.example."))) == "NOERROR"

            def fourth_is_served():
                assert rcode(active.ask(make_query("active.example."))) == "NOERROR"
                with TcpClient(proxy.port, source=GREEDY) as fourth, contextlib.suppress(OSError):
                    answer = fourth.ask(make_query("fourth.example."))
                    return answer and rcode(answer) == "NOERROR"

            proxy.process.wait_for(fourth_is_served, "there is room for a fourth connection")
            assert idle.receive() is None
            assert rcode(neighbour.ask(make_query("neighbour.example."))) == "NOERROR", "another client's idle connection stays"
        assert proxy.metrics().sum("client_idle_closes_total", reason="displaced") == 1
        server.release()
        assert rcode(busy.receive()) == "NOERROR"


def test_the_log_has_a_limit_for_all_addresses_together(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server)) as proxy:
        started = time.monotonic()
        count = 3000
        for number in range(count):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
                forger.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
                forger.sendto(RUBBISH, ("127.0.0.1", proxy.port))
            if number % 100 == 0:
                assert rcode(ask_udp(proxy.port, make_query("paced.example."))) == "NOERROR"
        proxy.wait_metric("dns_rejected_total", count, reason="short_header")
        lines = [line for line in proxy.log() if line["msg"] == "invalid query"]
        intervals = int((time.monotonic() - started) / 10) + 1
        assert 10 <= len(lines) <= 10 * intervals
        assert proxy.metrics().sum("clients_tracked") <= 1024 + 1

        def suppressed():
            ask_tcp_rubbish(proxy, MODEST)
            return sum(line["suppressed"] for line in proxy.log() if line["msg"] == "invalid query")

        assert wait_until(suppressed, "a later line says how many there were not") >= count - 10 * intervals


def ask_tcp_rubbish(proxy, source):
    """Sends an invalid message over TCP. Pillion closes the connection."""
    with TcpClient(proxy.port, proxy.host, source=source) as client, contextlib.suppress(OSError):
        client.send(RUBBISH)
        assert client.receive() is None


def test_of_loopback_addresses_none_is_banned(tmp_path, server, verified):
    with pillion.running(tmp_path, verified(server), clients={"ban_after": 3}) as proxy:
        for _ in range(10):
            ask_tcp_rubbish(proxy, GREEDY)
        with TcpClient(proxy.port, source=GREEDY) as client:
            assert rcode(client.ask(make_query("fine.example."))) == "NOERROR"
        assert proxy.metrics().sum("client_bans_total") == 0


OURS, BAD, GOOD = "10.77.0.1", "10.77.0.2", "10.77.0.3"


NEWCOMERS = [f"10.77.1.{number}" for number in range(1, 11)]


@pytest.fixture
def network():
    """Client addresses other than loopback."""
    if namespace.impossible():
        pytest.skip(namespace.impossible())
    with namespace.network_with(OURS, BAD, GOOD, *NEWCOMERS):
        yield


@pytest.fixture
def banning(tmp_path, network, certificate, verified):
    """A Pillion on 10.77.0.1 that bans a client for three seconds after five invalid messages."""
    with DotServer(certificate) as server, \
            pillion.running(tmp_path, verified(server), host=OURS, clients={"ban_after": 5, "ban_for": "3s"}) as proxy:
        yield proxy


def answered(proxy, source, ours=OURS):
    """True if a query over TCP from this address is answered."""
    with contextlib.suppress(OSError), TcpClient(proxy.port, ours, source=source) as client:
        answer = client.ask(make_query("fine.example."))
        return answer is not None and rcode(answer) == "NOERROR"
    return False


def test_who_sends_rubbish_over_tcp_is_banned_for_a_time(banning):
    proxy = banning
    with TcpClient(proxy.port, OURS, source=BAD) as standing, TcpClient(proxy.port, OURS, source=GOOD) as good, \
            udp_socket(proxy.port, OURS, source=BAD) as datagrams:
        assert rcode(standing.ask(make_query("standing.example."))) == "NOERROR"
        assert rcode(good.ask(make_query("good.example."))) == "NOERROR"
        for _ in range(4):
            ask_tcp_rubbish(proxy, BAD)
        assert rcode(standing.ask(make_query("standing.example."))) == "NOERROR", "four are not five"
        ask_tcp_rubbish(proxy, BAD)
        assert standing.receive() is None, "its connections are closed"
        assert not answered(proxy, BAD), "new ones are closed on arrival"
        datagrams.send(make_query("dropped.example.").to_wire())
        proxy.wait_metric("dns_rejected_total", 3, reason="banned")
        metrics = proxy.metrics()
        assert metrics.sum("clients_banned") == metrics.sum("client_bans_total") == 1
        assert rcode(good.ask(make_query("good.example."))) == "NOERROR"
        assert answered(proxy, GOOD), "nobody else is banned"

        proxy.process.wait_for(lambda: proxy.metrics().sum("clients_banned") == 0, "the ban ends")
        assert answered(proxy, BAD)
        datagrams.send(make_query("after.example.").to_wire())
        assert read(datagrams.recv(65536)).question[0].name.to_text() == "after.example."
    began, = (line for line in proxy.log() if line["msg"] == "client banned")
    assert (began["client"], began["rejected"], began["seconds"]) == (BAD, 5, 3)
    ended, = (line for line in proxy.log() if line["msg"] == "ban ended")
    assert ended["client"] == BAD and ended["dropped"] >= 3


def test_datagrams_alone_never_ban(banning):
    proxy = banning
    with udp_socket(proxy.port, OURS, source=BAD) as client:
        for _ in range(200):
            client.send(RUBBISH)
        client.send(make_query("fine.example.").to_wire())
        assert rcode(client.recv(65536)) == "NOERROR"
    # They do not count towards a ban either.
    for _ in range(4):
        ask_tcp_rubbish(proxy, BAD)
    assert answered(proxy, BAD)
    metrics = proxy.metrics()
    assert metrics.sum("client_bans_total") == metrics.sum("clients_banned") == 0
    assert metrics.sum("dns_rejected_total", reason="short_header") == 204


def test_a_ban_holds_on_all_threads(tmp_path, network, certificate, verified):
    with DotServer(certificate) as server, contextlib.ExitStack() as stack, \
            pillion.running(tmp_path, verified(server), host=OURS, threads=4, clients={"ban_after": 5, "ban_for": "1h"}) as proxy:
        # The kernel spreads them over the threads.
        standing = [stack.enter_context(TcpClient(proxy.port, OURS, source=BAD)) for _ in range(20)]
        datagrams = [stack.enter_context(udp_socket(proxy.port, OURS, source=BAD)) for _ in range(20)]
        assert all(rcode(client.ask(make_query("standing.example."))) == "NOERROR" for client in standing)
        for _ in range(5):
            ask_tcp_rubbish(proxy, BAD)
        assert all(client.receive() is None for client in standing)
        assert not any(answered(proxy, BAD) for _ in range(20))
        for client in datagrams:
            client.send(make_query("dropped.example.").to_wire())
        proxy.wait_metric("dns_rejected_total", 60, reason="banned")
        assert all(answered(proxy, GOOD) for _ in range(20))
        metrics = proxy.metrics()
        assert metrics.sum("clients_banned") == metrics.sum("client_bans_total") == 1
        assert sum(line["msg"] == "client banned" for line in proxy.log()) == 1

        configured = yaml.safe_load(proxy.config.read_text())
        proxy.config.write_text(yaml.safe_dump(configured | {"clients": {"ban_after": 0, "ban_for": "1h"}}))
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_metric("config_reloads_total", 1, result="success")
        proxy.process.wait_for(lambda: all(answered(proxy, BAD) for _ in range(20)), "the ban has ended on all threads")


# Addresses of one prefix of 64 bits, and one of another prefix.
OURS6, PREFIX, NEIGHBOUR = "fd00:77::1", [f"fd00:77:0:1::{number:x}" for number in range(1, 41)], "fd00:77:0:2::1"


@pytest.fixture
def ipv6_network():
    if namespace.impossible():
        pytest.skip(namespace.impossible())
    with namespace.network_with():
        # Each address of this prefix is the machine's own.
        namespace.run("ip", "-6", "route", "add", "local", "fd00:77::/32", "dev", "lo")
        namespace.run("sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1")
        yield


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("ipv6_prefix", [128, 64])
def test_addresses_of_one_prefix_are_one_client_if_so_configured(tmp_path, ipv6_network, certificate, verified, clients, threads, ipv6_prefix):
    admin = Admin(free_port())
    with DotServer(certificate) as server, \
            pillion.running(tmp_path, verified(server), host=OURS6, threads=threads, dns={"max_connections": 40},
                            clients={"ban_after": 5, "ipv6_prefix": ipv6_prefix}, admin={"listen": f"127.0.0.1:{admin.port}"}) as proxy:
        for address in PREFIX[:38]:
            clients.append(TcpClient(proxy.port, OURS6, source=address))
        proxy.wait_metric("client_connections", 30 if ipv6_prefix == 64 else 38)
        assert answered(proxy, NEIGHBOUR, OURS6)
        # Some were refused, and which of them differs with several threads.
        for client in clients:
            with contextlib.suppress(OSError):
                client.send(RUBBISH)
                assert client.receive() is None
        assert proxy.metrics().sum("client_bans_total") == (1 if ipv6_prefix == 64 else 0)
        assert answered(proxy, NEIGHBOUR, OURS6)
        listed = [client["address"] for client in admin.get("/clients")["clients"]]
        if ipv6_prefix == 64:
            began, = (line for line in proxy.log() if line["msg"] == "client banned")
            assert began["client"] == "fd00:77:0:1::/64" and "fd00:77:0:1::/64" in listed and "fd00:77:0:2::/64" in listed
        else:
            assert set(listed) >= {PREFIX[0], NEIGHBOUR}


def test_one_address_cannot_take_the_connections_of_all_threads(tmp_path, network, certificate, verified, clients):
    with DotServer(certificate) as server, \
            pillion.running(tmp_path, verified(server), host=OURS, threads=4, dns={"max_connections": 40}) as proxy:
        for _ in range(60):
            clients.append(TcpClient(proxy.port, OURS, source=BAD))

        def judged():
            metrics = proxy.metrics()
            return metrics.sum("client_connections_accepted_total") + metrics.sum("dns_rejected_total", reason="client_share") == 60

        proxy.process.wait_for(judged, "all were accepted or refused")
        assert proxy.metrics().sum("client_connections") <= 31, "three quarters, and one more where two threads accept at the same moment"
        assert all(answered(proxy, newcomer) for newcomer in NEWCOMERS)
