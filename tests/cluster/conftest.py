"""The objects that the tests put into the cluster of the current kubectl context, and the pods that they compare. The cluster needs nothing
special, except that CLUSTER_LOAD is a command that loads an image archive into it."""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("e2e", "chart")]
sys.path.append(str(ROOT / "tests" / "inject"))

# The path has to be set first.
import objects  # noqa: E402
from charts import AUTHORITY, CA_FILE, TLS_NAME, Helm, pillion_values, rendered  # noqa: E402
from harness import certificates  # noqa: E402
from harness.process import wait_until  # noqa: E402
from kubectl import PATIENCE, apply, await_accounts, await_rollout, get, kubectl, logs, pods_of, ready_pods, wait_for  # noqa: E402
from lookups import Lookups, Pod, Watch  # noqa: E402
from names import APEX_TYPES, APEXES, DOMAIN, HERE, NAMESPACES, OUTSIDE, THERE  # noqa: E402
from networks import PRIVATE, own_networks, reverse_zones  # noqa: E402
from requirements import index, unusable  # noqa: E402

RELEASE = "subject"
SHOP = "shop"


def pytest_configure():
    # SIGTERM ends the run like Ctrl-C, so that the namespaces are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def images():
    """{name: image}. The images are loaded into the cluster."""
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
    await_accounts(NAMESPACES)
    yield
    remove_namespaces()


def remove_namespaces():
    """Removes the namespaces of the tests. Ends the run if a namespace of these names is not of the tests."""
    present = {one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in get("namespaces", HERE)["items"]}
    ours = [name for name in present if name in NAMESPACES]
    foreign = [name for name in ours if objects.LABEL not in present[name]]
    if foreign:
        unusable(f"the cluster has namespaces of these names that are not the test's: {', '.join(foreign)}")
    if ours:
        kubectl("delete", "namespace", *ours, f"--timeout={PATIENCE}s", patience=PATIENCE + 30)


@pytest.fixture(scope="session")
def networks():
    return own_networks()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="session")
def resolver(namespaces, images, authority, networks):
    """Starts the resolver, which is both the cluster's DNS and the public resolver. Returns its address. Pods with Pillion trust its CA."""
    certificate = authority.issue("server", f"DNS:{TLS_NAME}")
    zones = [zone for network in (*PRIVATE, *networks) for zone in reverse_zones(network)]
    authorities = [objects.named("ConfigMap", namespace, AUTHORITY, data={CA_FILE.rpartition("/")[2]: authority.ca_file.read_text()})
                   for namespace in (HERE, THERE)]
    apply(*objects.resolver(images["clients"], certificate, [DOMAIN, *zones]), *authorities)
    wait_for("condition=Ready", OUTSIDE, f"pod/{objects.RESOLVER}")
    return get("pod", OUTSIDE, objects.RESOLVER)["status"]["podIP"]


@pytest.fixture(scope="session")
def values(images, resolver, networks):
    """The library chart's values for this cluster."""
    return pillion_values(images, resolver, networks)


@pytest.fixture(scope="session")
def helm(tmp_path_factory):
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def shop(helm, images, values):
    """The pod of an application whose own chart has adopted the sidecar."""
    helm.install(SHOP, "example", {"image": images["clients"], "pillion-sidecar": values})
    (pod,) = ready_pods(HERE, "app=shop")
    return Pod(pod["metadata"]["name"], container=SHOP)


@pytest.fixture(scope="session")
def pods(images, resolver, values, tmp_path_factory):
    """The pod without Pillion and the pod with Pillion. All objects whose names the tests ask for exist by then."""
    workload = rendered(tmp_path_factory.mktemp("helm"), RELEASE, {
        "mode": "workload",
        "terminationGracePeriodSeconds": 1,
        "affinity": objects.beside_the_resolver(),
        "podSecurityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        # The clients are the application.
        "workload": {"containers": [objects.container(images["clients"])]},
        "pillion": values,
    })
    apply(objects.plain(images["clients"], resolver), *objects.application(images["clients"]), objects.flapping(), *workload)
    (deployment,) = (one["metadata"]["name"] for one in workload if one["kind"] == "Deployment")
    wait_for("condition=Ready", HERE, "pod/plain")
    for what in (f"deployment/{deployment}", "statefulset/db", "deployment/herd"):
        await_rollout(HERE, what)
    await_rollout(THERE, "statefulset/db")
    (pod,) = get("pods", HERE, "-l", f"pillion.dev/sidecar=true,app.kubernetes.io/instance={RELEASE}")["items"]
    plain = Pod("plain")
    # Uses names that exist only in the cluster, so that the public resolver sees no name that it would not see otherwise.
    wait_until(lambda: found_all(plain), "the cluster's DNS knows all Services and pods", patience=PATIENCE)
    return plain, Pod(pod["metadata"]["name"])


def found_all(pod):
    names = [f"{one}.svc.{DOMAIN}." for one in (f"web.{HERE}", f"web.{THERE}", f"db-0.db.{HERE}", f"db-1.db.{HERE}", f"db-0.db.{THERE}",
                                                f"herd.{HERE}", f"flap.{HERE}", f"inner.{HERE}")]
    return not any(word.startswith("any:EAI") for words in pod.ask("glibc", [("host", name) for name in names]).values() for word in words)


@pytest.fixture(scope="session")
def both(pods):
    """The lookups of all names by all tools, in both pods."""
    services = [get("service", namespace, "web")["spec"]["clusterIP"] for namespace in (HERE, THERE)]
    return Lookups(pods, [*services, *pods_of(HERE, "db"), *pods_of(THERE, "db")])


@pytest.fixture(scope="session")
def apexes_asked(pods):
    """Asks both pods for the records at the apex of each zone of the cluster's names, like `dig TXT cluster.local`. For each pod {(type, name):
    words}."""
    asked = [(type_.lower(), name) for name in APEXES for type_ in APEX_TYPES]
    return [pod.ask("dig", asked) for pod in pods]


@pytest.fixture(scope="module")
def apexes_being_asked(pods):
    """Asks both pods for the records at the apexes during the whole test, since an answer about a zone expires as soon as the answers about its
    names."""
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
    """A function that starts to look names up repeatedly in both pods."""
    with contextlib.ExitStack() as stack:
        def start(names):
            watches = [Watch(pod, names) for pod in pods]
            for one in watches:
                stack.callback(one.stop)
            return watches

        yield start


@pytest.fixture
def subject_log(pods):
    """Prints Pillion's log, which pytest shows if the test fails."""
    yield
    print(logs(HERE, pods[1].name, "-c", "pillion"))


@pytest.fixture
def shop_log(shop):
    """Prints the log of Pillion in the adopter's pod."""
    yield
    print(logs(HERE, shop.name, "-c", "pillion"))
