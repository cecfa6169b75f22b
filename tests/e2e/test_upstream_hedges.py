"""Two servers that are slow at times: Pillion asks the other one too, for few queries, and never over unencrypted upstreams."""

import time

import pytest

from harness import pillion
from harness.dot_server import DotServer
from harness.plain_server import PlainServer
from harness.steady import Steady, failures

RATE, SECONDS = 100, 8
LATE_EVERY, LATE_BY = 40, 0.3  # one query of LATE_EVERY is late, by LATE_BY seconds: fewer than the slowest twentieth, which counts as usual


def name_of(number):
    return f"n{number}.example."


def slow_name_of(number):
    """Like name_of(), with names that are slow at each server."""
    return name_of(number) if number % LATE_EVERY else f"delay-{LATE_BY * 1000:.0f}-{name_of(number)}"


def load(proxy, names):
    """Asks for distinct names. Returns the outcomes."""
    with Steady(proxy.port, names, RATE) as steady:
        time.sleep(SECONDS)
        outcomes = steady.finish()
    assert not failures(outcomes), failures(outcomes)[:10]
    return outcomes


def hedges(proxy, result):
    return proxy.metrics().sum("upstream_hedges_total", result=result)


def test_a_slow_answer_is_overtaken_by_the_other_servers(tmp_path, certificate, verified):
    with DotServer(certificate) as one, DotServer(certificate) as other, \
            pillion.running(tmp_path, verified(one, other, policy="fastest")) as proxy:
        for server in (one, other):
            server.late_every, server.late_by = LATE_EVERY, LATE_BY
        outcomes = load(proxy, name_of)
        won, lost = hedges(proxy, "won"), hedges(proxy, "lost")
        # Half of the late ones: at first Pillion knows nothing about a server, and the other server may be late too.
        assert won >= len(outcomes) / LATE_EVERY / 2, (won, lost, len(outcomes))
        # At most a twentieth of the queries so far; one more may be the loop probe, or come from rounding.
        assert won + lost <= len(outcomes) / 20 + 2, (won, lost, len(outcomes))
        late = [outcome for outcome in outcomes if outcome.seconds >= LATE_BY]
        assert len(late) < len(outcomes) / LATE_EVERY, late[:10]


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_in_the_clear_nobody_is_asked_only_to_be_quicker(tmp_path, protocol):
    """A query that is sent twice is visible twice."""
    with PlainServer() as one, PlainServer() as other:
        upstreams = {"cluster": pillion.upstream({"address": one.address}, {"address": other.address}, protocol=protocol, policy="fastest")}
        with pillion.running(tmp_path, upstreams) as proxy:
            outcomes = load(proxy, slow_name_of)
            assert all(hedges(proxy, result) == 0 for result in ("won", "lost", "over_budget"))
            # A probe repeats a question that this server has answered.
            asked = [{query.question for query in server.asked} for server in (one, other)]
            assert sum(map(len, asked)) == len(outcomes)
