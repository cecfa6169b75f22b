"""The chart's modes that serve other pods lose no query while their pods are replaced. Queries go to the Service's address, each only once.

ROLLOUTS of each mode are begun within ROLLOUT_SECONDS, one after the other: ROLLOUTS=5 ROLLOUT_SECONDS=60 is the full measure. Without ROLLOUTS they are
left out: they take minutes, and a machine that is busy with other things decides too."""

import contextlib
import json
import os
import subprocess
import time

import objects
import pytest
from conftest import PATIENCE, apply, get, kubectl, pillion_values, rendered, wait_for
from harness.process import wait_until
from names import HERE

ROLLOUTS = int(os.environ.get("ROLLOUTS", "0"))
SECONDS = float(os.environ.get("ROLLOUT_SECONDS", "10"))
pytestmark = pytest.mark.skipif(ROLLOUTS == 0, reason="rollouts under load: only with ROLLOUTS=1 or more")
# Queries a second over each of UDP and TCP.
RATE = 200
NAMES = ["www.example.com.", "example.com.", "web.example.com.", "alias.example.com.", "a.b.c.d.example.com."]
CLIENT = "load"
# Answers that Pillion gave, but that came with the address of the pod instead of the Service's. A node forgets all flows to a pod that is no
# longer ready (kube-proxy does, one by one), and so now and then one whose answer is under way, which then finds no way back.
ASTRAY = "astray"
ASTRAY_AT_MOST = 2

# Each one's workload, and what it has to have set: an autoscaler has nothing to go by where the cluster has no metrics.
MODES = {
    "gateway": ("deployment", {"gateway": {"autoscaling": {"enabled": False}}}),
    "daemonset": ("daemonset", {}),
}


@pytest.fixture(scope="module")
def client(namespaces, images):
    apply(objects.named("Pod", HERE, CLIENT, spec=objects.pod_spec(images["clients"])))
    wait_for("condition=Ready", HERE, f"pod/{CLIENT}")


@pytest.fixture(autouse=True)
def log(shared):
    """Of the pods that are there in the end, shown with a test that fails; in place of that of the pods which other tests compare."""
    yield
    print(kubectl("-n", HERE, "logs", "-l", shared.selector, "--prefix", "--tail=40", check=False))


class Shared:
    """A release of one of the modes. `address` is its Service's."""

    def __init__(self, mode, kind):
        self.workload = f"{kind}/{mode}"
        self.selector = f"app.kubernetes.io/instance={mode}"
        self.await_rollout()
        self.address = get("service", HERE, mode)["spec"]["clusterIP"]

    def pods(self):
        """Those too that are on their way out."""
        return {pod["metadata"]["name"] for pod in get("pods", HERE, "-l", self.selector)["items"]}

    def await_rollout(self):
        kubectl("-n", HERE, "rollout", "status", self.workload, f"--timeout={PATIENCE}s", patience=PATIENCE + 30)

    def replace_pods(self):
        kubectl("-n", HERE, "rollout", "restart", self.workload)
        self.await_rollout()


@pytest.fixture(params=MODES)
def shared(request, images, resolver, networks, tmp_path):
    mode = request.param
    kind, more = MODES[mode]
    values = {"mode": mode, "fullnameOverride": mode, "pillion": pillion_values(images, resolver, networks), **more}
    apply(*rendered(tmp_path, mode, values))
    yield Shared(mode, kind)
    kubectl("-n", HERE, "delete", f"{kind}/{mode}", "--wait=false")
    # Nobody asks any more, so nobody is to wait for a drain.
    kubectl("-n", HERE, "delete", "pods", "-l", f"app.kubernetes.io/instance={mode}", "--grace-period=1", "--wait=false")


@contextlib.contextmanager
def load(server):
    """Yields what ends it and returns its results."""
    command = ["kubectl", "-n", HERE, "exec", "-i", CLIENT, "--", "/usr/bin/python3", "/load.py", server, str(RATE), *NAMES]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "asking\n"
            yield lambda: json.loads(process.communicate(timeout=PATIENCE)[0])
        finally:
            process.kill()


def told(results, begun):
    lines = []
    for protocol, result in results.items():
        lines.append(f"{protocol}: {result['sent']} sent, {result['answered']} answered, slowest {result['slowest']:.3f} s, "
                     f"{len(result['failed'])} failed")
        lines += [f"    after {at - begun:.2f} s, from port {port}: {outcome}" for at, port, outcome in result["failed"]]
    return "\n".join(lines)


def test_no_query_fails_while_pods_are_replaced(shared, client):
    with load(shared.address) as end:
        begun, start = time.time(), time.monotonic()
        old = set()
        for number in range(ROLLOUTS):
            # Spread over the time, so that pods of one rollout leave while those of the next come.
            time.sleep(max(0.0, start + number * SECONDS / ROLLOUTS - time.monotonic()))
            old |= shared.pods()
            shared.replace_pods()
        wait_until(lambda: not old & shared.pods(), "the old pods have gone", patience=PATIENCE)
        time.sleep(max(0.0, start + SECONDS - time.monotonic()))
        seconds = time.monotonic() - start
        results = end()
    print(f"{shared.workload}, {ROLLOUTS} rollouts in {seconds:.0f} s, {len(old)} pods replaced\n{told(results, begun)}")
    # The client was not what was slow.
    assert all(result["sent"] >= 0.9 * RATE * seconds for result in results.values()), told(results, begun)
    outcomes = [outcome for result in results.values() for _, _, outcome in result["failed"]]
    assert all(result["answered"] + len(result["failed"]) == result["sent"] for result in results.values()), told(results, begun)
    assert not [one for one in outcomes if one != ASTRAY], told(results, begun)
    assert len(outcomes) <= ASTRAY_AT_MOST * ROLLOUTS, told(results, begun)
