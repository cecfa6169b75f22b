"""Tests the requirements beside a service mesh, for pods that the injectors of Istio and Linkerd have changed before or after Pillion's injection. The
objects are those of test_corpus.py; the tests here state their purpose."""

import json

import pytest

import corpus
import oracle
from kubernetes_yaml import comparable, load
from oracle_values import DEFAULTS, merged

CASES = [name for name in corpus.cases() if "behind-istio" in name or "behind-linkerd" in name]
# Pods with Pillion that the injector of a mesh has changed afterwards.
AFTER = [name for name in CASES if name.startswith("injected-then-")]
PROXIES = ("istio-proxy", "linkerd-proxy")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
OUTBOUND, INBOUND = 853, 9153
# Options of the mesh's init container, which redirects the pod's traffic: the argument after each has the ports that are excluded.
EXCLUDED = {"istio-init": {"-o": OUTBOUND, "-d": INBOUND}, "linkerd-init": {"--outbound-ports-to-ignore": OUTBOUND, "--inbound-ports-to-ignore": INBOUND}}
ANNOTATIONS = {"istio": ("traffic.sidecar.istio.io/excludeOutboundPorts", "traffic.sidecar.istio.io/excludeInboundPorts"),
               "linkerd": ("config.linkerd.io/skip-outbound-ports", "config.linkerd.io/skip-inbound-ports")}

cases = pytest.mark.parametrize("name", CASES)
after = pytest.mark.parametrize("name", AFTER)


def mesh_of(name):
    return "istio" if "istio" in name else "linkerd"


def containers(template):
    return [one for key in ("initContainers", "containers") for one in template["spec"][key]]


def without_pillion(template):
    return [comparable(one) for one in containers(template) if one["name"] != "pillion"]


def proxy_of(template):
    (proxy,) = (one for one in containers(template) if one["name"] in PROXIES)
    return proxy


def pillion_of(template):
    (pillion,) = (one for one in containers(template) if one["name"] == "pillion")
    return pillion


def are_commands(pillion):
    """True if the pod has Pillion's hook and probe, and no other check of its health."""
    handlers = [pillion[key] for key in PROBES if key in pillion] + list(pillion["lifecycle"].values())
    return len(handlers) >= 2 and all("exec" in one and not {"httpGet", "tcpSocket", "grpc"} & one.keys() for one in handlers)


@pytest.fixture
def before(name):
    return corpus.template_of(corpus.original(name))


@pytest.fixture
def result(pillion, name):
    return corpus.template_of(load(pillion.injected(name)))


def test_each_mesh_is_there_with_each_order():
    """The proxy stands before Pillion or after it, and was injected before or after."""
    for mesh in ANNOTATIONS:
        for some in (AFTER, [name for name in CASES if name not in AFTER]):
            native = {proxy_of(corpus.template_of(corpus.original(name))).get("restartPolicy") for name in some if mesh_of(name) == mesh}
            assert native == {"Always", None}, (mesh, some)


@cases
def test_pillion_is_in_front_of_the_proxy_and_nothing_else_is_moved(before, result):
    first = result["spec"]["initContainers"][0]
    assert (first["name"], first["restartPolicy"]) == ("pillion", "Always")
    assert without_pillion(result) == without_pillion(before)
    names = [[one["name"] for one in template["spec"]["volumes"] if one["name"] != "pillion-config"] for template in (result, before)]
    assert names[0] == names[1]


@cases
def test_pillion_is_as_it_is_without_a_mesh(name, result):
    """Pillion's hook and probe are commands, which a mesh neither rewrites nor captures."""
    pillion = pillion_of(result)
    assert comparable(pillion) == comparable(oracle.container(merged(DEFAULTS, corpus.own_values(name))))
    assert are_commands(pillion)


@cases
def test_the_mesh_is_told_of_pillions_ports_and_of_its_dns(name, result):
    annotations = result["metadata"]["annotations"]
    for key, port in zip(ANNOTATIONS[mesh_of(name)], (OUTBOUND, INBOUND), strict=True):
        assert oracle.has_port(annotations[key], port)
    if mesh_of(name) == "istio":
        assert json.loads(annotations["proxy.istio.io/config"])["proxyMetadata"]["ISTIO_META_DNS_CAPTURE"] == "false"


@after
def test_the_meshes_have_heeded_the_annotations_and_left_the_probes(name, before):
    """The output of the injectors was recorded. If a later version behaves differently, record it again."""
    (network,) = (one for one in containers(before) if one["name"] in EXCLUDED)
    for option, port in EXCLUDED[network["name"]].items():
        assert oracle.has_port(network["args"][network["args"].index(option) + 1], port)
    assert are_commands(pillion_of(before))
    environment = {one["name"]: one.get("value") for one in proxy_of(before)["env"]}
    if mesh_of(name) == "istio":
        probers = json.loads(environment["ISTIO_KUBE_APP_PROBERS"])
        assert probers and not [path for path in probers if path.startswith("/app-health/pillion/")]
        assert environment["ISTIO_META_DNS_CAPTURE"] == "false"


@after
def test_injected_again_only_the_place_changes(before, result):
    """Injection moves Pillion to the front, and does not change a pod in which it is there already."""
    for key in ("dnsConfig", "dnsPolicy", "securityContext"):
        assert comparable(result["spec"][key]) == comparable(before["spec"][key])
    names = [[one["name"] for one in containers(template)] for template in (result, before)]
    assert sorted(names[0]) == sorted(names[1])
    if names[1][0] == "pillion":
        assert names[0] == names[1]


@after
def test_check_names_a_proxy_in_front_that_pillion_waits_for(pillion, name, before):
    """Neither of the two containers starts, and the kubelet reports no error."""
    is_stuck = "startupProbe" in proxy_of(before) and before["spec"]["initContainers"][0]["name"] != "pillion"
    done = pillion.inject(name, "--check")
    assert (done.returncode, proxy_of(before)["name"].encode() in done.stdout) == (int(is_stuck), is_stuck), done.stdout


@after
def test_taken_out_the_mesh_stays(pillion, name, before):
    left = corpus.template_of(load(pillion.uninjected(corpus.text_of(f"{name}.yaml").encode())))
    assert [comparable(one) for one in containers(left)] == without_pillion(before)
    assert not [key for key in left["metadata"]["annotations"] if key.startswith("pillion.dev/") or key in ANNOTATIONS[mesh_of(name)]]
    scraped = {key: value for key, value in before["metadata"]["annotations"].items() if key.startswith("prometheus.io/")}
    theirs = scraped if mesh_of(name) == "istio" else {}  # the injector replaces Pillion's value by its own
    assert {key: value for key, value in left["metadata"]["annotations"].items() if key.startswith("prometheus.io/")} == theirs
    assert "pillion.dev/sidecar" not in left["metadata"]["labels"]
    assert not {"dnsPolicy", "dnsConfig", "securityContext"} & left["spec"].keys()
    kept = [one for one in before["spec"]["volumes"] if one["name"] != "pillion-config"]
    assert comparable(left["spec"]["volumes"]) == comparable(kept)
