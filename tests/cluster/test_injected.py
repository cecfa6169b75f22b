"""The mode injector, installed by Helm: pods that are created through the API in a labelled namespace run with Pillion, without any change to
their manifests. test_policy.py tests the result for each kind of pod."""

import json
import os
import pathlib

import objects
import policies
import pytest
from harness.process import wait_until
from kubectl import PATIENCE, attempt, get, kubectl, logs, resolver_file, wait_for
from lookups import Pod
from names import HERE, THERE
from policies import KEY
from under_load import LOOPBACK

RELEASE = "injecting"
# The label of the namespace, by which the policies select it.
LABEL_VALUE = "injecting"
PUBLIC_ADDRESSES = {"v4:192.0.2.2", "v4:192.0.2.3"}
POLICY = f"{RELEASE}.{HERE}"
WITHOUT = "dns"


@pytest.fixture(scope="module")
def policies_in_force(helm, values, images):
    """Installs the policies for the namespace THERE."""
    if policies.missing():
        pytest.skip(policies.missing())
    policies.remove(RELEASE)
    release = {"mode": "injector", "fullnameOverride": RELEASE, "pillion": values,
               "injector": {"namespaceLabel": f"{KEY}={LABEL_VALUE}", "enforce": "Warn"}}
    with helm.installed(RELEASE, "pillion", release), policies.namespace_label(THERE, LABEL_VALUE):
        def are_there():
            answers = policies.Answers([application(images["clients"], "trial"), without_pillion(images["clients"], "trial-without")])
            return "Warning: " in answers.text and "initContainers" in answers.pods[THERE, "trial"]["spec"]

        wait_until(are_there, "the policies are in force", patience=PATIENCE)
        yield


def application(image, name):
    return objects.named("Pod", THERE, name, spec=objects.pod_spec(image))


def without_pillion(image, name):
    """A pod that cannot have Pillion, since it uses port 53."""
    pod = application(image, name)
    pod["spec"]["containers"][0]["ports"] = [{"containerPort": 53, "protocol": "UDP"}]
    return pod


@pytest.fixture(scope="module")
def injected(policies_in_force, images):
    name = "injected"
    pod = application(images["clients"], name)
    kubectl("create", "-f", "-", stdin=json.dumps(pod))
    yield name
    print(logs(THERE, name, "-c", "pillion"))
    kubectl("-n", THERE, "delete", "pod", name, "--wait=false")


@pytest.fixture(scope="module")
def warned(policies_in_force, images):
    """The messages of the API server to a pod that cannot have Pillion."""
    done = attempt("create", "-f", "-", stdin=json.dumps(without_pillion(images["clients"], WITHOUT)))
    assert done.returncode == 0, done.stderr
    yield done.stderr
    kubectl("-n", THERE, "delete", "pod", WITHOUT, "--wait=false")


def test_a_pod_runs_with_pillion_and_resolves_by_it(injected):
    wait_for("condition=Ready", THERE, f"pod/{injected}")
    spec = get("pod", THERE, injected)["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["pillion"] and spec["dnsConfig"]["nameservers"] == [LOOPBACK]
    pod = Pod(injected, THERE)
    assert set(pod.ask("glibc", [("host", "www.example.com")])["host", "www.example.com"]) >= PUBLIC_ADDRESSES
    asked = resolver_file(objects.LOG).splitlines()
    assert f"tls {pod.address} www.example.com." in asked and f"plain {pod.address} www.example.com." not in asked


def test_a_pod_that_cannot_have_it_is_admitted_with_a_warning(warned):
    (warning,) = [line for line in warned.splitlines() if line.startswith("Warning: ")]
    assert POLICY in warning and "the pod has no Pillion: " in warning and "has port 53" in warning


def test_the_audit_log_says_of_each_pod_whether_it_has_it(injected, warned):
    """The policy that validates adds an annotation to the audit log. The API does not give access to this log, and the API server of kubeadm or kind
    only writes one if it is configured: CLUSTER_AUDIT_LOG names the file of one that this machine can read."""
    file = os.environ.get("CLUSTER_AUDIT_LOG")
    if not file:
        pytest.skip("CLUSTER_AUDIT_LOG is not set, and no API hands out the audit log")

    def annotations():
        found = {}
        for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            of = event.get("objectRef", {})
            if (of.get("namespace"), of.get("resource"), event["verb"], event["stage"]) == (THERE, "pods", "create", "ResponseComplete"):
                found[of.get("name")] = event.get("annotations", {})
        return found if {injected, WITHOUT} <= found.keys() else None

    found = wait_until(annotations, "the audit log has both pods", patience=PATIENCE)
    assert found[injected][f"{POLICY}/sidecar"] == "present"
    assert found[WITHOUT][f"{POLICY}/sidecar"].startswith("missing: ") and "has port 53" in found[WITHOUT][f"{POLICY}/sidecar"]
