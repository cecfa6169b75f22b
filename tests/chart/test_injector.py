"""Tests the mode injector of the chart pillion without an API server: the rendered objects, and that the CEL has the content of the templates."""

import json
import re

import pytest

from api_server import api_server
from conftest import configuration_text, only, pillion_of, pod_spec
from test_modes import ADDRESS, notes

MODE = ("--set", "mode=injector", "--kube-version", "1.36.0")
KINDS = ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]


def settings(*pairs):
    return [word for one in pairs for word in ("--set", one)]


def render(helm, *pairs):
    return helm.template("pillion", *ADDRESS, *MODE, *settings(*pairs))


def patch_of(objects):
    return only(objects, "MutatingAdmissionPolicy")["spec"]["mutations"][0]["jsonPatch"]["expression"]


def values_of(expression, path):
    """The values that the expression adds at the path, in its order. Values that annotations may change have their default."""
    found = []
    for place in re.finditer(re.escape(f'path: "{path}", value: '), expression):
        text = expression[place.end():expression.index("\n", place.end())]
        text = re.sub(r'variables\.annotations\[\?"[^"]*"\]\.orValue\(("(?:[^"\\]|\\.)*")\)', r"\1", text)
        # The rest of the CEL is also valid Python.
        text = re.sub(r"}\]\)?( [+:]|\))*( : \[\]\) \+)?$", "", text)
        found.append(eval(text, {"dyn": lambda one: one, "string": lambda one: one, "true": True, "false": False}))
    return found


def test_shape(helm):
    objects = render(helm)
    assert sorted(one["kind"] for one in objects) == KINDS
    assert {one["metadata"]["name"] for one in objects} == {"r-pillion.shop"}, "two releases of a name are in two namespaces"
    assert not [one for one in objects if "namespace" in one["metadata"]]
    for kind in ("Mutating", "Validating"):
        policy, binding = only(objects, f"{kind}AdmissionPolicy")["spec"], only(objects, f"{kind}AdmissionPolicyBinding")["spec"]
        assert policy["failurePolicy"] == "Fail"
        (rule,) = policy["matchConstraints"]["resourceRules"]
        assert rule == {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        assert policy["matchConstraints"]["namespaceSelector"]["matchExpressions"] == [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "kube-public", "kube-node-lease", "shop"]}]
        assert binding["policyName"] == "r-pillion.shop"
        assert binding["matchResources"] == {"namespaceSelector": {"matchLabels": {"pillion.dev/inject": "enabled"}}}
    assert only(objects, KINDS[0])["spec"]["reinvocationPolicy"] == "IfNeeded"
    assert only(objects, KINDS[3])["spec"]["validationActions"] == ["Deny", "Audit"]
    assert only(objects, KINDS[2])["spec"]["auditAnnotations"][0]["key"] == "sidecar"


def test_what_values_change(helm):
    objects = render(helm, "injector.namespaceLabel=corp.example/dns=private", "injector.excludeNamespaces={ingress,kube-system}", "injector.enforce=Audit")
    assert only(objects, KINDS[1])["spec"]["matchResources"]["namespaceSelector"]["matchLabels"] == {"corp.example/dns": "private"}
    excluded = only(objects, KINDS[2])["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"][0]["values"]
    assert excluded == ["kube-system", "kube-public", "kube-node-lease", "shop", "ingress"]
    assert only(objects, KINDS[3])["spec"]["validationActions"] == ["Audit"]
    assert sorted(one["kind"] for one in render(helm, "injector.enforce=Off")) == KINDS[:2]


def test_before_kubernetes_1_36(helm):
    """The policy that denies pods needs no image and no address, since it adds nothing to pods."""
    guard = ("--set", "mode=injector,injector.mutate=false")
    objects = helm.template("pillion", *guard, "--kube-version", "1.30.0")
    assert sorted(one["kind"] for one in objects) == KINDS[2:]
    assert "MutatingAdmissionPolicy" not in json.dumps(objects)
    assert "since 1.30, and this is v1.29.0" in helm.error("pillion", *guard, "--kube-version", "1.29.0")
    error = helm.error("pillion", *ADDRESS, "--set", "mode=injector", "--kube-version", "1.35.0")
    assert "since 1.36, and this is v1.35.0" in error and "injector.mutate=false" in error and "pillion inject" in error


# In the form of an application's chart.
SAME = [
    [],
    ["pillion.mesh=istio", "pillion.native=false", "pillion.preStopSeconds=3"],
    ["pillion.clientTLS.secretName=dns-client", "pillion.ca.secretName=dns-ca", "pillion.config.upstreams.corp.servers[0].address=192.0.2.1:8853",
     "pillion.config.upstreams.corp.servers[0].tls_name=dns.example", "pillion.config.upstreams.corp.tls.ca_file=/etc/pillion-ca/ca.crt",
     "pillion.config.upstreams.corp.tls.client_cert=/etc/pillion-client/tls.crt", "pillion.config.upstreams.corp.tls.client_key=/etc/pillion-client/tls.key"],
    ["pillion.extraEnv[0].name=A", r"pillion.extraEnv[0].value=\"quoted\" ü \\ $(B)", "pillion.extraVolumes[0].name=x",
     "pillion.extraVolumes[0].emptyDir.sizeLimit=1Mi", "pillion.resources.limits.memory=128Mi", "pillion.resources.requests.cpu=1",
     "pillion.containerSecurityContext.runAsUser=null", "pillion.livenessProbe.periodSeconds=20"],
    ["pillion.existingConfigMap=ours"],
]


@pytest.mark.parametrize("pairs", SAME, ids=["default", "ordinary", "secrets", "extras", "config-map"])
def test_the_policy_has_what_the_template_has(helm, pairs):
    objects = render(helm, *pairs)
    expression = patch_of(objects)
    deployment = only(helm.template("pillion", *ADDRESS, "--kube-version", "1.36.0", *settings(*pairs)), "Deployment")
    spec = pod_spec(deployment)
    place = "containers" if "pillion.native=false" in pairs else "initContainers"
    container = pillion_of(deployment)
    # Quantities are text, since annotations are.
    container["resources"] = {kind: {name: str(amount) for name, amount in amounts.items()} for kind, amounts in container["resources"].items()}
    assert values_of(expression, f"/spec/{place}/0") == [container]
    volumes = [one for one in spec["volumes"] if one["name"] != "pillion-config"]
    assert [values_of(expression, f"/spec/volumes/{number}")[0] for number in range(1, len(volumes) + 1)] == volumes
    assert values_of(expression, "/spec/dnsConfig/nameservers") == [["127.0.0.1"]]
    assert 'value: request.namespace + ".svc.cluster.local"' in expression
    if "pillion.existingConfigMap=ours" not in pairs:
        assert values_of(expression, "/metadata/annotations/pillion.dev~1config") == [configuration_text([deployment])]
    else:
        assert '"ours"' in next(one["expression"] for one in only(objects, KINDS[0])["spec"]["variables"] if one["name"] == "configMap")


def test_both_policies_say_why_as_the_chart_does(helm, adopter):
    objects = render(helm)
    reasons = [next(one["expression"] for one in only(objects, kind)["spec"]["variables"] if one["name"] == "reason") for kind in (KINDS[0], KINDS[2])]
    assert reasons[0] == reasons[1]
    texts = "\n".join(json.loads(text) for text in re.findall(r'"(?:[^"\\]|\\.)*"', reasons[0]))
    web = {"name": "web", "image": "web"}
    for spec in ({"hostNetwork": True}, {"os": {"name": "windows"}}, {"dnsPolicy": "Default"}, {"dnsConfig": {"nameservers": ["192.0.2.1"]}},
                 {"volumes": [{"name": "pillion-ca"}]}, {"containers": [{**web, "ports": [{"containerPort": 53}]}]},
                 {"containers": [{**web, "ports": [{"containerPort": 9153}]}]}, {"initContainers": [{**web, "name": "pillion"}]},
                 {"securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}]}}):
        error = adopter.refused({"spec": {"containers": [web], **spec}})
        said = next(line for line in error.splitlines() if line.startswith("pillion-sidecar: ")).removeprefix("pillion-sidecar: ")
        pattern = [re.escape(text).replace("%s", ".+") for text in texts.splitlines() if text.startswith("the ")]
        assert any(re.fullmatch(one, said) for one in pattern), said


def test_who_watches_pods_of_every_namespace(helm):
    monitor = only(render(helm, "podMonitor.enabled=true"), "PodMonitor")["spec"]
    assert monitor["selector"]["matchLabels"] == {"pillion.dev/sidecar": "true"} and monitor["namespaceSelector"] == {"any": True}
    variables = {one["name"]: one["expression"] for one in only(render(helm, "podMonitor.enabled=true"), KINDS[0])["spec"]["variables"]}
    assert "prometheus.io/scrape" not in variables["otherAnnotations"], "a pod would be scraped twice"
    assert "prometheus.io/scrape" in {one["name"]: one["expression"] for one in only(render(helm), KINDS[0])["spec"]["variables"]}["otherAnnotations"]


@pytest.mark.parametrize("pair, complaint", [
    ("pillion.enabled=false", "uninstall the release"), ("pillion.configChange=reload", "a ConfigMap into each namespace"),
    ("networkPolicy.enabled=true", "write one for each namespace"), ("injector.enforce=No", "/injector/enforce"),
    ("injector.namespaceLabel=pillion.dev/inject", "/injector/namespaceLabel"), ("injector.mutate=false,injector.enforce=Off", "does nothing"),
    ("injector.excludeNamespaces={Shop}", "/injector/excludeNamespaces")])
def test_what_is_refused(helm, pair, complaint):
    assert complaint in helm.error("pillion", *ADDRESS, *MODE, "--set", pair)


def test_more_than_an_expression_has_room_for(helm, tmp_path):
    """The chart refuses an expression that is too long. The API server would refuse it only after the other objects of the release exist."""
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps({"pillion": {"extraEnv": [{"name": "LONG", "value": "x" * 60_000}]}}))
    error = helm.error("pillion", *ADDRESS, *MODE, "--values", values)
    assert "the API server takes 100000" in error and "pillion.existingConfigMap" in error


def test_helm_3_renders_the_same(helm, helm3):
    assert [one["kind"] for one in render(helm3)] == [one["kind"] for one in render(helm)]
    assert patch_of(render(helm3)) == patch_of(render(helm))


def test_kubernetes_knows_what_is_rendered(helm, complaints):
    """The schemas are of a Kubernetes version that has the policy that denies, but not the one that changes pods."""
    validating = [one for one in render(helm) if one["kind"] in KINDS[2:]]
    assert complaints(validating) == [[], []]


def test_notes(helm, cluster, tmp_path):
    with api_server(tmp_path, version="1.36.0") as new_cluster:
        text = notes(helm, new_cluster, "mode=injector,injector.enforce=Warn")
    assert "The API server puts Pillion" in text and "(Warn)" in text and "rollout restart" in text and "r-pillion.shop/sidecar" in text
    assert "kubectl label namespace NAMESPACE pillion.dev/inject-" in text
    text = notes(helm, cluster, "mode=injector,injector.mutate=false")
    assert "kubectl label namespace NAMESPACE pillion.dev/inject=enabled" in text and "pillion inject" in text
    assert "(Deny)" in text and "rollout restart" not in text
