"""Upstreams that go away under load and return: Pillion notices both soon."""

import contextlib
import time

from harness import pillion, servers
from harness.client import ask_udp, make_query, rcode
from harness.dot_server import DotServer
from harness.plain_server import PlainServer
from harness.process import wait_until
from harness.steady import Steady, failures

AWAY = 12  # seconds: longer than the back-off takes to reach its largest value
SEEN_WITHIN = 10
BACK_WITHIN = 1.5  # seconds: one, and a reserve for a busy machine
RATE = 20


class Upstream:
    """One of the servers, with its own zone."""

    def __init__(self, zone, server, leave, come_back):
        self.zone, self.server, self.leave, self.come_back = zone, server, leave, come_back
        self.is_plain = isinstance(server, PlainServer)

    def configured(self, ca_file):
        if self.is_plain:
            return pillion.upstream({"address": self.server.address}, protocol="udp", timeout="4s")
        return pillion.upstream({"address": self.server.address, "tls_name": servers.TLS_NAME}, tls={"ca_file": str(ca_file)}, timeout="4s")

    def ask(self, proxy, label):
        return rcode(ask_udp(proxy.port, make_query(f"{label}.{self.zone}")))

    def is_up(self, proxy):
        return proxy.metrics().sum("upstream_up", upstream=self.zone.partition(".")[0]) == 1


def silenced(server, silent):
    """Like a pulled cable: nothing is refused, and nothing is answered."""
    return lambda: setattr(server, "silent", silent)


@contextlib.contextmanager
def upstreams(certificate):
    with contextlib.ExitStack() as stack:
        encrypted = [stack.enter_context(DotServer(certificate)) for _ in range(2)]
        plain = [stack.enter_context(PlainServer()) for _ in range(2)]
        yield [Upstream("tls-gone.example.", encrypted[0], encrypted[0].drop_everything, encrypted[0].listen),
               Upstream("tls-silent.example.", encrypted[1], silenced(encrypted[1], True), silenced(encrypted[1], False)),
               Upstream("udp-gone.example.", plain[0], plain[0].go_away, plain[0].listen),
               Upstream("udp-silent.example.", plain[1], silenced(plain[1], True), silenced(plain[1], False))]


def test_new_names_are_answered_within_a_second_of_the_return(tmp_path, authority, certificate):
    """Each new name is asked once, since the cache keeps failures: no failure from before the return is served after it."""
    with upstreams(certificate) as all_of_them, contextlib.ExitStack() as stack:
        routes = [{"zone": one.zone, "upstream": one.zone.partition(".")[0]} for one in all_of_them]
        routes.append({"zone": ".", "upstream": routes[0]["upstream"]})
        configured = {route["upstream"]: one.configured(authority.ca_file) for route, one in zip(routes, all_of_them)}
        proxy = stack.enter_context(pillion.running(tmp_path, configured, routes=routes, cache={"size": "1MiB", "failure_ttl": "60s"}))
        loads = [stack.enter_context(Steady(proxy.port, lambda number, zone=one.zone: f"n{number}.{zone}", RATE)) for one in all_of_them]
        time.sleep(1)
        left = time.monotonic()
        for one in all_of_them:
            one.leave()
        for one in all_of_them:
            wait_until(lambda one=one: not one.is_up(proxy), f"{one.zone} is down", max(left + SEEN_WITHIN - time.monotonic(), 0.1))
        time.sleep(max(left + AWAY - time.monotonic(), 0))
        for one in all_of_them:
            assert one.ask(proxy, "kept") == "SERVFAIL"
        back = time.monotonic()
        for one in all_of_them:
            one.come_back()
        time.sleep(BACK_WITHIN)
        for one in all_of_them:
            assert one.ask(proxy, "kept") == "NOERROR", f"{one.zone}: a failure from before the return"
            assert one.is_up(proxy), one.zone
        time.sleep(2)
        for one, load in zip(all_of_them, loads):
            outcomes = load.finish()
            assert not failures([outcome for outcome in outcomes if outcome.sent < left - 0.5]), one.zone
            assert failures([outcome for outcome in outcomes if left + 5 < outcome.sent < back - 1]), f"{one.zone}: it was away"
            late = failures(outcomes, back + BACK_WITHIN)
            assert not late, f"{one.zone}: {[(round(outcome.sent - back, 2), outcome) for outcome in late[:10]]}"
