"""Tests pillion-sidecar.wrap: how it changes a pod, and which pods it refuses."""

import json
import re

import pytest
import yaml

from conftest import CONFIG, ROOT

LABEL = "pillion.dev/sidecar"
MARKER = "pillion.dev/injected"
SYSCTL = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"}
APPLICATION = {"name": "app", "image": "registry.example/app:1.0"}
def pod(metadata=None, **spec):
    return {"metadata": {"labels": {"app": "app"}, **(metadata or {})}, "spec": {"containers": [APPLICATION], **spec}}


def pillion(template):
    (found,) = (one for one in template["spec"].get("initContainers", []) + template["spec"]["containers"] if one["name"] == "pillion")
    return found


def marker(template):
    text = template["metadata"]["annotations"][MARKER]
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    return json.loads(text)


RICH = pod(
    {"annotations": {"prometheus.io/port": "8080", "example.com/owner": "team"}, "labels": {"app": "app", "tier": "web"}},
    serviceAccountName="app", imagePullSecrets=[{"name": "own"}], terminationGracePeriodSeconds=60, nodeSelector={"disk": "ssd"},
    hostAliases=[{"ip": "192.0.2.1", "hostnames": ["old"]}],
    securityContext={"fsGroup": 2000, "runAsNonRoot": True, "sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]},
    dnsPolicy="ClusterFirst",
    dnsConfig={"searches": ["corp.example"], "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]},
    initContainers=[{"name": "migrate", "image": "m"}], volumes=[{"name": "scratch", "emptyDir": {}}])


def quality_of_service(spec):
    """The class that Kubernetes gives a pod, by the resources of all its containers."""
    resources = [one.get("resources", {}) for one in spec.get("initContainers", []) + spec["containers"]]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    limits = [one.get("limits", {}) for one in resources]
    all_limited = all({"cpu", "memory"} <= one.keys() for one in limits)
    return "Guaranteed" if all_limited and all(one.get("requests", limit) == limit for one, limit in zip(resources, limits)) else "Burstable"


class TestQualityOfService:
    LIMITS = {"cpu": "1", "memory": "1Gi"}
    GUARANTEED = pod(containers=[{**APPLICATION, "resources": {"requests": LIMITS, "limits": LIMITS}}])

    def test_it_is_lost_by_default(self, adopter):
        assert quality_of_service(self.GUARANTEED["spec"]) == "Guaranteed"
        assert quality_of_service(adopter.wrapped(self.GUARANTEED)["spec"]) == "Burstable"
        assert quality_of_service(adopter.wrapped(pod())["spec"]) == "Burstable"

    def test_it_is_kept_with_the_values_of_the_readme(self, adopter):
        readme = (ROOT / "helm" / "pillion-sidecar" / "README.md").read_text(encoding="utf-8")
        (text,) = re.findall(r"`(resources: \{requests: .*?\}\})`", readme)
        settings = [f"resources.{kind}.{name}={value}" for kind, of_kind in yaml.safe_load(text)["resources"].items() for name, value in of_kind.items()]
        assert quality_of_service(adopter.wrapped(self.GUARANTEED, *settings)["spec"]) == "Guaranteed"


class TestMerge:
    def test_what_the_pod_has_stays(self, adopter):
        template = adopter.wrapped(RICH)
        spec = template["spec"]
        for name in ("serviceAccountName", "imagePullSecrets", "terminationGracePeriodSeconds", "nodeSelector", "hostAliases", "containers"):
            assert spec[name] == RICH["spec"][name]
        assert [one["name"] for one in spec["initContainers"]] == ["pillion", "migrate"]
        assert [one["name"] for one in spec["volumes"]] == ["pillion-config", "scratch"]
        assert spec["securityContext"] == {"fsGroup": 2000, "runAsNonRoot": True,
                                           "sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}, SYSCTL]}
        assert spec["dnsPolicy"] == "None"
        # The kubelet uses the last option with a name: the pod's own ndots.
        assert spec["dnsConfig"] == {
            "nameservers": ["127.0.0.1"], "searches": ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"],
            "options": [{"name": "ndots", "value": "5"}, {"name": "ndots", "value": "2"}, {"name": "edns0"}]}
        assert template["metadata"]["labels"] == {"app": "app", "tier": "web", LABEL: "true"}
        # The pod's own metrics are still scraped.
        annotations = {name: value for name, value in template["metadata"]["annotations"].items() if not name.startswith("pillion.dev/")}
        assert annotations == RICH["metadata"]["annotations"]
        assert marker(template) == {"added": ["sysctl", "config"], "options": 1, "searches": 3, "version": "0.1.0"}

    def test_the_smallest_pod(self, adopter):
        template = adopter.wrapped({"spec": {"containers": [APPLICATION]}})
        assert template["spec"]["containers"] == [APPLICATION]
        assert template["metadata"]["annotations"]["prometheus.io/port"] == "9153"
        assert marker(template)["added"] == [
            "metadata", "labels", "annotations", "dnsPolicy", "dnsConfig", "searches", "options", "securityContext", "sysctls", "sysctl", "initContainers",
            "volumes", "config", "prometheus.io/scrape", "prometheus.io/port", "prometheus.io/path"]

    def test_what_is_empty_is_there_and_what_is_null_is_not(self, adopter):
        empty = adopter.wrapped(pod({"annotations": {}}, initContainers=[], volumes=[], securityContext={}, dnsConfig={"searches": []}))
        assert marker(empty)["added"][:6] == ["dnsPolicy", "options", "sysctls", "sysctl", "config", "prometheus.io/scrape"]
        null = adopter.wrapped(pod({"annotations": None}, initContainers=None, volumes=None, securityContext=None, dnsConfig=None, dnsPolicy=None))
        assert marker(null) == marker(adopter.wrapped(pod()))

    def test_own_search_domains_stay_without_the_clusters(self, adopter):
        template = adopter.wrapped(pod(dnsConfig={"searches": ["corp.example"]}), "clusterDNS.enabled=false", "portSysctl=false")
        assert template["spec"]["dnsConfig"]["searches"] == ["corp.example"] and "securityContext" not in template["spec"]
        assert marker(template)["searches"] == 0
        assert "searches" not in adopter.wrapped(pod(), "clusterDNS.enabled=false")["spec"]["dnsConfig"]
        assert "searches" not in marker(adopter.wrapped(pod(), "clusterDNS.enabled=false"))["added"]

    def test_sysctl_that_is_there_already(self, adopter):
        for value in ("0", "53"):
            own = [{**SYSCTL, "value": value}]
            template = adopter.wrapped(pod(securityContext={"sysctls": own}))
            assert template["spec"]["securityContext"]["sysctls"] == own and "sysctl" not in marker(template)["added"]

    def test_ordinary_container(self, adopter):
        template = adopter.wrapped(RICH, "native=false")
        assert [one["name"] for one in template["spec"]["containers"]] == ["pillion", "app"]
        assert [one["name"] for one in template["spec"]["initContainers"]] == ["migrate"]
        assert "initContainers" not in marker(adopter.wrapped(pod(), "native=false"))["added"]

    def test_pull_secrets_stand_behind_the_pods_own(self, adopter):
        template = adopter.wrapped(RICH, "imagePullSecrets[0].name=own", "imagePullSecrets[1].name=mirror")
        assert template["spec"]["imagePullSecrets"] == [{"name": "own"}, {"name": "mirror"}]

    def test_text_of_any_depth_and_with_comments(self, adopter):
        text = "\n    # of the pod\n    spec:\n      containers:\n        - {name: app, image: a}  # the application\n"
        assert adopter.wrapped(text) == adopter.wrapped({"spec": {"containers": [{"name": "app", "image": "a"}]}})

    def test_large_numbers_stay(self, adopter):
        spec = adopter.wrapped(pod(securityContext={"runAsUser": 1000680000}, activeDeadlineSeconds=20000000))["spec"]
        assert spec["securityContext"]["runAsUser"] == 1000680000 and spec["activeDeadlineSeconds"] == 20000000

    @pytest.mark.parametrize("text", ["", "metadata: {}", "- spec", "spec: [", "spec: containers"])
    def test_what_is_no_pod(self, adopter, text):
        assert "takes a pod's template" in adopter.refused(text)


class TestOff:
    def test_value(self, adopter):
        for one in (RICH, pod(hostNetwork=True)):
            assert adopter.wrapped(one, "enabled=false", "image.repository=", "clusterDNS.address=") == one

    def test_label(self, adopter):
        opted_out = {**RICH, "metadata": {"labels": {"pillion.dev/inject": "false"}}}
        assert adopter.wrapped(opted_out) == opted_out
        opted_in = {**RICH, "metadata": {"labels": {"pillion.dev/inject": "true"}}}
        assert pillion(adopter.wrapped(opted_in))


PORTS = [{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}]
REFUSED = {
    "hostNetwork": (pod(hostNetwork=True), "hostNetwork: true", "mode: daemonset"),
    "Windows": (pod(os={"name": "windows"}), "Windows", "pillion.dev/inject"),
    "Windows by its nodes": (pod(nodeSelector={"kubernetes.io/os": "windows"}), "Windows", "pillion.dev/inject"),
    "dnsPolicy Default": (pod(dnsPolicy="Default"), "dnsPolicy: Default", "Remove dnsPolicy"),
    "dnsPolicy None": (pod(dnsPolicy="None"), "dnsPolicy: None", "Remove dnsPolicy"),
    "dnsPolicy of the node's network": (pod(dnsPolicy="ClusterFirstWithHostNet"), "dnsPolicy: ClusterFirstWithHostNet", "Remove dnsPolicy"),
    "name servers": (pod(dnsConfig={"nameservers": ["8.8.8.8"]}), "8.8.8.8", "an upstream of Pillion's configuration"),
    "foreign container": (pod(containers=[{"name": "pillion"}]), "container named pillion", "another name"),
    "foreign init container": (pod(initContainers=[{"name": "pillion"}]), "container named pillion", "another name"),
    "foreign volume": (pod(volumes=[{"name": "pillion-ca"}]), "volume named pillion-ca", "another name"),
    "sysctl": (pod(securityContext={"sysctls": [{**SYSCTL, "value": "1024"}]}), "ip_unprivileged_port_start to 1024", "53 or less"),
    "sysctl that is no number": (pod(securityContext={"sysctls": [{**SYSCTL, "value": "low"}]}), "ip_unprivileged_port_start to low", "53 or less"),
    "port 53": (pod(containers=[{**APPLICATION, "ports": PORTS}]), "the container app has port 53", "another port"),
    "port 53 of an init container": (pod(initContainers=[{"name": "old", "ports": PORTS}]), "the container old has port 53", "another port"),
    "port of the metrics": (pod(containers=[{**APPLICATION, "ports": [{"containerPort": 9153}]}]), "has port 9153", "httpPort"),
    "unknown annotation": (pod({"annotations": {"pillion.dev/imag": "x"}}), "pillion.dev/imag,", "pillion.dev/image"),
    "native": (pod({"annotations": {"pillion.dev/native": "no"}}), "pillion.dev/native", "must be"),
    "native that is no string": (pod({"annotations": {"pillion.dev/native": False}}), "pillion.dev/native", "quotes"),
    "memory": (pod({"annotations": {"pillion.dev/memory-limit": "64mi"}}), "pillion.dev/memory-limit", "a quantity of memory such as 64Mi"),
    "CPU": (pod({"annotations": {"pillion.dev/cpu-request": "fast"}}), "pillion.dev/cpu-request", "a quantity of CPU such as 10m"),
    "image": (pod({"annotations": {"pillion.dev/image": ""}}), "pillion.dev/image", "the name of an image"),
    "ConfigMap": (pod({"annotations": {"pillion.dev/config-map": "No Map"}}), "pillion.dev/config-map", "the name of a ConfigMap"),
    "configuration": (pod({"annotations": {CONFIG: "threads: ["}}), CONFIG, "not YAML"),
    "configuration twice": (pod({"annotations": {CONFIG: "{}", "pillion.dev/config-map": "ours"}}), "both of the annotations", "Remove one"),
    "equipped already": (pod({"annotations": {MARKER: "{}"}}), "already has Pillion", "only once"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_remedy(adopter, name):
    one, reason, remedy = REFUSED[name]
    error = adopter.refused(one)
    assert "pillion-sidecar: the" in error and reason in error and remedy in error, error


def test_first_reason_is_the_one_that_is_told(adopter):
    error = adopter.refused(pod(hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet", containers=[{**APPLICATION, "ports": PORTS}]))
    assert "hostNetwork" in error and "ClusterFirstWithHostNet" not in error


def test_a_sysctl_of_the_pods_own_counts_whatever_the_nodes_allow(adopter):
    assert "1024" in adopter.refused(pod(securityContext={"sysctls": [{**SYSCTL, "value": "1024"}]}), "portSysctl=false")


def test_what_is_fine_where_it_does_not_matter(adopter):
    assert adopter.wrapped(pod(securityContext={"sysctls": [{**SYSCTL, "value": "0"}]}), "portSysctl=false")
    assert adopter.wrapped(pod(containers=[{**APPLICATION, "ports": [{"containerPort": 9153}]}]), "httpPort=9999")
    assert adopter.wrapped(pod(os={"name": "linux"}, nodeSelector={"kubernetes.io/os": "linux"}, hostNetwork=False))


class TestAnnotations:
    """Annotations by which a pod's owner changes how Pillion is added."""

    def test_image_resources_and_kind(self, adopter):
        template = adopter.wrapped(pod({"annotations": {
            "pillion.dev/image": "other.example/p:2", "pillion.dev/native": "false", "pillion.dev/cpu-request": "100m",
            "pillion.dev/memory-request": "32Mi", "pillion.dev/memory-limit": "0.25Gi"}}), "image.repository=")
        ours = template["spec"]["containers"][0]
        assert ours["name"] == "pillion" and "restartPolicy" not in ours and ours["image"] == "other.example/p:2"
        assert ours["resources"] == {"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"memory": "0.25Gi"}}

    def test_limit_that_is_too_small(self, adopter):
        assert "for the rest need more" in adopter.refused(pod({"annotations": {"pillion.dev/memory-limit": "16Mi"}}))

    def test_configuration(self, adopter):
        """With its own configuration a pod needs no address of the cluster's DNS, and keeps the annotation."""
        text = 'dns: {listen: "127.0.0.1:53"}\n'
        template = adopter.wrapped(pod({"annotations": {CONFIG: text}}), "clusterDNS.address=", "configChange=reload", "existingConfigMap=x")
        assert template["metadata"]["annotations"][CONFIG] == text and "config" not in marker(template)["added"]
        assert "downwardAPI" in template["spec"]["volumes"][0]

    def test_config_map(self, adopter):
        template = adopter.wrapped(pod({"annotations": {"pillion.dev/config-map": "team.pillion"}}), "clusterDNS.address=")
        assert template["spec"]["volumes"][0] == {"name": "pillion-config", "configMap": {"name": "team.pillion"}}
        assert CONFIG not in template["metadata"]["annotations"]


class TestMesh:
    ISTIO = {"traffic.sidecar.istio.io/excludeOutboundPorts": "853", "traffic.sidecar.istio.io/excludeInboundPorts": "9153",
             "proxy.istio.io/config": '{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"false"}}'}
    LINKERD = {"config.linkerd.io/skip-outbound-ports": "853", "config.linkerd.io/skip-inbound-ports": "9153"}

    def found(self, template):
        return {name: value for name, value in template["metadata"]["annotations"].items() if "istio" in name or "linkerd" in name}

    def test_annotations(self, adopter):
        assert self.found(adopter.wrapped(pod())) == {}
        for mesh, expected in (("istio", self.ISTIO), ("linkerd", self.LINKERD)):
            template = adopter.wrapped(pod(), f"mesh={mesh}")
            assert self.found(template) == expected
            assert marker(template)["added"][-len(expected):] == list(expected)

    def test_ports_are_those_in_use(self, adopter):
        servers = "config.upstreams.public.servers"
        template = adopter.wrapped(pod(), "mesh=linkerd", "httpPort=9999", f"{servers}[0].address=192.0.2.1:8853", f"{servers}[1].address=192.0.2.2:853",
                                   f"{servers}[2].address=192.0.2.3:8853")
        assert self.found(template) == {"config.linkerd.io/skip-outbound-ports": "853,8853", "config.linkerd.io/skip-inbound-ports": "9999"}

    def test_ports_are_known_only_from_the_configuration(self, adopter):
        assert self.found(adopter.wrapped(pod(), "mesh=linkerd", "existingConfigMap=ours")) == self.LINKERD
        plain = {"annotations": {CONFIG: 'upstreams: {lab: {protocol: udp, servers: [{address: "192.0.2.53:53"}]}}'}}
        assert self.found(adopter.wrapped(pod(plain), "mesh=linkerd")) == {"config.linkerd.io/skip-inbound-ports": "9153"}

    def test_what_the_pod_says_itself(self, adopter):
        own = {"traffic.sidecar.istio.io/excludeOutboundPorts": "5432, 853", "proxy.istio.io/config": "{}"}
        template = adopter.wrapped(pod({"annotations": own}), "mesh=istio")
        assert self.found(template) == {**self.ISTIO, **own}
        assert marker(template)["added"][-1] == "traffic.sidecar.istio.io/excludeInboundPorts"
        ranges = {"config.linkerd.io/skip-outbound-ports": "25, 800-900", "config.linkerd.io/skip-inbound-ports": "9153"}
        assert self.found(adopter.wrapped(pod({"annotations": ranges}), "mesh=linkerd")) == ranges

    def test_exclusion_of_the_pods_without_ours_is_refused(self, adopter):
        error = adopter.refused(pod({"annotations": {"config.linkerd.io/skip-outbound-ports": "5432,8530"}}), "mesh=linkerd")
        assert "config.linkerd.io/skip-outbound-ports" in error and "port 853. Add the port there" in error
