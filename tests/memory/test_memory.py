"""In a control group of 64 MiB, which is the chart's limit, and of 32 MiB, no client makes the proxy grow until the kernel kills it. Clients with
ordinary queries still get answers. The proxy returns the memory afterwards."""

import contextlib
import pathlib
import time

import pytest
import yaml

import clients
import kernel_counters
from harness import pillion, servers
from harness.client import ask_tcp, make_query
from harness.cluster import cluster_dns
from harness.process import Process, served

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = yaml.safe_load((ROOT / "helm/pillion-sidecar/values.yaml").read_text())
NETWORKS = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]  # the configuration of the chart, except the zones of the cluster
SEARCH = [f"default.svc.{CHART['clusterDNS']['domain']}", f"svc.{CHART['clusterDNS']['domain']}", CHART["clusterDNS"]["domain"]]
# In a cluster, the servers and the proxy have their own processors; here they share two.
AHEAD = ["nice", "-n", "-10"]
# Seconds. A smaller 99th percentile without greedy clients counts as this. The kernel works for the sockets of greedy clients on the same processors.
QUIET_FLOOR = 0.003
RETURNED = 4 * 2**20

ATTACKS = {
    "bursts-1": {"bursts": 1},
    "bursts-4": {"bursts": 4},
    "bursts-50": {"bursts": 50},
    "unanswered": {"unanswered": 8},
    "unread": {"unread": 4096},
    "halves": {"halves": 4000},
    "pipelined": {"pipelined": 4},
    "names": {"names": 10},
    "walks": {"walks": 50},
    "all": {"bursts": 50, "unanswered": 8, "unread": 1500, "halves": 1500, "names": 10, "walks": 20},
}
FROM_MANY = {**{name: kinds for name, kinds in ATTACKS.items() if not name.startswith("bursts")}, "bursts-200": {"bursts": 200}}
# The proxy's counters of queries that it has received and of those that it did not answer.
PROXY_COUNTERS = ("dns_requests_total", "dns_rejected_total", "responses_undelivered_total")
# These clients read their answers, and so must get them.
POLITE = ("pipelined", "names", "walks")
CASES = [("loopback", name) for name in ATTACKS] + [("200 addresses", name) for name in FROM_MANY]


def status_bytes(process, field):
    """A size from /proc/PID/status in bytes, or 0 if the process has ended."""
    return process.status_bytes(field) if process.running() else 0


@contextlib.contextmanager
def chart_upstreams(directory, authority, certificate):
    """The upstreams of the chart's configuration: two public resolvers, which are on loopback here, and the cluster's DNS."""
    with contextlib.ExitStack() as stack:
        entries = []
        for name in ("first", "second"):
            program = clients.PROGRAMS.parent / "support/dot_responder"
            responder = Process([*AHEAD, program, "--cert", certificate.path, "--key", certificate.key], directory, name)
            stack.callback(responder.kill)
            responder.wait_for(lambda responder=responder: "listening" in responder.out(), "listens")
            entries.append({"address": responder.out().split()[1], "tls_name": servers.TLS_NAME})
        cluster = stack.enter_context(served(lambda: cluster_dns(directory / "cluster", certificate)))
        yield {
            "public": pillion.upstream(*entries, tls={"ca_file": str(authority.ca_file)}),
            "cluster": pillion.upstream({"address": cluster.plain_address}, protocol="udp"),
        }


@contextlib.contextmanager
def chart_proxy(directory, authority, certificate, host="127.0.0.1", prefix=(), **dns):
    """Pillion with the configuration that the chart renders."""
    routes = [{"zone": CHART["clusterDNS"]["domain"], "upstream": "cluster"}, *({"network": one, "upstream": "cluster"} for one in NETWORKS),
              {"zone": ".", "upstream": "public"}]
    with chart_upstreams(directory, authority, certificate) as upstreams, \
            pillion.running(directory, upstreams, host=host, prefix=[*AHEAD, *prefix], routes=routes, dns=dns, cache={},
                            search={"domains": SEARCH, "ndots": CHART["resolver"]["ndots"]}) as proxy:
        yield proxy


def counters(proxy):
    """{name: count} of the kernel and of the proxy, which show where a query was lost."""
    metrics = proxy.metrics()
    return {**kernel_counters.read(proxy.port),
            **{f"{name} {labels}": value for name in PROXY_COUNTERS for labels, value in metrics.series(name).items()}}


def prepare(directory, proxy, address):
    """Fills the cache, and puts large answers into it. The memory use after this is the one that the proxy must return to."""
    clients.attack(directory, {"names": 10}, address, 2)
    for size in (60000, 16000, 9000):
        assert ask_tcp(proxy.port, make_query(f"txt{size}.example.", "TXT"), proxy.host)
    time.sleep(0.5)
    return status_bytes(proxy.process, "VmRSS")


def returned(process, idle):
    """How many bytes above `idle` the process uses after 10 s, or earlier if it is within the bound by then."""
    end = time.monotonic() + 10
    while True:
        above = status_bytes(process, "VmRSS") - idle
        if above <= RETURNED or time.monotonic() > end:
            return above
        time.sleep(0.1)


def faults(kills, alive, sockets, above, quiet, attacked, counted, changed):
    """Yields a text for each requirement that is not met."""
    if kills or not alive:
        yield f"killed: {kills} times by the kernel for want of memory"
    if sockets > 0:
        yield f"the kernel held {sockets / 2**20:.1f} MiB more for sockets than the group has beside the proxy"
    # While all kinds run at once, the proxy may drop the clients that hold the most memory. It may not drop the steady ones.
    for kind in POLITE if len(counted) == 1 else ():
        if counted.get(kind, {}).get("ended"):
            yield f"{counted[kind]['ended']} connections of {kind} ended"
    if quiet.lost:
        yield f"lost while all was quiet: {quiet.lost} of {quiet.asked}"
    if attacked.lost:
        yield f"lost: {attacked.lost} of {attacked.asked}"
    if dropped := changed.get("server's socket dropped"):
        yield f"the proxy's UDP socket was full: the kernel dropped {dropped} queries"
    # Not the proxy's fault: the kernel dropped packets between sockets of this machine, and only TCP sends them again.
    if changed.get("lo dropped"):
        yield f"the loopback interface dropped {changed['lo dropped']} packets, of which " \
              f"{kernel_counters.datagrams_without_receiver(changed)} were datagrams"
    if attacked.p99 > 2 * max(quiet.p99, QUIET_FLOOR):
        yield f"p99 {attacked.p99 * 1000:.1f} ms, quiet {quiet.p99 * 1000:.1f} ms"
    if above is not None and above > RETURNED:
        yield f"{above / 2**20:.1f} MiB above idle 10 s after"


@pytest.mark.parametrize("megabytes", [64, 32])
@pytest.mark.parametrize("network, name", CASES, indirect=["network"])
def test_no_client_takes_the_memory(tmp_path, authority, certificate, network, limits, table, seconds, megabytes, name):
    kinds = (FROM_MANY if network["greedy"] else ATTACKS)[name]
    with limits(megabytes) as group, \
            chart_proxy(tmp_path, authority, certificate, network["listen"], group.prefix()) as proxy:
        address = f"{proxy.host}:{proxy.port}"
        alive = proxy.process.running
        with clients.Steady(tmp_path, address, network["steady"]) as steady:
            idle = prepare(tmp_path, proxy, address)
            quiet_from = time.monotonic()
            time.sleep(max(3, min(10, seconds / 4)))
            before = counters(proxy)
            attack_from = time.monotonic()
            counted = clients.attack(tmp_path, kinds, address, seconds, network["greedy"], alive)
            attack_until = time.monotonic()
            peak = status_bytes(proxy.process, "VmHWM") if alive() else 0
            above = returned(proxy.process, idle) if alive() else None
            changed = kernel_counters.changes(before, counters(proxy)) if alive() else {}
            steady.finish()
        quiet, attacked = steady.phase(quiet_from, attack_from), steady.phase(attack_from, attack_until)
        sent = sum(each.get("sent", 0) for each in counted.values())
        row = {"limit": megabytes, "from": "200 addresses" if network["greedy"] else "loopback", "clients": name,
               "idle MiB": f"{idle / 2**20:.1f}", "peak": f"{peak / 2**20:.1f}" if peak else "killed",
               "group": f"{group.peak() / 2**20:.1f}", "sockets": f"{group.socket_peak() / 2**20:.1f}",
               "after": "" if above is None else f"{above / 2**20:+.1f}", "lost": f"{sum(attacked.lost.values())}/{attacked.asked}",
               "quiet p99 ms": f"{quiet.p99 * 1000:.1f}", "p99": f"{attacked.p99 * 1000:.1f}", "ratio": f"{attacked.p99 / quiet.p99:.1f}",
               "worst": f"{attacked.worst * 1000:.0f}", "MB sent": f"{sent / 1e6:.0f}" if peak else ""}
        sockets = group.socket_peak() - megabytes * 2**20 // 4
        wrong = list(faults(group.kills(), alive(), sockets, above, quiet, attacked, counted, changed))
        table.append({**row, "": "; ".join(wrong) if wrong else "held"})
        assert not wrong, f"{wrong}\n{counted}\nlost: {attacked.lost_queries}\ncounters: {changed}"
