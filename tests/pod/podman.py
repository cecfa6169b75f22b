"""Pods that podman makes of Kubernetes' objects, in a separate network that leads only to this machine."""

import base64
import contextlib
import ipaddress
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess

import yaml
from harness.configmap import MountedConfigMap
from harness.process import TestProgramError, run

# Seconds that the engine may take to pull, build, start or stop.
PATIENCE = 300
# Files and processes, for containers that open few and start none.
LIMIT = 10000


def limit(kind):
    """Podman's default is above the limit that root may set in many containers."""
    hard = resource.getrlimit(kind)[1]
    return LIMIT if hard == resource.RLIM_INFINITY else min(hard, LIMIT)


class Network:
    """A bridge on which pods get addresses, and this machine has some. It has no other route."""

    def __init__(self, name, interface, subnet):
        self.name = name
        self.interface = interface
        self.subnet = subnet
        self.gateway, self.cluster_dns, self.resolver = (str(subnet[number]) for number in (1, 2, 3))

    def pod_address(self, number):
        return str(self.subnet[10 + number])


class Podman:
    """The engine with its own configuration, since the default one of a machine may not work in a container, or with this network. It shares
    images with the user's podman. Everything else has `name` in its name, and is removed at the end."""

    def __init__(self, directory, name):
        self.directory = pathlib.Path(directory)
        self.name = name
        self.networks = self.directory / "networks"
        self.networks.mkdir(parents=True)
        self.config = self.directory / "containers.conf"
        self.configure([])

    def configure(self, sysctls):
        """Writes containers.conf. `sysctls` are in the form of a pod's securityContext."""
        limits = {"nofile": limit(resource.RLIMIT_NOFILE), "nproc": limit(resource.RLIMIT_NPROC)}
        settings = {
            "engine": {"runtime": "runc", "cgroup_manager": "cgroupfs", "events_logger": "file"},
            "network": {"network_backend": "netavark", "network_config_dir": str(self.networks)},
            "containers": {"default_ulimits": [f"{name}={number}:{number}" for name, number in limits.items()],
                           "default_sysctls": [f"{one['name']}={one['value']}" for one in sysctls]},
        }
        # A string or a list of strings in JSON is valid TOML.
        self.config.write_text("".join(f"[{table}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
                                       for table, values in settings.items()))

    def run(self, *arguments, check=True):
        done = subprocess.run(["podman", *map(str, arguments)], env={**os.environ, "CONTAINERS_CONF": str(self.config)},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if check and done.returncode != 0:
            raise TestProgramError(f"podman {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def inspect(self, kind, name):
        return json.loads(self.run(kind, "inspect", name).stdout)

    def build(self, image, containerfile, context):
        file = self.directory / "Containerfile"
        file.write_text(containerfile)
        self.run("build", "-q", "-t", image, "-f", file, context)

    @contextlib.contextmanager
    def network(self):
        """The tests make the bridge, so that it exists before the first pod and while there is none."""
        with contextlib.ExitStack() as stack:
            network = self.free_network()
            bridge, port = network.interface, f"{network.interface}-port"
            stack.callback(self.run, "network", "rm", "--force", self.name, check=False)
            stack.callback(run, "ip", "link", "delete", bridge, check=False)
            for address in (network.gateway, network.cluster_dns, network.resolver):
                run("ip", "address", "add", f"{address}/{network.subnet.prefixlen}", "dev", bridge)
            run("ip", "link", "set", bridge, "up")
            # Netavark removes a bridge that has no port left.
            run("ip", "link", "add", port, "type", "veth", "peer", "name", f"{bridge}-peer")
            stack.callback(run, "ip", "link", "delete", port, check=False)
            run("ip", "link", "set", port, "master", bridge)
            # Packets of a pod to other networks are visible here, and go no further.
            pathlib.Path(f"/proc/sys/net/ipv4/conf/{bridge}/forwarding").write_text("0")
            yield network

    def free_network(self, attempts=10):
        """Makes the bridge. Podman chooses an unused interface and addresses; another process may take them before the bridge exists."""
        for _ in range(attempts):
            self.run("network", "create", "--internal", "--disable-dns", self.name)
            (made,) = self.inspect("network", self.name)
            interface = made["network_interface"]
            added = run("ip", "link", "add", interface, "type", "bridge", check=False)
            if added.returncode == 0:
                return Network(self.name, interface, ipaddress.ip_network(made["subnets"][0]["subnet"]))
            self.run("network", "rm", "--force", self.name)
        raise TestProgramError(f"no bridge: {added.stderr}")


def missing():
    """The reason why podman cannot be used here; empty if it can."""
    if os.geteuid() != 0:
        return "pods on a bridge of their own need root"
    absent = [program for program in ("podman", "runc", "ip", "tcpdump") if not shutil.which(program)]
    return f"not installed (tests/deps pod): {', '.join(absent)}" if absent else ""


class Pod:
    """Does the work of a Deployment's controller and of a kubelet: makes one pod of the rendered objects, and replaces it when, and only when, its
    template has changed. The mounted files follow the ConfigMaps and Secrets."""

    def __init__(self, podman, network, number=0):
        self.podman = podman
        self.network = network
        self.address = network.pod_address(number)
        self.file = podman.directory / f"pod-{number}.yaml"
        self.name = None
        self.template = None
        self.made = 0
        self.mounts = {}  # volume: directory
        self.contents = {}  # volume: {file: bytes}

    def apply(self, objects):
        """Applies the objects. True if this has made a new pod."""
        (deployment,) = (one for one in objects if one["kind"] == "Deployment")
        template = deployment["spec"]["template"]
        contents = {volume["name"]: content_of(volume, objects, template) for volume in template["spec"]["volumes"]}
        if template == self.template:
            self.update(contents)
            return False
        self.made += 1
        directory = self.podman.directory / f"{self.file.stem}-{self.made}"
        self.mounts = {volume: MountedConfigMap(directory / volume, files) for volume, files in contents.items()}
        self.contents = contents
        self.podman.configure(template["spec"]["securityContext"].get("sysctls", []))
        self.file.write_text(yaml.safe_dump(as_podman_takes(deployment, self.mounts)))
        self.name = f"{deployment['metadata']['name']}-pod-0"
        self.podman.run("play", "kube", "--replace", "--network", self.network.name, "--ip", self.address, self.file)
        self.template = template
        return True

    def update(self, contents):
        """Updates the volumes as the kubelet does: an unchanged volume is not touched."""
        for volume, files in contents.items():
            if files != self.contents[volume]:
                self.mounts[volume].update(files)
        self.contents = contents

    def delete(self):
        if self.name:
            self.podman.run("pod", "rm", "--force", "--time", "1", self.name, check=False)

    def container(self, name):
        (found,) = self.podman.inspect("container", f"{self.name}-{name}")
        return found

    def pid(self, container):
        return self.container(container)["State"]["Pid"]

    def handled(self, container, handler):
        """True if the command that a kubelet would run in the container ends with 0. `handler` is its path in the container's spec."""
        (wanted,) = (one for one in self.template["spec"]["containers"] if one["name"] == container)
        for key in handler:
            wanted = wanted[key]
        return self.podman.run("exec", f"{self.name}-{container}", *wanted["exec"]["command"], check=False).returncode == 0

    def start(self, container):
        """Runs postStart, as a kubelet does after the start of the container."""
        if not self.handled(container, ("lifecycle", "postStart")):
            raise TestProgramError(f"postStart of {container} failed: {self.log(container)}")

    def log(self, container):
        done = self.podman.run("logs", f"{self.name}-{container}")
        return done.stdout + done.stderr

    def execute(self, container, *command):
        return self.podman.run("exec", f"{self.name}-{container}", *command).stdout


def content_of(volume, objects, template):
    """{file: bytes} of a volume: of its ConfigMap or Secret, or of the pod's annotations."""
    if "downwardAPI" in volume:
        paths = {item["path"]: item["fieldRef"]["fieldPath"] for item in volume["downwardAPI"]["items"]}
        names = {file: re.fullmatch(r"metadata\.annotations\['(.+)'\]", path)[1] for file, path in paths.items()}
        return {file: template["metadata"]["annotations"][name].encode() for file, name in names.items()}
    kind, name = ("ConfigMap", volume["configMap"]["name"]) if "configMap" in volume else ("Secret", volume["secret"]["secretName"])
    (found,) = (one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name)
    return {file: base64.b64decode(text) if kind == "Secret" else text.encode() for file, text in found["data"].items()}


def as_podman_takes(deployment, mounts):
    """A rendered Deployment without the parts that podman 4.3 treats differently from a kubelet:
    - Podman makes health checks of probes, which need systemd.
    - Podman binds ports of containers on this machine.
    - Podman permits at most 63 bytes for the value of an annotation.
    - Podman copies ConfigMaps once, as plain files. The volumes are directories of this machine instead, with the layout of a kubelet.
    Podman ignores these: the pod's sysctls, which apply() sets in containers.conf; postStart, which start() runs; restartPolicy of init
    containers, so that the chart's values have native: false; preStop, without which the sidecar ends together with the application."""
    taken = json.loads(json.dumps(deployment))
    taken["spec"]["template"].get("metadata", {}).pop("annotations", None)
    spec = taken["spec"]["template"]["spec"]
    for container in spec["containers"]:
        for key in ("lifecycle", "livenessProbe", "readinessProbe", "ports"):
            container.pop(key, None)
    spec["volumes"] = [{"name": volume, "hostPath": {"path": str(mount.path), "type": "Directory"}} for volume, mount in mounts.items()]
    return taken
