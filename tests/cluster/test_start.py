"""How much later an application starts in a pod with Pillion than in one without. STARTS pairs of pods are measured, and the pods of a pair are
made at once.

STARTS=10 is the full measurement. Without STARTS the test is skipped: the load of the machine changes its result."""

import os
import statistics

import objects
import pytest
from kubectl import apply, kubectl, wait_for
from names import HERE
from program import Program

STARTS = int(os.environ.get("STARTS", "0"))
pytestmark = pytest.mark.skipif(STARTS == 0, reason="the start of pods is measured: only with STARTS=1 or more")
LATER_AT_MOST = 0.3


def application(image, name):
    """A pod whose application prints the time of its start by the node's clock."""
    spec = objects.pod_spec(image, affinity=objects.beside_the_resolver(), restartPolicy="Never")
    spec["containers"][0]["command"] = ["/bin/busybox", "sh", "-c", "busybox cat /proc/uptime; busybox sleep 3600"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": HERE}, "spec": spec}


def started(name):
    """The start of the pod's application in seconds of the node's clock."""
    return float(kubectl("-n", HERE, "logs", name, "-c", objects.CONTAINER).split()[0])


def later(pods, number):
    """How many seconds later the application of the second pod has started than that of the first."""
    names = [pod["metadata"]["name"] for pod in pods]
    # The node starts the sandbox of the first pod first, so that the order alternates.
    apply(*(pods if number % 2 else reversed(pods)))
    try:
        wait_for("condition=Ready", HERE, *(f"pod/{name}" for name in names))
        without, with_pillion = map(started, names)
        return with_pillion - without
    finally:
        kubectl("-n", HERE, "delete", "pod", *names, "--wait=false")


def test_an_application_starts_little_later_with_pillion(images, values, tmp_path):
    program = Program(tmp_path)
    image = images["clients"]
    seconds = [later([application(image, f"without-{number}"), program.injected(application(image, f"with-{number}"), values)], number)
               for number in range(STARTS)]
    print(f"later by a median of {statistics.median(seconds):.2f} s, {min(seconds):.2f} to {max(seconds):.2f} s in {STARTS} pairs")
    assert statistics.median(seconds) <= LATER_AT_MOST, seconds
