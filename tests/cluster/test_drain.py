"""A node with a gateway's pod and a pod with the sidecar is drained. Neither a client of the gateway nor the application loses a query, and the
chart's PodDisruptionBudget is honoured.

In a cluster with one node the pods tolerate the cordon, so that their successors start on it again. This does not show that a pod starts on
another node. The rest is the same: `kubectl drain` cordons, evicts by the Eviction API, and waits."""

import contextlib
import json
import re

import objects
import pytest
from charts import rendered
from harness.process import wait_until
from kubectl import PATIENCE, apply, attempt, await_rollout, get, kubectl, logs, ready_pods, wait_for
from lookups import Pod
from names import HERE
from under_load import Applications, as_application, load

GATEWAY, APPLICATION, CLIENT = "drained-gateway", "drained-workload", "drain-load"
INSTANCE = "app.kubernetes.io/instance"
CORDONED = "node.kubernetes.io/unschedulable"
NODES = "kubectl drain needs the right to change nodes"


@pytest.fixture(autouse=True)
def log():
    """Prints the logs of the pods that exist at the end. pytest shows them if the test fails."""
    yield
    for name in (GATEWAY, APPLICATION):
        print(logs(HERE, "-l", f"{INSTANCE}={name}", "-c", "pillion"))


def is_alone():
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    return len([one for one in nodes if not one["spec"].get("taints") and not one["spec"].get("unschedulable")]) < 2


def beside_the_gateway():
    term = {"labelSelector": {"matchLabels": {INSTANCE: GATEWAY}}, "topologyKey": "kubernetes.io/hostname"}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


@pytest.fixture
def drained(images, values, tmp_path):
    """The gateway and the application, once their pods are ready, and the client of the gateway."""
    if attempt("auth", "can-i", "patch", "nodes").returncode != 0:
        pytest.skip(NODES)
    tolerations = [{"key": CORDONED, "operator": "Exists"}] if is_alone() else []
    common = {"tolerations": tolerations, "pillion": values}
    gateway = rendered(tmp_path, GATEWAY, {
        "mode": "gateway", "fullnameOverride": GATEWAY, "gateway": {"autoscaling": {"enabled": False}}, **common})
    workload = rendered(tmp_path, APPLICATION, {
        "mode": "workload", "fullnameOverride": APPLICATION, "affinity": beside_the_gateway(),
        "podSecurityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "workload": {"containers": [as_application(objects.container(images["clients"]))]}, **common})
    apply(*gateway, *workload, objects.named("Pod", HERE, CLIENT, spec=objects.pod_spec(images["clients"])))
    wait_for("condition=Ready", HERE, f"pod/{CLIENT}")
    for name in (GATEWAY, APPLICATION):
        await_rollout(HERE, f"deployment/{name}")
    yield
    kubectl("-n", HERE, "delete", f"deployment/{GATEWAY}", f"deployment/{APPLICATION}", f"pod/{CLIENT}", "--wait=false", "--ignore-not-found")
    kubectl("-n", HERE, "delete", "pods", "-l", f"{INSTANCE} in ({GATEWAY},{APPLICATION})", "--grace-period=1", "--wait=false")


def on(node, name):
    return {pod["metadata"]["name"] for pod in ready_pods(HERE, f"{INSTANCE}={name}") if pod["spec"]["nodeName"] == node}


@contextlib.contextmanager
def uncordoned(node):
    """Uncordons the node at the end of the context."""
    try:
        yield
    finally:
        kubectl("uncordon", node)


def drain(node):
    """Drains the node of the tests' pods only. Returns the completed process."""
    return attempt("drain", node, f"--pod-selector={INSTANCE} in ({GATEWAY},{APPLICATION})", "--ignore-daemonsets", "--delete-emptydir-data",
                   f"--timeout={PATIENCE}s", patience=PATIENCE + 30)


def test_no_query_is_lost_when_a_node_is_drained(drained):
    (application,) = ready_pods(HERE, f"{INSTANCE}={APPLICATION}")
    node = application["spec"]["nodeName"]
    before = on(node, GATEWAY)
    assert before
    selector = f"{INSTANCE}={APPLICATION}"
    with Applications(selector) as applications, load(Pod(CLIENT), get("service", HERE, GATEWAY)["spec"]["clusterIP"]) as end, uncordoned(node):
        applications.follow()
        done = drain(node)
        assert done.returncode == 0, done.stdout + done.stderr
        await_rollout(HERE, f"deployment/{GATEWAY}")
        await_rollout(HERE, f"deployment/{APPLICATION}")
        of_clients = end()
        wait_until(lambda: len(applications.follow()) == 1, "the application is there again", patience=PATIENCE)
        kubectl("-n", HERE, "delete", f"deployment/{APPLICATION}", "--wait=false")
        of_applications = applications.results()
    print(of_clients, *(f"{pod}\n{one}" for pod, one in of_applications.items()), sep="\n")
    assert not before & on(node, GATEWAY) and len(of_applications) == 2
    of_clients.check()
    for one in of_applications.values():
        one.check()
    # The budget did not let the pods go at once: the drain was refused at first.
    refused = re.findall(r"violate the pod's disruption budget", done.stdout + done.stderr)
    assert bool(refused) == (len(before) > 1), done.stdout + done.stderr
