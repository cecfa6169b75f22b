"""Workloads with Pillion from the kustomize component find the names of their own namespace by a bare name."""

import json
import shutil

import objects
import pytest
import yaml
from charts import TLS_NAME
from kubectl import apply, await_rollout, get, kubectl, logs
from lookups import Pod
from names import HERE, THERE
from requirements import ROOT

# {kind: name of its workload}
WORKLOADS = {"deployment": "kustomized", "statefulset": "kustomized-set"}
BOTH = pytest.mark.parametrize("namespace", (HERE, THERE))


def configuration(component, resolver):
    """The component's configuration, with the test's resolver as both the public resolver and the cluster's DNS."""
    config = yaml.safe_load((component / "pillion.yaml").read_text(encoding="utf-8"))
    config["upstreams"] = {
        "public": {"servers": [{"address": f"{resolver}:853", "tls_name": TLS_NAME}], "tls": {"ca_file": "/etc/pillion/ca.pem"}},
        "cluster": {"protocol": "udp", "servers": [{"address": f"{resolver}:53"}]}}
    return yaml.safe_dump(config)


def kustomization(directory, namespace, images, resolver, authority):
    """A kustomization that uses the component as deploy/README.md says, with its own configuration."""
    component = directory.parent / "pillion"
    workloads = [objects.replicated(kind, namespace, name, 1, images["clients"], name)
                 for kind, name in zip(("Deployment", "StatefulSet"), WORKLOADS.values(), strict=True)]
    for one in workloads:
        del one["metadata"]["namespace"]
    repository, tag = images["pillion"].rsplit(":", 1)
    files = {
        "workloads.json": objects.listed(workloads),
        "configuration.json": json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pillion"}, "data": {
            "pillion.yaml": configuration(component, resolver), "ca.pem": authority.ca_file.read_text()}}),
        "kustomization.yaml": json.dumps({
            "namespace": namespace, "resources": ["workloads.json"], "components": ["../pillion"], "transformers": ["../pillion/namespace"],
            "images": [{"name": "pillion", "newName": repository, "newTag": tag}], "patches": [{"path": "configuration.json"}]}),
    }
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_text(text)
    return directory


@pytest.fixture(scope="module")
def pods(images, resolver, authority, tmp_path_factory):
    """{(namespace, kind): pod of the workload}. Applies the kustomizations."""
    directory = tmp_path_factory.mktemp("kustomize")
    shutil.copytree(ROOT / "deploy" / "kustomize" / "pillion", directory / "pillion")
    apply(*(objects.service(namespace, "web", (("http", 80, "TCP"),)) for namespace in (HERE, THERE)))
    for namespace in (HERE, THERE):
        made = kubectl("kustomize", kustomization(directory / namespace, namespace, images, resolver, authority))
        kubectl("apply", "--server-side", "-f", "-", stdin=made)
    found = {}
    for namespace in (HERE, THERE):
        for kind, name in WORKLOADS.items():
            await_rollout(namespace, f"{kind}/{name}")
            (pod,) = get("pods", namespace, "-l", f"{objects.LABEL}={name}")["items"]
            found[namespace, kind] = Pod(pod["metadata"]["name"], namespace)
    yield found
    for namespace in (HERE, THERE):
        kubectl("-n", namespace, "delete", "--wait=false", *(f"{kind}/{name}" for kind, name in WORKLOADS.items()))


@pytest.fixture(autouse=True)
def log(pods):
    """Prints Pillion's logs, which pytest shows if the test fails."""
    yield
    for pod in pods.values():
        print(logs(pod.namespace, pod.name, "-c", "pillion"))


@BOTH
@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_bare_name_is_that_of_the_own_namespace(pods, kind, namespace):
    own, other = (get("service", one, "web")["spec"]["clusterIP"] for one in ((HERE, THERE) if namespace == HERE else (THERE, HERE)))
    elsewhere = f"web.{THERE if namespace == HERE else HERE}"
    found = pods[namespace, kind].ask("glibc", [("host", "web"), ("host", elsewhere), ("host", "www.example.com")])
    assert f"v4:{own}" in found["host", "web"] and f"v4:{other}" in found["host", elsewhere]
    # This answer has come by TLS: Pillion is the only name server of the pod.
    assert {"v4:192.0.2.2", "v4:192.0.2.3"} <= set(found["host", "www.example.com"])
