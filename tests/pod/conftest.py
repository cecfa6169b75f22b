"""Images, Helm and servers for the pods. If the machine lacks something, the tests are skipped, or fail with PILLION_POD_REQUIRED=1."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("e2e", "chart", "dashboards")]

# The path has to be set first.
import tools as chart_tools  # noqa: E402
from deployment import Charts  # noqa: E402
from harness import certificates, cluster, namespace, servers, zone  # noqa: E402
from harness.process import TestProgramError, run, served  # noqa: E402
from podman import Pod, Podman, missing  # noqa: E402

HERE = pathlib.Path(__file__).parent
GETADDRINFO = pathlib.Path(namespace.__file__).with_name("getaddrinfo.c")
IMAGES = "localhost/pillion-pod-test"
PROGRAMS = "COPY pause getaddrinfo-{library} /\n"


def pytest_configure():
    # SIGTERM ends the run like Ctrl-C, so that pods and networks are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def unavailable(reason):
    if os.environ.get("PILLION_POD_REQUIRED"):
        pytest.fail(f"podman can run no pod here: {reason}")
    pytest.skip(f"podman can run no pod here: {reason}")


@pytest.fixture(scope="session")
def requirements():
    if missing():
        unavailable(missing())


@pytest.fixture(scope="session")
def programs(requirements, tmp_path_factory):
    directory = tmp_path_factory.mktemp("programs")
    run("musl-gcc", "-static", "-O1", "-o", directory / "pause", HERE / "pause.c")
    run("musl-gcc", "-static", "-O1", "-o", directory / "getaddrinfo-musl", GETADDRINFO)
    run("gcc", "-D_GNU_SOURCE", "-O1", "-o", directory / "getaddrinfo-glibc", GETADDRINFO)
    return directory


@pytest.fixture(scope="session")
def podman(tmp_path_factory, programs):
    engine = Podman(tmp_path_factory.mktemp("podman") / "run", f"pillion-pod-test-{os.getpid()}")
    try:
        engine.build(f"{IMAGES}:musl", "FROM scratch\n" + PROGRAMS.format(library="musl"), programs)
    except TestProgramError as error:
        unavailable(str(error))
    return engine


@pytest.fixture(scope="session")
def network(podman):
    """The network of the pods, in which a pod has already run."""
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(podman.network())
            try_pod(podman, made)
        except (TestProgramError, OSError) as error:
            unavailable(str(error))
        yield made


def try_pod(podman, network):
    template = {"spec": {"containers": [{"name": "musl", "image": f"{IMAGES}:musl", "command": ["/pause"]}], "volumes": [],
                         "securityContext": {}}}
    pod = Pod(podman, network, 0)
    try:
        pod.apply([{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"{podman.name}-try"},
                    "spec": {"template": template}}])
        pod.execute("musl", "/getaddrinfo-musl", "127.0.0.1")
    finally:
        pod.delete()


@pytest.fixture(scope="session")
def helm(network):
    try:
        return chart_tools.fetch().helm
    except chart_tools.Unavailable as reason:
        unavailable(f"there is no Helm to render one: {reason}")


@pytest.fixture(scope="session")
def images(podman, network, programs, pytestconfig):
    """The repository and the tag of Pillion's image, which is built if it does not exist or is of another source."""
    version = re.search(r"^project\(pillion VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.M).group(1)
    image = os.environ.get("IMAGE") or f"pillion:{version}"
    environment = {**os.environ, "ENGINE": "podman"}
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        subprocess.run(["tests/image/build", image], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=True)
        base = subprocess.run(["bash", "-c", '. tests/image/lib.sh; choose_base; echo "$BASE"'], cwd=ROOT, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    podman.build(f"{IMAGES}:glibc", f"FROM {base}\n" + PROGRAMS.format(library="glibc"), programs)
    repository, tag = image.rsplit(":", 1)
    return repository if "/" in repository else f"localhost/{repository}", tag


@pytest.fixture(scope="session")
def charts(helm, images, tmp_path_factory):
    repository, tag = images
    return Charts(helm, tmp_path_factory.mktemp("charts"), {"repository": repository, "tag": tag, "pullPolicy": "Never"},
                  {library: f"{IMAGES}:{library}" for library in ("glibc", "musl")})


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue("server", f"DNS:{servers.TLS_NAME}")


@pytest.fixture(scope="session")
def cluster_dns(network, certificate, tmp_path_factory):
    directory = tmp_path_factory.mktemp("cluster")
    with served(lambda: cluster.cluster_dns(directory, certificate, host=network.cluster_dns, plain_port=53)) as server:
        yield server


@pytest.fixture(scope="session")
def resolver(network, certificate, tmp_path_factory):
    """The resolver for the names outside the cluster, over TLS."""
    directory = tmp_path_factory.mktemp("resolver")
    zones = {zone.ORIGIN: zone.write_signed(directory), ".": zone.write_root(directory)}
    where = {"host": network.resolver, "tls_port": 853}
    with served(lambda: servers.make_unbound(directory, certificate, zones, recursive=True, **where)) as server:
        yield server
