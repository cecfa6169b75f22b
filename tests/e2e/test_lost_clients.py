"""Clients whose network is lost: their kernel acknowledges nothing. The kernel here keeps what was sent to them, and a control group is charged with
it. So the proxy counts it, and the kernel forgets it with the client."""

import contextlib

import pytest

from harness import namespace, pillion
from harness.client import TcpClient, make_query, rcode
from harness.dot_server import DotServer
from harness.kernel_memory import kernel_memory
from harness.process import Process, run

OURS, THEIRS, NOBODY = "192.0.2.1", "192.0.2.2", "02:00:00:00:00:09"
UNSENT_OUTPUT = 4096  # bytes of the kernel for a connection that are not counted
QUERIES = 200  # their answers have 14 kB, which TCP sends without an acknowledgement


@pytest.fixture
def network(tmp_path):
    """The process whose network has the clients. This thread has a network of its own, too, with a link between both."""
    if namespace.impossible():
        pytest.skip(namespace.impossible())
    with namespace.network_with():
        other = Process(["unshare", "--net", "sh", "-c", "echo made; exec sleep infinity"], tmp_path, "network")
        try:
            other.wait_for(lambda: "made" in other.out(), "is made")
            run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(other.pid))
            run("ip", "address", "add", f"{OURS}/24", "dev", "near")
            run("ip", "link", "set", "near", "up")
            with namespace.network_of(other.pid):
                run("ip", "address", "add", f"{THEIRS}/24", "dev", "far")
                run("ip", "link", "set", "far", "up")
            yield other
        finally:
            other.kill()


@pytest.fixture
def proxy(tmp_path, network, certificate, verified):
    with DotServer(certificate) as server, \
            pillion.running(tmp_path, verified(server), host=OURS, cache={"size": "4MiB"}, drain_timeout="1s") as running:
        yield running


@contextlib.contextmanager
def lost_client(proxy, network):
    """A client that has sent queries for a name in the cache, after packets to it got lost."""
    query = make_query("known.example.")
    with namespace.network_of(network.pid):
        client = TcpClient(proxy.port, OURS)
    with client:
        assert rcode(client.ask(query)) == "NOERROR"
        run("ip", "neighbour", "replace", THEIRS, "lladdr", NOBODY, "nud", "permanent", "dev", "near")
        client.send(*[query] * QUERIES)
        proxy.wait_metric("dns_requests_total", QUERIES + 1)
        yield client


def held(proxy):
    """Bytes of the kernel for the answers of each client of the proxy."""
    return [to_send for _, to_send in kernel_memory(proxy.port)]


def test_what_a_lost_client_does_not_acknowledge_is_counted_and_then_forgotten(proxy, network):
    with lost_client(proxy, network):
        assert max(held(proxy)) > 2 * UNSENT_OUTPUT
        proxy.process.wait_for(lambda: proxy.metrics().sum("memory_used_bytes", what="output") >= max(held(proxy), default=0) > 0,
                               "the answers are counted")
        proxy.wait_metric("dns_rejected_total", 1, reason="slow_client")
        proxy.process.wait_for(lambda: not held(proxy), "the kernel has forgotten the connection")
        assert proxy.metrics().sum("memory_used_bytes", what="output") == 0


def test_a_lost_client_that_has_closed_its_side_keeps_its_place_until_the_kernel_forgets_it(proxy, network):
    with lost_client(proxy, network) as client:
        client.half_close()
        proxy.process.wait_for(lambda: proxy.metrics().sum("memory_used_bytes", what="output") >= max(held(proxy), default=0) > 0,
                               "the answers are counted")
        assert proxy.metrics().sum("client_connections") == 1
        proxy.process.wait_for(lambda: not proxy.metrics().sum("client_connections"), "the proxy has given the client up")
        assert not held(proxy)
