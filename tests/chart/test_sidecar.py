"""Tests the sidecar's templates in the example chart, which has adopted them, and in the mode workload of the chart pillion."""

import re
import shutil

import pytest
import yaml

from adopters import ADDRESS, charts, deployment, error, key, render
from conftest import CHARTS, CONFIG, ROOT, config, load_all, only, pillion_of, pod_spec, pod_template


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
    assert "pillion" not in [one["name"] for one in spec.get("initContainers", [])]
    assert spec["containers"][0]["name"] == "pillion" and len(spec["containers"]) == 2
    assert "restartPolicy" not in spec["containers"][0]


@charts
def test_probes(helm, chart):
    """The probes use exec: a mesh rewrites HTTP probes, also those of init containers, and captures the kubelet's connections."""
    for setting in ("native=true", "native=false"):
        pillion = pillion_of(deployment(helm, chart, f"{key(chart)}.{setting}"))
        assert pillion["livenessProbe"] == {"exec": {"command": ["/pillion", "health", "--live"]}, "periodSeconds": 10, "timeoutSeconds": 3,
                                            "failureThreshold": 3}
        assert pillion["lifecycle"]["postStart"] == {"exec": {"command": ["/pillion", "health", "--startup", "--wait", "60s"]}}
        assert not {"startupProbe", "readinessProbe"} & pillion.keys()
        assert "httpGet" not in str(pillion)
        assert pillion["terminationMessagePolicy"] == "FallbackToLogsOnError"
        assert {"name": "pillion-http", "containerPort": 9153, "protocol": "TCP"} in pillion["ports"]


@charts
def test_security_context(helm, chart):
    assert pillion_of(deployment(helm, chart))["securityContext"] == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "privileged": False, "readOnlyRootFilesystem": True,
        "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}}


@pytest.mark.parametrize("program", ["helm", "helm3"])
@charts
def test_user_can_be_the_namespaces(request, program, chart):
    """OpenShift chooses the user, and its constraint restricted-v2 refuses a pod that names one."""
    helm = request.getfixturevalue(program)
    root = f"{key(chart)}.containerSecurityContext"
    context = pillion_of(deployment(helm, chart, f"{root}.runAsUser=null", f"{root}.runAsGroup=null", f"{root}.seLinuxOptions.type=t"))["securityContext"]
    assert not {"runAsUser", "runAsGroup"} & context.keys()
    assert context["runAsNonRoot"] is True and context["readOnlyRootFilesystem"] is True and context["seLinuxOptions"] == {"type": "t"}


@charts
def test_openshift(helm, chart):
    """Only the platform has to be set: the namespace gives the user, and the sysctl is a safe one."""
    one = deployment(helm, chart, f"{key(chart)}.platform=openshift")
    context = pillion_of(one)["securityContext"]
    assert not {"runAsUser", "runAsGroup"} & context.keys() and context["runAsNonRoot"] is True
    assert {"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"} in pod_spec(one)["securityContext"]["sysctls"]


@charts
def test_the_pods_user_is_the_applications(helm, chart):
    """An application that runs as root still does: only Pillion's container gets another user."""
    own = only(helm.template("example", "--set", "pillion-sidecar.enabled=false"), "Deployment") if chart == "example" else None
    before = pod_spec(own)["securityContext"] if own else {}
    after = pod_spec(deployment(helm, chart))["securityContext"]
    assert {name: value for name, value in after.items() if name != "sysctls"} == before


@charts
def test_resolver_of_the_pod(helm, chart):
    objects = render(helm, chart)
    spec = pod_spec(only(objects, "Deployment"))
    searches = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    assert spec["dnsPolicy"] == "None"
    assert spec["dnsConfig"] == {"nameservers": ["127.0.0.1"], "searches": searches, "options": [{"name": "ndots", "value": "5"}]}
    # The kubelet substitutes them, so that the text depends neither on the namespace nor on the pod.
    assert config(objects)["search"] == {"resolv_conf": "/etc/resolv.conf"}
    assert config(objects)["dns"]["listen"] == ["127.0.0.1:53"]


@charts
def test_resolver_options(helm, chart):
    root = key(chart)
    objects = render(helm, chart, f"{root}.resolver.ndots=1", f"{root}.resolver.searches={{corp.example,cluster.local}}",
                     f"{root}.resolver.options[0].name=edns0", f"{root}.clusterDNS.domain=k8s.example")
    resolver = pod_spec(only(objects, "Deployment"))["dnsConfig"]
    assert resolver["searches"] == ["shop.svc.k8s.example", "svc.k8s.example", "k8s.example", "corp.example", "cluster.local"]
    assert resolver["options"] == [{"name": "ndots", "value": "1"}, {"name": "edns0"}]
    assert config(objects)["routes"][0] == {"zone": "k8s.example", "upstream": "cluster"}


@charts
def test_sysctl_lets_it_listen_on_port_53(helm, chart):
    sysctls = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"}]
    assert pod_spec(deployment(helm, chart))["securityContext"]["sysctls"] == sysctls
    without = deployment(helm, chart, f"{key(chart)}.portSysctl=false")
    assert "sysctls" not in pod_spec(without).get("securityContext", {})


@charts
def test_configuration_travels_with_the_pod(helm, chart):
    """A pod of an old revision that is started again has its old configuration."""
    objects = render(helm, chart)
    deployed = only(objects, "Deployment")
    pillion = pillion_of(deployed)
    assert pillion["args"] == ["run", "--supervise", "--config", "/etc/pillion/pillion.yaml"]
    assert pillion["volumeMounts"] == [{"name": "pillion-config", "mountPath": "/etc/pillion", "readOnly": True}]
    assert [one["kind"] for one in objects] == ["Deployment"]
    assert pod_spec(deployed)["volumes"][0] == {"name": "pillion-config", "downwardAPI": {"items": [
        {"path": "pillion.yaml", "fieldRef": {"fieldPath": f"metadata.annotations['{CONFIG}']"}}]}}
    assert yaml.safe_load(pod_template(deployed)["metadata"]["annotations"][CONFIG])["dns"]["listen"] == ["127.0.0.1:53"]


@charts
def test_configuration_that_is_read_while_it_runs_is_in_a_config_map(helm, tmp_path, chart):
    deployed, config_map = reloading(helm, tmp_path, chart)
    assert pod_spec(deployed)["volumes"][0] == {"name": "pillion-config", "configMap": {"name": config_map["metadata"]["name"]}}
    assert CONFIG not in pod_template(deployed)["metadata"]["annotations"]
    assert list(config_map["data"]) == ["pillion.yaml"]


def reloading(helm, tmp_path, chart, *settings):
    """(Deployment, ConfigMap) with configChange: reload. The example needs one more line for it."""
    arguments = [word for setting in (ADDRESS[chart], f"{key(chart)}.configChange=reload", *settings) for word in ("--set", setting)]
    if chart == "pillion":
        objects = helm.template(chart, *arguments)
    else:
        copy = shutil.copytree(CHARTS[chart], tmp_path / "shop", dirs_exist_ok=True)
        (copy / "templates" / "pillion.yaml").write_text('{{ include "pillion-sidecar.configMap" . }}', encoding="utf-8")
        done = helm.run("template", "r", copy, "--namespace", "shop", *arguments)
        assert done.returncode == 0, done.stderr
        objects = load_all(done.stdout)
    return only(objects, "Deployment"), only(objects, "ConfigMap")


def test_no_config_map_where_the_pods_roll(helm, tmp_path):
    """The additional line of the example has no effect without configChange: reload."""
    copy = shutil.copytree(CHARTS["example"], tmp_path / "shop")
    (copy / "templates" / "pillion.yaml").write_text('{{ include "pillion-sidecar.configMap" . }}', encoding="utf-8")
    for setting in ("configChange=roll", "enabled=false", "existingConfigMap=ours"):
        done = helm.run("template", "r", copy, "--set", f"{ADDRESS['example']},pillion-sidecar.{setting}")
        assert done.returncode == 0 and [one["kind"] for one in load_all(done.stdout)] == ["Deployment"], done.stderr


def test_config_maps_of_two_releases_are_two(helm, tmp_path):
    """The release a-b of chart c and the release a of chart b-c, in one namespace."""
    names = set()
    for release, name in (("a-b", "c"), ("a", "b-c")):
        chart = shutil.copytree(CHARTS["example"], tmp_path / name)
        (chart / "templates" / "pillion.yaml").write_text('{{ include "pillion-sidecar.configMap" . }}', encoding="utf-8")
        metadata = chart / "Chart.yaml"
        metadata.write_text(metadata.read_text(encoding="utf-8").replace("name: shop", f"name: {name}", 1), encoding="utf-8")
        done = helm.run("template", release, chart, "--set", f"{ADDRESS['example']},pillion-sidecar.configChange=reload")
        assert done.returncode == 0, done.stderr
        names.add(only(load_all(done.stdout), "ConfigMap")["metadata"]["name"])
    assert len(names) == 2


def test_overridden_name_is_the_config_maps_too(helm):
    objects = helm.template("pillion", "--set", f"{ADDRESS['pillion']},pillion.configChange=reload,fullnameOverride=resolver")
    assert only(objects, "ConfigMap")["metadata"]["name"] == only(objects, "Deployment")["metadata"]["name"] == "resolver"


UPSTREAM = "config.upstreams.public"
FILES = (f"{UPSTREAM}.servers[0].address=192.0.2.53:853", f"{UPSTREAM}.tls.ca_file=/etc/pillion-ca/ca.crt",
         f"{UPSTREAM}.tls.client_cert=/etc/pillion-client/tls.crt", f"{UPSTREAM}.tls.client_key=/etc/pillion-client/tls.key",
         "clientTLS.secretName=client", "ca.configMapName=authority")


@charts
def test_certificates_are_mounted_where_the_readme_says(helm, chart):
    deployed = deployment(helm, chart, *(f"{key(chart)}.{setting}" for setting in FILES))
    mounts = {one["name"]: one["mountPath"] for one in pillion_of(deployed)["volumeMounts"]}
    assert mounts == {"pillion-config": "/etc/pillion", "pillion-client": "/etc/pillion-client", "pillion-ca": "/etc/pillion-ca"}
    volumes = pod_spec(deployed)["volumes"][:3]
    assert [one["name"] for one in volumes] == ["pillion-config", "pillion-client", "pillion-ca"]
    assert volumes[1]["secret"] == {"secretName": "client"} and volumes[2]["configMap"] == {"name": "authority"}


@charts
def test_authorities_of_a_secret(helm, chart):
    """cert-manager stores CAs in Secrets."""
    root = key(chart)
    secret = [setting.replace("ca.configMapName", "ca.secretName") for setting in FILES]
    deployed = deployment(helm, chart, *(f"{root}.{setting}" for setting in secret))
    assert {"name": "pillion-ca", "secret": {"secretName": "authority"}} in pod_spec(deployed)["volumes"]
    assert "are both set" in error(helm, chart, *secret, "ca.configMapName=authority")


@pytest.mark.parametrize("missing, complaint", [
    ("tls.client_cert", "has only one of client_cert and client_key"), ("tls.client_key", "has only one of client_cert and client_key"),
    ("tls.", "clientTLS.secretName is client, and no upstream"), ("tls.ca_file", "ca.configMapName or ca.secretName is authority, and no upstream"),
    ("clientTLS", "no volume is mounted at /etc/pillion-client: set clientTLS.secretName"),
    ("ca.configMapName", "no volume is mounted at /etc/pillion-ca: set ca.configMapName or ca.secretName")])
def test_files_and_what_they_are_mounted_from_belong_together(helm, missing, complaint):
    """Otherwise Pillion would not start, or would not use its certificate."""
    kept = [setting for setting in FILES if missing not in setting]
    if missing == "tls.":
        kept = [setting for setting in FILES if ".tls.client" not in setting]
    assert complaint in error(helm, "example", *kept)


@charts
def test_files_of_a_volume_of_ones_own(helm, chart):
    kept = [setting for setting in FILES if "configMapName" not in setting]
    more = ["extraVolumes[0].name=bundle", "extraVolumes[0].secret.secretName=authority", "extraVolumeMounts[0].name=bundle",
            "extraVolumeMounts[0].mountPath=/etc/pillion-ca", "extraEnv[0].name=TZ", "extraEnv[0].value=UTC"]
    deployed = deployment(helm, chart, *(f"{key(chart)}.{setting}" for setting in (*kept, *more)))
    assert [one["name"] for one in pod_spec(deployed)["volumes"]][:3] == ["pillion-config", "pillion-client", "bundle"]
    assert pillion_of(deployed)["volumeMounts"][-1] == {"name": "bundle", "mountPath": "/etc/pillion-ca"}
    assert pillion_of(deployed)["env"] == [{"name": "TZ", "value": "UTC"}]


def annotations(helm, chart, *settings, **options):
    return deployment(helm, chart, *settings, **options)["spec"]["template"]["metadata"]["annotations"]


def checksums(helm, chart, *settings):
    found = annotations(helm, chart, *settings)
    return {name.partition("/")[2]: value for name, value in found.items() if name.startswith("checksum/")}


@charts
def test_changed_configuration_rolls_the_pods(helm, chart):
    root = key(chart)

    def text(*settings):
        assert checksums(helm, chart, *settings) == {}
        return annotations(helm, chart, *settings)[CONFIG]

    assert text() == text(f"{root}.resources.limits.memory=1Gi")
    assert len({text(), text(f"{root}.config.threads=2"), text(f"{root}.clusterDNS.enabled=false")}) == 3


@charts
def test_configuration_depends_on_neither_release_nor_namespace(helm, chart):
    one, other = (annotations(helm, chart, release=name, namespace=name)[CONFIG] for name in ("a", "b"))
    assert one == other


def test_configuration_that_is_too_long_for_an_annotation(helm, tmp_path):
    """All annotations of an object together have at most 256 KiB."""
    records = [f"a{number} A 192.0.2.1" for number in range(9000)]
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"pillion": {"config": {"routes": [{"zone": "a.example", "records": records}]}}}), encoding="utf-8")
    settings = ("--set", ADDRESS["pillion"], "--values", values)
    assert "set configChange: reload" in helm.error("pillion", *settings)
    assert only(helm.template("pillion", *settings, "--set", "pillion.configChange=reload"), "ConfigMap")


# A value other than the default for each key that takes a restart. `http.listen` depends on `httpPort`.
RESTART = {
    "dns.max_connections": "config.dns.max_connections=100", "dns.max_connections_per_client": "config.dns.max_connections_per_client=100",
    "dns.max_in_flight_per_connection": "config.dns.max_in_flight_per_connection=100", "cache.size": "config.cache.size=1MiB",
    "clients.ipv6_prefix": "config.clients.ipv6_prefix=64",
    "http.listen": "httpPort=9999", "admin.listen": "config.admin.listen=127.0.0.1:9155", "log.format": "config.log.format=text",
    "query_log.output": "config.query_log.output=stderr", "query_log.fields": "config.query_log.fields[0]=client.ip",
    "query_log.sample": "config.query_log.sample=0", "query_log.names": "config.query_log.names=hashed",
    "query_log.key_file": "config.query_log.key_file=/etc/key", "log.fields": "config.log.fields=ecs",
    "syslog.output": "config.syslog.output=udp:192.0.2.1:514", "syslog.ca_file": "config.syslog.ca_file=/etc/ca.pem",
    "dnstap.output": "config.dnstap.output=unix:/run/dnstap.sock", "dnstap.client": "config.dnstap.client=false",
    "dnstap.forwarder": "config.dnstap.forwarder=false", "dnstap.identity": "config.dnstap.identity=web", "memory": "config.memory=32MiB",
    "threads": "config.threads=2"}


def test_keys_that_take_a_restart_are_the_programs():
    source = (ROOT / "src" / "config" / "restart_keys.cpp").read_text(encoding="utf-8")
    assert sorted(re.findall(r'\.path = "([\w.]+)"', source)) == sorted(RESTART)


@charts
def test_only_what_takes_a_restart_rolls_the_pods(helm, chart):
    root = key(chart)

    def checksum(*settings):
        found = checksums(helm, chart, *(f"{root}.{setting}" for setting in ("configChange=reload", *settings)))
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
    unwatched = f"{key(chart)}.configChange=reload,{key(chart)}.config.reload.watch=false"
    found = [checksums(helm, chart, unwatched, *more) for more in ((), (f"{key(chart)}.config.log.level=warn",))]
    assert [list(one) for one in found] == [["pillion-config"]] * 2 and found[0] != found[1]


@charts
def test_what_is_mounted_is_updated_in_running_pods(helm, tmp_path, chart):
    """The kubelet updates mounted files, except those that are mounted by subPath."""
    deployed, config_map = reloading(helm, tmp_path, chart, *(f"{key(chart)}.{setting}" for setting in FILES))
    mounts = pillion_of(deployed)["volumeMounts"]
    assert len(mounts) == 3
    assert not [mount for mount in mounts if mount.keys() & {"subPath", "subPathExpr"}]
    assert "immutable" not in config_map


def test_scrape_annotations(helm):
    chart = "pillion"
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
    # The pod reaches no IPv4 address.
    assert [one["address"] for one in rendered["upstreams"]["public"]["servers"]] == ["[2606:4700:4700::1111]:853", "[2620:fe::fe]:853"]


@charts
@pytest.mark.parametrize("family, address", [("IPv4", "fd00::a"), ("IPv6", "10.96.0.10")])
def test_family_of_the_pod_and_of_the_clusters_dns_are_one(helm, chart, family, address):
    complaint = error(helm, chart, f"ipFamily={family}", f"clusterDNS.address={address}")
    assert f"ipFamily is {family}" in complaint and address in complaint


@charts
def test_image(helm, chart):
    root = key(chart)
    assert re.fullmatch(r"[\w./]*pillion:0\.1\.0", pillion_of(deployment(helm, chart))["image"])
    assert pillion_of(deployment(helm, chart, f"{root}.image.tag=9.1.0", f"{root}.image.repository=r/p"))["image"] == "r/p:9.1.0"
    digest = "sha256:" + "a" * 64
    assert pillion_of(deployment(helm, chart, f"{root}.image.digest={digest}"))["image"].endswith(f"pillion@{digest}")


@charts
def test_image_has_to_be_named(helm, chart):
    """The default name would be docker.io/library/pillion, which does not exist."""
    complaint = error(helm, chart, "image.repository=")
    assert "image.repository is empty" in complaint and "make image" in complaint


@charts
def test_pull_secrets(helm, chart):
    secrets = pod_spec(deployment(helm, chart, f"{key(chart)}.imagePullSecrets[0].name=mirror"))["imagePullSecrets"]
    assert secrets == [{"name": "mirror"}]


@charts
def test_native_sidecars_need_kubernetes_1_29(helm, chart):
    assert "1.29 or later" in helm.error(chart, "--set", ADDRESS[chart], "--kube-version", "1.28.0")
    ordinary = ("--set", f"{ADDRESS[chart]},{key(chart)}.native=false")
    helm.template(chart, *ordinary, "--kube-version", "1.25.0")
    assert "incompatible with Kubernetes" in helm.error(chart, *ordinary, "--kube-version", "1.24.0")


def test_own_config_map(helm):
    objects = helm.template("example", "--set", "pillion-sidecar.existingConfigMap=ours")
    assert [one["kind"] for one in objects] == ["Deployment"]
    assert pod_spec(objects[0])["volumes"][0] == {"name": "pillion-config", "configMap": {"name": "ours"}}
    assert CONFIG not in pod_template(objects[0])["metadata"]["annotations"]
    assert checksums(helm, "example", "pillion-sidecar.existingConfigMap=ours") == {}


@charts
def test_ordinary_sidecar_is_there_while_the_application_ends(helm, chart):
    root = key(chart)
    assert "preStop" not in pillion_of(deployment(helm, chart))["lifecycle"]
    ordinary = f"{root}.native=false"
    assert pillion_of(deployment(helm, chart, ordinary))["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
    assert "preStop" not in pillion_of(deployment(helm, chart, f"{ordinary},{root}.preStopSeconds=0"))["lifecycle"]
    old = helm.template(chart, "--set", f"{ADDRESS[chart]},{ordinary}", "--kube-version", "1.29.0")
    assert "preStop" not in pillion_of(only(old, "Deployment"))["lifecycle"]


def adopted_lines():
    """The numbered lines of the example as {number: line}."""
    found = {}
    for path in (CHARTS["example"] / "Chart.yaml", *(CHARTS["example"] / "templates").iterdir()):
        for line in path.read_text(encoding="utf-8").splitlines():
            if marked := re.fullmatch(r"(.*?) *(?:# |\{\{/\* )(\d+)(?: \*/\}\})?", line):
                found[int(marked[2])] = marked[1]
    return found


def test_adoption_takes_four_lines():
    """These lines are all that an application's chart needs. The example mentions Pillion nowhere else."""
    assert list(adopted_lines()) == [1, 2, 3, 4]
    text = "".join(path.read_text(encoding="utf-8") for path in (CHARTS["example"] / "Chart.yaml",
                                                                  *(CHARTS["example"] / "templates").iterdir()))
    lines = [line for line in text.splitlines() if "pillion" in line.lower() and not line.startswith("description") and "        # " not in line]
    assert len(lines) == 2


def test_readmes_show_the_lines_of_the_example():
    library = (ROOT / "helm" / "pillion-sidecar" / "README.md").read_text(encoding="utf-8")
    added = re.findall(r"^\+(.+)$", (ROOT / "README.md").read_text(encoding="utf-8").split("```diff\n")[1].split("```")[0], re.MULTILINE)
    assert added == list(adopted_lines().values())
    for line in added:
        assert f"\n{line}\n" in library, line


def test_readme_lists_templates_that_exist():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "helm" / "pillion-sidecar" / "templates").iterdir())
    readme = (ROOT / "helm" / "pillion-sidecar" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", readme.split("## Templates")[1].split("## Values")[0], re.MULTILINE)
    assert listed == ["wrap", "configMap", "config"]
    for name in listed:
        assert f'define "pillion-sidecar.{name}"' in text, name


def test_adoption_from_outside_of_the_repository(helm, tmp_path):
    """An application gets the library by `helm dependency update`, not by a symbolic link."""
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
