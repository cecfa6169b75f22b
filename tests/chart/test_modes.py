"""Tests the modes of the chart pillion, its monitoring objects and its notes."""

import base64
import gzip
import json
import shlex

import pytest
import yaml

from conftest import CHARTS, CLUSTER_DNS, CONFIG, ROOT, config, configuration_text, has_pods, only, pillion_of, pod_spec, pod_template

ADDRESS = ("--set", f"pillion.clusterDNS.address={CLUSTER_DNS},pillion.image.repository=registry.example/pillion")
modes = pytest.mark.parametrize("mode", ["workload", "daemonset", "gateway"])
serving = pytest.mark.parametrize("mode", ["daemonset", "gateway"])
KIND = {"workload": "Deployment", "daemonset": "DaemonSet", "gateway": "Deployment"}


def render(helm, mode, *settings):
    return helm.template("pillion", *ADDRESS, "--set", f"mode={mode}", *[word for one in settings for word in ("--set", one)])


@modes
def test_kinds(helm, mode):
    expected = {"workload": ["Deployment"], "daemonset": ["DaemonSet", "Service"],
                "gateway": ["Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service"]}
    assert sorted(one["kind"] for one in render(helm, mode)) == expected[mode]
    assert sorted(one["kind"] for one in render(helm, mode, "pillion.configChange=reload")) == ["ConfigMap", *expected[mode]]


@modes
def test_selectors_select_the_pods_and_nothing_of_other_releases(helm, mode):
    objects = render(helm, mode, "podMonitor.enabled=true", "networkPolicy.enabled=true")
    labels = next(one for one in objects if has_pods(one))["spec"]["template"]["metadata"]["labels"]
    selectors = [one["spec"].get("selector", one["spec"].get("podSelector")) for one in objects
                 if one["kind"] not in ("ConfigMap", "HorizontalPodAutoscaler")]
    for selector in selectors:
        wanted = selector.get("matchLabels", selector)
        assert wanted["app.kubernetes.io/instance"] == "r" and wanted.items() <= labels.items()


@serving
def test_served_pods(helm, mode):
    objects = render(helm, mode)
    spec = pod_spec(only(objects, KIND[mode]))
    pillion = pillion_of(only(objects, KIND[mode]))
    assert spec["containers"] == [pillion] and "initContainers" not in spec and "restartPolicy" not in pillion
    assert pillion["readinessProbe"] == {"httpGet": {"path": "/readyz", "port": "pillion-http"}, "periodSeconds": 2, "timeoutSeconds": 2,
                                         "failureThreshold": 1}
    assert pillion["lifecycle"]["postStart"] == {"exec": {"command": ["/pillion", "health", "--startup", "--wait", "60s"]}}
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert "sysctls" not in spec["securityContext"] and "hostNetwork" not in spec
    assert config(objects)["dns"]["listen"] == ["0.0.0.0:8053"]
    # Each client walks its own search list.
    assert "search" not in config(objects)
    by_name = {port["name"]: port for port in pillion["ports"]}
    service = only(objects, "Service")["spec"]
    assert [(port["port"], port["protocol"]) for port in service["ports"]] == [(53, "UDP"), (53, "TCP")]
    for port in service["ports"]:
        assert by_name[port["targetPort"]]["containerPort"] == 8053 and by_name[port["targetPort"]]["protocol"] == port["protocol"]


def test_daemonset_keeps_queries_on_the_node(helm):
    objects = render(helm, "daemonset", "service.clusterIP=10.96.0.53")
    service = only(objects, "Service")["spec"]
    assert service["internalTrafficPolicy"] == "Local" and service["clusterIP"] == "10.96.0.53"
    assert only(objects, "DaemonSet")["spec"]["updateStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_daemonset_is_on_every_node(helm):
    """On a node without the DaemonSet, pods would have no resolver."""
    assert pod_spec(only(render(helm, "daemonset"), "DaemonSet"))["tolerations"] == [{"operator": "Exists"}]
    chosen = render(helm, "daemonset", "tolerations[0].key=gpu")
    assert pod_spec(only(chosen, "DaemonSet"))["tolerations"] == [{"key": "gpu"}]
    assert "tolerations" not in pod_spec(only(render(helm, "gateway"), "Deployment"))


@serving
def test_service_to_the_outside(helm, mode):
    assert "externalTrafficPolicy" not in only(render(helm, mode), "Service")["spec"]
    balanced = only(render(helm, mode, "service.type=LoadBalancer", "service.loadBalancerSourceRanges={198.51.100.0/24}"), "Service")["spec"]
    assert balanced["externalTrafficPolicy"] == "Local" and balanced["loadBalancerSourceRanges"] == ["198.51.100.0/24"]
    ports = only(render(helm, mode, "service.type=NodePort", "service.loadBalancerSourceRanges={198.51.100.0/24}",
                        "service.externalTrafficPolicy=Cluster"), "Service")["spec"]
    assert ports["externalTrafficPolicy"] == "Cluster" and "loadBalancerSourceRanges" not in ports


@serving
def test_the_service_has_the_family_on_which_pillion_listens(helm, mode):
    """In a dual-stack cluster the first family may be the other one: the Service would lead to a port on which nobody listens."""
    for family, address, any_address in (("IPv4", "10.96.0.10", "0.0.0.0"), ("IPv6", "fd00::a", "[::]")):
        objects = render(helm, mode, f"pillion.ipFamily={family}", f"pillion.clusterDNS.address={address}", f"service.clusterIP={address}")
        service = only(objects, "Service")["spec"]
        assert (service["ipFamilyPolicy"], service["ipFamilies"]) == ("SingleStack", [family])
        assert config(objects)["dns"]["listen"] == [f"{any_address}:8053"] and config(objects)["http"]["listen"] == f"{any_address}:9153"
    assert "service.clusterIP is fd00::b, and pillion.ipFamily is IPv4" in helm.error(
        "pillion", *ADDRESS, "--set", f"mode={mode},service.clusterIP=fd00::b")


def test_gateway_scales_and_survives(helm):
    objects = render(helm, "gateway")
    deployment = only(objects, "Deployment")
    assert "replicas" not in deployment["spec"]  # otherwise each upgrade would undo the autoscaler
    autoscaler = only(objects, "HorizontalPodAutoscaler")["spec"]
    assert autoscaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"]}
    assert autoscaler["minReplicas"] == 2
    assert pillion_of(deployment)["resources"]["requests"]["cpu"] == "100m"  # utilization is a share of this request; that of a sidecar is too small
    budget = only(objects, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1 and budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    old = helm.template("pillion", *ADDRESS, "--set", "mode=gateway", "--kube-version", "1.26.0")
    assert "unhealthyPodEvictionPolicy" not in only(old, "PodDisruptionBudget")["spec"]
    assert len(pod_spec(deployment)["topologySpreadConstraints"]) == 2
    assert "internalTrafficPolicy" not in only(objects, "Service")["spec"]


def test_gateway_of_fixed_size(helm):
    objects = render(helm, "gateway", "gateway.autoscaling.enabled=false", "gateway.replicas=5", "gateway.podDisruptionBudget.enabled=false")
    assert only(objects, "Deployment")["spec"]["replicas"] == 5
    assert {one["kind"] for one in objects} == {"Deployment", "Service"}


@modes
def test_no_service_account(helm, mode):
    assert pod_spec(only(render(helm, mode), KIND[mode]))["automountServiceAccountToken"] is False


@serving
def test_queries_that_still_come_are_answered(helm, mode):
    """Nodes continue to send queries to a pod for a while after its termination has begun."""
    spec = pod_spec(only(render(helm, mode), KIND[mode]))
    pillion = pillion_of(only(render(helm, mode), KIND[mode]))
    assert pillion["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
    assert spec["terminationGracePeriodSeconds"] > 5 + 25
    old = helm.template("pillion", *ADDRESS, "--set", f"mode={mode}", "--kube-version", "1.29.0")
    assert "preStop" not in pillion_of(only(old, KIND[mode]))["lifecycle"]


def drain_min(helm, mode, *settings):
    return config(render(helm, mode, *settings)).get("drain_min")


@serving
def test_it_stays_while_nodes_still_send(helm, mode):
    assert drain_min(helm, mode) == "5s"
    assert drain_min(helm, mode, "pillion.config.drain_min=8s") == "8s"
    assert drain_min(helm, mode, "pillion.config.drain_min=0s") == "0s"
    assert drain_min(helm, mode, "pillion.config.drain_timeout=2500ms") == "2500ms", "it is never longer than the drain may last"


def test_a_sidecar_is_asked_by_nobody_else(helm):
    assert drain_min(helm, "workload") is None
    assert drain_min(helm, "workload", "pillion.config.drain_min=2s") == "2s"


@pytest.mark.parametrize("settings", ["mode=gateway,pillion.config.drain_min=26s", "mode=workload,pillion.config.drain_min=26s",
                                      "mode=daemonset,pillion.config.drain_min=3s,pillion.config.drain_timeout=2s"])
def test_a_drain_that_lasts_longer_than_it_may_is_refused(helm, settings):
    assert "it must be at most drain_timeout" in helm.error("pillion", *ADDRESS, "--set", settings)


@pytest.mark.parametrize("settings", ["mode=gateway,terminationGracePeriodSeconds=30", "mode=daemonset,pillion.config.drain_timeout=1m",
                                      "mode=gateway,pillion.preStopSeconds=15", "pillion.native=false,pillion.config.drain_timeout=35000ms"])
def test_grace_period_that_ends_before_the_drain_is_refused(helm, settings):
    assert "terminationGracePeriodSeconds is" in helm.error("pillion", *ADDRESS, "--set", settings)


def test_grace_period_of_a_native_sidecar_is_the_applications(helm):
    assert pod_spec(only(render(helm, "workload", "terminationGracePeriodSeconds=1"), "Deployment"))["terminationGracePeriodSeconds"] == 1
    assert render(helm, "gateway", "terminationGracePeriodSeconds=10,pillion.config.drain_timeout=4s")


@modes
def test_pod_monitor(helm, mode):
    objects = render(helm, mode, "podMonitor.enabled=true", "podMonitor.labels.release=prometheus")
    monitor = only(objects, "PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    annotations = only(objects, KIND[mode])["spec"]["template"]["metadata"]["annotations"]
    assert CONFIG in annotations and not [name for name in annotations if name.startswith("prom")]  # with these annotations Prometheus would scrape it twice
    ports = [port["name"] for port in pillion_of(only(objects, KIND[mode]))["ports"]]
    assert [one["port"] in ports and one["path"] for one in monitor["spec"]["podMetricsEndpoints"]] == ["/metrics"]


def test_pod_monitor_of_a_fleet_finds_every_adopter(helm):
    monitor = only(render(helm, "workload", "podMonitor.enabled=true", "podMonitor.fleet=true"), "PodMonitor")["spec"]
    example = only(helm.template("example", "--set", f"pillion-sidecar.clusterDNS.address={CLUSTER_DNS}"), "Deployment")
    assert monitor["namespaceSelector"] == {"any": True}
    assert monitor["selector"]["matchLabels"].items() <= example["spec"]["template"]["metadata"]["labels"].items()


def test_dashboards_are_those_of_the_repository(helm):
    objects = render(helm, "workload", "dashboards.enabled=true")
    maps = [one for one in objects if one["metadata"]["labels"].get("grafana_dashboard") == "1"]
    found = {name: json.loads(text) for one in maps for name, text in one["data"].items()}
    assert found and found == {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "dashboards").glob("*.json")}
    # `kubectl apply` keeps the whole object in an annotation, and all annotations together have 256 KiB.
    assert all(len(json.dumps(one)) < 256 << 10 for one in maps)


def test_release_fits_into_its_secret(helm):
    """Helm stores the chart's files and the rendered objects, gzipped and in base64, in a Secret of at most 1 MiB."""
    values = CHARTS["pillion"] / "ci" / "gateway-values.yaml"
    files = [path.read_bytes() for name in ("helm/pillion", "helm/pillion-sidecar", "dashboards") for path in (ROOT / name).rglob("*")
             if path.is_file()]
    rendered = json.dumps(helm.template("pillion", "--values", values)).encode()
    kept = json.dumps([base64.b64encode(one).decode() for one in (*files, rendered)]).encode()
    assert len(base64.b64encode(gzip.compress(kept))) < 512 << 10


def test_rules_are_those_of_the_repository(helm):
    base = "https://git.example/pillion/dashboards/"
    groups = only(render(helm, "workload", "prometheusRule.enabled=true", f"prometheusRule.runbookBaseUrl={base}"), "PrometheusRule")["spec"]["groups"]
    links = [rule["annotations"] for group in groups for rule in group["rules"] if "alert" in rule]
    assert links and all(annotations["runbook_url"].startswith(f"{base}runbooks.md#pillion") for annotations in links)
    for annotations in links:
        annotations["runbook_url"] = annotations["runbook_url"].removeprefix(base)
    files = sorted((ROOT / "dashboards" / "rules").glob("*.yaml"))
    assert groups and groups == [group for path in files for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]


def test_upstreams_that_may_be_in_the_clear_are_exempt_by_name(helm):
    objects = render(helm, "workload", "prometheusRule.enabled=true", "dashboards.enabled=true", "prometheusRule.plaintextUpstreams={cluster,corp}")
    rules = {rule.get("alert"): rule for group in only(objects, "PrometheusRule")["spec"]["groups"] for rule in group["rules"]}
    assert 'pillion_plaintext_queries_total{upstream!~"cluster|corp"}' in rules["PillionPlaintext"]["expr"]
    assert all("runbook_url" not in rule.get("annotations", {}) for rule in rules.values()), "none without a place to lead to"
    for one in objects:
        if one["metadata"]["labels"].get("grafana_dashboard") == "1":
            (variable,) = [variable for text in one["data"].values() for variable in json.loads(text)["templating"]["list"]
                           if variable["name"] == "plaintext"]
            assert {variable["query"], variable["current"]["value"], variable["options"][0]["value"]} == {"cluster|corp"}


def reachable(rule):
    return {(one["ipBlock"]["cidr"], port["port"], port["protocol"])
            for one in rule["to"] if "ipBlock" in one for port in rule["ports"]}


@modes
def test_network_policy_opens_what_the_configuration_needs_and_nothing_else(helm, mode):
    spec = only(render(helm, mode, "networkPolicy.enabled=true"), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert set().union(*map(reachable, spec["egress"])) == {
        ("1.1.1.1/32", 853, "TCP"), ("9.9.9.9/32", 853, "TCP"), ("10.96.0.10/32", 53, "UDP"), ("10.96.0.10/32", 53, "TCP")}
    # Most networks apply their policies after a Service's address has been replaced by a pod's.
    with_pods = [rule for rule in spec["egress"] if any("podSelector" in one for one in rule["to"])]
    assert [reachable(rule) for rule in with_pods] == [{("10.96.0.10/32", 53, "UDP"), ("10.96.0.10/32", 53, "TCP")}]
    ports = {(port["port"], port["protocol"]) for rule in spec["ingress"] for port in rule["ports"]}
    assert ports == {(9153, "TCP")} | ({(8053, "UDP"), (8053, "TCP")} if mode != "workload" else set())


def test_network_policy_for_pods_that_have_adopted_the_sidecar(helm):
    """The policy that the command of deploy/SECURITY.md renders selects the pods of the example."""
    command = (ROOT / "deploy" / "SECURITY.md").read_text(encoding="utf-8").split("helm template shop helm/pillion ")[1].split("```")[0]
    arguments = shlex.split(command.replace("\\\n", " "))
    policy = only(helm.template("pillion", *arguments), "NetworkPolicy")["spec"]
    example = only(helm.template("example", "--set", f"pillion-sidecar.clusterDNS.address={CLUSTER_DNS}"), "Deployment")
    assert policy["podSelector"]["matchLabels"].items() <= pod_template(example)["metadata"]["labels"].items()
    assert reachable(policy["egress"][0]) == {("10.96.0.10/32", 53, "UDP"), ("10.96.0.10/32", 53, "TCP")}


def test_network_policy_cannot_know_a_config_map_of_ones_own(helm):
    assert "write a NetworkPolicy of your own" in helm.error("pillion", *ADDRESS, "--set", "networkPolicy.enabled=true,pillion.existingConfigMap=ours")


def notes(helm, cluster, settings):
    done = helm.run("install", "r", CHARTS["pillion"], "--dry-run=server", "--disable-openapi-validation", "--namespace", "shop", *ADDRESS,
                    "--set", settings, kubeconfig=cluster)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


@modes
def test_notes(helm, cluster, mode):
    text = notes(helm, cluster, f"mode={mode}")
    for task in ("See it resolve", "Look inside", "Know that it is encrypted", "Change its configuration", "Watch it"):
        assert task in text
    target = f"{KIND[mode].lower()}/r-pillion"
    assert f"kubectl -n shop port-forward {target} 9153" in text
    assert "helm -n shop test r" in text
    assert "Every host that reaches the Service" not in text


@pytest.mark.parametrize("settings, told", [
    ("mode=workload", "New pods replace the old ones: the annotation pillion.dev/config"), ("mode=gateway", "New pods replace the old ones: the annotation pillion.dev/config"),
    ("pillion.configChange=reload", "Running pods read it"), ("pillion.configChange=reload,pillion.config.reload.watch=false", "New pods replace the old ones, because of a checksum"),
    ("mode=daemonset,pillion.existingConfigMap=ours", "kubectl -n shop rollout restart daemonset/r-pillion")])
def test_notes_say_how_a_change_is_applied(helm, cluster, settings, told):
    assert told in notes(helm, cluster, settings)


def test_notes_tell_of_a_resolver_that_is_open(helm, cluster):
    text = notes(helm, cluster, "mode=gateway,service.type=LoadBalancer")
    assert "Every host that reaches the Service may ask" in text and "service.loadBalancerSourceRanges" in text


def test_notes_of_what_is_off(helm, cluster):
    text = notes(helm, cluster, "pillion.enabled=false")
    assert "the pods have no Pillion" in text and "kubectl" not in text


@pytest.mark.parametrize("settings, complaint", [
    ("mode=gateway,gateway.autoscaling.minReplicas=9", "minReplicas is 9, and maxReplicas is 8"),
    ("mode=gateway,pillion.httpPort=8053", "pillion.httpPort is 8053, the port on which Pillion answers queries"),
    ("mode=daemonset,pillion.httpPort=8053", "pillion.httpPort is 8053, the port on which Pillion answers queries"),
    ("mode=gateway,pillion.enabled=false", "uninstall the release"), ("mode=daemonset,pillion.mesh=istio", "only a sidecar uses it"),
    ("mode=gateway,podAnnotations.pillion\\.dev/native=false", "set the value under pillion"),
    ("podLabels.app\\.kubernetes\\.io/name=other", "podLabels has app.kubernetes.io/name, which the chart sets itself"),
    ("mode=gateway,podLabels.app\\.kubernetes\\.io/instance=other", "podLabels has app.kubernetes.io/instance"),
    ("podSecurityContext.sysctls[0].name=net.ipv4.ip_unprivileged_port_start,podSecurityContext.sysctls[0].value=80", "to 80")])
def test_what_rendered_and_failed_later_is_refused(helm, settings, complaint):
    arguments = [word for one in settings.split(",") for word in (("--set-string" if "annotations" in one.lower() or "sysctls" in one else "--set"), one)]
    assert complaint in helm.error("pillion", *ADDRESS, *arguments)


def test_own_sysctl_of_the_same_name_is_not_doubled(helm):
    context = "podSecurityContext.sysctls[0]"
    deployment = only(helm.template("pillion", *ADDRESS, "--set", f"{context}.name=net.ipv4.ip_unprivileged_port_start", "--set-string", f"{context}.value=0"),
                      "Deployment")
    assert pod_spec(deployment)["securityContext"]["sysctls"] == [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]


@serving
def test_served_pods_have_their_configuration_with_them(helm, mode):
    one = only(render(helm, mode), KIND[mode])
    assert pod_template(one)["metadata"]["annotations"][CONFIG] == configuration_text([one])
    assert "downwardAPI" in pod_spec(one)["volumes"][0]
    objects = render(helm, mode, "pillion.configChange=reload")
    assert pod_spec(only(objects, KIND[mode]))["volumes"] == [
        {"name": "pillion-config", "configMap": {"name": only(objects, "ConfigMap")["metadata"]["name"]}}]
    assert list(pod_template(only(objects, KIND[mode]))["metadata"]["annotations"])[0] == "checksum/pillion-restart"


@modes
def test_pull_secrets_of_both_charts(helm, mode):
    objects = render(helm, mode, "imagePullSecrets[0].name=own", "pillion.imagePullSecrets[0].name=mirror")
    assert pod_spec(only(objects, KIND[mode]))["imagePullSecrets"] == [{"name": "own"}, {"name": "mirror"}]


@modes
def test_a_pod_with_annotations_for_scraping_keeps_them(helm, mode):
    one = only(helm.template("pillion", *ADDRESS, "--set", f"mode={mode}", "--set-string", "podAnnotations.prometheus\\.io/port=8080"), KIND[mode])
    found = pod_template(one)["metadata"]["annotations"]
    assert {name: value for name, value in found.items() if name.startswith("prom")} == {"prometheus.io/port": "8080"}


def test_nothing_is_watched_unless_asked_for(helm):
    """An installation with default values works in a cluster without the Prometheus operator."""
    for mode in KIND:
        assert not [one for one in render(helm, mode) if one["apiVersion"].startswith("monitoring.coreos.com")]
