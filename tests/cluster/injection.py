"""Pods with Pillion as `pillion inject` makes them."""

import json
import os
import pathlib
import subprocess

import yaml
from conftest import PATIENCE, ROOT
from names import HERE

PILLION = pathlib.Path(os.environ.get("PILLION_BINARY") or ROOT / "build" / "release" / "pillion")


class Injector:
    """`pillion inject`, with values of the chart. `directory` is for files of its own."""

    def __init__(self, values, directory):
        self.values = values
        self.directory = directory

    def __call__(self, pod, mesh="none"):
        file = self.directory / f"{mesh}.json"
        file.write_text(json.dumps({**self.values, "mesh": mesh}))
        done = subprocess.run([PILLION, "inject", "--strict", "--values", file, "--namespace", HERE], input=json.dumps(pod), text=True,
                              capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return yaml.safe_load(done.stdout)
