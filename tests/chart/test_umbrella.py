"""A release of several charts that have adopted the sidecar: global values, disabled charts, and versions of the library."""

import json
import shutil

import pytest
import yaml

from conftest import CHARTS, CLUSTER_DNS, CONFIG, ROOT, load_all, pillion_of, pod_spec, pod_template


def edit(path, *changes):
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, (path, old)
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


class Umbrella:
    def __init__(self, helm, directory):
        self.helm = helm
        self.chart = directory / "shops"
        for name in ("shop", "cart"):
            chart = shutil.copytree(CHARTS["example"], self.chart / "charts" / name)
            edit(chart / "Chart.yaml", ("name: shop\n", f"name: {name}\n"))
            edit(chart / "templates" / "deployment.yaml", ("name: {{ .Release.Name }}\n", f"name: {name}\n"), ("shop.pod", f"{name}.pod"))
            # The chart gets no image of its own: a global value only applies where the chart's value is the default.
            edit(chart / "values.yaml", ("{repository: registry.example/pillion}", "{}"))
        (self.chart / "Chart.yaml").write_text("{apiVersion: v2, name: shops, version: 0.1.0}", encoding="utf-8")

    def run(self, values):
        path = self.chart / "own.json"
        path.write_text(json.dumps(values), encoding="utf-8")
        return self.helm.run("template", "r", self.chart, "--namespace", "shop", "--values", path)

    def render(self, values):
        """Renders the release. Returns {name: Deployment}."""
        done = self.run(values)
        assert done.returncode == 0, done.stderr
        return {one["metadata"]["name"]: one for one in load_all(done.stdout)}


@pytest.fixture
def umbrella(helm, tmp_path):
    return Umbrella(helm, tmp_path)


EVERYWHERE = {"clusterDNS": {"address": CLUSTER_DNS}, "pillion": {"image": {"repository": "team/pillion"}}}


def configuration(deployment):
    return yaml.safe_load(pod_template(deployment)["metadata"]["annotations"][CONFIG])


def cluster_dns(deployment):
    return configuration(deployment)["upstreams"]["cluster"]["servers"][0]["address"]


def test_what_is_global_is_said_once(umbrella):
    shared = {**EVERYWHERE, "imageRegistry": "mirror.example", "imagePullSecrets": [{"name": "mirror"}]}
    shared["clusterDNS"] |= {"domain": "k8s.example", "networks": ["198.18.0.0/15"]}
    shared["pillion"] = {"image": {"repository": "team/pillion", "tag": "9"}, "mesh": "linkerd", "platform": "gke",
                         "config": {"cache": {"size": "1MiB"}}}
    found = umbrella.render({"global": shared})
    assert found.keys() == {"shop", "cart"}
    for one in found.values():
        assert pillion_of(one)["image"] == "mirror.example/team/pillion:9"
        assert pod_spec(one)["imagePullSecrets"] == [{"name": "mirror"}]
        assert cluster_dns(one) == f"{CLUSTER_DNS}:53"
        assert "k8s.example" in pod_spec(one)["dnsConfig"]["searches"]
        assert {"network": "198.18.0.0/15", "upstream": "cluster"} in configuration(one)["routes"]
        assert configuration(one)["cache"] == {"size": "1MiB"}
        assert "config.linkerd.io/skip-outbound-ports" in pod_template(one)["metadata"]["annotations"]
        assert {"zone": "google.internal", "upstream": "cluster"} in configuration(one)["routes"]


def test_a_charts_own_values_go_before_what_is_global(umbrella):
    shared = {**EVERYWHERE, "imageRegistry": "mirror.example"}
    shared["pillion"] = {"image": {"repository": "team/pillion", "digest": "sha256:" + "a" * 64}, "config": {"cache": {"prefetch": True}, "threads": 2}}
    own = {"clusterDNS": {"address": "10.43.0.10"}, "image": {"repository": "own.example/pillion", "tag": "1"}, "config": {"cache": {"prefetch": False}}}
    found = umbrella.render({"global": shared, "cart": {"pillion-sidecar": own}})
    assert cluster_dns(found["cart"]) == "10.43.0.10:53" and cluster_dns(found["shop"]) == f"{CLUSTER_DNS}:53"
    assert pillion_of(found["cart"])["image"] == "own.example/pillion:1"
    assert pillion_of(found["shop"])["image"] == "mirror.example/team/pillion@sha256:" + "a" * 64
    assert configuration(found["cart"])["cache"] == {"prefetch": False} and configuration(found["cart"])["threads"] == 2


def test_pillions_own_global_address_goes_before_the_general_one(umbrella):
    shared = {"clusterDNS": {"address": "10.43.0.10"}, "pillion": {**EVERYWHERE["pillion"], "clusterDNS": {"address": CLUSTER_DNS}}}
    assert cluster_dns(umbrella.render({"global": shared})["shop"]) == f"{CLUSTER_DNS}:53"


def test_one_chart_is_without(umbrella):
    found = umbrella.render({"global": EVERYWHERE, "cart": {"pillion-sidecar": {"enabled": False}}})
    assert pillion_of(found["shop"])
    assert [one["name"] for one in pod_spec(found["cart"])["initContainers"]] == ["migrate"] and "dnsPolicy" not in pod_spec(found["cart"])


def test_a_missing_address_is_told_by_the_path_that_sets_it(umbrella):
    done = umbrella.run({"global": {"pillion": EVERYWHERE["pillion"]}})
    assert done.returncode != 0 and "--set global.clusterDNS.address=" in done.stderr


def vendor(chart, version):
    """Replaces the chart's library by a copy with this version."""
    library = chart / "charts" / "pillion-sidecar"
    if library.is_symlink():
        library.unlink()
    else:
        shutil.rmtree(library)
    shutil.copytree(ROOT / "helm" / "pillion-sidecar", library)
    edit(library / "Chart.yaml", ("\nversion: 0.1.0", f"\nversion: {version}"))
    edit(library / "values.yaml", ("libraryVersion: 0.1.0", f"libraryVersion: {version}"))
    edit(library / "templates" / "_values.tpl", ('"pillion-sidecar.version" -}}0.1.0', f'"pillion-sidecar.version" -}}}}{version}'))
    edit(chart / "Chart.yaml", ("pillion-sidecar, version: 0.1.0", f"pillion-sidecar, version: {version}"))


def test_two_versions_of_the_library_do_not_mix(umbrella):
    """Helm keeps one template for each name: the pods of one chart would use the other chart's version without an error."""
    for name in ("shop", "cart"):
        vendor(umbrella.chart / "charts" / name, "0.2.0")
    assert umbrella.render({"global": EVERYWHERE}).keys() == {"shop", "cart"}
    edit(umbrella.chart / "charts" / "cart" / "Chart.yaml", ("version: 0.2.0", "version: 0.1.0"))
    vendor(umbrella.chart / "charts" / "cart", "0.3.0")
    done = umbrella.run({"global": EVERYWHERE})
    assert done.returncode != 0
    assert "0.2.0" in done.stderr and "0.3.0" in done.stderr and "need the same version of pillion-sidecar in Chart.yaml" in done.stderr


@pytest.mark.parametrize("program", ["helm", "helm3"])
def test_condition_of_the_dependency(request, program, tmp_path):
    """If the condition is false, Helm does not load the library's templates. README's two additional lines replace them."""
    helm = request.getfixturevalue(program)
    chart = shutil.copytree(CHARTS["example"], tmp_path / "shop")
    edit(chart / "Chart.yaml", ('"}', '", condition: pillion-sidecar.enabled}'))
    lines = readme_section("### `condition:`").split("```yaml\n")[1].split("```")[0].rstrip("\n").splitlines()
    text = (chart / "templates" / "deployment.yaml").read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(text) if "pillion-sidecar.wrap" in line)
    text[at:at + 1] = lines
    (chart / "templates" / "deployment.yaml").write_text("\n".join(text), encoding="utf-8")
    address = f"pillion-sidecar.clusterDNS.address={CLUSTER_DNS}"

    def render(path, *settings):
        done = helm.run("template", "r", path, "--namespace", "shop", "--set", ",".join((address, *settings)))
        assert done.returncode == 0, done.stderr
        return load_all(done.stdout)

    assert render(chart) == render(CHARTS["example"])
    assert render(chart, "pillion-sidecar.enabled=false") == render(CHARTS["example"], "pillion-sidecar.enabled=false")
    (off,) = render(chart, "pillion-sidecar.enabled=false")
    assert [one["name"] for one in pod_spec(off)["initContainers"]] == ["migrate"]


def test_condition_of_one_chart_of_a_release(umbrella):
    """In this case Helm finds the templates that another chart of the release has loaded."""
    for name in ("shop", "cart"):
        chart = umbrella.chart / "charts" / name
        edit(chart / "Chart.yaml", ('"}', '", condition: pillion-sidecar.enabled}'))
        (chart / "templates" / "pillion.yaml").write_text('{{ include "pillion-sidecar.configMap" . }}', encoding="utf-8")
    found = umbrella.render({"global": EVERYWHERE, "cart": {"pillion-sidecar": {"enabled": False}}})
    assert pillion_of(found["shop"])
    assert [one["name"] for one in pod_spec(found["cart"])["initContainers"]] == ["migrate"] and "dnsPolicy" not in pod_spec(found["cart"])


def readme_section(heading):
    text = (ROOT / "helm" / "pillion-sidecar" / "README.md").read_text(encoding="utf-8")
    return text.split(f"{heading}\n")[1]


def test_an_application_with_a_value_named_pillion(helm, tmp_path):
    chart = shutil.copytree(CHARTS["example"], tmp_path / "shop")
    for value in ("true", "{x: 1}", "[1]"):
        with open(chart / "values.yaml", "a", encoding="utf-8") as values:
            values.write(f"\npillion: {value}\n")
        done = helm.run("template", "r", chart, "--set", f"pillion-sidecar.clusterDNS.address={CLUSTER_DNS}")
        assert done.returncode == 0, done.stderr
