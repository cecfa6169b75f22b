"""The cache: hits, negative answers, failures, stale answers, prefetch, and memory that does not grow."""

import os
import time

import dns.rcode
import pytest

from harness import dnsperf, pillion, zone
from harness.client import ask_tcp, ask_udp, extended_errors, make_query, rcode, read
from harness.dot_server import DotServer
from harness.process import PATIENCE, run

SANITIZED = bool(os.environ.get("E2E_SANITIZER"))
STALE_ANSWER, STALE_NXDOMAIN_ANSWER = 3, 19  # RFC 8914 4.4, 4.20
STALE_TTL = 30  # RFC 8767 4


@pytest.fixture
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture
def start(tmp_path, server, verified):
    """start(**cache) -> a running Pillion. `upstream` are options of its upstream."""

    def start(upstream=None, **cache):
        return pillion.running(tmp_path, verified(server, **(upstream or {})), cache={"size": "1MiB", **cache})

    return start


def ask(proxy, name, type_="A"):
    # With EDNS, so that the answer can have an Extended DNS Error that says that it is stale.
    return read(ask_udp(proxy.port, make_query(name, type_, use_edns=0)))


def from_cache(proxy):
    return proxy.metrics().sum("dns_responses_total", source="cache")


def ttls(message):
    return {records.ttl for section in (message.answer, message.authority) for records in section}


def error_codes(message):
    return [code for code, _ in extended_errors(message)]


@pytest.mark.parametrize("asking", [ask_tcp, ask_udp])
def test_the_second_answer_comes_from_the_cache(start, server, asking):
    with start() as proxy:
        first = read(asking(proxy.port, make_query("hit.example.")))
        second = read(asking(proxy.port, make_query("HIT.example.")))
        assert second.answer == first.answer and str(second.question[0].name) == "HIT.example."
        assert server.asked_for("hit.example.") == 1
        metrics = proxy.metrics()
        assert metrics.sum("dns_responses_total", rcode="NOERROR", source="cache") == 1
        assert metrics.sum("dns_responses_total", rcode="NOERROR", source="upstream") == 1
        assert (metrics.sum("cache_hits_total"), metrics.sum("cache_misses_total"), metrics.sum("cache_entries")) == (1, 1, 1)
        assert metrics.sum("dns_request_duration_seconds_count", source="cache") == 1
        assert 0 < metrics.sum("cache_bytes") < 2000


def test_ttls_go_down(start, server):
    with start() as proxy:
        assert ttls(ask(proxy, "ttl-100-down.example.")) == {100}
        proxy.process.wait_for(lambda: ttls(ask(proxy, "ttl-100-down.example.")) == {98}, "two seconds are counted off")
        assert server.asked_for("ttl-100-down.example.") == 1


def test_an_answer_expires(start, server):
    name = "ttl-1-soon.example."
    with start(prefetch=False) as proxy:
        asked_at = time.monotonic()
        assert ttls(ask(proxy, name)) == {1}
        proxy.process.wait_for(lambda: ask(proxy, name).answer and server.asked_for(name) == 2, "the server is asked again")
        assert time.monotonic() - asked_at >= 0.99
        assert proxy.metrics().sum("dns_responses_total", source="stale") == 0


def test_times_are_bounded(start):
    with start(min_ttl="10s", max_ttl="100s", max_negative_ttl="50s") as proxy:
        assert ttls(ask(proxy, "ttl-1-short.example.")) == {10}, "the first answer, too"
        assert ttls(ask(proxy, "ttl-1-short.example.")) <= {9, 10}
        assert ttls(ask(proxy, "ttl-5000-long.example.")) == {100}
        assert ttls(ask(proxy, "ttl-5000-long.example.")) <= {99, 100}
        ask(proxy, "ttl-5000-nx.example.")
        assert ttls(ask(proxy, "ttl-5000-nx.example.")) <= {49, 50}


@pytest.mark.parametrize("name, code", [("nx-none.example.", "NXDOMAIN"), ("nodata-none.example.", "NOERROR")])
def test_negative_answers_are_kept(start, server, name, code):
    with start() as proxy:
        for _ in range(3):
            answer = ask(proxy, name)
            assert dns.rcode.to_text(answer.rcode()) == code and not answer.answer and answer.authority
        assert server.asked_for(name) == 1
        assert proxy.metrics().sum("dns_responses_total", rcode=code, source="cache") == 2


@pytest.mark.parametrize("cut", [True, False])
def test_nothing_lies_beneath_a_name_that_does_not_exist(start, server, cut):
    with start(nxdomain_cut=cut) as proxy:
        assert dns.rcode.to_text(ask(proxy, "nx-top.example.").rcode()) == "NXDOMAIN"
        expected = "NXDOMAIN" if cut else "NOERROR"
        assert dns.rcode.to_text(ask(proxy, "beneath.nx-top.example.").rcode()) == expected
        assert server.asked_for("beneath.nx-top.example.") == (0 if cut else 1)


def test_a_servfail_that_the_server_sent_is_told_from_one_for_want_of_an_answer(start, server):
    with start() as proxy:
        ask(proxy, "servfail-sent.example.")
        assert servfail_by_source(proxy) == {"upstream": 1}
        server.silent = True
        ask(proxy, "unanswered.example.")
        assert servfail_by_source(proxy) == {"upstream": 1, "local": 1}
        assert proxy.metrics().sum("dns_request_duration_seconds_count", source="upstream") == 2, "the time is the upstream's"


def servfail_by_source(proxy):
    return {labels["source"]: value for name, labels, value in proxy.metrics().samples
            if name == "pillion_dns_responses_total" and labels["rcode"] == "SERVFAIL"}


def test_failures_are_kept_for_five_seconds(start, server):
    name = "servfail-kept.example."
    with start() as proxy:
        asked_at = time.monotonic()
        assert dns.rcode.to_text(ask(proxy, name).rcode()) == "SERVFAIL"
        asked = server.asked_for(name)
        assert asked >= 1
        for _ in range(5):
            assert dns.rcode.to_text(ask(proxy, name).rcode()) == "SERVFAIL"
        if time.monotonic() - asked_at < 5:
            assert server.asked_for(name) == asked
            assert proxy.metrics().sum("dns_responses_total", rcode="SERVFAIL", source="cache") == 5
        proxy.process.wait_for(lambda: ask(proxy, name) and server.asked_for(name) > asked, "the server is asked again")
        assert time.monotonic() - asked_at >= 4.99


@pytest.mark.parametrize("prefetch", [False, True])
@pytest.mark.parametrize("name, code, error", [("ttl-1-old.example.", "NOERROR", STALE_ANSWER),
                                               ("ttl-1-nx-old.example.", "NXDOMAIN", STALE_NXDOMAIN_ANSWER)])
def test_stale_answers_while_the_server_is_gone(start, server, name, code, error, prefetch):
    with start(upstream={"timeout": "20s"}, prefetch=prefetch, serve_stale="5h") as proxy:
        fresh = ask(proxy, name)
        server.drop_everything()
        asked_at = time.monotonic()
        stale = proxy.process.wait_for(lambda: next((answer for answer in [ask(proxy, name)] if error_codes(answer)), None),
                                       "it expires and is answered with")
        assert time.monotonic() - asked_at < 15, "it did not wait for the query's end"
        assert dns.rcode.to_text(stale.rcode()) == code
        assert [(error_code, records.name) for error_code in error_codes(stale) for records in stale.answer + stale.authority] == \
            [(error, records.name) for records in fresh.answer + fresh.authority]
        assert ttls(stale) == {STALE_TTL}
        assert stale.answer == fresh.answer
        assert proxy.metrics().sum("dns_responses_total", rcode=code, source="stale") >= 1
        assert proxy.metrics().sum("cache_serve_stale_seconds") == 5 * 3600
        assert not read(ask_udp(proxy.port, make_query(name))).options, "who does not speak EDNS is not told"
        server.listen()
        again = proxy.process.wait_for(lambda: next((answer for answer in [ask(proxy, name)] if not error_codes(answer)), None),
                                       "the server is back")
        assert ttls(again) <= {0, 1} and again.answer == fresh.answer


@pytest.mark.parametrize("prefetch", [False, True])
def test_a_stale_answer_after_1800_ms_of_silence(start, server, prefetch):
    """The time counts from the client's query. With prefetch, Pillion's own query is in flight by then."""
    name = "ttl-1-silence.example."
    with start(upstream={"timeout": "20s"}, prefetch=prefetch) as proxy:
        ask(proxy, name)
        server.silent = True
        answers = []

        def stale_one():
            asked_at = time.monotonic()
            answers.append((ask(proxy, name), time.monotonic() - asked_at))
            return error_codes(answers[-1][0])

        assert proxy.process.wait_for(stale_one, "it expires and is answered with") == [STALE_ANSWER]
        answer, took = answers[-1]
        assert ttls(answer) == {STALE_TTL}
        assert prefetch or took >= 1.75, "not before the client response timer of RFC 8767"
        assert server.asked_for(name) <= 3, "nor as late as when the query has been given up on connection after connection"


def test_no_stale_answers_where_they_are_not_wanted(start, server):
    name = "ttl-1-gone.example."
    with start(serve_stale="0s", upstream={"timeout": "500ms"}) as proxy:
        ask(proxy, name)
        server.drop_everything()
        proxy.process.wait_for(lambda: ask(proxy, name).rcode() == dns.rcode.SERVFAIL, "it expires")
        assert proxy.metrics().sum("dns_responses_total", source="stale") == 0
        server.listen()


@pytest.mark.parametrize("prefetch", [True, False])
def test_popular_names_are_asked_for_before_they_expire(start, server, prefetch):
    name = "ttl-5-popular.example."
    with start(prefetch=prefetch) as proxy:
        for number in range(20):  # the queries of clients permit a number of prefetches
            ask(proxy, f"n{number}.example.")
        ask(proxy, name)
        before = proxy.metrics()
        lowest = proxy.process.wait_for(lambda: (ttls(ask(proxy, name)), server.asked_for(name) == 2)[1] or None, "it is asked for again")
        assert lowest
        after = proxy.metrics()
        by_clients = after.sum("dns_responses_total", source="upstream") - before.sum("dns_responses_total", source="upstream")
        if prefetch:
            assert by_clients == 0, "no client has waited for it"
            proxy.process.wait_for(lambda: max(ttls(ask(proxy, name))) >= 3, "the new answer is there")
            assert server.asked_for(name) == 2
        else:
            assert by_clients == 1
        assert (after.sum("cache_prefetches_total") == 1) == prefetch


def test_unpopular_names_are_not_prefetched(start, server):
    name = "ttl-2-once.example."
    with start() as proxy:
        ask(proxy, name)
        ask(proxy, "ttl-5-clock.example.")
        # When this entry has expired, the other one has expired long before.
        proxy.process.wait_for(lambda: ttls(ask(proxy, "ttl-5-clock.example.")) <= {1, 2}, "three seconds have gone by")
        assert server.asked_for(name) == 1


def test_size_0_keeps_nothing(start, server):
    with start(size=0) as proxy:
        for _ in range(3):
            assert ask(proxy, "hit.example.").answer
        assert server.asked_for("hit.example.") == 3
        metrics = proxy.metrics()
        assert metrics.sum("dns_responses_total", source="upstream") == 3
        assert metrics.sum("cache_entries") == metrics.sum("cache_hits_total") == 0


def test_answers_without_time_are_not_kept(start, server):
    with start() as proxy:
        for _ in range(3):
            assert ttls(ask(proxy, "ttl-0-now.example.")) == {0}
        assert server.asked_for("ttl-0-now.example.") == 3


def test_memory_stays_flat(tmp_path, unbound, verified):
    """Asks for ten times as many names as the cache holds: the first tenth fills the cache, and later entries displace earlier ones."""
    total = 20000 if SANITIZED else 120000
    size = "128KiB" if SANITIZED else "1MiB"
    limit = 128 * 1024 if SANITIZED else 2**20

    def fill(first, count):
        names = tmp_path / "names"
        names.write_text("".join(f"n{number}.wild.{zone.ORIGIN} A\n" for number in range(first, first + count)))
        arguments = dnsperf.command(proxy.port, names, "tcp", seconds=PATIENCE, clients=4)
        load = dnsperf.Load(run(*arguments, "-n", "1", patience=PATIENCE * 2).stdout)
        load.assert_flawless()
        assert load.completed == count

    with pillion.running(tmp_path, verified(unbound), cache={"size": size}) as proxy:
        fill(0, total // 5)
        first, before = proxy.metrics(), proxy.process.status_bytes("VmRSS")
        fill(total // 5, total - total // 5)
        last, after = proxy.metrics(), proxy.process.status_bytes("VmRSS")
        print(f"{last.sum('cache_entries'):.0f} entries of {total} names; resident {before / 2**20:.2f} MiB, then {after / 2**20:.2f} MiB")
        assert first.sum("cache_evictions_total") > 0, "it was full"
        assert total > 10 * last.sum("cache_entries") > 0
        assert last.sum("cache_bytes") <= limit
        assert last.sum("cache_entries") < 1.2 * first.sum("cache_entries")
        assert SANITIZED or after - before < 512 * 1024
        assert rcode(ask_udp(proxy.port, make_query(f"n{total - 1}.wild.{zone.ORIGIN}"))) == "NOERROR"
