"""Releases of the modes that run pods. After `helm install`, `helm test` passes if names are resolved, and fails if not. A pod that ends is taken
out of the Service while it still answers."""

import objects
import pytest
from harness.process import wait_until
from kubectl import PATIENCE, get, kubectl, logs
from names import HERE

RELEASE = "by-helm"
# There is no autoscaler, since the cluster may have no metrics.
GATEWAY = {"mode": "gateway", "gateway": {"autoscaling": {"enabled": False}, "replicas": 1}}


@pytest.fixture
def release(helm, values):
    """A function that installs or upgrades the release; its `helm test` asks for the given name. The logs of the pods are shown if the test
    fails."""
    def install(name, mode):
        helm.install(RELEASE, "pillion", {**mode, "fullnameOverride": RELEASE, "test": {"name": name}, "pillion": values})

    yield install
    print(logs(HERE, "-l", f"app.kubernetes.io/instance={RELEASE}", "--all-containers"))
    helm.run("uninstall", RELEASE, check=False)
    # Helm does not delete the pod of a test that has failed.
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
    """`helm test` asks the Service of its node in the mode daemonset, and a pod of its own in the mode workload."""
    application = {"workload": {"containers": [objects.container(images["clients"])]}} if mode == "workload" else {}
    release("www.example.com", {"mode": mode, "podSecurityContext": {"seccompProfile": {"type": "RuntimeDefault"}}, **application})
    helm.run("test", RELEASE, "--timeout", f"{PATIENCE}s")


def is_not_ready(pod):
    """True if the pod is not ready. Fails if the pod does not exist."""
    return any(one["type"] == "Ready" and one["status"] == "False" for one in get("pod", HERE, pod)["status"]["conditions"])


def test_a_pod_that_ends_is_not_ready_while_it_drains(release):
    """While the pod drains it is not ready, so that nodes send it no more queries, also not those of old flows."""
    release("www.example.com", GATEWAY)
    found = get("pods", HERE, "-l", f"app.kubernetes.io/instance={RELEASE},pod-template-hash")["items"]
    (pod,) = (one["metadata"]["name"] for one in found if "deletionTimestamp" not in one["metadata"])
    kubectl("-n", HERE, "delete", "pod", pod, "--wait=false")
    wait_until(lambda: is_not_ready(pod), "the pod is not ready", patience=PATIENCE)
    status = get("pod", HERE, pod)["status"]
    assert status["phase"] == "Running" and "running" in status["containerStatuses"][0]["state"], status
