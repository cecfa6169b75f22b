"""A name for which a server closes the connection, or for which its reply does not match: only queries for this name fail."""

import time

import pytest

from harness import pillion, servers, zone
from harness.dot_server import DotServer
from harness.path import Path
from harness.process import served
from harness.steady import Steady, failures

SECONDS = 4
# Seconds. Large enough for other queries to be in flight when the connection ends. Each handshake with a real server takes this long too, and a
# name that ends connections costs two of them: the latency limits how many such names can be found a second.
SCRIPTED_LATENCY, REAL_LATENCY = 0.03, 0.005
POISON_RATE, OTHERS_RATE = 20, 60
DENY = "deny.example."


def assert_others_are_answered(proxy, poison, other):
    """Asks for the names poison(number) and other(number) at the same time, each name once. All others must be answered."""
    with Steady(proxy.port, other, OTHERS_RATE) as others, Steady(proxy.port, poison, POISON_RATE) as poisoned:
        time.sleep(SECONDS)
        asked, spoilt = others.finish(), poisoned.finish()
    # A busy machine asks more slowly.
    assert len(asked) > OTHERS_RATE * SECONDS / 4 and len(spoilt) > POISON_RATE * SECONDS / 4
    failed = failures(asked)
    assert len(failed) <= len(asked) / 100, f"{len(failed)} of {len(asked)}: {failed[:20]}"
    wrong = [outcome for outcome in spoilt if outcome.rcode != "SERVFAIL"]
    assert not wrong, wrong[:20]
    assert proxy.metrics().sum("upstream_up") == 1


@pytest.mark.parametrize("fault", ["close", "wrongid", "wrongname"])
def test_at_a_server_of_the_tests(tmp_path, certificate, verified, fault):
    with DotServer(certificate) as server, pillion.running(tmp_path, verified(server)) as proxy:
        wait = int(SCRIPTED_LATENCY * 1000)
        assert_others_are_answered(proxy, lambda number: f"{fault}-n{number}.example.", lambda number: f"delay-{wait}-n{number}.example.")


def test_at_an_unbound_that_denies(tmp_path, tmp_path_factory, certificate, zone_file, verified):
    """unbound.conf(5): `deny` drops the query, which over TCP closes the connection. Like each resolver, this one has the root's NS records."""
    zones = {zone.ORIGIN: zone_file, ".": zone.write_root(tmp_path)}

    def make():
        return servers.make_unbound(tmp_path_factory.mktemp("unbound"), certificate, zones, options=f'local-zone: "{DENY}" deny')

    with served(make) as server, Path(server.address, delay=REAL_LATENCY) as path, \
            pillion.running(tmp_path, verified(path)) as proxy:
        assert_others_are_answered(proxy, lambda number: f"n{number}.{DENY}", lambda number: f"n{number}.wild.{zone.ORIGIN}")
        assert len(path.hellos) > 10, "it does close"
