"""Makes random pods, with a fixed seed. Compares each with the oracle after injection, after a second injection with other values, and after removal."""

import random
import re

import pytest

import corpus
import oracle
from kubernetes_yaml import comparable, dump, load_all
from oracle_values import DEFAULTS, merged

PODS = 100
ABSENT = object()
# The possible values of each field of a pod. A value that is more frequent is listed twice.
LABELS = [ABSENT, {}, {"app": "web"}, {"app": "web"}, {"app": "web", "pillion.dev/inject": "true"}, {"pillion.dev/inject": "false"}]
ANNOTATIONS = {
    "owner": ["team"], "prometheus.io/port": ["8080"], "prometheus.io/scrape": ["false"], "pillion.dev/native": ["true", "false"],
    "pillion.dev/image": ["registry.example/own:1"], "pillion.dev/cpu-request": ["1", "0.5", "100m", "x"],
    "pillion.dev/memory-limit": ["128Mi", "1G", "64MB"], "pillion.dev/config-map": ["own", "Own"],
    "pillion.dev/config": ["upstreams: {own: {servers: [{address: '192.0.2.1:443'}]}}\n"], "pillion.dev/typo": ["x"],
    "traffic.sidecar.istio.io/excludeOutboundPorts": ["853", "25,853", "8853"], "config.linkerd.io/skip-inbound-ports": ["9153", "1-9999", "1"],
    "proxy.istio.io/config": ["{}"]}
POLICIES = [ABSENT] * 4 + ["ClusterFirst"] * 2 + ["Default", "None", "ClusterFirstWithHostNet"]
SEARCHES = [ABSENT, ABSENT, [], ["corp.example"], ["corp.example", "svc.cluster.local"]]
OPTIONS = [ABSENT, ABSENT, [], [{"name": "ndots", "value": "1"}], [{"name": "edns0"}, {"name": "timeout", "value": "2"}]]
PORT = oracle.SYSCTL
SYSCTLS = [ABSENT, ABSENT, [], [{"name": "net.ipv4.tcp_syncookies", "value": "1"}], [{"name": PORT, "value": "0"}],
           [{"name": "net.core.somaxconn", "value": "9"}, {"name": PORT, "value": "53"}], [{"name": PORT, "value": "1024"}]]
VOLUMES = [ABSENT, ABSENT, [], [{"name": "scratch", "emptyDir": {}}], [{"name": "a", "secret": {"secretName": "a"}}, {"name": "b", "emptyDir": {}}],
           [{"name": "pillion-client", "emptyDir": {}}]]
INIT = [ABSENT, ABSENT, [], [{"name": "migrate", "image": "m"}], [{"name": "pillion", "image": "p"}],
        [{"name": "proxy", "image": "p", "restartPolicy": "Always"}, {"name": "wait", "image": "w"}]]
PORTS = [ABSENT] * 4 + [[], [{"containerPort": 8080}], [{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}], [{"containerPort": 9153}]]
# Cases whose values these pods get.
VALUES = ["pod", "values-mesh-istio", "values-mesh-linkerd", "values-native-false", "values-resolver", "values-client-tls-and-ca",
          "values-cluster-dns-off", "values-existing-config-map", "values-port-sysctl-false", "values-http-port",
          "values-scrape-annotations-false"]


def put(holder, key, value):
    if value is not ABSENT:
        holder[key] = value


def pod(chance, number):
    one = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{number}"}, "spec": {"containers": [{"name": "web", "image": "w"}]}}
    spec, metadata = one["spec"], one["metadata"]
    put(metadata, "labels", chance.choice(LABELS))
    keys = chance.sample(sorted(ANNOTATIONS), chance.choice([0, 0, 1, 1, 2, 3]))
    put(metadata, "annotations", {key: chance.choice(ANNOTATIONS[key]) for key in keys} if keys else chance.choice([ABSENT, {}]))
    put(spec, "dnsPolicy", chance.choice(POLICIES))
    put(spec["containers"][0], "ports", chance.choice(PORTS))
    put(spec, "initContainers", chance.choice(INIT))
    put(spec, "volumes", chance.choice(VOLUMES))
    resolver, context = {}, chance.choice([{}, {"runAsUser": 1000}])
    put(resolver, "searches", chance.choice(SEARCHES))
    put(resolver, "options", chance.choice(OPTIONS))
    put(context, "sysctls", chance.choice(SYSCTLS))
    if resolver or chance.random() < 0.3:
        spec["dnsConfig"] = resolver
    if context or chance.random() < 0.3:
        spec["securityContext"] = context
    if chance.random() < 0.05:
        spec["hostNetwork"] = True
    return one


def stream_of(objects):
    return "---\n".join(dump(one) for one in objects).encode()


@pytest.mark.parametrize("name", VALUES)
def test_pods_at_random(pillion, name):
    chance = random.Random(name)
    before = [pod(chance, number) for number in range(PODS)]
    values = merged(DEFAULTS, corpus.own_values(name))
    done = pillion.inject(name, stream=stream_of(before))
    assert done.returncode == 0, done.stderr.decode()
    said = set(re.findall(r"Pod/(pod-\d+)", done.stderr.decode()))
    after = load_all(done.stdout)
    for one, result in zip(before, after, strict=True):
        wanted, reasons = corpus.injected(one, values)
        assert comparable(result) == comparable(wanted), (reasons, done.stderr.decode())
        assert (one["metadata"]["name"] in said) == bool(reasons), reasons
    assert 0.1 * PODS < len(said) < 0.9 * PODS, "the pods are of one kind"

    other = VALUES[VALUES.index(name) - 1]
    again = pillion.inject(other, stream=done.stdout)
    values = merged(DEFAULTS, corpus.own_values(other))
    for one, result in zip(after, load_all(again.stdout), strict=True):
        assert comparable(result) == comparable(corpus.injected(one, values)[0])
    for one, result in zip(before, load_all(pillion.uninjected(again.stdout)), strict=True):
        assert comparable(result) == comparable(one)
