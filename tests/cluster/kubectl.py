"""The cluster of the current kubectl context, as kubectl sees it."""

import json
import subprocess

import pytest
from harness.process import wait_until
from names import OUTSIDE
from objects import LABEL, RESOLVER, listed

# What one thing that is asked of the cluster may take: an image is unpacked, pods start, namespaces go.
PATIENCE = 180


def attempt(*arguments, stdin=None, patience=PATIENCE):
    """The completed process, whatever became of it."""
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
    """Of new namespaces: before it has its service account, no pod is taken."""
    def are_there():
        accounts = json.loads(kubectl("get", "serviceaccounts", "-A", "--field-selector", "metadata.name=default", "-o", "json"))["items"]
        return set(namespaces) <= {one["metadata"]["namespace"] for one in accounts}

    wait_until(are_there, "the new namespaces have a service account", patience=PATIENCE)


def is_ready(pod):
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


def ready_pods(namespace, selector):
    """Those that are not on their way out."""
    return [pod for pod in get("pods", namespace, "-l", selector)["items"] if "deletionTimestamp" not in pod["metadata"] and is_ready(pod)]


def pods_of(namespace, name):
    """Addresses of the ready pods with that label."""
    return sorted(pod["status"]["podIP"] for pod in ready_pods(namespace, f"{LABEL}={name}"))


def resolver_file(path):
    return kubectl("-n", OUTSIDE, "exec", RESOLVER, "--", "/bin/busybox", "cat", path)


def logs(namespace, *what):
    """Of containers, as far as they have any."""
    return kubectl("-n", namespace, "logs", *what, "--prefix", "--tail=40", check=False)
