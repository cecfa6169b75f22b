"""The cluster of the current kubectl context, what the tests put into it, and the two pods that they compare. Of the cluster nothing is
expected but that CLUSTER_LOAD, a command, gives it the image of an archive."""

import concurrent.futures
import contextlib
import ipaddress
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("e2e", "chart")]

# The path has to be set first.
import objects  # noqa: E402
import tools as chart_tools  # noqa: E402
from harness import certificates  # noqa: E402
from harness.process import wait_until  # noqa: E402
from names import APEX_TYPES, APEXES, DOMAIN, HERE, NAMESPACES, OUTSIDE, THERE, lookups  # noqa: E402

TLS_NAME = "public.example"
CA_FILE = "/etc/pillion-ca/ca.pem"
RELEASE = "subject"
# What one thing that is asked of the cluster may take: an image is unpacked, pods start, namespaces go.
PATIENCE = 180
# Above what all names take by the slowest tool.
TOOL_PATIENCE = 240


def pytest_configure():
    # So that namespaces are removed, as they are after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def kubectl(*arguments, stdin=None, check=True, patience=PATIENCE):
    done = subprocess.run(["kubectl", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=patience, check=False)
    if check and done.returncode != 0:
        pytest.fail(f"kubectl {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def apply(*items):
    kubectl("apply", "--server-side", "-f", "-", stdin=objects.listed(list(items)))


def get(kind, namespace, *what):
    return json.loads(kubectl("-n", namespace, "get", kind, *what, "-o", "json"))


def wait_for(condition, namespace, *what):
    kubectl("-n", namespace, "wait", f"--for={condition}", f"--timeout={PATIENCE}s", *what, patience=PATIENCE + 30)


def pods_of(namespace, name):
    """Addresses of the ready pods with that label that are not on their way out."""
    return sorted(pod["status"]["podIP"] for pod in get("pods", namespace, "-l", f"{objects.LABEL}={name}")["items"]
                  if "deletionTimestamp" not in pod["metadata"]
                  and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", [])))


class Pod:
    """With the clients."""

    def __init__(self, name, namespace=HERE):
        self.name = name
        self.namespace = namespace
        self.address = get("pod", namespace, name)["status"]["podIP"]

    def command(self, *words):
        return ["kubectl", "-n", self.namespace, "exec", "-i", self.name, "-c", objects.CONTAINER, "--", "/usr/bin/python3", "/ask.py", *words]

    def ask(self, tool, asked):
        """{(kind, name): words}"""
        done = subprocess.run(self.command(), input=json.dumps({"tool": tool, "lookups": asked}), capture_output=True, text=True,
                              timeout=TOOL_PATIENCE, check=False)
        assert done.returncode == 0, f"{self.name}, {tool}: {done.stderr}"
        return {(kind, name): words for kind, name, words in json.loads(done.stdout)}


class Watch:
    """What a pod finds for names, over time: `events` are (time by the pod's clock, name, addresses or [error])."""

    def __init__(self, pod, names):
        self.pod = pod
        self.events = []
        self.process = subprocess.Popen(pod.command("watch", *names), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append((event["at"], event["name"], event["found"], time.monotonic()))

    def last(self, name):
        """(when by the pod's clock, what, when by this machine's) of the last change."""
        assert self.process.poll() is None, f"the watch in {self.pod.name} has ended"
        return next(((at, found, here) for at, one, found, here in reversed(self.events) if one == name), None)

    def stop(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.reader.join()


class Lookups:
    """Asks both pods the same, each tool once in each phase, and keeps what came of it."""

    def __init__(self, pods, addresses):
        self.pods = pods
        self.addresses = addresses
        self.done = {}
        self.read = 0
        self.sent_by_tls = set()

    def of(self, phase, tool):
        if (phase, tool) not in self.done:
            self.done[phase, tool] = self.ask(tool)
        return self.done[phase, tool]

    def ask(self, tool):
        asked = lookups(tool, self.addresses)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            plain, subject = pool.map(lambda pod: pod.ask(tool, asked), self.pods)
        return differing(asked, plain, subject), self.leaked()

    def leaked(self):
        """Of the names outside of the cluster those that the pod with Pillion has now sent in the clear, and those that it has sent by TLS
        for the first time while the plain pod has not sent them. The root is left out: it is what Pillion asks of a server that is silent, and
        tells nobody anything."""
        plain, subject = (pod.address for pod in self.pods)
        lines = [line.split() for line in resolver_file(objects.LOG).splitlines()]
        now, self.read = lines[self.read:], len(lines)
        in_the_clear, by_tls, sent = ({name for *sender, name in now if sender == wanted and name != "."}
                                      for wanted in (["plain", subject], ["tls", subject], ["plain", plain]))
        known, self.sent_by_tls = self.sent_by_tls, self.sent_by_tls | by_tls
        assert sent and self.sent_by_tls, "what was asked is seen at the public resolver"
        return sorted(in_the_clear), sorted(by_tls - sent - known)


def resolver_file(path):
    return kubectl("-n", OUTSIDE, "exec", objects.RESOLVER, "--", "/bin/busybox", "cat", path)


def differing(asked, plain, subject):
    """Of what was asked that which the pods found differently, as text."""
    return [f"{kind} {name}\n    without Pillion: {shown(plain[kind, name])}\n    with Pillion:    {shown(subject[kind, name])}"
            for kind, name in asked if plain[kind, name] != subject[kind, name]]


def shown(words, limit=10):
    return "  ".join(words[:limit] + ["..."] * (len(words) > limit))


def unusable(reason):
    """One word instead of one for each test."""
    pytest.exit(f"make cluster-test: {reason}", returncode=1)


def index():
    file = ROOT / "build" / "cluster" / "images.json"
    if not file.exists():
        unusable(f"{file} is not there: make cluster-images")
    return file.parent, json.loads(file.read_text())


@pytest.fixture(scope="session")
def images():
    """{name: image}, loaded."""
    load = shlex.split(os.environ.get("CLUSTER_LOAD", ""))
    if not load:
        unusable("CLUSTER_LOAD is not set: the command that gives the cluster the image of an archive, such as `kind load image-archive`")
    if not shutil.which("kubectl"):
        unusable("kubectl is not on the PATH")
    directory, known = index()
    for image in known.values():
        done = subprocess.run([*load, directory / image["archive"]], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{load} {image['archive']}: {done.stdout}{done.stderr}"
    return {name: f"{image['repository']}:{image['tag']}" for name, image in known.items()}


@pytest.fixture(scope="session")
def namespaces(images):
    remove_namespaces()
    apply(*objects.namespaces())
    # Before which no pod is taken.
    wait_until(lambda: all(kubectl("-n", name, "get", "serviceaccount", "default", "--ignore-not-found") for name in NAMESPACES),
               "the new namespaces have a service account", patience=PATIENCE)
    yield
    remove_namespaces()


def remove_namespaces():
    """Those that are ours."""
    present = json.loads(kubectl("get", "namespaces", "-o", "json"))["items"]
    ours = [one["metadata"]["name"] for one in present if one["metadata"]["name"] in NAMESPACES]
    foreign = [one["metadata"]["name"] for one in present
               if one["metadata"]["name"] in ours and objects.LABEL not in one["metadata"].get("labels", {})]
    if foreign:
        unusable(f"the cluster has namespaces of these names that are not the test's: {', '.join(foreign)}")
    if ours:
        kubectl("delete", "namespace", *ours, f"--timeout={PATIENCE}s", patience=PATIENCE + 30)


# Which the chart takes for the cluster's.
PRIVATE = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]


def reverse_zones(network):
    """That cover it: one for each value of the label in which the prefix ends."""
    width = 8 if network.version == 4 else 4
    labels = -(-network.prefixlen // width)
    zones = []
    for part in network.subnets(new_prefix=labels * width):
        *digits, tree, arpa = part.network_address.reverse_pointer.split(".")
        zones.append(".".join([*digits[len(digits) - labels:], tree, arpa]))
    return zones


@pytest.fixture(scope="session")
def networks():
    """Of this cluster, as far as they can be told from some of its addresses, and beyond what the chart takes for the cluster's."""
    pods = [pod for pod in get("pods", "kube-system")["items"] if not pod["spec"].get("hostNetwork")]
    addresses = [get("service", "default", "kubernetes")["spec"]["clusterIP"], *(pod["status"].get("podIP", "") for pod in pods)]
    own = {ipaddress.ip_network(f"{address}/16", strict=False) for address in addresses if "." in address}
    return sorted(one for one in own if not any(one.version == other.version and one.subnet_of(other) for other in PRIVATE))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="session")
def resolver(namespaces, images, authority, networks):
    """Its address, where both the cluster's DNS and the public resolver are; its authority is known to pods with Pillion."""
    certificate = authority.issue("server", f"DNS:{TLS_NAME}")
    zones = [zone for network in (*PRIVATE, *networks) for zone in reverse_zones(network)]
    apply(*objects.resolver(images["clients"], certificate, [DOMAIN, *zones]),
          objects.named("ConfigMap", HERE, "authority", data={CA_FILE.rpartition("/")[2]: authority.ca_file.read_text()}))
    wait_for("condition=Ready", OUTSIDE, f"pod/{objects.RESOLVER}")
    return get("pod", OUTSIDE, objects.RESOLVER)["status"]["podIP"]


def pillion_values(images, resolver, networks):
    """The chart's `pillion`, with the test's resolver for both the public one and the cluster's DNS."""
    repository, tag = images["pillion"].rsplit(":", 1)
    upstream = {"servers": [{"address": f"{resolver}:853", "tls_name": TLS_NAME}], "tls": {"ca_file": CA_FILE}}
    return {
        "image": {"repository": repository, "tag": tag},
        "clusterDNS": {"address": resolver, "domain": DOMAIN, "networks": [str(one) for one in networks]},
        "ca": {"configMapName": "authority"},
        "config": {"upstreams": {"public": upstream}},
    }


def rendered(directory, release, values):
    """The chart's objects."""
    file = directory / "values.json"
    file.write_text(json.dumps(values))
    try:
        helm = chart_tools.fetch().helm
    except chart_tools.Unavailable as reason:
        unusable(f"there is no Helm to render the chart: {reason}")
    done = subprocess.run([helm, "template", release, ROOT / "helm" / "pillion", "--namespace", HERE, "--skip-tests", "--values", file],
                          env={"HOME": str(directory), "KUBECONFIG": str(directory / "none")}, capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    found = [one for one in yaml.safe_load_all(done.stdout) if one]
    for one in found:
        one["metadata"].setdefault("namespace", HERE)
    return found


@pytest.fixture(scope="session")
def pods(images, resolver, networks, tmp_path_factory):
    """The plain one and the one with Pillion, once the cluster has all that they are asked for."""
    workload = rendered(tmp_path_factory.mktemp("helm"), RELEASE, {
        "mode": "workload",
        "terminationGracePeriodSeconds": 1,
        "affinity": objects.beside_the_resolver(),
        "podSecurityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        # The application are the clients.
        "workload": {"containers": [objects.container(images["clients"])]},
        "pillion": pillion_values(images, resolver, networks),
    })
    apply(objects.plain(images["clients"], resolver), *objects.application(images["clients"]), objects.flapping(), *workload)
    (deployment,) = (one["metadata"]["name"] for one in workload if one["kind"] == "Deployment")
    wait_for("condition=Ready", HERE, "pod/plain")
    for what in (f"deployment/{deployment}", "statefulset/db", "deployment/herd"):
        kubectl("-n", HERE, "rollout", "status", what, f"--timeout={PATIENCE}s")
    kubectl("-n", THERE, "rollout", "status", "statefulset/db", f"--timeout={PATIENCE}s")
    (pod,) = get("pods", HERE, "-l", f"pillion.dev/sidecar=true,app.kubernetes.io/instance={RELEASE}")["items"]
    plain = Pod("plain")
    # By names that are asked for nowhere else than in the cluster, lest the public resolver sees names that it would not have seen.
    wait_until(lambda: found_all(plain), "the cluster's DNS knows all Services and pods", patience=PATIENCE)
    return plain, Pod(pod["metadata"]["name"])


def found_all(pod):
    names = [f"{one}.svc.{DOMAIN}." for one in (f"web.{HERE}", f"web.{THERE}", f"db-0.db.{HERE}", f"db-1.db.{HERE}", f"db-0.db.{THERE}",
                                                f"herd.{HERE}", f"flap.{HERE}", f"inner.{HERE}")]
    return not any(word.startswith("any:EAI") for words in pod.ask("glibc", [("host", name) for name in names]).values() for word in words)


@pytest.fixture(scope="session")
def both(pods):
    """Lookups of all names by all tools."""
    services = [get("service", namespace, "web")["spec"]["clusterIP"] for namespace in (HERE, THERE)]
    return Lookups(pods, [*services, *pods_of(HERE, "db"), *pods_of(THERE, "db")])


@pytest.fixture(scope="session")
def apexes_asked(pods):
    """As `dig TXT cluster.local` asks, about every zone that the cluster's names are in. Of each pod {(type, name): words}."""
    asked = [(type_.lower(), name) for name in APEXES for type_ in APEX_TYPES]
    return [pod.ask("dig", asked) for pod in pods]


@pytest.fixture(scope="module")
def apexes_being_asked(pods):
    """The same all the time, since an answer about a zone lives as briefly as those about the names in it."""
    with contextlib.ExitStack() as stack:
        for pod in pods:
            process = stack.enter_context(subprocess.Popen(pod.command("disturb", *APEXES), stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            stack.callback(process.kill)
            # The first round is over.
            assert process.stdout.readline() == b"asked\n"
            stack.callback(process.stdin.close)
        yield


@pytest.fixture
def watching(pods):
    """Starts to look for names in both pods, again and again."""
    with contextlib.ExitStack() as stack:
        def start(names):
            watches = [Watch(pod, names) for pod in pods]
            for one in watches:
                stack.callback(one.stop)
            return watches

        yield start


@pytest.fixture(autouse=True)
def log(pods):
    """Pillion's, shown with a test that fails."""
    yield
    print(kubectl("-n", HERE, "logs", pods[1].name, "-c", "pillion", "--tail=40", check=False))
