"""README's first screen: its sample equals the output of tests/demo, and it names the address of `make run`."""

import os
import pathlib
import re
import subprocess

import pytest
import yaml

from harness import pillion
from harness.shown import ANY, difference, normal

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pillion.BINARY.parent


def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def sample(command):
    """The output of a command that README shows: the lines after it, up to the next command or the end of the block."""
    block = re.search(rf"^\$ {command}\n((?:(?!\$ make |```).*\n)*)", readme(), re.MULTILINE)
    assert block, f"README.md shows no `$ {command}`"
    return block[1]


@pytest.fixture(scope="module")
def printed():
    if not (BUILD / "tests/support/dot_responder").exists():
        raise pytest.UsageError(f"{BUILD} has no tests/support/dot_responder")
    environment = {name: value for name, value in os.environ.items() if name != "KEEP"}
    done = subprocess.run([ROOT / "tests/demo", BUILD], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return normal(done.stdout)


def test_the_sample_is_what_the_demo_prints(printed):
    shown = normal(sample("make demo"))
    assert len([line for line in shown if line != ANY]) > 10
    missing = difference(shown, printed)
    assert missing is None, "\n".join(["README.md shows this, and the demo does not print it:", *missing, "", "The demo prints:", *printed])


@pytest.mark.parametrize("change", [
    lambda lines: [line.replace("} 3", "} 2") for line in lines],
    lambda lines: [line.replace("198.18.", "198.19.") for line in lines],
    lambda lines: [line for line in lines if "listeners bound" not in line],
    lambda lines: lines + ["one more line"],
    lambda lines: lines[:-1],
    lambda lines: lines[::-1],
])
def test_a_demo_that_prints_something_else_is_noticed(printed, change):
    assert difference(normal(sample("make demo")), change(printed)) is not None


def test_where_it_listens_without_a_configuration_is_told():
    effective = yaml.safe_load(subprocess.run([pillion.BINARY, "check"], capture_output=True, text=True, check=True).stdout)
    addresses = [*effective["dns"]["listen"], effective["http"]["listen"]]
    sentence = re.search(r"`make run` (?:.|\n)*?every address of the machine", readme())[0]
    target = re.search(r"^run: ## (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    options = subprocess.run([pillion.BINARY, "run", "--help"], capture_output=True, text=True, check=True).stdout
    for told in (sentence, target, options):
        assert re.findall(r"\b\d+\.\d+\.\d+\.\d+:\d+", told) == addresses


def test_the_packages_for_a_clone_are_those_that_the_build_needs_too():
    wanted = re.search(r"^apt-get update\napt-get install (.*)$", readme(), re.MULTILINE)[1].split()
    build = re.search(r"^build=\((.*)\)$", (ROOT / "tests/deps").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    assert {"git", "make"} <= set(wanted) <= set(build)
