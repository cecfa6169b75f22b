"""The subcommands, against a real server."""

import json
import re

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
            f"{resolv_conf}:1: `d31.example` stands behind 32 others, which are the most; skipped",
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


@pytest.mark.parametrize("command", [[], ["run"], ["check"], ["query"], ["reload"], ["version"]])
def test_help_has_an_example(command):
    printed = run(pillion.BINARY, *command, "--help").stdout
    assert "pillion" in printed and "xample" in printed
