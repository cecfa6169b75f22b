"""The policies of the mode injector, evaluated by a real API server: a pod gets what `pillion inject` gives it."""

import json
import re

import pytest

import corpus
import policies
from harness.process import wait_until
from kubectl import apply, kubectl
from policies import KEY, OWN, Answers, as_asked, by_name, make_namespaces, plain, pod
from program import Program

SIDECAR = "pillion.dev/sidecar"
WEB = {"metadata": {}, "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}}
HOST_NETWORK = {"metadata": {}, "spec": {**WEB["spec"], "hostNetwork": True}}
# Cases that CEL cannot decide: whether a text is YAML, and which ports the pod's own configuration uses.
DIFFERENT = {"annotation-config-not-yaml", "annotation-config-with-a-mesh"}
SPECIAL = {
    "warning": {"enforce": "Warn"},
    "guarded": {"mutate": False},
    "excluding": {"excludeNamespaces": [f"{OWN}-excluding"]},
    "meshed": {},
}


def injector(name, values, **more):
    return {"mode": "injector", "fullnameOverride": name, "pillion": {**values, "configChange": "roll"},
            "injector": {"namespaceLabel": f"{KEY}={name}", **more}}


class Corpus:
    """The corpus's pods, by the namespaces for their values, before and after the policies apply."""

    def __init__(self, program):
        self.values = {}  # by namespace
        self.reasons = {}
        self.asked = {}  # by (namespace, name)
        for case in corpus.cases():
            # A pod with Pillion must be left unchanged whatever the values are.
            values = corpus.own_values("pod" if case.startswith("injected-") else case)
            namespace = next((name for name, known in self.values.items() if known == values), f"{OWN}-{len(self.values)}")
            self.values[namespace] = values
            original = corpus.original(case)
            for place, one in enumerate(original["items"] if corpus.is_list(original) else [original]):
                template = corpus.template_of(one)
                if template is not None:
                    self.asked[namespace, f"{case}-{place}"] = pod(namespace, f"{case}-{place}", corpus.without_nulls(template))
        self.program = program

    def case(self, key):
        return key[1].rpartition("-")[0]

    def before(self):
        self.plain = Answers(list(self.asked.values()))
        self.injected_by_program = {}
        for namespace, values in self.values.items():
            pods = [one for key, one in self.asked.items() if key[0] == namespace and key in self.plain.pods]
            self.injected_by_program |= by_name(self.program.inject(pods, values))
        self.expected = Answers(list(self.injected_by_program.values()))

    def after(self):
        self.got = Answers([self.asked[key] for key in self.plain.pods])
        self.again = Answers([as_asked(one) for one in self.got.pods.values()])

    def is_marked(self, key):
        return "pillion.dev/injected" in (self.asked[key]["metadata"].get("annotations") or {})


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    reason = policies.missing()
    if reason:
        pytest.skip(reason)
    return Program(tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="module")
def pods(program, tmp_path_factory):
    """The corpus, with the answers of the API server without and with the policies."""
    found = Corpus(program)
    policies.remove_all()
    special = {f"{OWN}-{name}": more for name, more in SPECIAL.items()}
    make_namespaces({name: {KEY: name} for name in [*found.values, *special]} | {OWN: {KEY: f"{OWN}-meshed"}, f"{OWN}-unlabelled": {}})
    try:
        found.before()
        default = next(iter(found.values.values()))
        values = {name: injector(name, own) for name, own in found.values.items()}
        values |= {name: injector(name, default, **more) for name, more in special.items()}
        apply(*policies.rendered(tmp_path_factory.mktemp("helm"), values))
        wait_for_policies([*found.values, *special])
        found.after()
        yield found
    finally:
        policies.remove_all()


def wait_for_policies(namespaces):
    """Waits until the API server applies the policies. One set of values only warns, one changes no pod, and one excludes its namespace."""
    def are_there():
        answers = Answers([pod(name, f"{one}.{name}", {"web": WEB, "host": HOST_NETWORK}[one]) for name in namespaces for one in ("web", "host")])
        denied = [key for key in answers.refused if key[1].startswith("host")]
        labelled = [key for key, one in answers.pods.items() if SIDECAR in one["metadata"].get("labels", {})]
        return len(denied) == len(namespaces) - 2 and len(labelled) == len(namespaces) - 2

    wait_until(are_there, "the policies are in force", patience=policies.PATIENCE)


def differences(wanted, got, keys, **how):
    return [key for key in keys if key not in got or plain(wanted[key], **how) != plain(got[key], **how)]


def injectable(pods):
    return [key for key in pods.expected.pods if not pods.is_marked(key) and pods.case(key) not in DIFFERENT
            and SIDECAR in pods.expected.pods[key]["metadata"].get("labels", {})]


def test_the_corpus_is_there(pods):
    """The API server takes nearly all pods of the corpus. The policies do not see a pod that it refuses."""
    assert len(injectable(pods)) > 90 and len(pods.plain.pods) > 0.9 * len(pods.asked), pods.plain.text


def test_pods_become_what_the_program_makes_of_them(pods):
    """The pods are equal except for the marker. It records what the pod lacked, and the API server fills in defaults before the policies run."""
    assert differences(pods.expected.pods, pods.got.pods, injectable(pods), marker=False) == []


def test_the_marker_tells_what_was_not_there(pods):
    """With this marker `pillion uninject` restores the pod as the API server would have stored it."""
    keys = injectable(pods)
    assert differences(pods.plain.pods, by_name(pods.program.uninject([as_asked(pods.got.pods[key]) for key in keys])), keys) == []


def test_the_program_finds_nothing_to_change(pods):
    """For a pod as the policy has changed it, `pillion inject` changes nothing, including the marker."""
    for namespace, values in pods.values.items():
        keys = [key for key in injectable(pods) if key[0] == namespace]
        got = {key: as_asked(pods.got.pods[key]) for key in keys}
        again = by_name(pods.program.inject(list(got.values()), values)) if keys else {}
        # The API server adds its own defaults to Pillion's container, and mounts the pod's token.
        assert [key for key in keys if again[key]["metadata"]["annotations"]["pillion.dev/injected"]
                != got[key]["metadata"]["annotations"]["pillion.dev/injected"]] == []


def test_twice_is_once(pods):
    assert differences(pods.got.pods, pods.again.pods, pods.got.pods) == []


def test_pods_with_pillion_stay_but_for_its_place(pods):
    keys = [key for key in pods.plain.pods if pods.is_marked(key) and key in pods.got.pods]
    moved = 0
    for key in keys:
        wanted = json.loads(json.dumps(pods.plain.pods[key]))
        if wanted["metadata"].get("labels", {}).get(KEY) != "false":
            for part in ("initContainers", "containers"):
                if part in wanted["spec"]:
                    before = [one["name"] for one in wanted["spec"][part]]
                    wanted["spec"][part].sort(key=lambda one: one["name"] != "pillion")
                    moved += before != [one["name"] for one in wanted["spec"][part]]
        assert plain(wanted) == plain(pods.got.pods[key]), key
    assert len(keys) >= 10 and moved >= 2


def test_what_cannot_have_pillion_is_denied_with_the_reason(pods):
    cases = set()
    for key in pods.plain.pods:
        case = pods.case(key)
        reason = corpus.reason_of(case)
        if reason and not pods.is_marked(key) and case not in (*DIFFERENT, "opted-out") and not expects_pillion(pods, key):
            line = pods.got.refused.get(key, "admitted")
            assert "the pod has no Pillion: " in line and re.search(reason.rpartition(".*")[2], line), (key, reason, line)
            cases.add(case)
    assert len(cases) > 25, cases
    assert not [key for key in injectable(pods) if key in pods.got.refused]


def expects_pillion(pods, key):
    return SIDECAR in pods.injected_by_program[key]["metadata"].get("labels", {})


def test_what_only_the_program_can_know(pods):
    (key,) = (key for key in pods.plain.pods if pods.case(key) == "annotation-config-not-yaml")
    assert SIDECAR in pods.got.pods[key]["metadata"]["labels"] and not expects_pillion(pods, key)
    (key,) = (key for key in pods.plain.pods if pods.case(key) == "annotation-config-with-a-mesh")
    ports = "traffic.sidecar.istio.io/excludeOutboundPorts"
    expected, got = pods.expected.pods[key], pods.got.pods[key]
    assert (expected["metadata"]["annotations"].pop(ports), got["metadata"]["annotations"].pop(ports)) == ("8853", "853")
    assert plain(expected, marker=False) == plain(got, marker=False)


def test_who_is_left_alone(pods):
    """These pods are left unchanged: opted out by a label, in a namespace without the label, in the release's namespace, in an excluded one, and in
    a system namespace."""
    out = {"metadata": {"labels": {KEY: "false"}}, "spec": WEB["spec"]}
    places = {f"{OWN}-unlabelled": WEB, OWN: WEB, f"{OWN}-excluding": WEB, f"{OWN}-meshed": out, "kube-public": WEB}
    with policies.namespace_label("kube-public", f"{OWN}-meshed"):
        answers = Answers([pod(name, f"at-{name}", template) for name, template in places.items()])
    assert len(answers.pods) == len(places), answers.text
    for (_, name), one in answers.pods.items():
        assert one["spec"]["dnsPolicy"] == "ClusterFirst" and "initContainers" not in one["spec"], name


def test_who_is_warned(pods):
    name = f"{OWN}-warning"
    answers = Answers([pod(name, "host", HOST_NETWORK), pod(name, "web", WEB)])
    assert len(answers.pods) == 2
    (warning,) = [line for line in answers.text.splitlines() if line.startswith("Warning: ")]
    assert "hostNetwork: true" in warning and "the pod has no Pillion" in warning


def test_where_the_program_puts_it_in_the_rest_is_denied(pods):
    """In an older cluster, which lacks the policy that changes pods, pods without Pillion are denied."""
    name = f"{OWN}-guarded"
    web = pod(name, "web", WEB)
    injected = pods.program.injected({**web, "metadata": {**web["metadata"], "name": "injected"}}, next(iter(pods.values.values())))
    marker_alone = pod(name, "marked", {**WEB, "metadata": {"annotations": {"pillion.dev/injected": "{}"}}})
    answers = Answers([web, marker_alone, injected])
    assert list(answers.pods) == [(name, "injected")]
    assert "nothing has put Pillion into the pod" in answers.refused[name, "web"]
    assert "Remove the annotation" in answers.refused[name, "marked"]


def mesh(name, namespace):
    """Policies that stand in for the injector of a mesh: they put a proxy in front of all containers."""
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name, "labels": {"app.kubernetes.io/instance": OWN}}}
    proxy = f"""(has(object.spec.initContainers) ? [] : [JSONPatch{{op: "add", path: "/spec/initContainers", value: []}}]) +
      [JSONPatch{{op: "add", path: "/spec/initContainers/0", value: {{"name": "{name}", "image": "registry.example/proxy:1"}}}}]"""
    policy = {
        "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded",
        "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
        "matchConditions": [{"name": "once", "expression": f'!object.spec.?initContainers.orValue([]).exists(c, c.name == "{name}")'}],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": proxy}}]}
    binding = {"policyName": name, "matchResources": {"namespaceSelector": {"matchLabels": {KEY: namespace}}}}
    return [{**group, "kind": "MutatingAdmissionPolicy", "spec": policy}, {**group, "kind": "MutatingAdmissionPolicyBinding", "spec": binding}]


def test_first_again_after_a_mesh_has_put_its_proxy_in_front(pods):
    """Policies of a mesh may run before or after Pillion's."""
    name = f"{OWN}-meshed"
    proxies = [f"aa-{OWN}", f"zz-{OWN}"]
    apply(*(one for proxy in proxies for one in mesh(proxy, name)))

    def found():
        names = [one["name"] for one in Answers([pod(name, "web", WEB)]).pods[name, "web"]["spec"]["initContainers"]]
        return names if len(names) > 2 else None

    names = wait_until(found, "the proxies are there", patience=policies.PATIENCE)
    assert names[0] == "pillion" and sorted(names[1:]) == proxies


def test_the_api_server_finds_no_fault_with_the_types(pods):
    def checked():
        items = json.loads(kubectl("get", "validatingadmissionpolicies", "-l", f"app.kubernetes.io/instance={OWN}", "-o", "json"))["items"]
        return items if all("typeChecking" in one.get("status", {}) for one in items) else None

    found = wait_until(checked, "the types have been checked", patience=policies.PATIENCE)
    assert len(found) > 10 and not [one["status"] for one in found if one["status"]["typeChecking"]]
