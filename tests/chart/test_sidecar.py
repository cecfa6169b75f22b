"""What the sidecar's templates promise, seen in the example chart that has adopted them and in the chart pillion's workload."""

import re
import shutil

import pytest
import yaml

from check import check
from conftest import CHARTS, CLUSTER_DNS, ROOT, load_all, only, pillion_of, pod_spec

ADDRESS = {"example": f"pillion-sidecar.clusterDNS.address={CLUSTER_DNS}", "pillion": f"pillion.clusterDNS.address={CLUSTER_DNS}"}
charts = pytest.mark.parametrize("chart", ADDRESS)


def key(chart):
    return ADDRESS[chart].split(".")[0]


def render(helm, chart, *settings, **options):
    arguments = [word for setting in (ADDRESS[chart], *settings) for word in ("--set", setting)]
    return helm.template(chart, *arguments, **options)


def deployment(helm, chart, *settings, **options):
    return only(render(helm, chart, *settings, **options), "Deployment")


def config(objects):
    return yaml.safe_load(only(objects, "ConfigMap")["data"]["pillion.yaml"])


@charts
def test_native_sidecar_starts_first_and_outlives_the_application(helm, chart):
    spec = pod_spec(deployment(helm, chart))
    assert spec["initContainers"][0]["name"] == "pillion"
    assert spec["initContainers"][0]["restartPolicy"] == "Always"
    assert "pillion" not in [one["name"] for one in spec["containers"]]


def test_application_init_containers_come_after_it(helm):
    values = ["--set-json", 'workload.initContainers=[{"name": "migrate", "image": "m"}]', "--set", ADDRESS["pillion"]]
    assert [one["name"] for one in pod_spec(only(helm.template("pillion", *values), "Deployment"))["initContainers"]] == [
        "pillion", "migrate"]


@charts
def test_ordinary_sidecar(helm, chart):
    spec = pod_spec(deployment(helm, chart, f"{key(chart)}.native=false"))
    assert "initContainers" not in spec
    assert spec["containers"][0]["name"] == "pillion" and len(spec["containers"]) == 2
    assert "restartPolicy" not in spec["containers"][0]


@charts
def test_probes(helm, chart):
    for setting in ("native=true", "native=false"):
        pillion = pillion_of(deployment(helm, chart, f"{key(chart)}.{setting}"))
        assert pillion["startupProbe"]["httpGet"] == {"path": "/startupz", "port": "pillion-http"}
        assert pillion["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "pillion-http"}
        assert "readinessProbe" not in pillion
        assert {"name": "pillion-http", "containerPort": 9153, "protocol": "TCP"} in pillion["ports"]


@charts
def test_startup_probe_waits_longer_than_startupz_may_take(helm, chart):
    probe = pillion_of(deployment(helm, chart))["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > 5


@charts
def test_security_context(helm, chart):
    assert pillion_of(deployment(helm, chart))["securityContext"] == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "privileged": False, "readOnlyRootFilesystem": True,
        "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}}


@charts
def test_resolver_of_the_pod(helm, chart):
    objects = render(helm, chart)
    spec = pod_spec(only(objects, "Deployment"))
    searches = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    assert spec["dnsPolicy"] == "None"
    assert spec["dnsConfig"] == {"nameservers": ["127.0.0.1"], "searches": searches, "options": [{"name": "ndots", "value": "5"}]}
    assert config(objects)["search"] == {"domains": searches, "ndots": 5}
    assert config(objects)["dns"]["listen"] == ["127.0.0.1:53"]


@charts
def test_resolver_options(helm, chart):
    root = key(chart)
    objects = render(helm, chart, f"{root}.resolver.ndots=1", f"{root}.resolver.searches={{corp.example,cluster.local}}",
                     f"{root}.resolver.options[0].name=edns0", f"{root}.clusterDNS.domain=k8s.example")
    resolver = pod_spec(only(objects, "Deployment"))["dnsConfig"]
    assert resolver["searches"] == ["shop.svc.k8s.example", "svc.k8s.example", "k8s.example", "corp.example", "cluster.local"]
    assert resolver["options"] == [{"name": "ndots", "value": "1"}, {"name": "edns0"}]
    assert config(objects)["search"] == {"domains": resolver["searches"], "ndots": 1}
    assert config(objects)["routes"][0] == {"zone": "k8s.example", "upstream": "cluster"}


@charts
def test_sysctl_lets_it_listen_on_port_53(helm, chart):
    sysctls = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"}]
    assert pod_spec(deployment(helm, chart))["securityContext"]["sysctls"] == sysctls
    without = deployment(helm, chart, f"{key(chart)}.portSysctl=false")
    assert "sysctls" not in pod_spec(without).get("securityContext", {})


@charts
def test_pod_security_context_is_merged(helm, chart):
    root = key(chart)
    context = pod_spec(deployment(helm, chart, f"{root}.podSecurityContext.fsGroup=2000",
                                  f"{root}.podSecurityContext.sysctls[0].name=net.ipv4.tcp_syncookies",
                                  f"{root}.podSecurityContext.sysctls[0].value=1"))["securityContext"]
    assert context["fsGroup"] == 2000
    assert [one["name"] for one in context["sysctls"]] == ["net.ipv4.tcp_syncookies", "net.ipv4.ip_unprivileged_port_start"]


@charts
def test_configuration_is_mounted(helm, chart):
    objects = render(helm, chart)
    deployed = only(objects, "Deployment")
    pillion = pillion_of(deployed)
    assert pillion["args"] == ["run", "--supervise", "--config", "/etc/pillion/pillion.yaml"]
    assert pillion["volumeMounts"] == [{"name": "pillion-config", "mountPath": "/etc/pillion", "readOnly": True}]
    name = only(objects, "ConfigMap")["metadata"]["name"]
    assert {"name": "pillion-config", "configMap": {"name": name}} in pod_spec(deployed)["volumes"]


@charts
def test_certificates_are_mounted_where_the_readme_says(helm, chart):
    root = key(chart)
    deployed = deployment(helm, chart, f"{root}.clientTLS.secretName=client", f"{root}.ca.configMapName=authority")
    mounts = {one["name"]: one["mountPath"] for one in pillion_of(deployed)["volumeMounts"]}
    assert mounts == {"pillion-config": "/etc/pillion", "pillion-client": "/etc/pillion-client", "pillion-ca": "/etc/pillion-ca"}
    volumes = {one["name"]: one for one in pod_spec(deployed)["volumes"]}
    assert volumes["pillion-client"]["secret"] == {"secretName": "client"}
    assert volumes["pillion-ca"]["configMap"] == {"name": "authority"}


def annotations(helm, chart, *settings, **options):
    return deployment(helm, chart, *settings, **options)["spec"]["template"]["metadata"]["annotations"]


def checksums(helm, chart, *settings):
    found = annotations(helm, chart, *settings)
    return {name.partition("/")[2]: value for name, value in found.items() if name.startswith("checksum/")}


@charts
def test_changed_configuration_rolls_the_pods_where_that_is_chosen(helm, chart):
    root = key(chart)

    def checksum(*settings):
        found = checksums(helm, chart, f"{root}.configChange=roll", *settings)
        assert list(found) == ["pillion-config"]
        return found["pillion-config"]

    assert checksum() == checksum(f"{root}.resources.limits.memory=1Gi")
    assert len({checksum(), checksum(f"{root}.config.threads=2"), checksum(f"{root}.clusterDNS.enabled=false")}) == 3


# Another value than the default of each key that takes a restart; `http.listen` follows from `httpPort`.
RESTART = {
    "dns.max_connections": "config.dns.max_connections=100", "dns.max_connections_per_client": "config.dns.max_connections_per_client=100",
    "dns.max_in_flight_per_connection": "config.dns.max_in_flight_per_connection=100", "cache.size": "config.cache.size=1MiB",
    "http.listen": "httpPort=9999", "log.format": "config.log.format=text", "memory": "config.memory=32MiB", "threads": "config.threads=2"}


def test_keys_that_take_a_restart_are_the_programs():
    source = (ROOT / "src" / "config" / "restart_keys.cpp").read_text(encoding="utf-8")
    assert sorted(re.findall(r'\.path = "([\w.]+)"', source)) == sorted(RESTART)


@charts
def test_only_what_takes_a_restart_rolls_the_pods(helm, chart):
    root = key(chart)

    def checksum(*settings):
        found = checksums(helm, chart, *(f"{root}.{setting}" for setting in settings))
        assert list(found) == ["pillion-restart"]
        return found["pillion-restart"]

    assert len({checksum(), *(checksum(setting) for setting in RESTART.values())}) == len(RESTART) + 1
    assert checksum("config.threads=2") != checksum("config.threads=3")
    for setting in ("config.log.level=warn", "config.cache.max_ttl=30m", "config.dns.idle_timeout=30s", "config.drain_timeout=5s",
                    "config.reload.verify=false", "clusterDNS.enabled=false", "config.upstreams.own.servers[0].address=192.0.2.53:853",
                    "resources.limits.memory=1Gi"):
        assert checksum(setting) == checksum(), setting
        assert checksum(setting, "config.threads=2") == checksum("config.threads=2"), setting


@charts
def test_what_is_not_watched_rolls_the_pods(helm, chart):
    unwatched = f"{key(chart)}.config.reload.watch=false"
    found = [checksums(helm, chart, unwatched, *more) for more in ((), (f"{key(chart)}.config.log.level=warn",))]
    assert [list(one) for one in found] == [["pillion-config"]] * 2 and found[0] != found[1]


@charts
def test_what_is_mounted_is_updated_in_running_pods(helm, chart):
    """As the kubelet does, but for what is mounted by subPath."""
    root = key(chart)
    objects = render(helm, chart, f"{root}.clientTLS.secretName=client", f"{root}.ca.configMapName=authority")
    mounts = pillion_of(only(objects, "Deployment"))["volumeMounts"]
    assert len(mounts) == 3
    assert not [mount for mount in mounts if mount.keys() & {"subPath", "subPathExpr"}]
    assert "immutable" not in only(objects, "ConfigMap")


@charts
def test_scrape_annotations(helm, chart):
    found = annotations(helm, chart, f"{key(chart)}.httpPort=9999")
    assert {name: value for name, value in found.items() if name.startswith("prometheus.io/")} == {
        "prometheus.io/scrape": "true", "prometheus.io/port": "9999", "prometheus.io/path": "/metrics"}
    assert not [name for name in annotations(helm, chart, f"{key(chart)}.scrapeAnnotations=false") if name.startswith("prom")]


@charts
def test_http_port(helm, chart):
    objects = render(helm, chart, f"{key(chart)}.httpPort=9999")
    assert config(objects)["http"] == {"listen": "0.0.0.0:9999"}
    assert pillion_of(only(objects, "Deployment"))["ports"] == [{"name": "pillion-http", "containerPort": 9999, "protocol": "TCP"}]


@charts
def test_ipv6(helm, chart):
    root = key(chart)
    objects = render(helm, chart, f"{root}.ipFamily=IPv6", f"{root}.clusterDNS.address=fd00::a")
    assert pod_spec(only(objects, "Deployment"))["dnsConfig"]["nameservers"] == ["::1"]
    rendered = config(objects)
    assert rendered["dns"]["listen"] == ["[::1]:53"] and rendered["http"]["listen"] == "[::]:9153"
    assert rendered["upstreams"]["cluster"]["servers"] == [{"address": "[fd00::a]:53"}]


@charts
def test_image(helm, chart):
    root = key(chart)
    assert re.fullmatch(r"[\w./]*pillion:0\.1\.0", pillion_of(deployment(helm, chart))["image"])
    assert pillion_of(deployment(helm, chart, f"{root}.image.tag=9.1.0", f"{root}.image.repository=r/p"))["image"] == "r/p:9.1.0"
    digest = "sha256:" + "a" * 64
    assert pillion_of(deployment(helm, chart, f"{root}.image.digest={digest}"))["image"].endswith(f"pillion@{digest}")


@charts
def test_native_sidecars_need_kubernetes_1_29(helm, chart):
    assert "1.29 or later" in helm.error(chart, "--set", ADDRESS[chart], "--kube-version", "1.28.0")
    ordinary = ("--set", f"{ADDRESS[chart]},{key(chart)}.native=false")
    helm.template(chart, *ordinary, "--kube-version", "1.25.0")
    assert "incompatible with Kubernetes" in helm.error(chart, *ordinary, "--kube-version", "1.24.0")


def test_own_config_map(helm):
    objects = helm.template("example", "--set", "pillion-sidecar.existingConfigMap=ours")
    assert [one["kind"] for one in objects] == ["Deployment"]
    assert pod_spec(objects[0])["volumes"] == [{"name": "pillion-config", "configMap": {"name": "ours"}}]
    assert checksums(helm, "example", "pillion-sidecar.existingConfigMap=ours") == {}


def test_each_chart_of_a_release_has_its_own_configuration(helm, tmp_path):
    """An umbrella over two applications that have both adopted the sidecar."""
    umbrella = tmp_path / "shops"
    for name in ("shop", "cart"):
        chart = shutil.copytree(CHARTS["example"], umbrella / "charts" / name)
        for path, old in ((chart / "Chart.yaml", "name: shop\n"), (chart / "templates" / "deployment.yaml", "name: {{ .Release.Name }}\n")):
            path.write_text(path.read_text(encoding="utf-8").replace(old, f"name: {name}\n", 1), encoding="utf-8")
    (umbrella / "Chart.yaml").write_text("{apiVersion: v2, name: shops, version: 0.1.0}", encoding="utf-8")
    settings = ",".join(f"{name}.pillion-sidecar.clusterDNS.address=10.96.0.{number}" for number, name in enumerate(("shop", "cart")))
    done = helm.run("template", "r", umbrella, "--set", settings)
    assert done.returncode == 0, done.stderr
    objects = load_all(done.stdout)
    mounted = {one["metadata"]["name"]: pod_spec(one)["volumes"][0]["configMap"]["name"] for one in objects if one["kind"] == "Deployment"}
    assert mounted.keys() == {"shop", "cart"} and len(set(mounted.values())) == 2
    assert sorted(one["metadata"]["name"] for one in objects if one["kind"] == "ConfigMap") == sorted(mounted.values())


def test_long_release_names(helm):
    objects = render(helm, "example", release="r" * 53)
    name = only(objects, "ConfigMap")["metadata"]["name"]
    assert len(name) <= 253 and pod_spec(only(objects, "Deployment"))["volumes"][0]["configMap"] == {"name": name}


@charts
def test_ordinary_sidecar_is_there_while_the_application_ends(helm, chart):
    root = key(chart)
    assert "lifecycle" not in pillion_of(deployment(helm, chart))
    ordinary = f"{root}.native=false"
    assert pillion_of(deployment(helm, chart, ordinary))["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert "lifecycle" not in pillion_of(deployment(helm, chart, f"{ordinary},{root}.preStopSeconds=0"))
    old = helm.template(chart, "--set", f"{ADDRESS[chart]},{ordinary}", "--kube-version", "1.29.0")
    assert "lifecycle" not in pillion_of(only(old, "Deployment"))


def test_adoption_takes_ten_lines(helm):
    text = "\n".join(path.read_text(encoding="utf-8") for path in (CHARTS["example"] / "Chart.yaml",
                                                                     *sorted((CHARTS["example"] / "templates").iterdir())))
    marks = re.findall(r"(?:# |\{\{/\* )(\d+)(?: \*/\}\}|$)", text, re.MULTILINE)
    assert sorted(map(int, marks)) == list(range(1, 11))
    lines = [line for line in text.splitlines() if "pillion" in line and not line.startswith("description")]
    unmarked = [line for line in lines if not re.search(r"(# |/\* )\d+", line)]
    assert unmarked == []


def test_readmes_show_the_lines_of_the_example():
    library = (ROOT / "helm" / "pillion-sidecar" / "README.md").read_text(encoding="utf-8")
    added = re.findall(r"^\+(.+)$", (ROOT / "README.md").read_text(encoding="utf-8").split("```diff\n")[1].split("```")[0], re.MULTILINE)
    expected = []
    for path in (CHARTS["example"] / "Chart.yaml", *(CHARTS["example"] / "templates").iterdir()):
        for line in path.read_text(encoding="utf-8").splitlines():
            if marked := re.fullmatch(r"(.*?) *(?:# |\{\{/\* )\d+(?: \*/\}\})?", line):
                assert f"\n{marked[1]}\n" in library, marked[1]
                expected.append(marked[1])
    assert sorted(added) == sorted(expected)


def test_readme_lists_templates_that_exist():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "helm" / "pillion-sidecar" / "templates").iterdir())
    readme = (ROOT / "helm" / "pillion-sidecar" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", readme.split("## Templates")[1].split("## Values")[0], re.MULTILINE)
    assert len(listed) == 10
    for name in listed:
        assert f'define "pillion-sidecar.{name}"' in text, name


def test_adoption_from_outside_of_the_repository(helm, tmp_path):
    """As an application does: the library comes by `helm dependency update`, not by a symbolic link."""
    chart = tmp_path / "shop"
    shutil.copytree(CHARTS["example"], chart, ignore=shutil.ignore_patterns("charts"))
    metadata = chart / "Chart.yaml"
    library = (ROOT / "helm" / "pillion-sidecar").as_uri()
    metadata.write_text(metadata.read_text(encoding="utf-8").replace("file://../pillion-sidecar", library), encoding="utf-8")
    done = helm.run("dependency", "update", chart)
    assert done.returncode == 0, done.stderr
    done = helm.run("template", "r", chart, "--namespace", "shop", "--set", ADDRESS["example"])
    assert done.returncode == 0, done.stderr
    assert load_all(done.stdout) == render(helm, "example")


class TestConfiguration:
    """How the values become pillion.yaml."""

    def routes(self, helm, *values):
        return config(helm.template("pillion", "--set", ADDRESS["pillion"], *values))["routes"]

    def test_default_routes(self, helm):
        routes = self.routes(helm)
        assert routes[0] == {"zone": "cluster.local", "upstream": "cluster"}
        assert routes[-1] == {"zone": ".", "upstream": "public"}
        assert {"zone": "10.in-addr.arpa", "upstream": "cluster"} in routes
        assert {one["upstream"] for one in routes[:-1]} == {"cluster"}

    def test_every_private_reverse_zone_is_the_clusters(self, helm):
        zones = {one["zone"] for one in self.routes(helm)}
        assert zones >= {"10.in-addr.arpa", "168.192.in-addr.arpa", "d.f.ip6.arpa"} | {
            f"{number}.172.in-addr.arpa" for number in range(16, 32)}

    def test_given_routes_go_first_and_are_not_repeated(self, helm):
        routes = self.routes(helm, "--set-json", 'pillion.config.routes=[{"zone": "10.in-addr.arpa.", "upstream": "public"}]')
        assert routes[0] == {"zone": "10.in-addr.arpa.", "upstream": "public"}
        assert len([one for one in routes if one["zone"].startswith("10.in-addr")]) == 1

    def test_zones_are_not_repeated(self, helm, binary, tmp_path):
        objects = helm.template("pillion", "--set", ADDRESS["pillion"], "--set",
                                "pillion.clusterDNS.reverseZones={10.in-addr.arpa,10.in-addr.arpa,cluster.local}")
        assert [one["zone"] for one in config(objects)["routes"]] == ["cluster.local", "10.in-addr.arpa", "."]
        check(binary, tmp_path, only(objects, "ConfigMap")["data"]["pillion.yaml"])
        twice = '[{"zone": "corp.example", "upstream": "public"}, {"zone": "Corp.example.", "upstream": "cluster"}]'
        error = helm.error("pillion", "--set", ADDRESS["pillion"], "--set-json", f"pillion.config.routes={twice}")
        assert "config.routes has the zone corp.example twice" in error

    def test_given_route_for_the_rest_stands(self, helm):
        routes = self.routes(helm, "--set-json", 'pillion.config.routes=[{"zone": ".", "upstream": "cluster"}]')
        assert [one for one in routes if one["zone"] == "."] == [{"zone": ".", "upstream": "cluster"}]

    def test_public_upstream_is_there_only_where_it_is_used(self, helm, binary, tmp_path):
        objects = helm.template("pillion", "--set", ADDRESS["pillion"], "--set-json", 'pillion.config.routes=[{"zone": ".", "upstream": "cluster"}]')
        assert list(config(objects)["upstreams"]) == ["cluster"]
        check(binary, tmp_path, only(objects, "ConfigMap")["data"]["pillion.yaml"])

    def test_the_only_upstream_gets_the_rest(self, helm):
        servers = 'pillion.config.upstreams={"corporate": {"servers": [{"address": "10.0.0.53:853"}]}}'
        assert self.routes(helm, "--set-json", servers)[-1] == {"zone": ".", "upstream": "corporate"}

    def test_two_upstreams_and_nothing_said_about_the_rest(self, helm):
        servers = '{"servers": [{"address": "10.0.0.53:853"}]}'
        error = helm.error("pillion", "--set", ADDRESS["pillion"], "--set-json", f'pillion.config.upstreams={{"a": {servers}, "b": {servers}}}')
        assert 'needs a route for the zone "."' in error and "a, b" in error

    @pytest.mark.parametrize("routes, complaint", [
        ('[{"zone": "corp.example", "upstream": "corporate"}]', "sends names to the upstream corporate, which is not there: there are cluster, public, spare"),
        ("[]", "config.upstreams has spare, which no route uses")])
    def test_upstreams_and_routes_belong_together(self, helm, binary, tmp_path, routes, complaint):
        """Pillion would not start with these."""
        server = '{"servers": [{"address": "10.0.0.53:853"}]}'
        upstreams = f'{{"public": {server}, "spare": {server}}}'
        assert complaint in helm.error("pillion", "--set", ADDRESS["pillion"], "--set-json", f"pillion.config.routes={routes}",
                                       "--set-json", f"pillion.config.upstreams={upstreams}")
        with pytest.raises(AssertionError, match="no route uses it|is not one of the upstreams"):
            check(binary, tmp_path, f"upstreams: {upstreams}\n" + (f"routes: {routes}" if routes != "[]" else ""))

    def test_cluster_upstream_of_ones_own(self, helm):
        own = '{"public": {"servers": [{"address": "9.9.9.9:853"}]}, "cluster": {"protocol": "tcp", "servers": [{"address": "10.9.9.9:53"}]}}'
        objects = helm.template("pillion", "--set-json", f"pillion.config.upstreams={own}")
        assert config(objects)["upstreams"]["cluster"] == {"protocol": "tcp", "servers": [{"address": "10.9.9.9:53"}]}

    def test_without_the_clusters_names(self, helm):
        objects = helm.template("pillion", "--set", "pillion.clusterDNS.enabled=false")
        rendered = config(objects)
        assert list(rendered["upstreams"]) == ["public"] and rendered["routes"] == [{"zone": ".", "upstream": "public"}]
        assert "search" not in rendered
        assert "searches" not in pod_spec(only(objects, "Deployment"))["dnsConfig"]

    def test_search_turned_off(self, helm, binary, tmp_path):
        """The pod's search list stays: the C library walks it."""
        objects = helm.template("pillion", "--set", ADDRESS["pillion"], "--set", "pillion.config.search=false")
        assert "search" not in config(objects)
        assert pod_spec(only(objects, "Deployment"))["dnsConfig"] == pod_spec(deployment(helm, "pillion"))["dnsConfig"]
        assert yaml.safe_load(check(binary, tmp_path, only(objects, "ConfigMap")["data"]["pillion.yaml"]))["search"] is False

    @pytest.mark.parametrize("value", ["true", '"false"', '{"domains": ["a.example"]}'])
    def test_search_list_cannot_be_given(self, helm, value):
        error = helm.error("pillion", "--set", ADDRESS["pillion"], "--set-json", f"pillion.config.search={value}")
        assert "search" in error and "false" in error

    def test_numbers_stay_numbers(self, helm, binary, tmp_path):
        objects = helm.template("pillion", "--set", ADDRESS["pillion"], "--set", "pillion.config.dns.max_connections=1000000",
                                "--set", "pillion.config.cache.size=0")
        text = only(objects, "ConfigMap")["data"]["pillion.yaml"]
        assert "max_connections: 1000000" in text
        assert "max_connections: 1000000" in check(binary, tmp_path, text)

    @pytest.mark.parametrize("settings", ["config.cache.size=64MiB", "config.threads=13", "resources.limits.memory=16Mi", "resources.limits.memory=20M",
                                          "resources.limits.memory=20000000"])
    def test_cache_that_does_not_fit_into_the_memory_limit_is_refused(self, helm, settings):
        assert "resources.limits.memory is" in helm.error("pillion", "--set", ADDRESS["pillion"], "--set", f"pillion.{settings}")

    def test_cache_that_fits_into_the_memory_limit(self, helm):
        for settings in ("config.cache.size=64MiB,pillion.resources.limits.memory=80Mi", "config.cache.size=0,pillion.resources.limits.memory=16Mi",
                         "config.threads=8,pillion.resources.limits.memory=0.1Gi", "config.cache.size=1GiB,pillion.resources.limits.memory=null"):
            assert helm.template("pillion", "--set", ADDRESS["pillion"], "--set", f"pillion.{settings}")

    def test_effective_configuration(self, helm, binary, tmp_path):
        """What Pillion itself makes of the default: encrypted but for the cluster's own names."""
        effective = yaml.safe_load(check(binary, tmp_path, only(helm.template("pillion", "--set", ADDRESS["pillion"]),
                                                                "ConfigMap")["data"]["pillion.yaml"]))
        assert effective["upstreams"]["public"]["protocol"] == "tls"
        assert [one["tls_name"] for one in effective["upstreams"]["public"]["servers"]] == ["cloudflare-dns.com", "dns.quad9.net"]
        assert effective["upstreams"]["cluster"]["protocol"] == "udp"


class TestClusterDNS:
    def test_looked_up(self, helm, helm3, cluster):
        arguments = ["install", "r", CHARTS["pillion"], "--dry-run=server", "--namespace", "shop", "--disable-openapi-validation"]
        for one in (helm, helm3):
            done = one.run(*arguments, kubeconfig=cluster)
            assert done.returncode == 0, done.stderr
            assert "address: 10.43.0.10:53" in done.stdout

    def test_value_goes_before_the_look_up(self, helm, cluster):
        done = helm.run("install", "r", CHARTS["pillion"], "--dry-run=server", "--disable-openapi-validation", "--set", ADDRESS["pillion"],
                        kubeconfig=cluster)
        assert f"address: {CLUSTER_DNS}:53" in done.stdout and "10.43" not in done.stdout

    @charts
    def test_unknown_is_a_failure_that_says_what_to_set(self, helm, chart):
        error = helm.error(chart)
        assert f"--set {key(chart)}.clusterDNS.address=" in error and f"--set {key(chart)}.clusterDNS.enabled=false" in error

    def test_unknown_does_not_matter_where_it_is_not_used(self, helm):
        assert helm.template("pillion", "--set", "pillion.existingConfigMap=ours")
        assert helm.template("pillion", "--set", "pillion.clusterDNS.enabled=false")
