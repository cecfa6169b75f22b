"""The cases of the corpus: their files, and what the oracle makes of them.

Run as a program it prints which expected files are not what the oracle makes of the inputs; with --write it writes them.
"""

import copy
import pathlib
import sys

from kubernetes_yaml import comparable, dump, load
from oracle import Refused, inject
from oracle_values import DEFAULTS, merged

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
NAMESPACE = "shop"  # of objects that name none
WORKLOADS = {"apps": ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), "batch": ("Job",), "": ("ReplicationController",)}


def template_of(an_object):
    """The pod, or the template of pods, that an object holds, and None where it holds none."""
    group = an_object.get("apiVersion", "").rpartition("/")[0]
    kind = an_object.get("kind")
    if (group, kind) == ("", "Pod"):
        return an_object
    if (group, kind) == ("", "PodTemplate"):
        return an_object["template"]
    if (group, kind) == ("batch", "CronJob"):
        return an_object["spec"]["jobTemplate"]["spec"]["template"]
    return an_object["spec"]["template"] if kind in WORKLOADS.get(group, ()) else None


def with_template(an_object, template):
    result = copy.deepcopy(an_object)
    if result["kind"] == "Pod":
        return template
    holder = result if result["kind"] == "PodTemplate" else result["spec"]
    if result["kind"] == "CronJob":
        holder = holder["jobTemplate"]["spec"]
    holder["template"] = template
    return result


def is_list(an_object):
    return (an_object.get("apiVersion"), an_object.get("kind")) == ("v1", "List")


def each(an_object, change):
    """The object with its template of pods, or those of a List's items, changed."""
    if is_list(an_object):
        return {**an_object, "items": [each(one, change) for one in an_object["items"]]}
    template = template_of(an_object)
    return an_object if template is None else with_template(an_object, change(template))


def namespace_of(an_object):
    return (an_object.get("metadata") or {}).get("namespace") or NAMESPACE


def injected(an_object, values):
    """The object with Pillion in its pods, and the reasons of what stays as it is: "Job import: hostNetwork: true"."""
    reasons = []

    def change(one):
        try:
            return each(one, lambda template: inject(template, namespace_of(one), values))
        except Refused as reason:
            reasons.append(f"{one['kind']} {one['metadata']['name']}: {reason}")
            return one

    items = [change(one) for one in an_object["items"]] if is_list(an_object) else [change(an_object)]
    return ({**an_object, "items": items} if is_list(an_object) else items[0]), reasons


OURS = ("metadata", "labels", "annotations", "dnsPolicy", "dnsConfig", "searches", "options", "securityContext", "sysctls", "initContainers",
        "volumes")


def without_nulls(value):
    """The same to Kubernetes: no map, list or text is there that is null. Of what injection may add, and nothing else."""
    if isinstance(value, list):
        return [without_nulls(one) for one in value]
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None or key not in OURS}
    return value


def cases():
    return sorted(path.name.removesuffix(".yaml") for path in CORPUS.glob("*.yaml")
                  if not path.name.endswith((".values.yaml", ".expected.yaml")) and path.name != "values.yaml")


def text_of(name):
    return (CORPUS / name).read_bytes().decode("utf-8")


def original(name):
    return load(text_of(f"{name}.yaml"))


def expected(name):
    """The object after injection, or None where it stays as it is for a reason."""
    return load(text_of(f"{name}.expected.yaml")) if (CORPUS / f"{name}.expected.yaml").exists() else None


def reason_of(name):
    """What the reason for leaving it, or a part of it, as it is has to match, or None where there is none."""
    return text_of(f"{name}.reason").strip() if (CORPUS / f"{name}.reason").exists() else None


def own_values(name):
    """The values of a case as they would be written in a file."""
    path = CORPUS / f"{name}.values.yaml"
    return merged(load(text_of("values.yaml")), load(text_of(path.name)) if path.exists() else {})


def expectation(name):
    """What the oracle makes of it: the object after injection, and the reasons of what was left."""
    return injected(original(name), merged(DEFAULTS, own_values(name)))


def main():
    for name in cases():
        result, reasons = expectation(name)
        if reasons and comparable(result) == comparable(original(name)):
            continue
        if expected(name) is None or comparable(expected(name)) != comparable(result):
            print(name)
            if "--write" in sys.argv:
                (CORPUS / f"{name}.expected.yaml").write_text(dump(result), encoding="utf-8")


if __name__ == "__main__":
    main()
