"""Fetches the programs and libraries that tests use from npm, in the versions of a package-lock.json."""

import fcntl
import hashlib
import pathlib
import shutil
import subprocess

PINS = ("package.json", "package-lock.json", ".npmrc")


class Unavailable(Exception):
    """A package that a test needs is not on this machine and cannot be fetched. The text says why."""


def fetch(pinned: pathlib.Path, cache: pathlib.Path, group, prepare=lambda directory: None, timeout=900) -> pathlib.Path:
    """The directory in `cache` that has the node_modules named by the files in `pinned`. It is fetched if it is not there. `prepare` is called with
    the new directory before other tests can see it. `group` is the group of tests/deps that installs npm."""
    cache.mkdir(parents=True, exist_ok=True)
    pins = hashlib.sha256(b"".join((pinned / name).read_bytes() for name in PINS)).hexdigest()[:16]
    place = cache / pins
    # ctest starts several tests at once. The first of them fetches, and the others wait.
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            partial = cache / "partial"
            _install(pinned, partial, group, timeout)
            prepare(partial)
            partial.rename(place)
    return place


def _install(pinned, partial, group, timeout):
    if not shutil.which("npm"):
        raise Unavailable(f"npm is not installed (tests/deps {group})")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for name in PINS:
        shutil.copy(pinned / name, partial)
    done = subprocess.run(["npm", "ci"], cwd=partial, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise Unavailable(f"npm ci failed: {done.stderr.strip()[-1000:]}")
