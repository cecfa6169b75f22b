"""A control group with a memory limit, by version 1 or 2 of the kernel's interface."""

import contextlib
import os
import pathlib
import re

ROOT = pathlib.Path("/sys/fs/cgroup")
# Version 1 counts memory and swap together in `memsw`, which exists only if the kernel counts swap. It counts the kernel's memory for sockets
# separately, and only if that has a limit. Version 2 counts it with the rest.
FILES = {
    1: {"limit": "memory.limit_in_bytes", "swap": "memory.memsw.limit_in_bytes", "peak": "memory.max_usage_in_bytes",
        "kills": "memory.oom_control", "sockets": "memory.kmem.tcp.max_usage_in_bytes", "socket limit": "memory.kmem.tcp.limit_in_bytes"},
    2: {"limit": "memory.max", "swap": "memory.swap.max", "peak": "memory.peak", "kills": "memory.events"},
}


def _parent():
    """(version, directory in which a group can be made), or None if none can."""
    own = pathlib.Path("/proc/self/cgroup").read_text()
    if (ROOT / "cgroup.controllers").exists():
        version, top = 2, ROOT
        mine = re.search(r"^0::(\S+)", own, re.MULTILINE)
    else:
        version, top = 1, ROOT / "memory"
        mine = re.search(r"^\d+:(?:\w+,)*memory(?:,\w+)*:(\S+)", own, re.MULTILINE)
    # In version 2 a group with programs cannot have limited subgroups. Then the parents of the group are tried.
    within = pathlib.PurePosixPath(mine[1].lstrip("/")) if mine else pathlib.PurePosixPath()
    for directory in dict.fromkeys([top / within, top]):
        probe = directory / f"pillion-probe-{os.getpid()}"
        with contextlib.suppress(OSError):
            probe.mkdir()
            try:
                if (probe / FILES[version]["limit"]).exists():
                    return version, directory
            finally:
                probe.rmdir()
    return None


def impossible():
    """The reason why no control group can be made here, or an empty text."""
    if os.geteuid() != 0:
        return "control groups need root"
    return "" if _parent() else "a control group with a limit on memory cannot be made here"


class Cgroup:
    def __init__(self, directory, files):
        self.directory = directory
        self.files = files

    def prefix(self):
        """The words to put before a command so that it runs in the group."""
        return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.directory]

    def peak(self):
        """The largest memory use of the group in bytes, or 0 if the kernel does not report it."""
        with contextlib.suppress(OSError):
            return int((self.directory / self.files["peak"]).read_text())
        return 0

    def socket_peak(self):
        """The largest memory use of TCP sockets in the kernel, in bytes; 0 if the kernel counts it with the rest."""
        with contextlib.suppress(OSError, KeyError):
            return int((self.directory / self.files["sockets"]).read_text())
        return 0

    def kills(self):
        """How many programs of the group the kernel has killed because of the limit."""
        found = re.search(r"^oom_kill (\d+)", (self.directory / self.files["kills"]).read_text(), re.MULTILINE)
        return int(found[1]) if found else 0


@contextlib.contextmanager
def limited(limit):
    """Makes a group with a limit of `limit` bytes and no swap."""
    version, parent = _parent()
    directory = parent / f"pillion-test-{os.getpid()}"
    directory.mkdir()
    try:
        (directory / FILES[version]["limit"]).write_text(str(limit))
        swap = directory / FILES[version]["swap"]
        if swap.exists():
            swap.write_text(str(limit if version == 1 else 0))
        if version == 1:
            with contextlib.suppress(OSError):
                (directory / FILES[version]["socket limit"]).write_text(str(2**40))
        yield Cgroup(directory, FILES[version])
    finally:
        directory.rmdir()
