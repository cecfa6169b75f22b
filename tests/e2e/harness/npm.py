"""Programs and libraries that tests have from npm, as a package-lock.json pins them."""

import fcntl
import hashlib
import pathlib
import shutil
import subprocess

PINS = ("package.json", "package-lock.json", ".npmrc")


class Unavailable(Exception):
    """What a test needs is not on this machine and cannot be fetched; the text says why."""


def fetch(pinned: pathlib.Path, cache: pathlib.Path, group, prepare=lambda directory: None, timeout=900) -> pathlib.Path:
    """The directory, in `cache`, with the node_modules that the files in `pinned` name. `prepare` is called with it before anybody else
    sees it; `group` is that of tests/deps which has npm."""
    cache.mkdir(parents=True, exist_ok=True)
    pins = hashlib.sha256(b"".join((pinned / name).read_bytes() for name in PINS)).hexdigest()[:16]
    place = cache / pins
    # Several tests of ctest start at once; the first of them fetches.
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
