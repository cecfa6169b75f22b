"""Tests what all objects of the chart pillion have: namespace, labels, annotations and ServiceAccount; and how pods are spread and scraped."""

import subprocess

import pytest

from check import check
from conftest import config, configuration_text, is_hook, load_all, only, pillion_of, pod_spec, pod_template
from pod_security import violations
from test_modes import ADDRESS, KIND, modes

EVERYWHERE = {"team": "payments"}
OBJECTS = ("--set", "commonLabels.team=payments,namespaceOverride=dns,serviceAccount.create=true,podMonitor.enabled=true",
           "--set", "prometheusRule.enabled=true,dashboards.enabled=true,networkPolicy.enabled=true,pillion.configChange=reload",
           "--set-string", "commonAnnotations.example\\.com/owner=payments,service.annotations.own=1,serviceAccount.annotations.own=1,dashboards.annotations.own=1")


def render(helm, mode, *more):
    return helm.template("pillion", *ADDRESS, "--set", f"mode={mode}", *more)


@modes
def test_every_object_is_in_the_namespace_with_the_labels_and_annotations_of_all(helm, mode):
    objects = render(helm, mode, *OBJECTS)
    kinds = {one["kind"] for one in objects}
    assert {"ServiceAccount", "PodMonitor", "PrometheusRule", "ConfigMap", "NetworkPolicy", KIND[mode]} <= kinds
    for one in objects:
        metadata = one["metadata"]
        assert metadata["namespace"] == "dns", metadata
        assert EVERYWHERE.items() <= metadata["labels"].items() and metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        own = {"own": "1"} if one["kind"] in ("Service", "ServiceAccount") or "grafana_dashboard" in metadata["labels"] else {}
        assert metadata["annotations"] == {"example.com/owner": "payments", **own}, metadata
    template = pod_template(only(objects, KIND[mode]))
    assert EVERYWHERE.items() <= template["metadata"]["labels"].items()
    assert "example.com/owner" not in template["metadata"]["annotations"]
    # Additional labels do not change selectors: a Deployment's selector is immutable.
    assert only(objects, KIND[mode])["spec"]["selector"]["matchLabels"].keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}


def test_search_list_is_the_pods_namespaces(helm, adopter):
    """This includes a chart that has adopted the sidecar and uses the common value for another namespace."""
    deployment = only(render(helm, "workload", *OBJECTS), "Deployment")
    assert pod_spec(deployment)["dnsConfig"]["searches"][0] == "dns.svc.cluster.local"
    pod = {"spec": {"containers": [{"name": "app", "image": "app"}]}}
    assert adopter.wrapped(pod)["spec"]["dnsConfig"]["searches"][0] == "shop.svc.cluster.local"
    done = adopter.run(pod, "enabled=true,namespaceOverride=elsewhere")
    (found,) = load_all(done.stdout)
    assert pod_spec(found)["dnsConfig"]["searches"][0] == "elsewhere.svc.cluster.local"


@modes
def test_service_account(helm, mode):
    objects = render(helm, mode, *OBJECTS)
    account = only(objects, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    spec = pod_spec(only(objects, KIND[mode]))
    assert spec["serviceAccountName"] == account["metadata"]["name"] == "r-pillion" and spec["automountServiceAccountToken"] is False
    objects = render(helm, mode, "--set", "serviceAccount.create=true,serviceAccount.name=own")
    assert pod_spec(only(objects, KIND[mode]))["serviceAccountName"] == only(objects, "ServiceAccount")["metadata"]["name"] == "own"
    objects = render(helm, mode, "--set", "serviceAccount.name=theirs")
    assert pod_spec(only(objects, KIND[mode]))["serviceAccountName"] == "theirs"
    assert "ServiceAccount" not in {one["kind"] for one in objects}


def test_spread(helm):
    """A constraint without a selector selects no pods and has no effect."""
    selector = {"matchLabels": {"app.kubernetes.io/name": "pillion", "app.kubernetes.io/instance": "r"}}
    spread = [{"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector}
              for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")]
    assert pod_spec(only(render(helm, "gateway"), "Deployment"))["topologySpreadConstraints"] == spread
    assert "topologySpreadConstraints" not in pod_spec(only(render(helm, "workload"), "Deployment"))
    own = '[{"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}, ' \
          '{"maxSkew": 3, "topologyKey": "room", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "x"}}}]'
    for mode in ("gateway", "workload"):
        found = pod_spec(only(render(helm, mode, "--set-json", f"topologySpreadConstraints={own}"), "Deployment"))["topologySpreadConstraints"]
        assert [(one["topologyKey"], one["labelSelector"]) for one in found] == [("rack", selector), ("room", {"matchLabels": {"app": "x"}})]
    assert "one pod on each node" in helm.error("pillion", *ADDRESS, "--set", "mode=daemonset", "--set-json", f"topologySpreadConstraints={own}")


def test_how_it_is_scraped(helm):
    rules = '[{"action": "labeldrop", "regex": "pod"}]'
    (endpoint,) = only(render(helm, "gateway", "--set", "podMonitor.enabled=true,podMonitor.interval=1m,podMonitor.scrapeTimeout=20s,podMonitor.honorLabels=true",
                              "--set-json", f"podMonitor.relabelings={rules},podMonitor.metricRelabelings={rules}"), "PodMonitor")["spec"]["podMetricsEndpoints"]
    drop = [{"action": "labeldrop", "regex": "pod"}]
    assert endpoint == {"port": "pillion-http", "path": "/metrics", "interval": "1m", "scrapeTimeout": "20s", "honorLabels": True,
                        "relabelings": drop, "metricRelabelings": drop}
    # Prometheus would refuse its whole configuration.
    error = helm.error("pillion", *ADDRESS, "--set", "podMonitor.enabled=true,podMonitor.scrapeTimeout=31s")
    assert "podMonitor.scrapeTimeout is 31s: it must be at most podMonitor.interval, which is 30s" in error


@modes
def test_what_the_pods_of_every_mode_can_be_given(helm, mode):
    """The settings of Pillion's container and of the pod."""
    more = ("--set", "priorityClassName=high,podSecurityContext.fsGroup=7,pillion.containerSecurityContext.runAsUser=1234,imagePullSecrets[0].name=mirror",
            "--set", "pillion.extraEnv[0].name=TZ,pillion.extraEnv[0].value=UTC,pillion.extraVolumes[0].name=x,pillion.extraVolumes[0].secret.secretName=x",
            "--set", "pillion.extraVolumeMounts[0].name=x,pillion.extraVolumeMounts[0].mountPath=/x")
    one = only(render(helm, mode, *more), KIND[mode])
    spec, pillion = pod_spec(one), pillion_of(one)
    assert spec["priorityClassName"] == "high" and spec["securityContext"]["fsGroup"] == 7 and spec["imagePullSecrets"] == [{"name": "mirror"}]
    assert pillion["securityContext"]["runAsUser"] == 1234 and pillion["env"] == [{"name": "TZ", "value": "UTC"}]
    assert {"name": "x", "secret": {"secretName": "x"}} in spec["volumes"] and {"name": "x", "mountPath": "/x"} in pillion["volumeMounts"]


@pytest.mark.parametrize("label", ["app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart", "pillion.dev/sidecar"])
def test_labels_of_the_charts_own_are_not_taken(helm, label):
    escaped = label.replace(".", "\\.")
    assert f"commonLabels has {label}, which the chart sets itself" in helm.error("pillion", *ADDRESS, "--set-string", f"commonLabels.{escaped}=x")


def query_pod(helm, *settings):
    """The pod of `helm test`, or None."""
    objects = helm.template("pillion", *ADDRESS, *[word for one in settings for word in ("--set", one)], hooks=True)
    found = [one for one in objects if is_hook(one)]
    assert len(found) <= 1
    return found[0] if found else None


@modes
def test_helm_test_asks_over_tcp_and_udp(helm, binary, mode):
    """The pod asks the Service, or its own Pillion. Pillion's command line accepts the arguments."""
    pod = query_pod(helm, f"mode={mode}", "test.name=www.corp.example")
    assert pod["kind"] == "Pod" and pod["metadata"]["name"] == "r-pillion-test" and pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert violations(pod["spec"]) == [] and pod["spec"]["restartPolicy"] == "OnFailure" and pod["spec"]["activeDeadlineSeconds"] == 60
    asking = [one for one in pod["spec"]["initContainers"] + pod["spec"]["containers"] if one["args"][0] == "query"]
    server = "127.0.0.1:53" if mode == "workload" else "$(R_PILLION_SERVICE_HOST):53"
    assert [one["args"] for one in asking] == [["query", "www.corp.example", over, "--require-answer", "--server", server] for over in ("--tcp", "--udp")]
    # The kubelet sets variables for each Service of the namespace, unless the pod turns this off.
    assert pod["spec"]["enableServiceLinks"] is True
    assert [one["name"] for one in pod["spec"]["initContainers"]] == (["pillion", "tcp"] if mode == "workload" else ["tcp"])
    for one in asking:
        command = [word.replace("$(R_PILLION_SERVICE_HOST):53", "127.0.0.1:1").replace("127.0.0.1:53", "127.0.0.1:1") for word in one["args"]]
        assert subprocess.run([binary, *command], capture_output=True, timeout=30, check=False).returncode == 1, "2 is a bad command line"


@modes
def test_the_pod_of_helm_test_is_none_of_the_release(helm, mode):
    """The Service and the policies do not select the pod. It has the labels and annotations that keep a mesh's proxy out, with which it would not
    end."""
    pod = query_pod(helm, f"mode={mode}", "podLabels.mesh=off", "podAnnotations.mesh=off", "namespaceOverride=dns")
    release = {"app.kubernetes.io/name": "pillion", "app.kubernetes.io/instance": "r"}
    assert not release.items() <= pod["metadata"]["labels"].items()
    assert pod["metadata"]["labels"]["mesh"] == pod["metadata"]["annotations"]["mesh"] == "off" and pod["metadata"]["namespace"] == "dns"


def test_helm_test_by_another_name_and_family(helm):
    more = ("fullnameOverride=dns-cache", "pillion.ipFamily=IPv6", "pillion.clusterDNS.address=fd00::a", "mode=daemonset")
    assert query_pod(helm, *more)["spec"]["containers"][0]["args"][-1] == "[$(DNS_CACHE_SERVICE_HOST)]:53"
    assert query_pod(helm, *more[1:3])["spec"]["containers"][0]["args"][-1] == "[::1]:53"


@pytest.mark.parametrize("settings", ["test.enabled=false", "pillion.enabled=false", "pillion.native=false", "podLabels.pillion\\.dev/inject=false"])
def test_no_helm_test_where_it_could_not_end_well(helm, settings):
    arguments = ("--set-string" if "podLabels" in settings else "--set", settings)
    assert not [one for one in helm.template("pillion", *ADDRESS, *arguments, hooks=True) if is_hook(one)]


def test_gateway_of_ipv6(helm, binary, tmp_path):
    """All addresses for listening, and all networks of the policy, are IPv6."""
    objects = render(helm, "gateway", "--set", "pillion.ipFamily=IPv6,pillion.clusterDNS.address=fd00::a,networkPolicy.enabled=true")
    rendered = config(objects)
    assert rendered["dns"]["listen"] == ["[::]:8053"] and rendered["http"]["listen"] == "[::]:9153"
    servers = [server["address"] for upstream in rendered["upstreams"].values() for server in upstream["servers"]]
    assert len(servers) == 3 and all(one.startswith("[") for one in servers)
    check(binary, tmp_path, configuration_text(objects))
    blocks = [to["ipBlock"]["cidr"] for rule in only(objects, "NetworkPolicy")["spec"]["egress"] for to in rule["to"] if "ipBlock" in to]
    assert sorted(blocks) == ["2606:4700:4700::1111/128", "2620:fe::fe/128", "fd00::a/128"]


@pytest.mark.parametrize("address", ["169.254.20.10", "169.254.169.254"], ids=["NodeLocal DNSCache", "Cloud DNS of GKE"])
def test_the_clusters_dns_may_be_on_the_node(helm, address):
    """The address is that of no pod, so that the policy must permit the address itself."""
    objects = render(helm, "workload", "--set", f"pillion.clusterDNS.address={address},networkPolicy.enabled=true")
    assert config(objects)["upstreams"]["cluster"]["servers"] == [{"address": f"{address}:53"}]
    assert {"cidr": f"{address}/32"} in [to.get("ipBlock") for rule in only(objects, "NetworkPolicy")["spec"]["egress"] for to in rule["to"]]


def test_network_policy_of_openshift(helm):
    """OpenShift's DNS has port 53 at its Service and port 5353 in its pods."""
    def port_5353(*more):
        egress = only(render(helm, "workload", "--set", ",".join(("networkPolicy.enabled=true", *more))), "NetworkPolicy")["spec"]["egress"]
        return [rule["to"][0]["namespaceSelector"]["matchLabels"] for rule in egress if {"port": 5353, "protocol": "UDP"} in rule["ports"]]

    assert port_5353("pillion.platform=openshift") == [{"kubernetes.io/metadata.name": "openshift-dns"}]
    assert port_5353() == port_5353("pillion.platform=openshift", "pillion.clusterDNS.enabled=false") == []


def test_long_names_of_releases_stay_apart(helm):
    """A release's name has at most 53 characters. Two that only differ in the last of them are two Deployments."""
    names = [only(helm.template("pillion", *ADDRESS, release="r" * 52 + last), "Deployment")["metadata"]["name"] for last in "ab"]
    assert names[0] != names[1] and all(len(name) <= 50 for name in names)
