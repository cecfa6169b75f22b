"""Installs and renders the charts with Helm."""

import contextlib
import json
import os
import subprocess

import yaml
from kubectl import PATIENCE, kubectl
from names import DOMAIN, HERE
from requirements import ROOT, helm

TLS_NAME = "public.example"
CA_FILE = "/etc/pillion-ca/ca.pem"
AUTHORITY = "authority"  # a ConfigMap


def pillion_values(images, resolver, networks):
    """The chart's value `pillion`. The test's resolver is both the public resolver and the cluster's DNS."""
    repository, tag = images["pillion"].rsplit(":", 1)
    upstream = {"servers": [{"address": f"{resolver}:853", "tls_name": TLS_NAME}], "tls": {"ca_file": CA_FILE}}
    return {
        "image": {"repository": repository, "tag": tag},
        "clusterDNS": {"address": resolver, "domain": DOMAIN, "networks": [str(one) for one in networks]},
        "ca": {"configMapName": AUTHORITY},
        "config": {"upstreams": {"public": upstream}},
    }


def cluster_version():
    return json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]


def template(directory, release, chart, values, *more, namespace=HERE):
    """Renders a chart with `helm template` for this cluster's version. Returns the objects."""
    file = directory / "values.json"
    file.write_text(json.dumps(values))
    done = subprocess.run([helm(), "template", release, chart, "--namespace", namespace, "--kube-version", cluster_version(), "--values", file, *more],
                          env={"HOME": str(directory), "KUBECONFIG": str(directory / "none"), "PATH": os.environ["PATH"]}, capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if one]


def rendered(directory, release, values):
    """Renders the chart pillion. Returns the objects, each with a namespace."""
    found = template(directory, release, ROOT / "helm" / "pillion", values, "--skip-tests")
    for one in found:
        one["metadata"].setdefault("namespace", HERE)
    return found


class Helm:
    """Runs Helm for a namespace of the cluster of the current context, without the user's state of Helm. `directory` is for Helm's files."""

    def __init__(self, directory, namespace=HERE):
        self.directory = directory
        self.namespace = namespace
        places = {f"HELM_{kind}_HOME": str(directory / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        self.environment = {**os.environ, **places}

    def run(self, *arguments, check=True, within=None):
        """Runs a command of Helm in the directory `within`, or in the current one. Returns the completed process."""
        done = subprocess.run([helm(), *map(str, arguments), "--namespace", self.namespace], env=self.environment, cwd=within, capture_output=True,
                              text=True, timeout=2 * PATIENCE, check=False)
        assert not check or done.returncode == 0, f"helm {arguments[0]}: {done.stdout}{done.stderr}"
        return done

    def install(self, release, chart, values, *more):
        """Installs or upgrades a release, and waits until its pods are ready."""
        file = self.directory / f"{release}.json"
        file.write_text(json.dumps(values), encoding="utf-8")
        self.run("upgrade", "--install", release, ROOT / "helm" / chart, "--values", file, "--wait", "--timeout", f"{PATIENCE}s", *more)

    @contextlib.contextmanager
    def installed(self, release, chart, values, *more):
        try:
            self.install(release, chart, values, *more)
            yield
        finally:
            self.run("uninstall", release, check=False)
