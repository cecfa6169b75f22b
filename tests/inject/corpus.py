"""Reads the cases of the corpus, and computes their results with the oracle.

As a program, it prints the names of the expected files that differ from the results of the oracle. With --write it writes these files.
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
    """The pod or pod template of an object, or None if it has none."""
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
    """The object with its pod template, or those of the items of a List, changed by `change`."""
    if is_list(an_object):
        return {**an_object, "items": [each(one, change) for one in an_object["items"]]}
    template = template_of(an_object)
    return an_object if template is None else with_template(an_object, change(template))


def namespace_of(an_object):
    return (an_object.get("metadata") or {}).get("namespace") or NAMESPACE


def injected(an_object, values):
    """The object with Pillion in its pods, and the reasons why pods were left unchanged, such as "Job import: hostNetwork: true"."""
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
    """The value without the nulls that mean the same to Kubernetes as an absent map, list or text. Only keys that injection may add are changed."""
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
    """The expected object after injection, or None if the case must be left unchanged."""
    return load(text_of(f"{name}.expected.yaml")) if (CORPUS / f"{name}.expected.yaml").exists() else None


def reason_of(name):
    """The pattern that the reason for leaving the object, or a part of it, unchanged must match, or None if nothing is left unchanged."""
    return text_of(f"{name}.reason").strip() if (CORPUS / f"{name}.reason").exists() else None


def own_values(name):
    """The values of a case, as a user would write them in a values file."""
    path = CORPUS / f"{name}.values.yaml"
    return merged(load(text_of("values.yaml")), load(text_of(path.name)) if path.exists() else {})


def expectation(name):
    """The result of the oracle: the object after injection, and the reasons why pods were left unchanged."""
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
