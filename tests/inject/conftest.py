import os
import pathlib
import subprocess

import pytest

import corpus
from kubernetes_yaml import dump

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("PILLION_BINARY") or ROOT / "build" / "release" / "pillion")
    assert path.exists(), f"{path} is not built; PILLION_BINARY names another"
    return path


class Pillion:
    """Runs `pillion inject` and `uninject`. Streams are bytes, since the program must not change a byte of what it does not touch."""

    def __init__(self, program, home):
        self.program = program
        self.home = home
        self.done = {}

    def run(self, *arguments, stream=b""):
        return subprocess.run([self.program, *map(str, arguments)], input=stream, capture_output=True, timeout=60, check=False)

    def values(self, name):
        """Writes the values of a case to a file. Returns its path."""
        path = self.home / f"{name}.values.yaml"
        path.write_text(dump(corpus.own_values(name)), encoding="utf-8")
        return path

    def inject(self, name, *options, stream=None):
        """Runs `pillion inject` with the values of a case, on `stream` or on the file of the case. The run on the file is done once for all tests."""
        arguments = ("inject", "--values", self.values(name), "--namespace", corpus.NAMESPACE, *options)
        if stream is not None:
            return self.run(*arguments, stream=stream)
        key = (name, *options)
        if key not in self.done:
            self.done[key] = self.run(*arguments, "-f", corpus.CORPUS / f"{name}.yaml")
        return self.done[key]

    def injected(self, name, stream=None):
        done = self.inject(name, stream=stream)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def uninjected(self, stream):
        done = self.run("uninject", stream=stream)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@pytest.fixture(scope="session")
def pillion(binary, tmp_path_factory):
    return Pillion(binary, tmp_path_factory.mktemp("values"))
