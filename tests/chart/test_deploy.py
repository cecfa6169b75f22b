"""Tests deploy/: the plain pod, the kustomize component and the example configurations."""

import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from check import check
from conftest import ROOT, config, configuration_text, has_pods, only, pillion_of, pod_spec, pod_template
from pod_security import violations

DEPLOY = ROOT / "deploy"
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
VALUES = ("--set", "pillion.clusterDNS.address=10.96.0.10,pillion.image.repository=registry.example/pillion")
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
    return request.getfixturevalue("helm").template("pillion", *VALUES)


def test_name_of_the_components_config_map_stays_where_that_is_asked_for(tools, tmp_path):
    """Without this option a changed pillion.yaml rolls the pods, as deploy/README.md says."""
    names = []
    for options in ("", "    options: {disableNameSuffixHash: true}\n"):
        for text in ("{}", "log: {level: warn}"):
            copy = tmp_path / str(len(names))
            shutil.copytree(DEPLOY / "kustomize", copy)
            file = copy / "pillion" / "kustomization.yaml"
            files = "    files: [pillion.yaml]\n"
            assert files in file.read_text(encoding="utf-8")
            file.write_text(file.read_text(encoding="utf-8").replace(files, files + options), encoding="utf-8")
            (copy / "pillion" / "pillion.yaml").write_text(text, encoding="utf-8")
            rendered = kustomize(tools, copy / "example")
            names.append(only(rendered, "ConfigMap")["metadata"]["name"])
            assert {"name": "pillion-config", "configMap": {"name": names[-1]}} in pod_spec(workload(rendered))["volumes"]
    assert names[0] != names[1] and names[2:] == ["pillion", "pillion"]


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
    assert yaml.safe_load(check(binary, tmp_path, configuration_text(objects)))["dns"]["listen"] == ["127.0.0.1:53"]


def test_pod_security_restricted(objects):
    assert violations(pod_spec(workload(objects))) == []


def test_schemas_of_kubernetes(objects, complaints):
    assert [bad for bad in complaints(objects) if bad] == []


def test_kubectl(objects, tools, cluster):
    done = subprocess.run([tools.kubectl, "--kubeconfig", cluster, "create", "--dry-run=client", "--validate=ignore", "-f", "-"],
                          input=yaml.safe_dump_all(objects), capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("created (dry run)") == len(objects), done.stderr


def test_all_three_ways_make_the_same_sidecar(objects, helm):
    """The plain pod and the component equal the output of the chart, except for default values that they omit."""
    rendered = helm.template("pillion", *VALUES)
    chart = pillion_of(workload(rendered))
    ours = pillion_of(workload(objects))
    assert pod_spec(workload(objects))["initContainers"][0] == ours
    for key in ("args", "restartPolicy", "resources", "lifecycle", "terminationMessagePolicy", "volumeMounts"):
        assert ours[key] == chart[key], key
    assert {"privileged": False, **ours["securityContext"]} == chart["securityContext"]
    assert {"periodSeconds": 10, "failureThreshold": 3, **ours["livenessProbe"]} == chart["livenessProbe"]
    assert [{"protocol": "TCP", **port} for port in ours["ports"]] == chart["ports"]
    assert not {"startupProbe", "readinessProbe"} & ours.keys()
    assert config(objects) == config(rendered)
    assert pod_template(workload(objects))["metadata"]["labels"]["pillion.dev/sidecar"] == "true"


def test_the_plain_pod_is_what_the_chart_makes_of_its_application(adopter):
    (pod,) = yaml.safe_load_all((DEPLOY / "pod.yaml").read_text(encoding="utf-8"))
    bare = {"metadata": {"labels": {"app.kubernetes.io/name": "pillion"}},
            "spec": {key: pod["spec"][key] for key in ("automountServiceAccountToken", "enableServiceLinks", "containers")}}
    made = adopter.wrapped(bare, "image.repository=pillion")
    made["spec"]["dnsConfig"]["searches"][0] = "default.svc.cluster.local"
    assert pod["spec"].keys() == made["spec"].keys()
    for key, value in made["spec"].items():
        if key != "initContainers":  # defaults are left out, as the test above allows
            assert pod["spec"][key] == value, key
    for part in (pod, made):
        part["metadata"]["annotations"]["pillion.dev/config"] = yaml.safe_load(part["metadata"]["annotations"]["pillion.dev/config"])
    assert pod["metadata"]["annotations"] == made["metadata"]["annotations"]


def test_resolver_of_the_pod(objects):
    one = workload(objects)
    namespace = one["metadata"].get("namespace", "default")
    searches = [f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    assert pod_spec(one)["dnsPolicy"] == "None"
    assert pod_spec(one)["dnsConfig"] == {"nameservers": ["127.0.0.1"], "searches": searches, "options": [{"name": "ndots", "value": "5"}]}
    assert config(objects)["search"] == {"resolv_conf": "/etc/resolv.conf"}


def test_configuration_is_mounted(objects):
    volume = next(one for one in pod_spec(workload(objects))["volumes"] if one["name"] == "pillion-config")
    if "configMap" in volume:
        assert volume["configMap"] == {"name": only(objects, "ConfigMap")["metadata"]["name"]}
    else:
        assert volume["downwardAPI"] == {"items": [{"path": "pillion.yaml", "fieldRef": {"fieldPath": "metadata.annotations['pillion.dev/config']"}}]}


def write(directory, **kustomization):
    """Writes a kustomization into the directory. Returns the directory."""
    directory.mkdir(exist_ok=True)
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return directory


def a_workload(kind):
    template = {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": [{"name": "app", "image": "registry.example/app:1.0"}]}}
    spec = {"template": template}
    if kind in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
    else:
        spec["selector"] = {"matchLabels": {"app": "app"}}
    if kind == "StatefulSet":
        spec["serviceName"] = "app"
    if kind == "CronJob":
        spec = {"schedule": "0 0 * * *", "jobTemplate": {"spec": spec}}
    return {"apiVersion": "batch/v1" if kind in ("Job", "CronJob") else "apps/v1", "kind": kind, "metadata": {"name": "app"}, "spec": spec}


def adopt(directory, *, kinds=KINDS, change=lambda template: None, labels=None, **more):
    """An application that uses the component and has one workload of each kind. `change` gets each pod template, `labels` are the labels of the
    workloads, and `more` replaces or adds keys."""
    directory.mkdir()
    workloads = [a_workload(kind) for kind in kinds]
    for one in workloads:
        change(pod_template(one))
        one["metadata"] |= {"labels": labels} if labels else {}
    (directory / "workloads.yaml").write_text(yaml.safe_dump_all(workloads), encoding="utf-8")
    return write(directory, **{"resources": ["workloads.yaml"], "components": ["../pillion"], "transformers": ["../pillion/namespace"], **more})


def first_searches(objects):
    """{kind: the first search domain} of the objects with pods."""
    return {one["kind"]: pod_spec(one)["dnsConfig"]["searches"][0] for one in objects if has_pods(one)}


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

    def test_readme_and_component_name_the_same_kinds(self):
        directory = DEPLOY / "kustomize" / "pillion"
        component = yaml.safe_load((directory / "kustomization.yaml").read_text(encoding="utf-8"))
        for patches in ("refused", "sidecar"):
            kinds = [patch["target"]["kind"].split("|") for patch in component["patches"] if patch["path"].startswith(patches)]
            assert set(sum(kinds, [])) == set(KINDS)
        transformer = yaml.safe_load((directory / "namespace" / "searches.yaml").read_text(encoding="utf-8"))
        for replacements in (transformer["replacements"], yaml.safe_load((directory / "sysctl.yaml").read_text(encoding="utf-8"))):
            assert {target["select"]["kind"] for one in replacements for target in one["targets"]} == set(KINDS)
        row = next(line for line in (DEPLOY / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `kustomize/pillion`"))
        assert all(kind in row for kind in KINDS)


class TestKindsOfWorkloads:
    """The component with one workload of each kind that it patches."""

    @pytest.fixture
    def place(self, tmp_path) -> pathlib.Path:
        """A directory in which `adopt` makes kustomizations."""
        shutil.copytree(DEPLOY / "kustomize" / "pillion", tmp_path / "pillion")
        return tmp_path

    def test_each_gets_the_same_sidecar(self, tools, place):
        workloads = [one for one in kustomize(tools, adopt(place / "app", namespace="shop")) if has_pods(one)]
        assert {one["kind"] for one in workloads} == set(KINDS)
        for one in workloads:
            assert {**pod_spec(one), "restartPolicy": None} == {**pod_spec(workloads[0]), "restartPolicy": None}, one["kind"]
            assert pod_spec(one)["initContainers"][0]["name"] == "pillion"
            assert pod_template(one)["metadata"] == pod_template(workloads[0])["metadata"], one["kind"]

    def test_each_resolves_the_names_of_its_own_namespace(self, tools, place):
        assert first_searches(kustomize(tools, adopt(place / "app", namespace="shop"))) == dict.fromkeys(KINDS, "shop.svc.cluster.local")

    def test_each_is_what_kubernetes_takes(self, tools, place, complaints, cluster):
        objects = kustomize(tools, adopt(place / "app", namespace="shop"))
        assert [bad for bad in complaints(objects) if bad] == []
        test_kubectl(objects, tools, cluster)

    def test_names_may_have_a_prefix(self, tools, place):
        objects = kustomize(tools, adopt(place / "app", namespace="shop", namePrefix="my-"))
        assert first_searches(objects) == dict.fromkeys(KINDS, "shop.svc.cluster.local")

    def test_several_namespaces_stay_apart(self, tools, place):
        adopt(place / "shop", namespace="shop")
        adopt(place / "bank", namespace="bank")
        objects = kustomize(tools, write(place / "both", resources=["../shop", "../bank"]))
        for namespace in ("shop", "bank"):
            own = [one for one in objects if one["metadata"]["namespace"] == namespace]
            assert first_searches(own) == dict.fromkeys(KINDS, f"{namespace}.svc.cluster.local")

    @pytest.mark.parametrize("base", [{"transformers": []}, {"namespace": "shop"}], ids=["in the overlay alone", "in the base too"])
    def test_an_overlay_may_give_the_namespace(self, tools, place, base):
        adopt(place / "base", **base)
        overlay = write(place / "overlay", namespace="bank", resources=["../base"], transformers=["../pillion/namespace"])
        assert first_searches(kustomize(tools, overlay)) == dict.fromkeys(KINDS, "bank.svc.cluster.local")

    def test_own_sysctls_volumes_and_annotations_stay(self, tools, place):
        own = {"name": "net.ipv4.tcp_syncookies", "value": "1"}

        def change(template):
            template["metadata"]["annotations"] = {"prometheus.io/port": "8080"}
            template["spec"]["securityContext"] = {"fsGroup": 2000, "sysctls": [own]}
            template["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]

        found = [one for one in kustomize(tools, adopt(place / "app", change=change, namespace="shop")) if has_pods(one)]
        assert {one["kind"] for one in found} == set(KINDS)
        for one in found:
            assert pod_template(one)["metadata"]["annotations"] == {"prometheus.io/port": "8080"}
            assert pod_spec(one)["securityContext"] == {
                "fsGroup": 2000, "sysctls": [own, {"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"}]}
            assert {volume["name"] for volume in pod_spec(one)["volumes"]} == {"pillion-config", "scratch"}

    @pytest.mark.parametrize("key, value", [("hostNetwork", True), ("os", {"name": "windows"}), ("dnsPolicy", "Default"), ("dnsConfig", {"searches": ["a.example"]})])
    @pytest.mark.parametrize("kind", KINDS)
    def test_what_a_patch_would_overwrite_is_refused(self, tools, place, kind, key, value):
        def change(template):
            template["spec"][key] = value

        directory = adopt(place / "app", change=change, kinds=[kind], namespace="shop")
        done = subprocess.run([tools.kubectl, "kustomize", directory], capture_output=True, text=True, check=False)
        assert done.returncode != 0 and re.search(f"testing value /spec/.*/{key} failed", done.stderr)

    def test_workloads_that_are_opted_out_stay_as_they_are(self, tools, place):
        def change(template):
            template["spec"]["hostNetwork"] = True

        directory = adopt(place / "app", change=change, labels={"pillion.dev/inject": "false"}, namespace="shop")
        found = [one for one in kustomize(tools, directory) if has_pods(one)]
        assert {one["kind"] for one in found} == set(KINDS)
        for one in found:
            assert "initContainers" not in pod_spec(one) and "dnsPolicy" not in pod_spec(one) and "securityContext" not in pod_spec(one)

    def test_workloads_without_the_sidecar_stay_as_they_are(self, tools, place):
        adopt(place / "base", transformers=[])
        other = a_workload("Deployment")
        other["metadata"]["name"] = "other"
        pod_spec(other)["dnsConfig"] = {"searches": ["corp.example"]}
        both = write(place / "both", namespace="shop", resources=["../base", "other.yaml"], transformers=["../pillion/namespace"])
        (both / "other.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
        objects = kustomize(tools, both)
        searches = {one["metadata"]["name"]: pod_spec(one)["dnsConfig"]["searches"][0] for one in objects if one["kind"] == "Deployment"}
        assert searches == {"app": "shop.svc.cluster.local", "other": "corp.example"}

    def test_a_forgotten_namespace_is_an_error(self, tools, place):
        done = subprocess.run([tools.kubectl, "kustomize", adopt(place / "app")], capture_output=True, text=True, check=False)
        assert done.returncode != 0 and "`metadata.namespace` is missing for replacement source ConfigMap" in done.stderr

    def test_a_forgotten_transformer_is_refused_by_the_api_server(self, tools, place):
        """The rule of the API server for search domains (ValidateDNS1123Subdomain, in later versions with underscores). No published schema has
        it."""
        searches = first_searches(kustomize(tools, adopt(place / "app", namespace="shop", transformers=[])))
        assert searches == dict.fromkeys(KINDS, "NAMESPACE.svc.cluster.local")
        label = "[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?"
        domain = re.compile(rf"{label}(\.{label})*")
        assert domain.fullmatch("shop.svc.cluster.local") and not domain.fullmatch("NAMESPACE.svc.cluster.local")
