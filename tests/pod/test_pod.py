"""Tests the chart's workload as a real pod: applications with two C libraries resolve only through the sidecar."""

import contextlib
import os
import pathlib
import signal
import socket
import threading

import pytest
import yaml
from deployment import CA_FILE, objects_of
from harness import capture, servers
from harness.client import make_query
from harness.cluster import NDOTS, SEARCH, asked
from harness.namespace import network_of
from harness.process import children_of, run, wait_until
from podman import Pod

LIBRARIES = ["glibc", "musl"]
USER = 65532

NAMES = [
    # names of the cluster, with more and more domains of the search list
    ("kubernetes", ["10.96.0.1"]),
    ("kube-dns.kube-system", ["10.96.0.10"]),
    ("web-1.web.default.svc", ["10.1.0.6"]),
    ("dual.default.svc.cluster.local.", ["10.96.0.20", "fd00:96::20"]),
    # external names
    ("a.e2e.example", ["192.0.2.1"]),
    ("both.e2e.example.", ["192.0.2.2", "2001:db8::2"]),
    ("cname1.e2e.example", ["192.0.2.1"]),
    ("x.y.z.wild.e2e.example", ["192.0.2.7"]),
    # missing names
    ("missing", "missing"),
    ("missing.default.svc.cluster.local.", "missing"),
    ("missing.e2e.example", "missing"),
]

SECRET = "verysecretlabel"
ELSEWHERE = "198.51.100.53"  # RFC 5737: not assigned

# Adds to the configuration a zone with records.
RECORDS = {"routes": [{"zone": "db.internal", "records": ["primary 60 A 192.0.2.10"]}]}


class Workload:
    """A release of the chart that uses these servers, and its pod."""

    def __init__(self, charts, podman, network, authority, number):
        self.charts = charts
        self.network = network
        self.authority = authority
        self.release = f"{podman.name}-{number}"
        self.pod = Pod(podman, network, number)

    def render(self, change="reload", **more):
        upstreams = {"public": {"servers": [{"address": f"{self.network.resolver}:853", "tls_name": servers.TLS_NAME}],
                                "tls": {"ca_file": CA_FILE}}}
        return self.charts.render(self.release, {"upstreams": upstreams, **more}, self.network.cluster_dns, configChange=change)

    def apply(self, rendered):
        """Applies the release. True if there is a new pod, which has then started."""
        if not self.pod.apply(objects_of(rendered, self.release, self.authority)):
            return False
        self.pod.start("pillion")
        return True

    def look_up(self, library, name):
        """The result of getaddrinfo: the addresses, "missing", or the text of an error."""
        *found, _ = self.pod.execute(library, f"/getaddrinfo-{library}", name).splitlines()
        return "missing" if found == ["missing"] else sorted(found)

    def processes(self):
        """{container: process id}"""
        return {name: self.pod.pid(name) for name in ("pillion", *LIBRARIES)}


@pytest.fixture(scope="module")
def workloads(charts, podman, network, authority, cluster_dns, resolver):
    """Makes workloads, and removes their pods at the end."""
    with contextlib.ExitStack() as stack:
        def make(number):
            workload = Workload(charts, podman, network, authority, number)
            stack.callback(workload.pod.delete)
            return workload

        yield make


@pytest.fixture(scope="module")
def workload(workloads):
    made = workloads(0)
    made.apply(made.render())
    return made


@pytest.fixture(autouse=True)
def log(workload):
    """Prints the logs, which pytest shows if the test fails."""
    yield
    print(workload.pod.log("pillion")[-8000:])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name, expected", NAMES, ids=[name for name, _ in NAMES])
def test_names_resolve(workload, library, name, expected):
    assert workload.look_up(library, name) == expected
    assert workload.look_up(library, name) == expected, "and from the cache"


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_only_name_server_is_the_sidecar(workload, library):
    lines = pathlib.Path(f"/proc/{workload.pod.pid(library)}/root/etc/resolv.conf").read_text().splitlines()
    search = " ".join(domain.rstrip(".") for domain in SEARCH)
    assert sorted(lines) == ["nameserver 127.0.0.1", f"options ndots:{NDOTS}", f"search {search}"]


def test_the_probe_succeeds(workload):
    assert workload.pod.handled("pillion", ["livenessProbe"])


def test_it_runs_locked_down(workload):
    """It runs as user 65532, with no capability and no way to get one, with filtered system calls and a read-only root file system."""
    pid = workload.pod.pid("pillion")
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert status["Uid"].split() == status["Gid"].split() == [str(USER)] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    (root,) = (line.split() for line in pathlib.Path(f"/proc/{pid}/mounts").read_text().splitlines() if line.split()[1] == "/")
    assert "ro" in root[3].split(",")


def send_plain_query_elsewhere():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(make_query(f"{SECRET}.example.").to_wire(), (ELSEWHERE, 53))


def test_no_plaintext_leaves_the_pod(workload, network, cluster_dns, tmp_path):
    """Captures outside the pod, on the bridge. The pod has a default route, so that packets that bypass Pillion would be visible there too."""
    pid = workload.pod.pid("pillion")
    with network_of(pid):
        run("ip", "route", "add", "default", "via", network.gateway)

    def capture_while(directory, does):
        directory.mkdir()
        captured = capture.Capture(directory, interface=network.interface, reachable=workload.pod.address)
        does()
        packets = captured.stop()
        flows = {flow for flow in map(capture.flow, packets) if flow}
        return packets, {(protocol, to, port) for protocol, source, _, to, port in flows if source == workload.pod.address}

    def resolve():
        for library in LIBRARIES:
            # The C libraries do not use the search list for a name with enough dots, or with a dot at the end.
            assert workload.look_up(library, f"{SECRET}-{library}.x.wild.e2e.example") == ["192.0.2.7"]
            assert workload.look_up(library, f"{SECRET}-{library}.e2e.example.") == "missing"
            assert workload.look_up(library, f"captured-{library}.kube-system") == "missing"
        # The second query is over TCP within the pod. musl before 1.2.4 does not ask again over TCP.
        assert workload.look_up("glibc", "many.e2e.example")[:1] == ["192.0.2.100"]

    packets, destinations = capture_while(tmp_path / "resolving", resolve)
    assert ("tcp", network.resolver, 853) in destinations
    assert ("udp", network.cluster_dns, 53) in destinations
    assert destinations <= {("tcp", network.resolver, 853), ("udp", network.cluster_dns, 53), ("tcp", network.cluster_dns, 53)}
    assert not any(SECRET.encode() in packet.lower() for packet in packets)
    assert any(b"captured-glibc" in packet for packet in packets), "the cluster's names are in the clear, and the capture sees them"
    assert not any(SECRET in name for name, _ in asked(cluster_dns))

    def leak():
        with network_of(pid):
            send_plain_query_elsewhere()

    packets, destinations = capture_while(tmp_path / "leaking", leak)
    assert ("udp", ELSEWHERE, 53) in destinations, "a leak would have been seen"
    assert any(SECRET.encode() in packet for packet in packets)


def test_a_killed_sidecar_comes_back(workload):
    before = workload.processes()
    restarts = workload.pod.container("pillion")["RestartCount"]
    assert workload.look_up("glibc", "before-the-kill.wild.e2e.example") == ["192.0.2.7"]
    os.kill(before["pillion"], signal.SIGKILL)
    wait_until(lambda: workload.pod.pid("pillion") not in (0, before["pillion"]), "podman has started it again")
    assert workload.pod.handled("pillion", ("lifecycle", "postStart")), "it has started"
    for library in LIBRARIES:
        assert workload.look_up(library, f"after-the-kill-{library}.wild.e2e.example") == ["192.0.2.7"]
        assert workload.look_up(library, "kubernetes") == ["10.96.0.1"]
    after = workload.processes()
    assert {name: after[name] for name in LIBRARIES} == {name: before[name] for name in LIBRARIES}, "the applications went on"
    assert workload.pod.container("pillion")["RestartCount"] == restarts + 1


def test_a_killed_worker_is_not_the_end_of_the_sidecar(workload):
    before = workload.processes()
    restarts = workload.pod.container("pillion")["RestartCount"]
    worker, = children_of(before["pillion"])
    os.kill(worker, signal.SIGKILL)
    for library in LIBRARIES:
        assert workload.look_up(library, f"after-the-worker-{library}.wild.e2e.example") == ["192.0.2.7"]
    assert children_of(before["pillion"]) != [worker]
    assert workload.processes() == before, "no container has ended"
    assert workload.pod.container("pillion")["RestartCount"] == restarts


class LookUps:
    """The application of each C library resolves one new name after the other."""

    def __init__(self, workload):
        self.workload = workload
        self.ending = threading.Event()
        self.results = {library: [] for library in LIBRARIES}
        self.threads = [threading.Thread(target=self.repeat, args=[library]) for library in LIBRARIES]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def repeat(self, library):
        found = self.results[library]
        while not self.ending.is_set():
            try:
                found.append(self.workload.look_up(library, f"meanwhile-{library}-{len(found)}.x.wild.e2e.example"))
            except Exception as error:  # the test that reads the results reports it
                found.append(str(error))
                return

    def wait_for_more(self):
        """Waits until each application has begun and ended a lookup."""
        before = {library: len(found) for library, found in self.results.items()}
        wait_until(lambda: all(len(found) >= before[library] + 2 for library, found in self.results.items()), "look-ups go on")


def test_a_changed_configuration_comes_into_the_running_pod(workloads):
    """Changes the configuration as the kubelet does, while the applications resolve."""
    workload = workloads(1)
    rendered = workload.render()
    workload.apply(rendered)
    assert workload.look_up("glibc", "primary.db.internal") == "missing"
    before = workload.processes()
    workers = children_of(before["pillion"])
    changed = workload.render(**RECORDS)
    assert template_of(changed) == template_of(rendered)

    with LookUps(workload) as look_ups:
        for objects, expected in ((changed, ["192.0.2.10"]), (rendered, "missing"), (changed, ["192.0.2.10"])):
            look_ups.wait_for_more()
            assert not workload.apply(objects), "the pod stays"
            wait_until(lambda: workload.look_up("musl", "primary.db.internal") == expected, "the configuration is in use")
        look_ups.wait_for_more()
    assert {result for found in look_ups.results.values() for result in map(str, found)} == {str(["192.0.2.7"])}
    assert workload.processes() == before and children_of(before["pillion"]) == workers, "nothing was started again"


def test_a_configuration_that_is_refused_changes_nothing(workloads):
    workload = workloads(3)
    workload.apply(workload.render())
    before = workload.processes()
    unreachable = {"public": {"servers": [{"address": f"{workload.network.gateway}:853", "tls_name": servers.TLS_NAME}], "tls": {"ca_file": CA_FILE}}}
    assert not workload.apply(workload.render(upstreams=unreachable))
    wait_until(lambda: "the previous configuration stays in use" in workload.pod.log("pillion"), "it is refused")
    for library in LIBRARIES:
        assert workload.look_up(library, f"refused-{library}.wild.e2e.example") == ["192.0.2.7"]
    assert workload.processes() == before


@pytest.mark.parametrize("number, change, more, annotation", [
    (4, "roll", RECORDS, "pillion.dev/config"), (5, "reload", {**RECORDS, "threads": 2}, "checksum/pillion-restart")],
    ids=["all changes", "what takes a restart"])
def test_a_changed_configuration_rolls_the_pod(workloads, number, change, more, annotation):
    workload = workloads(number)
    rendered = workload.render(change)
    assert workload.render(change) == rendered
    assert workload.apply(rendered)
    assert workload.look_up("glibc", "primary.db.internal") == "missing"
    first = workload.processes()
    assert not workload.apply(workload.render(change)), "nothing has changed, so nothing is to be done"
    assert workload.processes() == first

    changed = workload.render(change, **more)
    before, after = template_of(rendered), template_of(changed)
    assert before["metadata"]["annotations"].pop(annotation) != after["metadata"]["annotations"].pop(annotation)
    assert before == after, "nothing else of the pod's template tells them apart"
    assert workload.apply(changed)
    assert not set(workload.processes().values()) & set(first.values())
    assert workload.look_up("glibc", "primary.db.internal") == ["192.0.2.10"]


def template_of(rendered):
    (deployment,) = (one for one in yaml.safe_load_all(rendered) if one and one["kind"] == "Deployment")
    return deployment["spec"]["template"]
