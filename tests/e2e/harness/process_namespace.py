"""Runs programs in a new process namespace, in which they find only the proxy of the test."""

import os
import subprocess
import sys

import pytest

from .process import PATIENCE, TestProgramError

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
if os.geteuid() != 0:
    NAMESPACE += ["--user", "--map-current-user"]


def namespaces_work():
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


needs_namespace = pytest.mark.skipif(not namespaces_work(), reason="making process namespaces is not permitted here")


def python_in_namespace(script, with_network=False):
    """Runs a Python script as process 1 of a new namespace; as root, in a network with only a loopback interface too. Returns its output."""
    network = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] if with_network else []
    done = subprocess.run([*network, *NAMESPACE, sys.executable, "-B", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise TestProgramError(f"ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
