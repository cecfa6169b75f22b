"""Pillion's worker is killed under load. Its supervisor starts another one, and the application only loses few queries."""

import json
import time

import objects
import pytest
from harness.process import wait_until
from kubectl import PATIENCE, get, kubectl
from names import HERE
from under_load import LOOPBACK, load

pytestmark = pytest.mark.usefixtures("shop_log")
KILLS = 5
# Seconds for which a worker serves before it is killed.
PAUSE = 1.0
# Two attempts, like libc: a killed worker loses the queries that it has read.
ATTEMPTS = "--attempts=2"
KILLER = "killer"
# Process 1 is the supervisor; the worker is its child.
KILL_WORKER = """
import os, pathlib, signal
for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
    if stat.read_text().rpartition(")")[2].split()[1] == "1":
        os.kill(int(stat.parent.name), signal.SIGKILL)
"""


@pytest.fixture
def kill_worker(shop, images):
    """Kills the worker from an ephemeral container that sees Pillion's processes and runs as its user, since Pillion's image has no program for
    it."""
    container = objects.container(images["clients"])
    container["securityContext"] |= {"runAsUser": 65532}
    kubectl("-n", HERE, "patch", "pod", shop.name, "--subresource=ephemeralcontainers", "--patch", json.dumps(
        {"spec": {"ephemeralContainers": [{**container, "name": KILLER, "targetContainerName": "pillion"}]}}))

    def is_running():
        states = get("pod", HERE, shop.name)["status"].get("ephemeralContainerStatuses", [])
        return any("running" in one["state"] for one in states if one["name"] == KILLER)

    wait_until(is_running, "the container that kills runs", patience=PATIENCE)
    return lambda: kubectl("-n", HERE, "exec", shop.name, "-c", KILLER, "--", "/usr/bin/python3", "-c", KILL_WORKER)


def restarts(pod):
    """(restarts of the worker by Pillion's metrics, restarts of the container by the kubelet)"""
    metrics = ("/bin/busybox", "wget", "-q", "-O", "-", f"http://{LOOPBACK}:9153/metrics")
    text = kubectl("-n", HERE, "exec", pod.name, "-c", pod.container, "--", *metrics)
    (of_worker,) = (float(line.split()[1]) for line in text.splitlines() if line.startswith("pillion_worker_restarts_total "))
    (of_container,) = (one["restartCount"] for one in get("pod", HERE, pod.name)["status"]["initContainerStatuses"] if one["name"] == "pillion")
    return of_worker, of_container


def test_no_look_up_fails_while_workers_are_killed(shop, kill_worker):
    before = restarts(shop)
    with load(shop, LOOPBACK, ATTEMPTS) as end:
        for _ in range(KILLS):
            time.sleep(PAUSE)
            kill_worker()
        time.sleep(PAUSE)
        results = end()
    print(results)
    results.check()
    assert restarts(shop) == (before[0] + KILLS, before[1])
