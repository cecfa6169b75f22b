"""Mode: injector of the chart pillion in a cluster, for many sets of values at once: an umbrella chart that has it once for each, with a
namespace of the same name; and what the API server makes of pods, by dry runs."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("e2e", "chart")]
sys.path.append(str(ROOT / "tests" / "inject"))

# The path has to be set first.
import corpus  # noqa: E402
import tools as chart_tools  # noqa: E402
from harness.process import wait_until  # noqa: E402
from kubernetes_yaml import comparable, dump, load_all  # noqa: E402
from objects import listed  # noqa: E402

OWN = "pillion-policy-test"  # the release, its namespace, and the label by which ours are known
PATIENCE = 120
KEY = "pillion.dev/inject"


def kubectl(*arguments, stdin=None):
    return subprocess.run(["kubectl", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False)


def done(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def missing():
    """Why the cluster cannot have the policies, or None."""
    found = json.loads(done(kubectl("get", "--raw", "/apis/admissionregistration.k8s.io/v1")))
    if any(one["name"] == "mutatingadmissionpolicies" for one in found["resources"]):
        return None
    return "the API server has no MutatingAdmissionPolicy of admissionregistration.k8s.io/v1 (Kubernetes 1.36)"


def rendered(directory, values):
    """The chart's objects for {name: values}."""
    chart = directory / "umbrella"
    shutil.copytree(ROOT / "helm" / "pillion", chart / "charts" / "pillion", ignore=shutil.ignore_patterns("dashboards"))
    dependencies = [{"name": "pillion", "version": "0.1.0", "alias": name} for name in values]
    (chart / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "umbrella", "version": "0.0.1", "dependencies": dependencies}))
    (chart / "values.yaml").write_text(json.dumps(values))
    version = json.loads(done(kubectl("version", "-o", "json")))["serverVersion"]["gitVersion"]
    result = subprocess.run([chart_tools.fetch().helm, "template", OWN, chart, "--namespace", OWN, "--kube-version", version],
                            env={"HOME": str(directory), "KUBECONFIG": str(directory / "none"), "PATH": os.environ["PATH"]},
                            capture_output=True, text=True, timeout=PATIENCE, check=False)
    return [one for one in yaml.load_all(done(result), Loader=yaml.CSafeLoader) if one]


def make_namespaces(labels):
    """By {name: labels}; pods can be asked for in them."""
    done(kubectl("apply", "--server-side", "-f", "-", stdin=listed(
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {OWN: "true", **own}}}
         for name, own in labels.items()])))

    def have_accounts():
        accounts = json.loads(done(kubectl("get", "serviceaccounts", "-A", "--field-selector", "metadata.name=default", "-o", "json")))["items"]
        return labels.keys() <= {one["metadata"]["namespace"] for one in accounts}

    wait_until(have_accounts, "the new namespaces have a service account", patience=PATIENCE)


def remove():
    """What an earlier run or this one has made."""
    for kind in ("mutatingadmissionpolicy", "mutatingadmissionpolicybinding", "validatingadmissionpolicy", "validatingadmissionpolicybinding"):
        done(kubectl("delete", kind, "-l", f"app.kubernetes.io/instance={OWN}", "--ignore-not-found", "--wait=false"))
    done(kubectl("delete", "namespaces", "-l", f"{OWN}=true", "--ignore-not-found", "--wait=false"))
    wait_until(lambda: not done(kubectl("get", "namespaces", "-l", f"{OWN}=true", "-o", "name")), "the namespaces are gone", patience=PATIENCE)


class Answers:
    """What the API server says to pods: `pods` and `refused`, by (namespace, name), and the text of all of it."""

    def __init__(self, pods):
        result = kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=listed(pods))
        self.text = result.stderr
        self.pods = {}
        decoder, rest = json.JSONDecoder(), result.stdout.strip()
        while rest:
            pod, end = decoder.raw_decode(rest)
            rest = rest[end:].lstrip()
            for one in pod["items"] if pod["kind"] == "List" else [pod]:
                self.pods[one["metadata"]["namespace"], one["metadata"]["name"]] = one
        by_name = {one["metadata"]["name"]: (one["metadata"]["namespace"], one["metadata"]["name"]) for one in pods}
        self.refused = {}
        for line in result.stderr.splitlines():
            found = re.search(r'pods? "([^"]+)" (?:is forbidden|is invalid)|Pod "([^"]+)" is invalid', line, re.IGNORECASE)
            if found and "rror" in line:
                self.refused[by_name[found[1] or found[2]]] = line


def pod(namespace, name, template):
    """A pod of its own as a controller would make it of a template."""
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if key in ("labels", "annotations")}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "name": name, "namespace": namespace}, "spec": template["spec"]}


def as_asked(one):
    """A pod of an answer as it could be sent."""
    metadata = {key: value for key, value in one["metadata"].items() if key in ("name", "namespace", "labels", "annotations")}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": one["spec"]}


def plain(one, *, marker=True):
    """Text that is equal for equal pods: the API server gives the volume of a token a name by chance."""
    pod_ = json.loads(re.sub(r"kube-api-access-\w{5}\b", "kube-api-access", json.dumps(as_asked(one))))
    result = json.loads(comparable(pod_))
    if not marker:
        result["metadata"].get("annotations", {}).pop("pillion.dev/injected", None)
    return json.dumps(result, indent=1, sort_keys=True)


class Program:
    """`pillion`."""

    def __init__(self, directory):
        self.path = pathlib.Path(os.environ.get("PILLION_BINARY") or ROOT / "build" / "release" / "pillion")
        self.values = directory / "values.yaml"

    def run(self, pods, *arguments):
        """The pods, by (namespace, name)."""
        stream = "\n---\n".join(json.dumps(one, ensure_ascii=False) for one in pods).encode()
        result = subprocess.run([self.path, *map(str, arguments)], input=stream, capture_output=True, timeout=PATIENCE, check=False)
        assert result.returncode == 0, result.stderr.decode()
        return {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in load_all(result.stdout.decode())}

    def inject(self, pods, values):
        self.values.write_text(dump(values), encoding="utf-8")
        return self.run(pods, "inject", "--values", self.values)

    def uninject(self, pods):
        return self.run(pods, "uninject")


@contextlib.contextmanager
def namespace_label(name, value):
    """Of a namespace that is not ours, for a while."""
    done(kubectl("label", "namespace", name, f"{KEY}={value}"))
    try:
        yield
    finally:
        done(kubectl("label", "namespace", name, f"{KEY}-"))
