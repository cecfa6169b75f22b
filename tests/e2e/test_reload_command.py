"""`pillion reload`: which process it finds and signals, and what it prints. The proxy is a stand-in (harness/fake_proxy.py) with the behaviour that
each test needs."""

import os
import subprocess

import pytest

from harness import pillion
from harness.fake_proxy import FAKE_PROXY, fake_proxy
from harness.process import run
from harness.process_namespace import needs_namespace, python_in_namespace

def reload(*arguments):
    return run(pillion.BINARY, "reload", *arguments, check=False)


def in_namespace(script):
    """Runs a Python script as process 1 of a new namespace. Returns its output. In it, `start(behaviour, …)` starts a stand-in, and `reload(…)`
    prints the command's result."""
    prelude = f"""
import subprocess, sys
def start(*arguments):
    child = subprocess.Popen([sys.executable, {str(FAKE_PROXY)!r}, *arguments], stdout=subprocess.PIPE, text=True)
    return [int(child.stdout.readline()) for _ in arguments]
def reload(*arguments):
    done = subprocess.run([{str(pillion.BINARY)!r}, "reload", *map(str, arguments)], capture_output=True, text=True)
    print(done.returncode, done.stdout + done.stderr, end="", flush=True)
"""
    return python_in_namespace(prelude + script)


def test_what_is_taken_exits_with_0():
    with fake_proxy("takes") as (pid,):
        for _ in range(3):
            done = reload("--pid", pid)
            assert (done.returncode, done.stdout, done.stderr) == (0, "configuration reloaded\n", "")


def test_what_is_refused_exits_with_1_and_the_reasons():
    with fake_proxy("refuses") as (pid,):
        done = reload("--pid", pid)
        assert done.returncode == 1 and not done.stdout
        assert done.stderr == "pillion.yaml:1:10: threads: `0` is out of range; allowed: 1 to 256\n"


@pytest.mark.parametrize("behaviour, done_so_far", [("stalls", "finished"), ("ignores", "begun")])
def test_what_takes_too_long_says_how_far_it_came(behaviour, done_so_far):
    with fake_proxy(behaviour) as (pid,):
        done = reload("--pid", pid, "--wait", "100ms")
        assert done.returncode == 1 and not done.stdout
        assert done.stderr.startswith(f"pillion: reload: process {pid} has not {done_so_far} a reload within 100ms; ")


def test_a_reload_that_was_under_way_is_not_the_one():
    with fake_proxy("stalls") as (pid,):
        reload("--pid", pid, "--wait", "0ms")
        done = reload("--pid", pid, "--wait", "100ms")
        assert done.returncode == 1 and "has not finished" in done.stderr


def test_a_process_that_dies_is_not_waited_for():
    with fake_proxy("dies") as (pid,):
        done = reload("--pid", pid, "--wait", "1h")
        assert done.returncode == 1 and f"process {pid} ended before it had read its configuration" in done.stderr


def test_the_supervisor_is_told_whichever_is_named():
    with fake_proxy("takes", "--supervised") as (worker, supervisor):
        for pid in (supervisor, worker):
            assert reload("--pid", pid).returncode == 0
        os.kill(worker, 0)  # it is alive: SIGHUP would have ended it


def test_another_process_is_no_proxy_and_not_told():
    child = subprocess.Popen(["sleep", "1000"])
    try:
        done = reload("--pid", child.pid)
        assert done.returncode == 1 and f"process {child.pid} is not a running proxy" in done.stderr
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_a_process_that_is_not_there():
    child = subprocess.Popen(["true"])
    child.wait()
    done = reload("--pid", child.pid)
    assert done.returncode == 1 and f"there is no process {child.pid}" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="starting a process of another user needs root")
def test_a_process_of_another_user():
    with fake_proxy("takes") as (pid,), open(pillion.BINARY, "rb") as binary:
        # Uses the descriptor, since other users may have no access to the path.
        done = subprocess.run([f"/proc/self/fd/{binary.fileno()}", "reload", "--pid", str(pid)], capture_output=True, text=True,
                              check=False, pass_fds=[binary.fileno()], user=65534, group=65534, extra_groups=[])
        assert done.returncode == 1
        assert f"process {pid} cannot be examined: Permission denied; run this as the proxy's user" in done.stderr


@needs_namespace
def test_without_a_proxy_it_says_so():
    printed = in_namespace("reload()")
    assert printed == "1 pillion: reload: no proxy runs here; run this in the container of `pillion run`\n"


@needs_namespace
def test_the_only_one_is_found():
    assert in_namespace("start('takes'); reload()") == "0 configuration reloaded\n"


@needs_namespace
def test_a_supervisor_and_its_worker_are_one():
    assert in_namespace("start('takes', '--supervised'); reload()") == "0 configuration reloaded\n"


@needs_namespace
def test_of_several_one_has_to_be_chosen():
    script = "first, second = start('takes')[0], start('refuses')[0]; print(first, second); reload(); reload('--pid', first)"
    numbers, told, chosen = in_namespace(script).splitlines()
    listed = told.removeprefix("1 pillion: reload: several proxies run here; choose one with --pid: ")
    assert sorted(listed.split()) == sorted(numbers.split())
    assert chosen == "0 configuration reloaded"


@needs_namespace
def test_process_1_comes_before_others():
    printed = in_namespace(f"""
import os, signal
sys.path.insert(0, {str(FAKE_PROXY.parent)!r})
import fake_proxy
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
outcome = fake_proxy.OutcomeFile()
start("refuses")
if os.fork() == 0:
    os.close(outcome.descriptor)
    reload()
    os._exit(0)
signal.sigwait([signal.SIGHUP])
fake_proxy.behave("takes", outcome)
os.wait()
""")
    assert printed == "0 configuration reloaded\n"


@needs_namespace
def test_one_that_reads_the_outcome_is_no_proxy():
    printed = in_namespace(f"""
import os
def has_the_file(pid):
    for descriptor in os.listdir(f"/proc/{{pid}}/fd"):
        try:
            if os.readlink(f"/proc/{{pid}}/fd/{{descriptor}}").startswith("/memfd:pillion-reload"):
                return True
        except FileNotFoundError:  # closed since
            continue
    return False

start("ignores")
waiting = subprocess.Popen([{str(pillion.BINARY)!r}, "reload", "--wait", "1h"])
while not has_the_file(waiting.pid):
    assert waiting.poll() is None
reload("--wait", "50ms")
waiting.kill()
waiting.wait()
""")
    assert printed.startswith("1 pillion: reload: process ") and "has not begun a reload within 50ms" in printed
