"""Functions that use the cluster of the current kubectl context."""

import json
import subprocess

import pytest
from harness.process import wait_until
from names import OUTSIDE
from objects import LABEL, RESOLVER, listed

# Seconds for one request to the cluster, such as to unpack an image, start pods or delete namespaces.
PATIENCE = 180


def attempt(*arguments, stdin=None, patience=PATIENCE):
    """Runs kubectl. Returns the completed process, also if it has failed."""
    return subprocess.run(["kubectl", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=patience, check=False)


def kubectl(*arguments, stdin=None, check=True, patience=PATIENCE):
    done = attempt(*arguments, stdin=stdin, patience=patience)
    if check and done.returncode != 0:
        pytest.fail(f"kubectl {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def apply(*items):
    kubectl("apply", "--server-side", "-f", "-", stdin=listed(list(items)))


def get(kind, namespace, *what):
    return json.loads(kubectl("-n", namespace, "get", kind, *what, "-o", "json"))


def wait_for(condition, namespace, *what):
    kubectl("-n", namespace, "wait", f"--for={condition}", f"--timeout={PATIENCE}s", *what, patience=PATIENCE + 30)


def await_rollout(namespace, workload):
    kubectl("-n", namespace, "rollout", "status", workload, f"--timeout={PATIENCE}s", patience=PATIENCE + 30)


def await_accounts(namespaces):
    """Waits until new namespaces have their default service account. Before that, the API server refuses pods in them."""
    def are_there():
        accounts = json.loads(kubectl("get", "serviceaccounts", "-A", "--field-selector", "metadata.name=default", "-o", "json"))["items"]
        return set(namespaces) <= {one["metadata"]["namespace"] for one in accounts}

    wait_until(are_there, "the new namespaces have a service account", patience=PATIENCE)


def is_ready(pod):
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


def ready_pods(namespace, selector):
    """The ready pods of a selector that are not being deleted."""
    return [pod for pod in get("pods", namespace, "-l", selector)["items"] if "deletionTimestamp" not in pod["metadata"] and is_ready(pod)]


def pods_of(namespace, name):
    """The addresses of the ready pods with this label, sorted."""
    return sorted(pod["status"]["podIP"] for pod in ready_pods(namespace, f"{LABEL}={name}"))


def resolver_file(path):
    return kubectl("-n", OUTSIDE, "exec", RESOLVER, "--", "/bin/busybox", "cat", path)


def logs(namespace, *what):
    """The last log lines of containers; empty if there are none."""
    return kubectl("-n", namespace, "logs", *what, "--prefix", "--tail=40", check=False)
