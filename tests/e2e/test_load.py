"""Load by dnsperf: no query is lost or refused, and few upstream connections are used. E2E_FULL=1 makes each run 30 s long."""

import pytest

from harness import dnsperf, pillion, zone
from harness.dot_server import DotServer
from harness.process import free_port

MOST_CONNECTIONS = 4  # for each server, over the whole run: connections are kept and shared


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return dnsperf.write_names(tmp_path_factory.mktemp("load") / "names", f"wild.{zone.ORIGIN}")


def assert_no_failures(metrics, may_stall):
    """NSD 4.6 leaves a query that came in one TLS record with another one until more data comes, which Pillion counts as stalled."""
    failures = metrics.sum("upstream_failures_total")
    if may_stall:
        failures -= metrics.sum("upstream_failures_total", reason="stalled")
    assert failures == 0, metrics.series("upstream_failures_total")


# Until Pillion knows such a server, its answers may come one for each new query. Pillion then notices the stall late, and the waiting queries need
# more than the default timeout of 4 s.
PATIENT = {"timeout": "8s"}


@pytest.mark.parametrize("server_name, threads", [("unbound", 1), ("nsd", 1), ("unbound", 2), ("unbound", 4)])
@pytest.mark.parametrize("mode", ["tcp", "udp"])
def test_nothing_is_lost(request, tmp_path, verified, names, nsd, server_name, mode, threads):
    server = request.getfixturevalue(server_name)
    with pillion.running(tmp_path, verified(server, **(PATIENT if server is nsd else {})), threads=threads) as proxy:
        load = dnsperf.load(proxy.port, names, mode)
        metrics = proxy.metrics()
    load.assert_flawless()
    if server is not nsd:
        assert metrics.sum("upstream_connections_opened_total") <= MOST_CONNECTIONS * threads, load.printed
    assert_no_failures(metrics, server is nsd)
    assert metrics.sum("dns_rejected_total") == 0, metrics.series("dns_rejected_total")
    assert metrics.sum("dns_requests_total", proto=mode, type="A") == load.completed
    assert metrics.sum("dns_responses_total", rcode="NOERROR", source="upstream") == load.completed
    assert metrics.sum("dns_in_flight") == 0
    assert metrics.sum("plaintext_queries_total") == 0


def test_a_server_that_takes_one_query_from_each_record(tmp_path, certificate, verified, names):
    """Like NSD 4.6. A query that has stalled is asked again within its timeout, in its own TLS record."""
    with DotServer(certificate, one_query_per_record=True) as server, pillion.running(tmp_path, verified(server, **PATIENT)) as proxy:
        load = dnsperf.load(proxy.port, names, "tcp", seconds=2)
        load.assert_flawless()
        assert_no_failures(proxy.metrics(), True)


@pytest.mark.parametrize("policy", ["fastest", "sequential", "round_robin", "random"])
def test_two_servers_share_or_stand_by(tmp_path, verified, unbound, certificate, names, policy):
    """The second server is not NSD: NSD stalls until Pillion knows it, and gets less than its share until then."""
    with DotServer(certificate) as other, pillion.running(tmp_path, verified(unbound, other, policy=policy)) as proxy:
        load = dnsperf.load(proxy.port, names, "tcp", seconds=2)
        metrics = proxy.metrics()
    load.assert_flawless()
    share = [metrics.sum("upstream_responses_total", server=server.address) for server in (unbound, other)]
    assert sum(share) >= load.completed
    if policy == "sequential":
        assert share[0] >= load.completed, "the first server is asked as long as it answers"
    if policy in ("round_robin", "random"):
        assert min(share) > 0.3 * sum(share)


def test_a_server_that_is_not_there_costs_no_query(tmp_path, verified, unbound, names):
    class Nobody:
        address = f"127.0.0.1:{free_port()}"

    with pillion.running(tmp_path, verified(Nobody, unbound, policy="sequential")) as proxy:
        load = dnsperf.load(proxy.port, names, "tcp", seconds=2)
        metrics = proxy.metrics()
    load.assert_flawless()
    assert metrics.sum("upstream_failures_total", server=Nobody.address, reason="connect_refused") > 0
    assert metrics.sum("upstream_up", server=Nobody.address) == 0
    assert metrics.sum("upstream_up", server=unbound.address) == 1


def test_cluster_transports_work_too(tmp_path, unbound, names):
    """Unencrypted TCP and UDP upstreams, as for a cluster's DNS. Each of their queries is counted as plaintext."""
    for protocol in ("tcp", "udp"):
        upstreams = {"cluster": pillion.upstream({"address": f"127.0.0.1:{unbound.plain_port}"}, protocol=protocol)}
        with pillion.running(tmp_path / protocol, upstreams) as proxy:
            load = dnsperf.load(proxy.port, names, "tcp", seconds=2)
            metrics = proxy.metrics()
        load.assert_flawless()
        assert metrics.sum("plaintext_queries_total", upstream="cluster") >= load.completed
