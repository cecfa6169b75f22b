"""Runs `pillion inject` and `pillion uninject` of the build."""

import json
import os
import pathlib
import subprocess

from kubectl import PATIENCE
from kubernetes_yaml import dump, load_all
from requirements import ROOT

PILLION = pathlib.Path(os.environ.get("PILLION_BINARY") or ROOT / "build" / "release" / "pillion")


class Program:
    """The program. `directory` is for its values file."""

    def __init__(self, directory):
        self.values = directory / "values.yaml"

    def run(self, objects, *arguments):
        """Runs a command on the objects. Returns the resulting objects in order."""
        stream = "\n---\n".join(json.dumps(one, ensure_ascii=False) for one in objects).encode()
        done = subprocess.run([PILLION, *map(str, arguments)], input=stream, capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return load_all(done.stdout.decode())

    def inject(self, objects, values, *more):
        """Injects Pillion into the objects. `values` have the chart's form."""
        self.values.write_text(dump(values), encoding="utf-8")
        return self.run(objects, "inject", "--values", self.values, *more)

    def injected(self, an_object, values):
        """Injects Pillion into one object. Fails if the object cannot have it."""
        (made,) = self.inject([an_object], values, "--strict")
        return made

    def uninject(self, objects):
        return self.run(objects, "uninject")
