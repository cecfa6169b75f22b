"""A pod with the proxy of a service mesh and Pillion starts and finds names. The proxies are stand-ins that wait for a name of their control plane,
like the real ones. Their places in the pod are those that the injectors of the meshes choose (behind-* in tests/inject/corpus)."""

import copy
import json
import pathlib

import objects
import pytest
from harness.process import wait_until
from kubectl import PATIENCE, apply, get, kubectl, logs, wait_for
from lookups import Pod
from names import DOMAIN, HERE, THERE
from program import Program

PROXY = pathlib.Path(__file__).with_name("mesh_proxy.py").read_text(encoding="utf-8")
HTTP = (("http", 80, "TCP"),)
PUBLIC_NAME, PUBLIC_ADDRESSES = "www.example.com", {"v4:192.0.2.2", "v4:192.0.2.3"}
# Failed lookups of the control plane after which the pod counts as one that does not start.
FAILURES = 5


def application(image):
    """A pod whose init container fails, and the pod with it, if it does not find a name."""
    spec = objects.pod_spec(image, restartPolicy="Never")
    spec["initContainers"] = [{**objects.container(image), "name": "migrate", "command": ["/usr/bin/getent", "hosts", f"web.{THERE}"]}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": HERE}, "spec": spec}


def network_init(image, name):
    """Stands in for the init container that redirects the pod's traffic. It does nothing, since the stand-in has no privileges."""
    return {**objects.container(image), "name": name, "command": ["/bin/busybox", "true"]}


def stand_in(image, name, port, path, control_plane):
    probe = {"httpGet": {"path": path, "port": port}, "periodSeconds": 1}
    return {**objects.container(image), "name": name, "command": ["/usr/bin/python3", "-c", PROXY, str(port), path, control_plane],
            "readinessProbe": probe, "startupProbe": {**probe, "failureThreshold": PATIENCE}}


def linkerd(pod, image, native=True, waits=True):
    """Adds Linkerd's proxy to the pod. A native one is the first init container. An ordinary one is the first container, for whose hook the others
    wait, and the network's init container is the last."""
    pod = copy.deepcopy(pod)
    spec = pod["spec"]
    one = stand_in(image, "linkerd-proxy", 4191, "/ready", f"linkerd-dst-headless.{THERE}.svc.{DOMAIN}.")
    if not (native and waits):
        del one["startupProbe"]
    network = network_init(image, "linkerd-init")
    if native:
        spec["initContainers"][:0] = [network, {**one, "restartPolicy": "Always"}]
        return pod
    until_ready = "until busybox wget -q -O /dev/null http://127.0.0.1:4191/ready; do busybox sleep 0.1; done"
    spec["containers"].insert(0, {**one, "lifecycle": {"postStart": {"exec": {"command": ["/bin/busybox", "sh", "-c", until_ready]}}}})
    spec["initContainers"].append(network)
    return pod


def istio(pod, image, native):
    """Adds Istio's proxy to the pod. A native one is the first init container. An ordinary one is the last container, and the network's init
    container the last init container. The name of the control plane has no final dot: it is found along the search list."""
    pod = copy.deepcopy(pod)
    spec = pod["spec"]
    one = stand_in(image, "istio-proxy", 15021, "/healthz/ready", f"istiod.{THERE}.svc")
    network = network_init(image, "istio-init")
    if native:
        spec["initContainers"][:0] = [network, {**one, "restartPolicy": "Always"}]
    else:
        spec["initContainers"].append(network)
        spec["containers"].append(one)
    return pod


def named(name, pod):
    return {**pod, "metadata": {**pod["metadata"], "name": name}}


# {pod: its proxy}
STARTING = {
    "linkerd-in-front": "linkerd-proxy",
    "linkerd-ordinary": "linkerd-proxy",
    "linkerd-not-waiting": "linkerd-proxy",
    "istio-in-front": "istio-proxy",
    "istio-ordinary": "istio-proxy",
}
STUCK = {"linkerd-stuck": "linkerd-proxy", "istio-stuck": "istio-proxy"}


def meshed(image, inject):
    app = application(image)
    with_pillion = {mesh: inject(app, mesh) for mesh in ("linkerd", "istio")}
    behind_linkerd = linkerd(with_pillion["linkerd"], image)
    behind_istio = istio(with_pillion["istio"], image, native=True)
    return [
        # The mesh has put its proxy in front of Pillion; Pillion is injected again.
        named("linkerd-in-front", inject(behind_linkerd, "linkerd")),
        # The mesh's injector ran first.
        named("istio-in-front", inject(istio(app, image, native=True), "istio")),
        # The mesh's injector ran last, like an admission webhook, and its proxy is no native sidecar, or one that does not wait.
        named("linkerd-ordinary", linkerd(with_pillion["linkerd"], image, native=False)),
        named("linkerd-not-waiting", linkerd(with_pillion["linkerd"], image, waits=False)),
        named("istio-ordinary", istio(with_pillion["istio"], image, native=False)),
        # The same with a native proxy that waits.
        named("linkerd-stuck", behind_linkerd),
        named("istio-stuck", behind_istio),
    ]


@pytest.fixture(scope="module")
def pods(images, values, tmp_path_factory):
    """Starts all pods at once, since each needs a while."""
    program = Program(tmp_path_factory.mktemp("values"))

    def inject(pod, mesh):
        return program.injected(pod, {**values, "mesh": mesh})

    apply(*(objects.service(*one, HTTP) for one in ((HERE, "web"), (THERE, "web"), (THERE, "istiod"), (THERE, "linkerd-dst-headless"))))
    apply(*meshed(images["clients"], inject))
    yield
    kubectl("-n", HERE, "delete", "pods", *STARTING, *STUCK, "--wait=false")


@pytest.fixture(autouse=True)
def log(request, pods):
    """Prints the pod's logs, which pytest shows if the test fails."""
    yield
    name = request.node.callspec.params["name"]
    print(json.dumps({one: state["state"] for one, state in states(name).items()}, indent=1))
    for container in states(name):
        print(logs(HERE, name, "-c", container))


def states(name):
    """{container: its status} of a pod."""
    status = get("pod", HERE, name)["status"]
    return {one["name"]: one for key in ("initContainerStatuses", "containerStatuses") for one in status.get(key, [])}


@pytest.mark.parametrize("name, proxy", STARTING.items(), ids=STARTING)
def test_both_start_and_names_are_found(name, proxy):
    wait_for("condition=Ready", HERE, f"pod/{name}")
    assert {one: state["restartCount"] for one, state in states(name).items() if state["restartCount"]} == {}
    assert "found: " in kubectl("-n", HERE, "logs", name, "-c", proxy)
    found = Pod(name).ask("glibc", [("host", "web"), ("host", f"web.{THERE}"), ("host", PUBLIC_NAME)])
    for asked, namespace in (("web", HERE), (f"web.{THERE}", THERE)):
        assert f"v4:{get('service', namespace, 'web')['spec']['clusterIP']}" in found["host", asked], asked
    assert PUBLIC_ADDRESSES <= set(found["host", PUBLIC_NAME])


@pytest.mark.parametrize("name, proxy", STUCK.items(), ids=STUCK)
def test_a_native_proxy_that_waits_in_front_of_pillion_keeps_both_from_starting(name, proxy):
    """This is the reason for Pillion's place in the pod, and README describes it. Without this the test above would prove nothing."""
    wait_until(lambda: kubectl("-n", HERE, "logs", name, "-c", proxy, check=False).count("failed: ") >= FAILURES,
               f"{proxy} has looked for its control plane in vain", patience=PATIENCE)
    state = states(name)
    assert not state[proxy]["started"] and "waiting" in state["pillion"]["state"]
    assert "found: " not in kubectl("-n", HERE, "logs", name, "-c", proxy)
