"""Tests on a fresh machine what README.md promises: with only git, make and ca-certificates, `make demo` and `make test` do the rest.

    RELEASES="bookworm trixie" USERS="root ordinary" TARGETS="demo test" CTEST="" /usr/bin/python3 -B -m pytest -q -rs tests/machines/test_machines.py

RELEASES, USERS and TARGETS select cases; CTEST has options for ctest. The tests use a clone of the committed state. Only the installation of packages
has this machine's network; everything else has a separate loopback interface, which shows that it needs no more.
"""

import os
import re

import pytest
from root import RELEASES, Root

USERS = ("root", "ordinary")
TARGETS = ("demo", "test")
TESTS_PASSED = re.compile(r"^\d+ passed, 0 failed", re.MULTILINE)


def wanted(variable, known):
    words = os.environ.get(variable, "").split() or known
    assert set(words) <= set(known), f"{variable}={' '.join(words)}: allowed are {' '.join(known)}"
    return words


@pytest.fixture(scope="module", params=wanted("RELEASES", RELEASES))
def machine(request):
    with Root(request.param, include=["git", "make", "ca-certificates"]) as root:
        yield root


def make(machine, target, directory, **options):
    if "CTEST_SECOND_TRY" in os.environ:
        options["environment"] = {**options.get("environment", {}), "CTEST_SECOND_TRY": os.environ["CTEST_SECOND_TRY"]}
    done = machine.run(["make", target, *([f"CTEST={os.environ['CTEST']}"] if os.environ.get("CTEST") else [])], directory=directory,
                       timeout=3600, **options)
    print(f"--- {machine.release}: make {target} in {directory}\n{done.stdout[-3000:]}")
    return done.stdout


def demo_and_test(machine, directory, **options):
    targets = wanted("TARGETS", TARGETS)
    if "demo" in targets:
        demo(machine, directory, **options)
    if "test" in targets:
        make(machine, "deps", directory, network=True, **options)
        assert TESTS_PASSED.search(make(machine, "test", directory, **options))


def demo(machine, directory, **options):
    shown = make(machine, "demo", directory, network=True, **options)
    # A compiler's warning is an error; CMake's is not.
    assert "\nOver UDP\n" in re.sub("\033\\[[0-9]*m", "", shown) and "CMake Warning" not in shown, shown


@pytest.mark.skipif("root" not in wanted("USERS", USERS), reason="USERS has no root")
def test_root(machine):
    demo_and_test(machine, machine.clone_project("/root/pillion"))


@pytest.mark.skipif("ordinary" not in wanted("USERS", USERS), reason="USERS has no ordinary")
def test_an_ordinary_user_where_the_packages_are_there(machine):
    clone = machine.clone_project("/root/for-packages")
    machine.run(["tests/deps", "build", "test"], directory=clone, network=True)
    demo_and_test(machine, machine.clone_project("/home/alice/pillion", owner=machine.add_user("alice")), user="alice")
