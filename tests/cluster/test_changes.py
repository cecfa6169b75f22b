"""A pod with Pillion sees a change in the cluster at most one second later than a pod without Pillion."""

import time

import pytest
from harness.process import wait_until
from kubectl import apply, get, kubectl, pods_of
from names import DOMAIN, HERE, WILDCARD_ADDRESS
from objects import flapping

pytestmark = pytest.mark.usefixtures("subject_log")
SERVICE = ["flap", f"flap.{HERE}.svc.{DOMAIN}."]
HEADLESS = ["herd", f"herd.{HERE}.svc.{DOMAIN}."]
# No short names: for these the other pod also asks the public resolver, in whose zone `app.` every name exists.
POD = [f"s-0.app.{HERE}.svc.{DOMAIN}", f"s-0.app.{HERE}.svc.{DOMAIN}.", f"s-0.app.{HERE}.svc"]
# A TTL has whole seconds.
BEHIND = 1.0
# Seconds between two lookups of a name, on a busy machine.
BLUR = 0.4
# Seconds in which a pod starts, the cluster's DNS knows it, and old answers have expired.
PATIENCE = 45
# Seconds for which a result must stay the same: a DNS with several replicas, each with its cache, gives old and new answers in turn during a
# change.
STEADY = 1.5


def scale(kind, name, replicas):
    kubectl("-n", HERE, "scale", f"{kind}/{name}", f"--replicas={replicas}")


def ready(name, count):
    """Waits until exactly `count` pods are ready. Returns their addresses."""
    def exactly():
        found = pods_of(HERE, name)
        return (found,) if len(found) == count else None

    return wait_until(exactly, f"{count} pods of {name}", patience=PATIENCE)[0]


def address():
    return get("service", HERE, "flap")["spec"]["clusterIP"]


def seen(watches, names, expected):
    """Waits until each pod finds the expected addresses for each name; [] stands for an error. Returns how many seconds later Pillion was."""
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


def check(steps):
    late = [f"{what}: {name} {seconds:.2f} s" for what, times in steps.items() for name, seconds in times.items() if seconds > BEHIND + BLUR]
    assert not late


def test_a_service_goes_and_comes_again_with_another_address(watching):
    watches = watching(SERVICE)
    first = address()
    seen(watches, SERVICE, [first])
    steps = {}
    kubectl("-n", HERE, "delete", "service", "flap")
    steps["it is gone"] = seen(watches, SERVICE, [])
    apply(flapping())
    second = address()
    assert second != first
    steps["it is back"] = seen(watches, SERVICE, [second])
    check(steps)


def test_a_headless_service_grows_and_shrinks(watching):
    watches = watching(HEADLESS)
    seen(watches, HEADLESS, ready("herd", 1))
    steps = {}
    for count in (5, 1):
        scale("deployment", "herd", count)
        steps[f"{count} pods"] = seen(watches, HEADLESS, ready("herd", count))
    check(steps)


def test_a_pod_comes_and_goes(watching):
    watches = watching(POD)
    seen(watches, POD, [])
    steps = {}
    for count in (1, 0):
        scale("statefulset", "s", count)
        steps[f"{count} pods"] = seen(watches, POD, ready("app", count))
    check(steps)
    assert not [event for event in watches[1].events if WILDCARD_ADDRESS in event[2]]
