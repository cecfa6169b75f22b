"""What a person on call finds if Pillion refuses its configuration or is killed, and the container that `kubectl debug` adds to its pod."""

import json

import objects
import pytest
from harness.process import wait_until
from kubectl import PATIENCE, apply, await_accounts, get, kubectl, logs, wait_for
from lookups import Pod
from names import HERE
from program import Program

REFUSED, KILLED, DEBUGGED = "refused", "killed", "debugged"
PUBLIC_NAME, PUBLIC_ADDRESSES = "www.example.com", {"v4:192.0.2.2", "v4:192.0.2.3"}
USER = 65532  # Pillion's
BAD = 'dns: {listen: ["127.0.0.1:53"]}\nthreads: many\n'
FAULT = "/etc/pillion/pillion.yaml:2:10: threads"
# Kills Pillion's supervisor and its worker. The worker may end with the supervisor.
KILL = r"""
import contextlib, os, pathlib, signal
for name in [one.parent.name for one in pathlib.Path("/proc").glob("[0-9]*/cmdline") if one.read_bytes().split(b"\0")[0] == b"/pillion"]:
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(name), signal.SIGKILL)
"""
# Why a container waits while nothing is wrong with it.
STARTING = ("ContainerCreating", "PodInitializing")


@pytest.fixture
def start(values, tmp_path):
    """A function that makes a pod with Pillion. The pod's logs are shown if the test fails."""
    made = []

    def make(name, spec, metadata=None, namespace=HERE, its_values=values):
        pod = objects.named("Pod", namespace, name, spec=spec)
        pod["metadata"] |= metadata or {}
        apply(Program(tmp_path).injected(pod, its_values))
        made.append((namespace, name))

    yield make
    for namespace, name in made:
        print(logs(namespace, name, "--all-containers"))
        kubectl("-n", namespace, "delete", "pod", name, "--wait=false")


def pillion_of(name):
    """The status of Pillion's container; empty if there is none yet."""
    found = get("pod", HERE, name)["status"].get("initContainerStatuses", [])
    return next((one for one in found if one["name"] == "pillion"), {})


def told(name):
    """The termination message of Pillion's container, or None if it has not ended."""
    status = pillion_of(name)
    ended = [status.get(state, {}).get("terminated") for state in ("state", "lastState")]
    return next((one.get("message", "") for one in ended if one), None)


def test_describe_says_why_a_configuration_is_refused(start, images):
    """The message has file, line and column of the fault, without the log."""
    start(REFUSED, objects.pod_spec(images["clients"]), {"annotations": {"pillion.dev/config": BAD}})
    message = wait_until(lambda: told(REFUSED), "Pillion has ended", patience=PATIENCE)
    assert FAULT in message
    assert FAULT in kubectl("-n", HERE, "describe", "pod", REFUSED)


def test_a_killed_sidecar_is_started_again(start, images):
    """The application kills the supervisor and its worker, which the kernel permits in a pod whose containers share their processes. The kubelet starts
    the container again, and the application finds names without a restart of its own."""
    spec = objects.pod_spec(images["clients"], shareProcessNamespace=True)
    spec["containers"][0]["securityContext"] |= {"runAsUser": USER}
    start(KILLED, spec)
    wait_for("condition=Ready", HERE, f"pod/{KILLED}")
    pod = Pod(KILLED)
    kubectl("-n", HERE, "exec", KILLED, "-c", objects.CONTAINER, "--", "/usr/bin/python3", "-c", KILL)
    wait_until(lambda: pillion_of(KILLED)["restartCount"] == 1 and pillion_of(KILLED)["started"], "Pillion has started again", patience=PATIENCE)
    assert pillion_of(KILLED)["lastState"]["terminated"]["exitCode"] == 137
    assert PUBLIC_ADDRESSES <= set(pod.ask("glibc", [("host", PUBLIC_NAME)])["host", PUBLIC_NAME])
    (application,) = get("pod", HERE, KILLED)["status"]["containerStatuses"]
    assert application["restartCount"] == 0


@pytest.fixture
def open_namespace(namespaces):
    """The name of a new namespace that enforces no Pod Security Standard."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "pillion-open-", "labels": {objects.LABEL: "true"}}}
    name = json.loads(kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(namespace)))["metadata"]["name"]
    await_accounts([name])
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def test_a_debugging_container_may_run_as_root(start, images, values, open_namespace, tmp_path):
    """Pillion's own container says that it does not run as root. The pod says it of no other container: most images with tools run as root."""
    # Without `ca` and `config`: the ConfigMap with the test's CA is in other namespaces.
    start(DEBUGGED, objects.pod_spec(images["clients"]), namespace=open_namespace, its_values={key: values[key] for key in ("image", "clusterDNS")})
    wait_for("condition=Ready", open_namespace, f"pod/{DEBUGGED}")
    custom = tmp_path / "custom.json"
    custom.write_text(json.dumps({"securityContext": {"runAsUser": 0}}), encoding="utf-8")
    kubectl("-n", open_namespace, "debug", DEBUGGED, f"--image={images['clients']}", "--image-pull-policy=IfNotPresent", "--container=debugger",
            "--profile=general", f"--custom={custom}")

    def state():
        """The state of the container, once the kubelet has started it or has refused it."""
        found = get("pod", open_namespace, DEBUGGED)["status"].get("ephemeralContainerStatuses", [])
        return next((one["state"] for one in found if one["state"].get("waiting", {}).get("reason") not in STARTING), None)

    started = wait_until(state, "the container has started, or is refused", patience=PATIENCE)
    assert "running" in started, started
    assert kubectl("-n", open_namespace, "exec", DEBUGGED, "-c", "debugger", "--", "/bin/busybox", "id", "-u").strip() == "0"
