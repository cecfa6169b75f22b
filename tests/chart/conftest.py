import json
import os
import pathlib
import subprocess

import pytest
import yaml

import tools as chart_tools
from api_server import api_server

ROOT = chart_tools.ROOT
CHARTS = {name: ROOT / "helm" / name for name in ("pillion", "example")}
CASES = [(chart, path) for chart, directory in CHARTS.items() for path in sorted((directory / "ci").glob("*-values.yaml"))]
CLUSTER_DNS = "10.96.0.10"


def case_id(case):
    return f"{case[0]}/{case[1].name.removesuffix('-values.yaml')}" if isinstance(case, tuple) else None


@pytest.fixture(scope="session")
def tools():
    try:
        return chart_tools.fetch()
    except chart_tools.Unavailable as reason:
        if os.environ.get("PILLION_CHART_REQUIRED"):
            pytest.fail(f"Helm and kubectl are needed: {reason}")
        pytest.skip(f"no Helm and kubectl: {reason}")


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("PILLION_BINARY") or ROOT / "build" / "release" / "pillion")
    assert path.exists(), f"{path} is not built; PILLION_BINARY names another"
    return path


class Helm:
    """Helm without any state of the user's. `flags` are appended to each command."""

    def __init__(self, program, home):
        self.program = program
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(home / "none")}

    def run(self, *arguments, kubeconfig=None):
        environment = {**self.environment, **({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})}
        return subprocess.run([self.program, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False)

    def template(self, chart, *arguments, release="r", namespace="shop"):
        """The objects as they render."""
        done = self.run("template", release, CHARTS[chart], "--namespace", namespace, *arguments)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    def error(self, chart, *arguments):
        """What it says about values that do not render."""
        done = self.run("template", "r", CHARTS[chart], "--namespace", "shop", *arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture(scope="session")
def helm(tools, tmp_path_factory):
    return Helm(tools.helm, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def helm3(tools, tmp_path_factory):
    return Helm(tools.helm3, tmp_path_factory.mktemp("helm3"))


@pytest.fixture
def cluster(tmp_path):
    """A kubeconfig for a stand-in API server with a cluster DNS as k3s has it."""
    kube_dns = {"metadata": {"name": "kube-dns", "namespace": "kube-system"}, "spec": {"clusterIP": "10.43.0.10"}}
    with api_server(tmp_path, [kube_dns]) as kubeconfig:
        yield kubeconfig


@pytest.fixture(scope="session")
def complaints(tools):
    """What the schemas of Kubernetes and the Prometheus operator have against each of some objects."""

    def ask(objects):
        here = pathlib.Path(__file__).parent
        done = subprocess.run(["node", here / "validate.mjs", tools.modules], input=json.dumps(objects), capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def only(objects, kind):
    found = [an_object for an_object in objects if an_object["kind"] == kind]
    assert len(found) == 1, f"{len(found)} of kind {kind}"
    return found[0]


def pod_spec(an_object):
    return an_object["spec"] if an_object["kind"] == "Pod" else an_object["spec"]["template"]["spec"]


def has_pods(an_object):
    return an_object["kind"] in ("Pod", "Deployment", "DaemonSet", "StatefulSet")


def pillion_of(an_object):
    """Pillion's container in a pod or in a template of pods."""
    spec = pod_spec(an_object)
    found = [one for one in spec.get("initContainers", []) + spec["containers"] if one["name"] == "pillion"]
    assert len(found) == 1
    return found[0]
