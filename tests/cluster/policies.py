"""Runs the mode injector of the chart pillion in a cluster, for many sets of values at once. An umbrella chart has the chart once for each set,
with a namespace of the same name. Dry runs show what the API server makes of pods."""

import contextlib
import json
import re
import shutil

from charts import template
from harness.process import wait_until
from kubectl import apply, attempt, await_accounts, kubectl
from kubernetes_yaml import comparable
from objects import listed
from requirements import ROOT

OWN = "pillion-policy-test"  # the release, its namespace, and the label of the objects of these tests
PATIENCE = 120
KEY = "pillion.dev/inject"


def missing():
    """The reason why the cluster cannot have the policies, or None if it can."""
    found = json.loads(kubectl("get", "--raw", "/apis/admissionregistration.k8s.io/v1"))
    if any(one["name"] == "mutatingadmissionpolicies" for one in found["resources"]):
        return None
    return "the API server has no MutatingAdmissionPolicy of admissionregistration.k8s.io/v1 (Kubernetes 1.36)"


def rendered(directory, values):
    """Renders the chart for each item of {name: values}. Returns the objects."""
    chart = directory / "umbrella"
    shutil.copytree(ROOT / "helm" / "pillion", chart / "charts" / "pillion", ignore=shutil.ignore_patterns("dashboards"))
    dependencies = [{"name": "pillion", "version": "0.1.0", "alias": name} for name in values]
    (chart / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "umbrella", "version": "0.0.1", "dependencies": dependencies}))
    (chart / "values.yaml").write_text(json.dumps(values))
    return template(directory, OWN, chart, {}, namespace=OWN)


def make_namespaces(labels):
    """Makes the namespaces of {name: labels}, and waits until pods can be created in them."""
    apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {OWN: "true", **own}}} for name, own in labels.items()))
    await_accounts(labels)


def remove(release):
    """Removes the policies that this run or an earlier one has made."""
    for kind in ("mutatingadmissionpolicy", "mutatingadmissionpolicybinding", "validatingadmissionpolicy", "validatingadmissionpolicybinding"):
        kubectl("delete", kind, "-l", f"app.kubernetes.io/instance={release}", "--ignore-not-found", "--wait=false")


def remove_all():
    """Removes the policies and their namespaces."""
    remove(OWN)
    kubectl("delete", "namespaces", "-l", f"{OWN}=true", "--ignore-not-found", "--wait=false")
    wait_until(lambda: not kubectl("get", "namespaces", "-l", f"{OWN}=true", "-o", "name"), "the namespaces are gone", patience=PATIENCE)


class Answers:
    """The API server's answers to pods, by a dry run: `pods` and `refused`, by (namespace, name), and `text`, all messages."""

    def __init__(self, pods):
        result = attempt("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=listed(pods))
        self.text = result.stderr
        self.pods = {}
        decoder, rest = json.JSONDecoder(), result.stdout.strip()
        while rest:
            pod, end = decoder.raw_decode(rest)
            rest = rest[end:].lstrip()
            for one in pod["items"] if pod["kind"] == "List" else [pod]:
                self.pods[one["metadata"]["namespace"], one["metadata"]["name"]] = one
        keys = {key[1]: key for key in by_name(pods)}
        self.refused = {}
        for line in result.stderr.splitlines():
            found = re.search(r'pods? "([^"]+)" (?:is forbidden|is invalid)|Pod "([^"]+)" is invalid', line, re.IGNORECASE)
            if found and "rror" in line:
                self.refused[keys[found[1] or found[2]]] = line


def pod(namespace, name, template):
    """The pod that a controller makes of a template."""
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if key in ("labels", "annotations")}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "name": name, "namespace": namespace}, "spec": template["spec"]}


def as_asked(one):
    """The pod of an answer in the form in which a client could send it."""
    metadata = {key: value for key, value in one["metadata"].items() if key in ("name", "namespace", "labels", "annotations")}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": one["spec"]}


def plain(one, *, marker=True):
    """A text that is equal for equal pods. The API server gives the token's volume a random name, which is left out."""
    pod_ = json.loads(re.sub(r"kube-api-access-\w{5}\b", "kube-api-access", json.dumps(as_asked(one))))
    result = json.loads(comparable(pod_))
    if not marker:
        result["metadata"].get("annotations", {}).pop("pillion.dev/injected", None)
    return json.dumps(result, indent=1, sort_keys=True)


def by_name(objects):
    return {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in objects}


@contextlib.contextmanager
def namespace_label(name, value):
    """Gives a namespace the label within the context."""
    kubectl("label", "namespace", name, f"{KEY}={value}")
    try:
        yield
    finally:
        kubectl("label", "namespace", name, f"{KEY}-")
