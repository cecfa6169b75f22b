import copy
import json
import os
import pathlib
import shutil
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


def load_all(text):
    """The documents of a YAML text, without empty ones."""
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def is_hook(an_object):
    return "helm.sh/hook" in an_object["metadata"].get("annotations", {})


class Helm:
    """Runs Helm without the user's state. It keeps what it has rendered, since many tests use the same objects."""

    def __init__(self, program, home):
        self.program = program
        self.rendered = {}
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(home / "none")}

    def run(self, *arguments, kubeconfig=None):
        environment = {**self.environment, **({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})}
        return subprocess.run([self.program, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False)

    def template(self, chart, *arguments, release="r", namespace="shop", hooks=False):
        """Renders a chart. Returns the objects, which the caller may change. If `hooks`, objects of hooks are included."""
        key = (chart, release, namespace, *map(str, arguments))
        if key not in self.rendered:
            done = self.run("template", release, CHARTS[chart], "--namespace", namespace, *arguments)
            assert done.returncode == 0, done.stderr
            self.rendered[key] = load_all(done.stdout)
        return copy.deepcopy([one for one in self.rendered[key] if hooks or not is_hook(one)])

    def error(self, chart, *arguments):
        """Renders with values that must be refused. Returns Helm's error."""
        done = self.run("template", "r", CHARTS[chart], "--namespace", "shop", *arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr


TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template: {{- include "pillion-sidecar.wrap" (list . (.Files.Get "pod.yaml")) | nindent 4 }}
  replicas: 3
"""


class Adopter:
    """A chart that wraps a given pod."""

    def __init__(self, helm, directory):
        self.helm = helm
        self.chart = directory / "app"
        shutil.copytree(CHARTS["example"], self.chart)
        (self.chart / "templates" / "deployment.yaml").write_text(TEMPLATE, encoding="utf-8")

    def run(self, pod, *settings, kube_version="1.34.0"):
        text = pod if isinstance(pod, str) else yaml.safe_dump(pod)
        (self.chart / "pod.yaml").write_text(text, encoding="utf-8")
        values = [word for one in (f"clusterDNS.address={CLUSTER_DNS}", *settings) for word in ("--set", f"pillion-sidecar.{one}")]
        return self.helm.run("template", "r", self.chart, "--namespace", "shop", "--kube-version", kube_version, *values)

    def wrapped(self, pod, *settings):
        done = self.run(pod, *settings)
        assert done.returncode == 0, done.stderr
        (deployment,) = load_all(done.stdout)
        assert deployment["spec"]["replicas"] == 3
        return deployment["spec"]["template"]

    def refused(self, pod, *settings):
        done = self.run(pod, *settings)
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture(scope="session")
def helm(tools, tmp_path_factory):
    return Helm(tools.helm, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def helm3(tools, tmp_path_factory):
    return Helm(tools.helm3, tmp_path_factory.mktemp("helm3"))


@pytest.fixture(scope="session")
def adopter(helm, tmp_path_factory):
    return Adopter(helm, tmp_path_factory.mktemp("adopter"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A kubeconfig for a stand-in API server that has the Service of k3s's cluster DNS."""
    kube_dns = {"metadata": {"name": "kube-dns", "namespace": "kube-system"}, "spec": {"clusterIP": "10.43.0.10"}}
    with api_server(tmp_path_factory.mktemp("cluster"), [kube_dns]) as kubeconfig:
        yield kubeconfig


@pytest.fixture(scope="session")
def forbidding_cluster(tmp_path_factory):
    """A kubeconfig for an API server that forbids reading Services."""
    with api_server(tmp_path_factory.mktemp("forbidding"), may_read_services=False) as kubeconfig:
        yield kubeconfig


@pytest.fixture(scope="session")
def complaints(tools):
    """A function that validates objects with the schemas of Kubernetes and the Prometheus operator. For each object it returns the errors."""
    validator = pathlib.Path(__file__).parent / "validate.mjs"
    with subprocess.Popen(["node", validator, tools.modules], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask(objects):
            process.stdin.write(json.dumps(objects) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


def only(objects, kind):
    found = [an_object for an_object in objects if an_object["kind"] == kind]
    assert len(found) == 1, f"{len(found)} of kind {kind}"
    return found[0]


def pod_template(an_object):
    """The pod template of a workload, or the Pod itself."""
    return an_object if an_object["kind"] == "Pod" else an_object["spec"].get("jobTemplate", an_object)["spec"]["template"]


def pod_spec(an_object):
    return pod_template(an_object)["spec"]


def has_pods(an_object):
    return an_object["kind"] in ("Pod", "Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob")


def pillion_of(an_object):
    """Pillion's container in a pod or pod template. Fails if there is not exactly one."""
    spec = pod_spec(an_object)
    found = [one for one in spec.get("initContainers", []) + spec["containers"] if one["name"] == "pillion"]
    assert len(found) == 1
    return found[0]


CONFIG = "pillion.dev/config"


def configuration_texts(objects):
    """The text of each pillion.yaml: in ConfigMaps, and in annotations of pods."""
    maps = [one["data"]["pillion.yaml"] for one in objects if one["kind"] == "ConfigMap" and "pillion.yaml" in one["data"]]
    pods = [pod_template(one)["metadata"].get("annotations", {}) for one in objects if has_pods(one)]
    return maps + [annotations[CONFIG] for annotations in pods if CONFIG in annotations]


def configuration_text(objects):
    (text,) = configuration_texts(objects)
    return text


def config(objects):
    return yaml.safe_load(configuration_text(objects))
