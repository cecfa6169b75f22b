"""values.yaml, values.schema.json and the README agree, and the schema refuses unknown keys."""

import json
import re

import pytest
import yaml

import values_schema
from conftest import CHARTS, ROOT
from values_readme import CHARTS as DOCUMENTED
from values_readme import Undocumented, readme_with_table, rows

HELM = ROOT / "helm"


def schema(chart):
    return json.loads((HELM / chart / "values.schema.json").read_text(encoding="utf-8"))


def values(chart):
    return yaml.safe_load((HELM / chart / "values.yaml").read_text(encoding="utf-8"))


# Kubernetes has more resources than the two whose quantities the schema checks.
OPEN = [f"/$defs/resources/properties/{kind}" for kind in ("requests", "limits")]


@pytest.mark.parametrize("chart", DOCUMENTED)
class TestDocuments:
    def test_readme_is_what_the_generator_writes(self, chart):
        written = (HELM / chart / "README.md").read_text(encoding="utf-8")
        assert written == readme_with_table(HELM / chart), "run tests/chart/values_readme.py"

    def test_every_key_of_the_schema_has_a_default_and_the_other_way_round(self, chart):
        def compare(node, defaults, path):
            known = set(node["properties"]) - ({"global"} if path == "" else set())
            missing = {"pillion"} if chart == "pillion" and path == "" else set()
            assert set(defaults) == known - missing, path
            for name, default in defaults.items():
                if isinstance(default, dict) and default and "properties" in node["properties"][name]:
                    compare({"properties": {key: value for key, value in node["properties"][name]["properties"].items()
                                            if key in default or name != "resources"}}, default, f"{path}.{name}")

        compare(schema(chart), values(chart), "")

    def test_every_mapping_with_keys_is_closed(self, chart):
        def closed(node, path):
            if isinstance(node, dict):
                if "properties" in node and path not in ("/properties/global", *OPEN):
                    assert node.get("additionalProperties") is False, path
                for name, sub in node.items():
                    if name not in ("if", "then", "oneOf"):  # these keywords add to a mapping that permits no other keys
                        closed(sub, f"{path}/{name}")

        closed(schema(chart), "")


def test_generator_wants_every_key_documented():
    assert rows("# -- one\na: 1\n\nb:\n  # -- two\n  c: {x: 1}\n") == [("a", "`1`", "one"), ("b.c", '`{"x": 1}`', "two")]
    assert rows("# -- one\n# and more\na: 1\n") == [("a", "`1`", "one and more")]
    with pytest.raises(Undocumented):
        rows("# -- one\na: 1\nb: 2\n")


def test_versions_are_one():
    project = re.search(r"project\(pillion VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))[1]
    for chart in DOCUMENTED:
        assert yaml.safe_load((HELM / chart / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"] == project
    templates = (HELM / "pillion-sidecar" / "templates" / "_values.tpl").read_text(encoding="utf-8")
    assert f'{{{{- define "pillion-sidecar.appVersion" -}}}}{project}{{{{- end -}}}}' in templates
    library = yaml.safe_load((HELM / "pillion-sidecar" / "Chart.yaml").read_text(encoding="utf-8"))["version"]
    assert f'{{{{- define "pillion-sidecar.version" -}}}}{library}{{{{- end -}}}}' in templates
    assert values("pillion-sidecar")["libraryVersion"] == library
    for chart in CHARTS.values():
        dependency = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))["dependencies"][0]
        assert dependency["name"] == "pillion-sidecar" and dependency["version"] == library
    for path in (ROOT / "deploy").rglob("*.yaml"):
        assert set(re.findall(r"image: \S*pillion:(\S+)", path.read_text(encoding="utf-8"))) <= {project}


# {case: (setting, path of the error, key in its message)}
REFUSED = {
    "unknown key": ("colour=red", "", "colour"),
    "unknown mode": ("mode=cluster", "/mode", ""),
    "library's values by its name": ("pillion-sidecar.native=false", "", "pillion-sidecar"),
    "misspelt gateway": ("gateway.autoscaling.enable=true", "/gateway/autoscaling", "enable"),
    "misspelt monitor": ("podMonitor.enable=true", "/podMonitor", "enable"),
    "negative replicas": ("workload.replicas=-1", "/workload/replicas", ""),
    "interval without unit": ("podMonitor.interval=30", "/podMonitor/interval", ""),
    "unknown traffic policy": ("service.externalTrafficPolicy=Elsewhere", "/service/externalTrafficPolicy", ""),
    "source range without length": ("service.loadBalancerSourceRanges={198.51.100.0}", "/service/loadBalancerSourceRanges/0", ""),
    "unknown sidecar key": ("pillion.nativ=false", "", "nativ"),
    "change that is applied in no known way": ("pillion.configChange=restart", "/configChange", ""),
    "native is not a word": ("pillion.native=maybe", "/native", ""),
    "digest of another kind": ("pillion.image.digest=md5:00", "/image/digest", ""),
    "port out of range": ("pillion.httpPort=70000", "/httpPort", ""),
    "cluster DNS by name": ("pillion.clusterDNS.address=kube-dns.kube-system.svc", "/clusterDNS/address", ""),
    "cluster's domain with a dot in front": ("pillion.clusterDNS.domain=.local", "/clusterDNS/domain", ""),
    "network that is a reverse zone": ("pillion.clusterDNS.networks={10.in-addr.arpa}", "/clusterDNS/networks/0", ""),
    "network longer than an address": ("pillion.clusterDNS.networks[1]=192.0.2.0/33", "/clusterDNS/networks/1", ""),
    "mesh that is not known": ("pillion.mesh=consul", "/mesh", ""),
    "platform that is not known": ("pillion.platform=gce", "/platform", ""),
    "spread that is not whole": ("topologySpreadConstraints[0].maxSkew=1", "/topologySpreadConstraints/0", "topologyKey"),
    "namespace with a dot": ("namespaceOverride=a.b", "/namespaceOverride", ""),
    "scrape timeout without unit": ("podMonitor.scrapeTimeout=10", "/podMonitor/scrapeTimeout", ""),
    "memory that is no quantity": ("pillion.resources.limits.memory=notasize", "/resources/limits/memory", ""),
    "memory in thousandths": ("pillion.resources.requests.memory=64m", "/resources/requests/memory", ""),
    "CPU that is no quantity": ("gateway.resources.requests.cpu=fast", "/gateway/resources/requests/cpu", ""),
    "address of the Service that is none": ("service.clusterIP=10.96.0", "/service/clusterIP", ""),
    "pull secret without a name": ("pillion.imagePullSecrets[0].nam=x", "/imagePullSecrets/0", "nam"),
    "volume without a name": ("pillion.extraVolumes[0].emptyDir=x", "/extraVolumes/0", "name"),
    "global that is not heard": ("global.pillion.native=false", "/global/pillion", "native"),
    "global address that is none": ("global.clusterDNS.address=kube-dns", "/global/clusterDNS/address", ""),
    "ndots out of range": ("pillion.resolver.ndots=16", "/resolver/ndots", ""),
    "more search domains than a pod may have": (
        "pillion.resolver.searches={" + ",".join(["corp..example", *(f"d{n}.example" for n in range(29))]) + "}", "/resolver/searches", ""),
    "search domain that is none": ("", "/resolver/searches/0", ""),
    "ndots twice": ("pillion.resolver.options[0].name=ndots", "/resolver/options/0/name", ""),
    "listen is not for the user": ("pillion.config.dns.listen=0.0.0.0:53", "/config/dns", "listen"),
    "misspelt configuration": ("pillion.config.cache.sise=1MiB", "/config/cache", "sise"),
    "duration out of range": ("pillion.config.dns.idle_timeout=2h", "/config/dns/idle_timeout", ""),
    "number out of range": ("pillion.config.threads=1000", "/config/threads", ""),
    "upstream without servers": ("pillion.config.upstreams.public.policy=fastest", "/config/upstreams/public", "servers"),
    "verification cannot be turned off": ("pillion.config.upstreams.public.tls.verify=false", "/config/upstreams/public/tls", "verify"),
    "route to nowhere": ("pillion.config.routes[0].zone=corp.example", "/config/routes/0", ""),
    "zone and network": ("pillion.config.routes[1].zone=a.example,pillion.config.routes[1].network=10.0.0.0/8,pillion.config.routes[1].upstream=public",
                         "/config/routes/1", ""),
    "records of all other names": ("pillion.config.routes[2].zone=.,pillion.config.routes[2].records[0]=@ A 192.0.2.1", "/config/routes/2/zone", "[^.]"),
}


@pytest.fixture(scope="module", params=["helm", "helm3"])
def faults(request):
    """Passes all refused values to Helm at once. Returns its errors as [(path, message)]."""
    settings = [word for setting, _, _ in REFUSED.values() if setting for word in ("--set", setting)]
    error = request.getfixturevalue(request.param).error("pillion", *settings)
    assert "don't meet the specifications of the schema" in error
    found = re.findall(r"^ *- (?:at '([^']*)'|([^:\n]*)): (.*)$", error, re.MULTILINE)
    # Helm 3 writes config.routes.0 for /config/routes/0, and (root) for the top level.
    return [(pointer or ("" if dotted in ("", "(root)") else "/" + dotted.replace(".", "/")), what) for pointer, dotted, what in found]


@pytest.mark.parametrize("name", REFUSED)
def test_schema_refuses(faults, name):
    _, where, word = REFUSED[name]
    assert any(at == where and word in what for at, what in faults), faults


def test_every_message_says_what_would_be_right(faults):
    """Of a schema `false`, Helm only prints that it is false."""
    assert not [(at, what) for at, what in faults if re.search("false schema|False always fails", what)]


@pytest.mark.parametrize("program", ["helm", "helm3"])
@pytest.mark.parametrize("setting, word", [
    ("httpPort=53", "httpPort"), ("clusterDNS.address=1.2.3.4:53", "address"), ("clusterDNS.address=999.1.1", "address"),
    ("clusterDNS.address=fd00::a::b", "address"), ("resources=null", "resources"), ("livenessProbe=null", "livenessProbe"),
    ("image=null", "image"), ("clusterDNS.networks=null", "networks"), ("resources.limits.memory=64mi", "memory")])
def test_what_rendered_and_failed_later_is_refused(request, program, setting, word):
    error = request.getfixturevalue(program).error("pillion", "--set", f"pillion.{setting}")
    assert "don't meet the specifications of the schema" in error and word in error


@pytest.mark.parametrize("address", ["10.96.0.10", "169.254.169.254", "fd00::a", "::1", "2001:db8:1:2:3:4:5:6", "2001:db8::5:6", "fe80::"])
def test_addresses(address):
    """The schema accepts valid addresses."""
    assert re.search(values_schema.TYPES["ip-address"]["pattern"], address)


def test_adopters_values_are_held_to_the_schema_too(helm):
    error = helm.error("example", "--set", "pillion-sidecar.nativ=false")
    assert "nativ" in error and "schema" in error


def test_artifact_hub():
    for chart in DOCUMENTED:
        metadata = yaml.safe_load((HELM / chart / "Chart.yaml").read_text(encoding="utf-8"))
        assert metadata["annotations"]["artifacthub.io/license"] == "Apache-2.0"
        assert metadata["kubeVersion"] == ">=1.25.0-0"
        for image in yaml.safe_load(metadata["annotations"].get("artifacthub.io/images", "[]")):
            assert image["image"].endswith(f":{metadata['appVersion']}")
