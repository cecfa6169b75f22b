"""What changes in the cluster a pod with Pillion sees at most a second later than a pod without it."""

import time

from conftest import apply, get, kubectl, pods_of
from harness.process import wait_until
from names import DOMAIN, HERE, WILDCARD_ADDRESS
from objects import flapping

SERVICE = ["flap", f"flap.{HERE}.svc.{DOMAIN}."]
HEADLESS = ["herd", f"herd.{HERE}.svc.{DOMAIN}."]
# Not the short ones: for these the plain pod asks the public resolver too, in whose zone `app.` every name exists.
POD = [f"s-0.app.{HERE}.svc.{DOMAIN}", f"s-0.app.{HERE}.svc.{DOMAIN}.", f"s-0.app.{HERE}.svc"]
# A TTL is in whole seconds.
BEHIND = 1.0
# Between two looks at a name, on a machine that has other things to do.
BLUR = 0.4
# A pod starts, is known to the cluster's DNS, and the answers of before have expired.
PATIENCE = 45
# A DNS of several replicas, each with its cache, answers now so, now so, while they change.
STEADY = 1.5


def scale(kind, name, replicas):
    kubectl("-n", HERE, "scale", f"{kind}/{name}", f"--replicas={replicas}")


def ready(name, count):
    """The addresses of so many pods, once they are there and no others."""
    def exactly():
        found = pods_of(HERE, name)
        return (found,) if len(found) == count else None

    return wait_until(exactly, f"{count} pods of {name}", patience=PATIENCE)[0]


def address():
    return get("service", HERE, "flap")["spec"]["clusterIP"]


def seen(watches, names, expected):
    """Waits until each pod finds what is expected for each of the names; [] stands for an error. Returns by how much Pillion was later."""
    def settled(watch, name):
        last = watch.last(name)
        found = [word for word in last[1] if not word.startswith("-")] if last else None
        return found == sorted(expected) and time.monotonic() - last[2] > STEADY

    wait_until(lambda: all(settled(watch, name) for watch in watches for name in names), f"both pods find {expected} for {names}",
               patience=PATIENCE)
    plain, subject = watches
    for name in names:
        assert plain.last(name)[1] == subject.last(name)[1], name
    return {name: subject.last(name)[0] - plain.last(name)[0] for name in names}


def test_services_and_pods_that_come_and_go(watching, pods):
    watches = watching([*SERVICE, *HEADLESS, *POD])
    first = address()
    seen(watches, SERVICE, [first])
    seen(watches, HEADLESS, ready("herd", 1))
    seen(watches, POD, [])

    steps = {}

    def step(what, names, expected):
        steps.update({f"{what}: {name}": late for name, late in seen(watches, names, expected).items()})

    kubectl("-n", HERE, "delete", "service", "flap")
    scale("deployment", "herd", 5)
    scale("statefulset", "s", 1)
    step("the Service is gone", SERVICE, [])
    step("five pods", HEADLESS, ready("herd", 5))
    step("the pod is up", POD, ready("app", 1))

    apply(flapping())
    scale("deployment", "herd", 1)
    scale("statefulset", "s", 0)
    assert address() != first
    step("the Service is back", SERVICE, [address()])
    step("one pod", HEADLESS, ready("herd", 1))
    step("the pod is down", POD, ready("app", 0))

    late = {what: f"{seconds:.2f} s" for what, seconds in steps.items() if seconds > BEHIND + BLUR}
    assert not late
    assert not [event for event in watches[1].events if event[1] in POD and WILDCARD_ADDRESS in event[2]]
