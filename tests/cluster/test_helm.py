"""A release of the mode gateway: `helm test`, as README has it, passes where names are resolved, and fails where they are not; and a pod
that ends is taken out of the Service while it still answers."""

import json
import os
import subprocess

import pytest
import tools as chart_tools
from conftest import PATIENCE, ROOT, get, kubectl, pillion_values, unusable
from harness.process import wait_until
from names import HERE

RELEASE = "by-helm"


@pytest.fixture(autouse=True)
def log():
    """Of the release's pods, shown with a test that fails; in place of that of the pods which other tests compare."""
    yield
    print(kubectl("-n", HERE, "logs", "-l", f"app.kubernetes.io/instance={RELEASE}", "--all-containers", "--prefix", "--tail=40", check=False))


@pytest.fixture
def helm(tmp_path):
    """Runs Helm for the cluster of the current context, without any state of the user's."""
    try:
        program = chart_tools.fetch().helm
    except chart_tools.Unavailable as reason:
        unusable(f"there is no Helm to install the chart: {reason}")
    places = {f"HELM_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}

    def run(*arguments, check=True):
        done = subprocess.run([program, *map(str, arguments), "--namespace", HERE], env={**os.environ, **places}, capture_output=True, text=True,
                              timeout=2 * PATIENCE, check=False)
        assert not check or done.returncode == 0, f"helm {arguments[0]}: {done.stdout}{done.stderr}"
        return done

    return run


@pytest.fixture
def release(helm, images, resolver, networks, tmp_path):
    """What installs it, or upgrades it, with this name to ask for."""
    def install(name):
        values = tmp_path / "values.json"
        values.write_text(json.dumps({
            "mode": "gateway", "fullnameOverride": RELEASE, "test": {"name": name},
            # An autoscaler has nothing to go by where the cluster has no metrics.
            "gateway": {"autoscaling": {"enabled": False}, "replicas": 1},
            "pillion": pillion_values(images, resolver, networks),
        }), encoding="utf-8")
        helm("upgrade", "--install", RELEASE, ROOT / "helm" / "pillion", "--values", values, "--wait", "--timeout", f"{PATIENCE}s")

    yield install
    helm("uninstall", RELEASE, check=False)
    # Helm keeps the pod of a test that has failed.
    kubectl("-n", HERE, "delete", "pod", f"{RELEASE}-test", "--ignore-not-found", "--wait=false")


def test_helm_test(helm, release):
    release("www.example.com")
    helm("test", RELEASE, "--timeout", f"{PATIENCE}s")
    release("missing.example.com")
    failed = helm("test", RELEASE, "--timeout", f"{PATIENCE}s", check=False)
    assert failed.returncode != 0, failed.stdout
    told = kubectl("-n", HERE, "logs", f"{RELEASE}-test", "-c", "tcp")
    assert "NXDOMAIN" in told and "has no record of type A" in told


def is_not_ready(pod):
    """Of a pod that is there: one that is gone is an error."""
    return any(one["type"] == "Ready" and one["status"] == "False" for one in get("pod", HERE, pod)["status"]["conditions"])


def test_a_pod_that_ends_is_not_ready_while_it_drains(release):
    """So that no node sends it anything more, nor what belongs to flows that it has taken before."""
    release("www.example.com")
    found = get("pods", HERE, "-l", f"app.kubernetes.io/instance={RELEASE},pod-template-hash")["items"]
    (pod,) = (one["metadata"]["name"] for one in found if "deletionTimestamp" not in one["metadata"])
    kubectl("-n", HERE, "delete", "pod", pod, "--wait=false")
    wait_until(lambda: is_not_ready(pod), "the pod is not ready", patience=PATIENCE)
    status = get("pod", HERE, pod)["status"]
    assert status["phase"] == "Running" and "running" in status["containerStatuses"][0]["state"], status
