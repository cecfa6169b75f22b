"""Renders every chart with each of its ci/*-values.yaml, and checks the result with helm lint, the schemas of Kubernetes, kubectl, Pod Security and
`pillion check`."""

import json
import subprocess

import pytest

from check import check
from conftest import CASES, CHARTS, ROOT, case_id, configuration_texts, has_pods, load_all, only, pod_spec
from pod_security import violations

cases = pytest.mark.parametrize("case", CASES, ids=case_id)


def render(helm, case):
    return helm.template(case[0], "--values", case[1], hooks=True)


@pytest.mark.parametrize("program", ["helm", "helm3"])
@pytest.mark.parametrize("chart", ["pillion-sidecar", *CHARTS])
def test_lint(chart, program, request):
    done = request.getfixturevalue(program).run("lint", "--strict", ROOT / "helm" / chart)
    assert done.returncode == 0 and "0 chart(s) failed" in done.stdout + done.stderr, done.stdout + done.stderr


@cases
def test_lint_with_values(helm, case):
    done = helm.run("lint", "--strict", CHARTS[case[0]], "--values", case[1])
    assert done.returncode == 0, done.stdout + done.stderr


@cases
def test_schemas_of_kubernetes(helm, complaints, case):
    objects = render(helm, case)
    found = complaints(objects)
    assert {f"{one['kind']}/{one['metadata']['name']}": bad for one, bad in zip(objects, found) if bad} == {}


def test_schemas_have_teeth(helm, complaints):
    deployment = only(helm.template("pillion", "--values", CHARTS["pillion"] / "ci" / "default-values.yaml"), "Deployment")
    spec = pod_spec(deployment)
    spec["dnsPolicy"] = "Sometimes"
    spec["dnsConfg"] = {}
    spec["initContainers"][0]["livenessProbe"]["periodSeconds"] = "1"
    del spec["containers"][0]["name"]
    found = "\n".join(complaints([deployment, {"apiVersion": "apps/v1", "kind": "Deploymint"}])[0])
    for what in ("/dnsPolicy: enum", "/dnsConfg: unknown key", "periodSeconds: type", "/containers/0: required"):
        assert what in found, found


def test_kubectl(helm, tools, cluster):
    objects = [one for case in CASES for one in render(helm, case)]
    done = subprocess.run([tools.kubectl, "--kubeconfig", cluster, "create", "--dry-run=client", "--validate=ignore", "-f", "-"],
                          input="\n".join(map(json.dumps, objects)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("created (dry run)") == len(objects)


@cases
def test_pod_security_restricted(helm, case):
    with_pods = [one for one in render(helm, case) if has_pods(one)]
    assert with_pods
    for one in with_pods:
        assert violations(pod_spec(one)) == []


def test_pod_security_has_teeth():
    container = {"name": "a", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}, "ports": [{"hostPort": 53}]}
    spec = {"hostNetwork": True, "volumes": [{"name": "v", "hostPath": {}}], "containers": [container],
            "securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}
    assert len(violations(spec)) == 9


@cases
def test_configuration_passes_check(helm, binary, tmp_path, case):
    texts = configuration_texts(helm.template(case[0], "--values", case[1]))
    assert len(texts) == (0 if "own-configmap" in case[1].name else 1)
    for text in texts:
        check(binary, tmp_path, text)


@cases
def test_helm_3_renders_the_same(helm, helm3, case):
    def key(one):
        return one["kind"], one["metadata"]["name"]

    assert sorted(render(helm3, case), key=key) == sorted(render(helm, case), key=key)


@cases
def test_names_and_namespaces(helm, case):
    objects = render(helm, case)
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(set(names)) == len(names)
    if case[0] == "pillion":
        assert {one["metadata"].get("namespace") for one in objects} == {"shop"}


def test_package_is_complete_without_the_repository(helm, tmp_path):
    """Helm packages symbolic links as files: the package renders the same objects."""
    done = helm.run("package", CHARTS["pillion"], "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    package = next(tmp_path.glob("*.tgz"))
    values = CHARTS["pillion"] / "ci" / "gateway-values.yaml"
    packaged = helm.run("template", "r", package, "--namespace", "shop", "--values", values)
    assert "symbolic" not in packaged.stderr
    assert load_all(packaged.stdout) == helm.template("pillion", "--values", values, hooks=True)
