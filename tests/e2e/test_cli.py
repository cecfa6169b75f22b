"""The subcommands, with a real server."""

import json
import re
import shutil

import pytest

from harness import pillion, zone
from harness.process import free_port, run


@pytest.fixture(scope="module")
def proxy(unbound, verified, tmp_path_factory):
    with pillion.running(tmp_path_factory.mktemp("pillion"), verified(unbound)) as running:
        yield running


def query(proxy, *arguments, check=True):
    return run(pillion.BINARY, "query", *arguments, "--server", f"127.0.0.1:{proxy.port}", check=check)


@pytest.mark.parametrize("transport", [[], ["--udp"], ["--tcp"]], ids=["default", "udp", "tcp"])
def test_query(proxy, transport):
    assert "192.0.2.1" in query(proxy, f"a.{zone.ORIGIN}", *transport).stdout
    assert "2001:db8::1" in query(proxy, f"aaaa.{zone.ORIGIN}", "AAAA", *transport).stdout
    assert "NXDOMAIN" in query(proxy, f"missing.{zone.ORIGIN}", "A", *transport).stdout


def test_query_asks_again_over_tcp_when_truncated(proxy):
    printed = query(proxy, f"txt5000.{zone.ORIGIN}", "TXT").stdout
    assert "19-" in printed, "the last of its strings"


def test_query_as_json(proxy):
    answer = json.loads(query(proxy, f"cname1.{zone.ORIGIN}", "A", "--json").stdout)
    assert "192.0.2.1" in json.dumps(answer) and "NOERROR" in json.dumps(answer)


def test_query_without_an_answer():
    done = run(pillion.BINARY, "query", "a.example", "--tcp", "--server", f"127.0.0.1:{free_port()}", check=False)
    assert done.returncode == 1 and done.stderr


def test_check_prints_what_run_takes(tmp_path, unbound, verified):
    path = pillion.write_config(tmp_path / "pillion.yaml", 5300, 9153, verified(unbound))
    printed = run(pillion.BINARY, "check", "--config", path).stdout
    assert "127.0.0.1:5300" in printed and unbound.address in printed
    again = tmp_path / "again.yaml"
    again.write_text(printed)
    assert run(pillion.BINARY, "check", "--config", again).stdout == printed


def test_check_prints_the_routes_as_a_table(tmp_path):
    path = tmp_path / "pillion.yaml"
    path.write_text("""\
upstreams:
  cluster: {protocol: udp, servers: [{address: "192.0.2.1:53"}]}
  public: {protocol: tcp, servers: [{address: "192.0.2.2:53"}]}
routes:
  - {zone: cluster.local, upstream: cluster}
  - {zone: a.db.internal, records: ["@ A 192.0.2.3"]}
""")
    printed = run(pillion.BINARY, "check", "--config", path).stdout
    table = [line.split() for line in printed.splitlines() if line.startswith("# ") and not line.endswith(":")]
    assert table[:4] == [["#", "zone", "answered", "by", "protocol", "servers"],
                         ["#", "a.db.internal", "1", "record"],
                         ["#", "cluster.local", "cluster", "udp", "192.0.2.1:53"],
                         ["#", ".", "public", "tcp", "192.0.2.2:53"]]


def test_check_prints_how_the_memory_is_divided(tmp_path):
    path = tmp_path / "pillion.yaml"
    path.write_text("memory: 76MiB\n")
    printed = run(pillion.BINARY, "check", "--config", path).stdout.splitlines()
    at = printed.index("#   76.0 MiB, of which")
    assert [line.split()[1:] for line in printed[at + 1:at + 8]] == [
        ["program", "12.0", "MiB"], ["cache", "4.0", "MiB"], ["connections", "11.2", "MiB"], ["input", "7.5", "MiB"],
        ["output", "15.0", "MiB"], ["queries", "18.8", "MiB"], ["walks", "7.5", "MiB"]]


def test_check_tells_a_bad_record_where_it_stands(tmp_path):
    path = tmp_path / "pillion.yaml"
    path.write_text('routes:\n  - zone: db.internal\n    records: ["a A 192.0.2.1", "b A 192.168.1.300"]\n')
    checked = run(pillion.BINARY, "check", "--config", path, check=False)
    assert checked.returncode == 1 and not checked.stdout
    assert checked.stderr.startswith(f"{path}:3:32: routes[0].records[1]: `192.168.1.300` is not an IPv4 address; allowed: ")


def test_what_is_skipped_in_a_resolv_conf_is_told(tmp_path, unbound, verified):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("search a.example foo..bar " + " ".join(f"d{n}.example" for n in range(32)) + "\noptions ndots:\n")
    told = [f"{resolv_conf}:1: `foo..bar` is not a domain name: an empty label; skipped",
            f"{resolv_conf}:1: `d31.example` comes after 32 other domains, and no more are allowed; skipped",
            f"{resolv_conf}:2: `ndots:` has no number; skipped"]
    path = pillion.write_config(tmp_path / "pillion.yaml", 5300, 9153, verified(unbound), search={"resolv_conf": str(resolv_conf)})
    checked = run(pillion.BINARY, "check", "--config", path)
    assert checked.stderr.splitlines() == told
    assert "foo" not in checked.stdout and "d30.example" in checked.stdout
    with pillion.running(tmp_path, verified(unbound), search={"resolv_conf": str(resolv_conf)}) as running:
        warned = [line for line in running.log() if line["level"] == "warn"]
        assert [line["warning"] for line in warned] == told and {line["msg"] for line in warned} == {"configuration warning"}


@pytest.mark.parametrize("command", ["check", "run"])
def test_an_empty_file_is_an_error_that_says_so(tmp_path, command):
    path = tmp_path / "pillion.yaml"
    path.write_text("# nothing\n")
    done = run(pillion.BINARY, command, "--config", path, check=False)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith(f"{path}:1:1: the file is empty; allowed: ")


def test_check_without_a_file_shows_the_defaults():
    printed = run(pillion.BINARY, "check").stdout
    for expected in ("127.0.0.1:8053", "1.1.1.1:853", "cloudflare-dns.com", "9.9.9.9:853", "dns.quad9.net"):
        assert expected in printed


def test_version():
    printed = run(pillion.BINARY, "version").stdout
    assert re.search(r"^pillion +\d+\.\d+\.\d+", printed, re.I)
    for library in ("OpenSSL", "Boost"):
        assert library in printed


@pytest.mark.parametrize("command", [[], ["run"], ["check"], ["query"], ["reload"], ["completion"], ["version"]])
def test_help_has_an_example(command):
    printed = run(pillion.BINARY, *command, "--help").stdout
    assert "pillion" in printed and "xample" in printed


# Prints what bash would offer for the words after the name of this script, of which the last one is incomplete.
BASH_OFFERS = """
source <("$0" completion bash)
[[ $(complete -p pillion) == "complete -F _pillion pillion" ]] || exit 1
COMP_WORDS=(pillion "$@") COMP_CWORD=$#
_pillion
printf '%s\\n' "${COMPREPLY[@]}"
"""
# The same for zsh, whose completion needs a terminal: prints the listing there, once it contains the second argument.
ZSH_OFFERS = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= PS2= TERM=dumb; autoload -Uz compinit; compinit -u -D; path+=(${0:h}); zstyle ':completion:*' list-separator '--'"
zpty -w shell "source <($0 completion zsh); echo rea''dy"
zpty -r -m shell text '*ready*'
text=
for each in {0..299}; do
  # Again each second: what arrives before zsh reads keys is taken as a line. C-u discards what was typed before.
  (( each % 10 )) || zpty -w -n shell $'\\C-u'"pillion $1"$'\\C-d'
  while zpty -rt shell more; do text+=$more; done
  [[ $text == *"$2"* ]] && break
  sleep 0.1
done
print -r -- $text
"""


def offered_by_bash(*words):
    return run("bash", "--norc", "-c", BASH_OFFERS, pillion.BINARY, *words).stdout.split()


def offered_by_fish(*words):
    return [line.split("\t")[0] for line in
            run("fish", "--no-config", "-c", f"{pillion.BINARY} completion fish | source; complete -C 'pillion {' '.join(words)}'").stdout.splitlines()]


SHELLS = [pytest.param(offered, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed"), id=name)
          for name, offered in (("bash", offered_by_bash), ("fish", offered_by_fish))]


@pytest.mark.parametrize("offered", SHELLS)
def test_a_shell_completes_the_command_line(offered, tmp_path):
    commands = re.findall(r"^  (\w+) ", run(pillion.BINARY, "--help").stdout.partition("Subcommands:")[2].partition("\n\n")[0], re.MULTILINE)
    assert len(commands) > 10
    assert sorted(offered("")) == sorted(commands)
    assert offered("pro") == ["probe"]
    for command in commands:
        options = re.findall(r"(?<![\w-])--[a-z-]+", "\n".join(
            line.split("  ")[1] for line in run(pillion.BINARY, command, "--help").stdout.splitlines() if line.startswith("  -")))
        assert set(options) <= set(offered(command, "--")), command
    assert sorted(offered("probe", "--protocol", "")) == ["tcp", "tls", "udp"]
    assert offered("completion", "z") == ["zsh"]
    assert offered("query", "--server", "") == [], "nobody knows which"
    (tmp_path / "pillion.yaml").touch()
    assert offered("run", "--config", f"{tmp_path}/pill") == [f"{tmp_path}/pillion.yaml"]


def test_bash_takes_options_of_run_where_no_subcommand_is_named():
    assert offered_by_bash("--c") == ["--config"] and offered_by_bash("--supervise", "--c") == ["--config"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes_the_command_line():
    for written, offered in (("p", "probe"), ("run --", "--supervise")):
        assert offered in run("timeout", "60", "zsh", "-f", "-c", ZSH_OFFERS, pillion.BINARY, written, offered).stdout


def test_no_completion_for_an_unknown_shell():
    done = run(pillion.BINARY, "completion", "csh", check=False)
    assert done.returncode == 2 and "bash" in done.stderr and not done.stdout
