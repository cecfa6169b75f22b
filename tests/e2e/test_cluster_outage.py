"""The cluster's DNS is dead, and applications ask for public names that nobody has asked for. libc's first step of each lies in the cluster's zone,
so that the walk along the search list needs the cluster's DNS, or what Pillion knows from it."""

import time

import pytest

from harness import pillion, servers
from harness.admin import Admin
from harness.cluster import NDOTS, SEARCH
from harness.dot_server import DotServer, answer_to
from harness.plain_server import PlainServer
from harness.process import free_port
from harness.steady import Steady, failures

BUDGET = 4  # seconds: what a query may take at one upstream
RATE = 5
WARM = 2
# Seconds: longer than the 5 s for which a server's failure is remembered.
OUTAGE = 12
# The denials of the cluster have the TTL of CoreDNS, which ends within the outage.
DENIED = {"nx": True, "ttl": 5}
LEAVE = {"silent": lambda server: setattr(server, "silent", True), "gone": PlainServer.go_away}


@pytest.mark.parametrize("labels", ["shop.example", "www.shop.example"], ids=["of three labels", "of four labels"])
@pytest.mark.parametrize("way", LEAVE)
def test_new_public_names_do_not_wait_for_a_dead_cluster(tmp_path, authority, certificate, way, labels):
    with DotServer(certificate) as public, PlainServer(lambda query: answer_to(query, DENIED), lambda query: answer_to(query, DENIED)) as cluster:
        upstreams = {
            "public": pillion.upstream({"address": public.address, "tls_name": servers.TLS_NAME}, tls={"ca_file": str(authority.ca_file)}),
            "cluster": pillion.upstream({"address": cluster.address}, protocol="udp", timeout=f"{BUDGET}s"),
        }
        routes = [{"zone": "cluster.local", "upstream": "cluster"}, {"zone": ".", "upstream": "public"}]
        admin = Admin(free_port())
        with pillion.running(tmp_path, upstreams, routes=routes, search={"domains": SEARCH, "ndots": NDOTS}, cache={"size": "1MiB"},
                             admin={"listen": f"127.0.0.1:{admin.port}"}) as proxy, \
                Steady(proxy.port, lambda number: f"new{number}.{labels}.{SEARCH[0]}", RATE) as load:
            time.sleep(WARM)
            left = time.monotonic()
            LEAVE[way](cluster)
            time.sleep(OUTAGE)
            explained = admin.get("/resolve", f"?name=explained.{labels}.{SEARCH[0]}")
            outcomes = load.finish()
    meanwhile = [outcome for outcome in outcomes if outcome.sent > left]
    slow = [outcome for outcome in meanwhile if outcome.seconds is None or outcome.seconds > 1]
    print(f"{way}, {labels}: {len(meanwhile)} names, slowest {max(outcome.seconds or float('inf') for outcome in meanwhile):.2f} s, "
          f"{len(slow)} took more than 1 s")
    # The walk of the first query found the name, so that libc has nothing more to ask.
    assert not failures(outcomes)
    assert len(meanwhile) > RATE * OUTAGE / 2
    # The walk has not waited for the cluster's DNS to fail, and only a few queries have waited for it at all.
    assert all(outcome.seconds < BUDGET for outcome in meanwhile)
    assert len(slow) < len(meanwhile) / 2
    # The trace names the candidate that the walk has passed without an answer. One of four labels cannot exist in the cluster, and is not asked for.
    passed = [(event["name"], event["denied"]) for event in explained["trace"] if event["event"] == "step_passed"]
    assert passed == ([(f"explained.{labels}.{SEARCH[1]}", f"example.{SEARCH[1]}")] if labels == "shop.example" else []), explained["trace"]
