"""deploy/: the plain pod, the kustomize component and the example configurations."""

import pathlib
import shutil
import subprocess

import pytest
import yaml

from check import check
from conftest import ROOT, has_pods, only, pillion_of, pod_spec
from pod_security import violations

DEPLOY = ROOT / "deploy"
EXAMPLES = sorted((DEPLOY / "examples").glob("*.yaml"))


def kustomize(tools, directory):
    done = subprocess.run([tools.kubectl, "kustomize", directory], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module", params=["pod", "kustomize", "chart"])
def objects(request):
    if request.param == "pod":
        return list(yaml.safe_load_all((DEPLOY / "pod.yaml").read_text(encoding="utf-8")))
    if request.param == "kustomize":
        return kustomize(request.getfixturevalue("tools"), DEPLOY / "kustomize" / "example")
    return request.getfixturevalue("helm").template("pillion", "--set", "pillion.clusterDNS.address=10.96.0.10")


def workload(objects):
    found = [one for one in objects if has_pods(one)]
    assert len(found) == 1
    return found[0]


def test_examples_are_there():
    assert {path.stem for path in EXAMPLES} == {"cloudflare", "quad9", "google", "mutual-tls", "pins", "cluster-split"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_passes_check(binary, tmp_path, path):
    effective = yaml.safe_load(check(binary, tmp_path, path.read_text(encoding="utf-8")))
    plain = {name for name, one in effective["upstreams"].items() if one["protocol"] != "tls"}
    assert plain == ({"cluster"} if path.stem == "cluster-split" else set())


def test_example_is_checked_in_earnest(binary, tmp_path):
    with pytest.raises(AssertionError, match="tls_nam"):
        check(binary, tmp_path, EXAMPLES[0].read_text(encoding="utf-8").replace("tls_name", "tls_nam", 1))


def test_configuration_passes_check(binary, tmp_path, objects):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n", encoding="utf-8")
    text = only(objects, "ConfigMap")["data"]["pillion.yaml"].replace("/etc/resolv.conf", str(resolv_conf))
    assert yaml.safe_load(check(binary, tmp_path, text))["dns"]["listen"] == ["127.0.0.1:53"]


def test_pod_security_restricted(objects):
    assert violations(pod_spec(workload(objects))) == []


def test_schemas_of_kubernetes(objects, complaints):
    assert [bad for bad in complaints(objects) if bad] == []


def test_kubectl(objects, tools, cluster):
    done = subprocess.run([tools.kubectl, "--kubeconfig", cluster, "create", "--dry-run=client", "--validate=ignore", "-f", "-"],
                          input=yaml.safe_dump_all(objects), capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("created (dry run)") == len(objects), done.stderr


def test_all_three_ways_make_the_same_sidecar(objects, helm):
    """The plain pod and the component are what the chart renders, but for defaults that they leave out."""
    chart = pillion_of(workload(helm.template("pillion", "--set", "pillion.clusterDNS.address=10.96.0.10")))
    ours = pillion_of(workload(objects))
    assert pod_spec(workload(objects))["initContainers"][0] == ours
    for key in ("args", "restartPolicy", "resources", "startupProbe", "volumeMounts"):
        assert ours[key] == chart[key], key
    assert {"privileged": False, **ours["securityContext"]} == chart["securityContext"]
    assert {"periodSeconds": 10, "failureThreshold": 3, **ours["livenessProbe"]} == chart["livenessProbe"]
    assert [{"protocol": "TCP", **port} for port in ours["ports"]] == chart["ports"]
    assert "readinessProbe" not in ours


def test_resolver_of_the_pod(objects):
    one = workload(objects)
    namespace = one["metadata"].get("namespace", "default")
    searches = [f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    assert pod_spec(one)["dnsPolicy"] == "None"
    assert pod_spec(one)["dnsConfig"] == {"nameservers": ["127.0.0.1"], "searches": searches, "options": [{"name": "ndots", "value": "5"}]}
    configured = yaml.safe_load(only(objects, "ConfigMap")["data"]["pillion.yaml"])["search"]
    assert configured in ({"domains": searches, "ndots": 5}, {"resolv_conf": "/etc/resolv.conf"})


def test_configuration_is_mounted(objects):
    name = only(objects, "ConfigMap")["metadata"]["name"]
    assert {"name": "pillion-config", "configMap": {"name": name}} in pod_spec(workload(objects))["volumes"]


class TestKustomize:
    @pytest.fixture
    def copy(self, tmp_path) -> pathlib.Path:
        return shutil.copytree(DEPLOY / "kustomize", tmp_path / "kustomize")

    def test_what_the_application_had_is_still_there(self, tools):
        spec = pod_spec(workload(kustomize(tools, DEPLOY / "kustomize" / "example")))
        assert [one["name"] for one in spec["initContainers"]] == ["pillion", "migrate"]
        assert {one["name"] for one in spec["volumes"]} == {"pillion-config", "scratch"}
        assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["sysctls"]

    def test_changed_configuration_rolls_the_pods(self, tools, copy):
        def volume():
            return pod_spec(workload(kustomize(tools, copy / "example")))["volumes"]

        before = volume()
        with open(copy / "pillion" / "pillion.yaml", "a", encoding="utf-8") as configuration:
            configuration.write("threads: 2\n")
        assert volume() != before

    def test_configuration_can_be_replaced(self, tools, copy):
        before = only(kustomize(tools, copy / "example"), "ConfigMap")["metadata"]["name"]
        (copy / "example" / "configuration.yaml").write_text(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: pillion}, data: {pillion.yaml: 'threads: 2'}}", encoding="utf-8")
        path = copy / "example" / "kustomization.yaml"
        text = path.read_text(encoding="utf-8")
        patch = "patches: [{path: configuration.yaml}]"
        assert f"#   {patch}" in text
        path.write_text(text.replace(f"#   {patch}", patch), encoding="utf-8")
        objects = kustomize(tools, copy / "example")
        assert only(objects, "ConfigMap")["data"] == {"pillion.yaml": "threads: 2"}
        assert only(objects, "ConfigMap")["metadata"]["name"] != before
        test_configuration_is_mounted(objects)

    @pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
    def test_other_kinds_get_it_too(self, tools, copy, kind):
        path = copy / "example" / "deployment.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("kind: Deployment", f"kind: {kind}"), encoding="utf-8")
        kustomization = copy / "example" / "kustomization.yaml"
        kustomization.write_text(kustomization.read_text(encoding="utf-8").replace("kind: Deployment", f"kind: {kind}"), encoding="utf-8")
        one = workload(kustomize(tools, copy / "example"))
        assert one["kind"] == kind and pod_spec(one)["initContainers"][0]["name"] == "pillion"
