"""Gives a test its own network namespace and its own /etc/resolv.conf, as in a pod."""

import contextlib
import ctypes
import os
import pathlib

from .process import run

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
KINDS = {"mnt": CLONE_NEWNS, "net": CLONE_NEWNET}

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, *arguments):
    if function(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def impossible():
    """The reason why no network namespace can be made here, or an empty text. Making one takes root, and containers often forbid it."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    child = os.fork()
    if child == 0:
        os._exit(0 if _libc.unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 else 1)
    return "" if os.waitpid(child, 0)[1] == 0 else "making network namespaces is not permitted here"


@contextlib.contextmanager
def network_of(pid):
    """Moves this thread, and the programs and threads that it starts, into the network namespace of a process."""
    home, other = (os.open(f"/proc/{of}/ns/net", os.O_RDONLY | os.O_CLOEXEC) for of in ("thread-self", pid))
    try:
        _call(_libc.setns, other, CLONE_NEWNET)
        yield
    finally:
        _call(_libc.setns, home, CLONE_NEWNET)
        os.close(home)
        os.close(other)


@contextlib.contextmanager
def network_with(*addresses):
    """Moves this thread, and the programs and threads that it starts, into a new network namespace. Its only interface is a loopback interface that
    has these addresses too."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call(_libc.unshare, CLONE_NEWNET)
        run("ip", "link", "set", "lo", "up")
        for address in addresses:
            run("ip", "address", "add", f"{address}/{128 if ':' in address else 32}", "dev", "lo")
        yield
    finally:
        _call(_libc.setns, home, CLONE_NEWNET)
        os.close(home)


@contextlib.contextmanager
def entered(directory, files):
    """Moves this thread, and the programs and threads that it starts, into a new network namespace and a new mount namespace. The only interface is
    a loopback interface that is up. `files` ({path: text}) replace the machine's files that exist at these paths."""
    homes = {kind: os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in KINDS}
    back = os.getcwd()
    try:
        _call(_libc.unshare, CLONE_NEWNET | CLONE_NEWNS)
        run("mount", "--make-rprivate", "/")
        run("ip", "link", "set", "lo", "up")
        for path, text in files.items():
            replacement = pathlib.Path(directory) / pathlib.Path(path).name
            replacement.write_text(text)
            if pathlib.Path(path).exists():
                run("mount", "--bind", replacement, path)
        yield
    finally:
        for kind, descriptor in homes.items():
            _call(_libc.setns, descriptor, KINDS[kind])
            os.close(descriptor)
        os.chdir(back)
