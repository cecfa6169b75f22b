"""The output of the chart pillion for an application whose containers use different C libraries."""

import base64
import json
import pathlib
import subprocess

import yaml
from harness.cluster import SEARCH
from podman import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[2]
CA_FILE = "/etc/pillion-ca/ca.pem"
CLIENT_FILES = ("/etc/pillion-client/tls.crt", "/etc/pillion-client/tls.key")
# The namespace whose search list has the names of the stand-in for the cluster's DNS.
NAMESPACE = SEARCH[0].split(".")[0]


class Charts:
    """Values of the chart. `image` is Pillion's, in the form of the values; `applications` is {container: image}."""

    def __init__(self, helm, directory, image, applications):
        self.helm = helm
        self.directory = directory
        self.image = image
        self.applications = applications

    def render(self, release, config, cluster_dns, **more):
        """The output of `helm template`. `more` has further values of the sidecar."""
        context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True, "runAsUser": 65534}
        values = self.directory / "values.yaml"
        values.write_text(json.dumps({
            "mode": "workload",
            "workload": {"containers": [{"name": name, "image": image, "imagePullPolicy": "Never", "command": ["/pause"],
                                         "securityContext": context} for name, image in self.applications.items()]},
            "pillion": {
                "native": False,  # podman 4.3 takes a native sidecar for an init container, which must end
                "image": self.image,
                "clusterDNS": {"address": cluster_dns},
                "ca": {"configMapName": authority_name(release)},
                "config": config,
                **more,
            },
        }))
        done = subprocess.run([self.helm, "template", release, "helm/pillion", "--namespace", NAMESPACE, "--skip-tests", "--values", values],
                              env={"HOME": str(self.directory), "KUBECONFIG": str(self.directory / "none")}, cwd=ROOT,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def authority_name(release):
    return f"{release}-ca"


def client_name(release):
    return f"{release}-client"


def objects_of(rendered, release, authority, client=None):
    """The rendered objects, and those that the user makes: the ConfigMap with the CA, and the Secret with the client's certificate."""
    own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": authority_name(release)},
           "data": {CA_FILE.rpartition("/")[2]: authority.ca_file.read_text()}}
    secrets = [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": client_name(release)}, "type": "kubernetes.io/tls",
                "data": {name: base64.b64encode(path.read_bytes()).decode()
                         for name, path in (("tls.crt", client.path), ("tls.key", client.key))}}] if client else []
    return [own, *secrets, *(one for one in yaml.safe_load_all(rendered) if one)]
