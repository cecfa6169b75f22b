"""Releases of the modes that run something: `helm install`, and `helm test`, which passes where names are resolved and fails where they are not;
and a pod that ends is taken out of the Service while it still answers."""

import objects
import pytest
from harness.process import wait_until
from kubectl import PATIENCE, get, kubectl, logs
from names import HERE

RELEASE = "by-helm"
# An autoscaler has nothing to go by where the cluster has no metrics.
GATEWAY = {"mode": "gateway", "gateway": {"autoscaling": {"enabled": False}, "replicas": 1}}


@pytest.fixture
def release(helm, values):
    """What installs it, or upgrades it, with this name to ask for. What its pods say is shown with a test that fails."""
    def install(name, mode):
        helm.install(RELEASE, "pillion", {**mode, "fullnameOverride": RELEASE, "test": {"name": name}, "pillion": values})

    yield install
    print(logs(HERE, "-l", f"app.kubernetes.io/instance={RELEASE}", "--all-containers"))
    helm.run("uninstall", RELEASE, check=False)
    # Helm keeps the pod of a test that has failed.
    kubectl("-n", HERE, "delete", "pod", f"{RELEASE}-test", "--ignore-not-found", "--wait=false")


def test_helm_test(helm, release):
    release("www.example.com", GATEWAY)
    helm.run("test", RELEASE, "--timeout", f"{PATIENCE}s")
    release("missing.example.com", GATEWAY)
    failed = helm.run("test", RELEASE, "--timeout", f"{PATIENCE}s", check=False)
    assert failed.returncode != 0, failed.stdout
    told = kubectl("-n", HERE, "logs", f"{RELEASE}-test", "-c", "tcp")
    assert "NXDOMAIN" in told and "has no record of type A" in told


@pytest.mark.parametrize("mode", ["daemonset", "workload"])
def test_it_is_installed_and_resolves(helm, release, images, mode):
    """In the mode daemonset by the Service of its node, in the mode workload in a pod of its own."""
    application = {"workload": {"containers": [objects.container(images["clients"])]}} if mode == "workload" else {}
    release("www.example.com", {"mode": mode, "podSecurityContext": {"seccompProfile": {"type": "RuntimeDefault"}}, **application})
    helm.run("test", RELEASE, "--timeout", f"{PATIENCE}s")


def is_not_ready(pod):
    """Of a pod that is there: one that is gone is an error."""
    return any(one["type"] == "Ready" and one["status"] == "False" for one in get("pod", HERE, pod)["status"]["conditions"])


def test_a_pod_that_ends_is_not_ready_while_it_drains(release):
    """So that no node sends it anything more, nor what belongs to flows that it has taken before."""
    release("www.example.com", GATEWAY)
    found = get("pods", HERE, "-l", f"app.kubernetes.io/instance={RELEASE},pod-template-hash")["items"]
    (pod,) = (one["metadata"]["name"] for one in found if "deletionTimestamp" not in one["metadata"])
    kubectl("-n", HERE, "delete", "pod", pod, "--wait=false")
    wait_until(lambda: is_not_ready(pod), "the pod is not ready", patience=PATIENCE)
    status = get("pod", HERE, pod)["status"]
    assert status["phase"] == "Running" and "running" in status["containerStatuses"][0]["state"], status
