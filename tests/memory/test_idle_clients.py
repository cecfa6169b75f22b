"""10,000 clients that are connected and ask nothing, and 200 that send invalid data: the memory of an idle client, and the answers that other
clients get."""

import resource
import time

import pytest

import clients
from test_memory import QUIET_FLOOR, chart_proxy, prepare, status_bytes

IDLE, RUBBISH = 10_000, 200
MOST_EACH = 1200  # bytes


@pytest.fixture(autouse=True)
def descriptors():
    """Sets the limit of open files of this process. The proxy and the clients inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 1000:
        pytest.skip(f"only {hard} descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_idle_clients_are_cheap_and_rubbish_is_harmless(tmp_path, authority, certificate, table, seconds):
    limit = IDLE + 600
    with chart_proxy(tmp_path, authority, certificate, max_connections=limit, max_connections_per_client=limit) as proxy:
        address = f"{proxy.host}:{proxy.port}"
        with clients.Steady(tmp_path, address) as steady:
            before = prepare(tmp_path, proxy, address)
            quiet_from = time.monotonic()
            time.sleep(max(3, min(10, seconds / 4)))
            quiet_until = time.monotonic()
            with clients.greedy(tmp_path, {"idle": IDLE}, address, 600):
                # Half of the steady clients are connected too.
                proxy.wait_metric("client_connections", IDLE + clients.COUNT // 2)
                each = (status_bytes(proxy.process, "VmRSS") - before) / IDLE
                busy_from = time.monotonic()
                counted = clients.attack(tmp_path, {"rubbish": RUBBISH}, address, seconds, alive=proxy.process.running)
                busy_until = time.monotonic()
                still = proxy.metrics().sum("client_connections")
            steady.finish()
        quiet, busy = steady.phase(quiet_from, quiet_until), steady.phase(busy_from, busy_until)
        table.append({"limit": "none", "from": "loopback", "clients": f"{IDLE} idle, {RUBBISH} rubbish",
                      "idle MiB": f"{before / 2**20:.1f}", "lost": f"{sum(busy.lost.values())}/{busy.asked}",
                      "quiet p99 ms": f"{quiet.p99 * 1000:.1f}",
                      "p99": f"{busy.p99 * 1000:.1f}", "ratio": f"{busy.p99 / quiet.p99:.1f}", "worst": f"{busy.worst * 1000:.0f}",
                      "": f"{each:.0f} bytes an idle client; {counted['rubbish'].get('ended')} closed for rubbish"})
        assert still >= IDLE, "clients that do nothing wrong stay connected"
        assert not quiet.lost and not busy.lost, (quiet.lost, busy.lost)
        assert busy.p99 <= 2 * max(quiet.p99, QUIET_FLOOR)
        assert each <= MOST_EACH
