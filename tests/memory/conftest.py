"""The fixtures of the memory tests, and the table at their end. tests/README.md says how to run them."""

import contextlib
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

# The path has to be set first.
import cgroup  # noqa: E402
import kernel_counters  # noqa: E402
from harness import certificates, namespace, pillion, servers  # noqa: E402

ROWS = []


def pytest_configure():
    if not pillion.BINARY.exists():
        raise pytest.UsageError(f"{pillion.BINARY} is not built; PILLION_BINARY names another")


def pytest_terminal_summary(terminalreporter):
    if not ROWS:
        return
    columns = dict.fromkeys(column for row in sorted(ROWS, key=len, reverse=True) for column in row)
    lines = [[str(row.get(column, "")) for column in columns] for row in [{column: column for column in columns}, *ROWS]]
    widths = [max(map(len, cells)) for cells in zip(*lines)]
    terminalreporter.section("figures")
    for line in lines:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


@pytest.fixture(scope="session")
def seconds():
    """How long each kind of client runs, in seconds."""
    return int(os.environ.get("MEMORY_SECONDS", "5"))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue("server", f"DNS:{servers.TLS_NAME}")


@pytest.fixture
def table():
    """A list of rows, {column: text}. The table is printed after the tests."""
    return ROWS


@pytest.fixture
def room_for_packets():
    """Room on the loopback interface. Only the machine's own network namespace has the setting."""
    with kernel_counters.room_for_packets():
        yield


@pytest.fixture
def network(request, tmp_path, room_for_packets):
    """The addresses of a network: the loopback interface of this machine, or that of a new network namespace."""
    if request.param == "loopback":
        yield {"listen": "127.0.0.1", "steady": [], "greedy": []}
        return
    if namespace.impossible():
        pytest.skip(namespace.impossible())
    with contextlib.ExitStack() as stack:
        stack.enter_context(namespace.entered(tmp_path, {}))
        # Each address of these is the machine's own, and none of them is a loopback address.
        namespace.run("ip", "route", "add", "local", "10.9.0.0/16", "dev", "lo")
        yield {"listen": "10.9.0.1", "steady": ["10.9.1.1", 10], "greedy": ["10.9.2.1", 200]}


@pytest.fixture
def limits():
    """A function that makes a control group with a limit in MiB."""
    if cgroup.impossible():
        pytest.skip(cgroup.impossible())
    return lambda megabytes: cgroup.limited(megabytes * 2**20)
