"""Tests tests/deps on a bare Debian machine: what it leaves there, and what it prints for a user who may not become root.

No machine is booted: the services that a boot would start are those that systemctl calls enabled, and those with an S link for sysvinit.
"""

import re

import pytest

from root import Root, own_release

RELEASE = own_release()
SERVICES = ["nsd.service", "prometheus.service", "unbound-resolvconf.service", "unbound.service"]
DEPS = "/root/pillion/tests/deps"
POLICY = "/usr/sbin/policy-rc.d"

# Records what is installed, and then prints the units that packages have added since: `system unit STATE NAME`, `user unit STATE NAME`.
BEFORE = "dpkg-query -W -f '${binary:Package} ${db:Status-Status}\\n' | grep installed | sort >/tmp/before"
BROUGHT = r"""
new=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' | grep installed | sort | comm -13 /tmp/before - | cut -d' ' -f1)
for scope in system global; do
  kind=${scope/global/user}
  for file in $(dpkg -L $new | grep -E "^(/usr)?/lib/systemd/$kind/[^/]+\.[a-z]+$" | sort -u); do
    if [[ -f $file ]]; then echo "$kind unit $(systemctl "--$scope" is-enabled "${file##*/}" 2>&1) ${file##*/}"; fi
  done
done
dpkg -L $new | sed -nE 's,^(/usr)?/lib/systemd/system/[^/]*\.(wants|requires)/,system unit enabled-by-its-package ,p'
"""
SCRIPTS_STARTED = "ls /etc/rc[2345S].d | grep '^S' | sort -u || true"
# Every process except those of the test itself.
PROCESSES = "for process in /proc/[0-9]*; do readlink $process/exe || true; done | grep -vE '/(bash|dash|readlink|grep|env|coreutils)$' || true"


@pytest.fixture(scope="module")
def machine():
    """A machine with systemd and sudo, to be copied."""
    with Root(RELEASE, include=["systemd", "sudo", "make"]) as root:
        root.copy_project("/root/pillion")
        root.add_user("bob")
        root.run("echo bob:secret | chpasswd")
        root.copy_project("/home/bob/pillion", owner="bob")
        yield root


@pytest.fixture
def copied(machine):
    with machine.copy() as root:
        yield root


@pytest.fixture(scope="module")
def after_test(machine):
    """A machine on which `tests/deps test` has run, and the lines that this printed at its end: BROUGHT and PROCESSES."""
    with machine.copy() as root:
        root.run(BEFORE)
        done = root.run(f"{DEPS} test && echo === && ({PROCESSES}) && echo === && {{ {BROUGHT} }}", network=True)
        _, processes, brought = done.stdout.rsplit("===\n", 2)
        yield root, processes.splitlines(), brought.splitlines()


def states(root, units=SERVICES):
    """The state of each unit by systemctl, which ends with 1 if none is enabled."""
    return root.run(["systemctl", "is-enabled", *units], check=False).stdout.split()


def installed(root):
    return root.run("dpkg-query -W -f '${binary:Package} ${db:Status-Abbrev} ${Version}\\n'").stdout


def status_of(root, package):
    return root.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package]).stdout


def allow_no_start(root):
    """Writes a policy of the administrator that no service starts. Returns its file."""
    policy = root.path / POLICY[1:]
    policy.write_text("#!/bin/sh\n# Somebody else's.\nexit 101\n")
    policy.chmod(0o755)
    return policy


def enabled(brought):
    return [line for line in brought if line.split()[-2].startswith(("enabled", "linked", "alias"))]


def test_no_unit_that_was_brought_is_enabled(after_test):
    _, _, brought = after_test
    assert {line.split()[-1] for line in brought} >= set(SERVICES)
    assert enabled(brought) == []


def test_no_process_was_started(after_test):
    _, processes, _ = after_test
    assert processes == []


def test_no_script_of_sysvinit_is_enabled(machine, after_test):
    root, _, _ = after_test
    assert {"nsd", "prometheus", "unbound"} <= set(root.run("ls /etc/init.d").stdout.split())
    assert root.run(SCRIPTS_STARTED).stdout == machine.run(SCRIPTS_STARTED).stdout


def test_the_policy_that_keeps_services_from_starting_is_gone(after_test):
    root, _, _ = after_test
    assert not root.path.joinpath(POLICY[1:]).exists()


def test_a_second_run_does_nothing(after_test):
    root, _, _ = after_test
    assert root.run(f"{DEPS} test").stdout == ""


def test_an_upgrade_leaves_it_disabled(after_test):
    root, _, _ = after_test
    with root.copy() as upgraded:
        allow_no_start(upgraded)
        upgraded.run("apt-get install -y --reinstall --no-install-recommends unbound nsd prometheus", network=True)
        upgraded.run("dpkg-reconfigure -fnoninteractive unbound nsd prometheus")
        assert states(upgraded) == ["disabled"] * 4
        assert not re.search("unbound|nsd|prometheus", upgraded.run(SCRIPTS_STARTED).stdout)


def test_sockets_and_timers_are_disabled_too(copied):
    copied.run(BEFORE)
    brought = copied.run(f"{DEPS} bench pod >/tmp/log && {{ {BROUGHT} }}", network=True).stdout.splitlines()
    assert {line.split()[-1] for line in brought} >= {"podman.socket", "podman-auto-update.timer", "dnsdist.service", "stubby.service"}
    # kresd.target is for instances of kresd, and there is none.
    assert set(enabled(brought)) <= {"system unit enabled-by-its-package kresd.target"}


def test_nothing_is_enabled_once_systemd_comes_to_a_machine_without():
    with Root(RELEASE) as root:
        root.copy_project("/root/pillion")
        # As in the image of a container.
        root.run("rmdir /etc/systemd/user")
        links = root.run("find /etc/systemd -type l | sort").stdout
        root.run(f"{DEPS} test", network=True)
        assert root.run("find /etc/systemd -type l | sort").stdout == links
        assert not re.search("unbound|nsd|prometheus", root.run(SCRIPTS_STARTED).stdout)
        root.run("apt-get install -y --no-install-recommends systemd", network=True)
        assert states(root) == ["disabled"] * 4


def test_what_somebody_else_installed_and_enabled_stays_and_so_does_his_policy(copied):
    policy = allow_no_start(copied)
    text = policy.read_text()
    copied.run("apt-get update && apt-get install -y --no-install-recommends nsd", network=True)
    assert states(copied, ["nsd.service"]) == ["enabled"]
    copied.run(f"{DEPS} test", network=True)
    assert states(copied) == ["enabled", "disabled", "disabled", "disabled"]
    assert "S01nsd" in copied.run(SCRIPTS_STARTED).stdout.split()
    assert policy.read_text() == text


def test_an_installation_that_fails_leaves_disabled_what_it_has_set_up(copied):
    # The state after an installation that was interrupted: unpacked, and not configured.
    allow_no_start(copied)
    copied.run("""apt-get update && apt-get install -y --no-install-recommends unbound && apt-get download unbound && dpkg --purge unbound &&
        dpkg --unpack unbound_*.deb && rm """ + POLICY, network=True, directory="/var/tmp")
    assert status_of(copied, "unbound") == "unpacked"
    (copied.path / "etc/apt/apt.conf.d/95fails").write_text('DPkg::Post-Invoke {"false";};\n')
    done = copied.run(f"{DEPS} test", network=True, check=False)
    assert done.returncode != 0
    assert [status_of(copied, package) for package in ("unbound", "nsd", "prometheus")] == ["installed"] * 3, done.stdout
    assert states(copied) == ["disabled"] * 4
    assert not (copied.path / POLICY[1:]).exists()


def in_order(text, *words):
    """Checks that each of the words is in the text once, after the previous one."""
    places = [text.index(word) for word in words]
    assert places == sorted(places) and all(text.count(word) == 1 for word in words), text


LIST = "tests/deps: these packages are missing: unbound nsd "
COMMAND = "tests/deps: as root, run: /home/bob/pillion/tests/deps test\n"


def refused(root, **how):
    """The output of `tests/deps test` for bob. It ends with 1 and changes nothing."""
    before = installed(root)
    done = root.run("pillion/tests/deps test", user="bob", check=False, **how)
    assert done.returncode == 1
    assert installed(root) == before
    return done.stdout


def test_without_sudo_one_is_told_what_is_missing_and_what_root_is_to_run():
    with Root(RELEASE) as root:
        root.add_user("bob")
        root.copy_project("/home/bob/pillion", owner="bob")
        for terminal in (False, True):
            said = refused(root, terminal=terminal)
            in_order(said, LIST, COMMAND)
            assert len(said.splitlines()) == 2


def test_where_sudo_would_ask_and_nobody_can_answer_it_is_not_run(machine):
    said = refused(machine)
    in_order(said, LIST, COMMAND)
    assert len(said.splitlines()) == 2


def test_the_list_and_the_command_come_before_the_question_for_a_password(machine):
    prompt = "[sudo] password for bob: "
    said = refused(machine, terminal=True, replies=[(prompt, "secret\n")])
    in_order(said, LIST, "tests/deps: to install them, sudo runs: /home/bob/pillion/tests/deps test\n", prompt, "bob is not in the sudoers file",
             COMMAND)


def test_whoever_does_not_know_the_password_is_told_again(machine):
    said = refused(machine, terminal=True)
    in_order(said, LIST, "sudo runs: /home/bob/pillion/tests/deps test\n", "[sudo] password for bob: ", COMMAND)


@pytest.mark.parametrize("target", ["demo", "test", "run", "build", "e2e"])
def test_make_ends_with_that_and_nothing_half_done(machine, target):
    everything = "cd pillion && find . | sort"
    files, packages = machine.run(everything, user="bob").stdout, installed(machine)
    done = machine.run(["make", target], directory="/home/bob/pillion", user="bob", check=False)
    assert done.returncode == 2
    in_order(done.stdout, "tests/deps: these packages are missing: g++ cmake ", "tests/deps: as root, run: /home/bob/pillion/tests/deps build")
    assert re.fullmatch(r"make: \*\*\* \[Makefile:\d+: \w+\] Error 1", done.stdout.splitlines()[-1])
    assert machine.run(everything, user="bob").stdout == files
    assert installed(machine) == packages


def test_a_sudoer_gets_them_installed_and_disabled(copied):
    (copied.path / "etc/sudoers.d/bob").write_text("bob ALL=(ALL) NOPASSWD: ALL\n")
    copied.run("pillion/tests/deps test", user="bob", network=True)
    assert copied.run("pillion/tests/deps test", user="bob").stdout == ""
    assert states(copied) == ["disabled"] * 4


def test_a_sudoer_may_answer_the_question(copied):
    (copied.path / "etc/sudoers.d/bob").write_text("bob ALL=(ALL) ALL\n")
    said = copied.run("pillion/tests/deps machines", user="bob", network=True, terminal=True,
                      replies=[("[sudo] password for bob: ", "secret\n")]).stdout
    assert "as root, run" not in said
    assert copied.run("pillion/tests/deps machines", user="bob").stdout == ""
