"""The chart's schema accepts the same keys and ranges for `config` as Pillion does. Needs no Helm."""

import json
import re
import subprocess

import jsonschema
import pytest
import yaml

import values_schema
from conftest import ROOT

REFERENCE = {key: allowed for key, (_, allowed) in values_schema.reference().items() if key not in values_schema.DERIVED}
SCHEMA = json.loads(values_schema.SCHEMA.read_text(encoding="utf-8"))
# Only the schema of `config` is used: Helm fills in the required defaults of the rest.
VALIDATOR = jsonschema.Draft202012Validator({**SCHEMA, "required": []})

SERVER = {"address": "192.0.2.1:853"}
PEM = "PEM"  # stands for the path of a file that is valid for every key with a path
PIN = "sha256/" + "A" * 43 + "="
GROUPS = ["X25519", "X448", "P-256", "P-384", "P-521", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144"]
TEXTS = {
    "upstreams.NAME.servers[].address": [
        "192.0.2.1:853", "[2001:db8::1]:853", "192.0.2.1:65535", "192.0.2.1:1", "192.0.2.1:65536", "192.0.2.1:0", "192.0.2.1:0853",
        "192.0.2.1", "[2001:db8::1]", "2001:db8::1:853", "192.0.2.256:853", "192.0.2.01:853", "192.0.2:853", "dns.quad9.net:853", ""],
    "upstreams.NAME.servers[].tls_name": [
        "", "dns.quad9.net", "DNS-1.example", "localhost", "9.9.9.9", "2620:fe::fe", "a..b", ".a", "a.", "-a.example", "a-.example", "a_b",
        "*.example", "a" * 63 + ".example", "a" * 64 + ".example", "a." * 126 + "a", "a." * 127 + "a"],
    "upstreams.NAME.tls.ca_file": [PEM],
    "upstreams.NAME.tls.client_cert": [PEM],
    "upstreams.NAME.tls.client_key": [PEM],
    # The schema does not say that there is at most one of each family.
    "admin.listen": ["127.0.0.1:9154", "[::1]:9154", "", ["127.0.0.1:9154"], ["127.0.0.1:9154", "[::1]:9154"], [], "localhost:9154", "127.0.0.1",
                     "127.0.0.1:65536", ["127.0.0.1"], ["127.0.0.1:9154", "[::1]:9154", "127.0.0.2:9154"], False, 9154],
    "routes[].zone": ["cluster.local", "cluster.local.", ".", "example", "_tcp.example", "*.example", "*", "a..b", ".a", ""],
    "routes[].network": ["10.0.0.0/8", "172.16.0.0/12", "192.0.2.1/32", "fc00::/7", "2001:db8::/128", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "2001:db8::/129",
                         "10.0.0.0/08", "a.example", ""],
    "routes[].upstream": ["public", "", "no name"],
    "query_log.output": ["", "stderr", "stdout", "syslog", "file:/var/log/queries.json", "file:queries.json", "/var/log/queries.json", "unix:/run/queries.sock",
                         "unix:queries.sock", "unix:/" + "a" * 106, "unix:/" + "a" * 107, "tcp:192.0.2.1:6000"],
    "query_log.key_file": [PEM],
    "syslog.output": ["", "udp:192.0.2.1:514", "tcp:[2001:db8::1]:601", "tls:192.0.2.1:6514", "tls:192.0.2.1:6514#log.example", "tcp:192.0.2.1:601#log.example",
                      "tls:192.0.2.1:6514#", "tls:192.0.2.1:6514#a b", "udp:192.0.2.1", "udp:192.0.2.1:0", "udp:log.example:514", "unix:/dev/log", "syslog"],
    "syslog.ca_file": [PEM],
    "dnstap.output": ["", "unix:/run/dnstap.sock", "unix:dnstap.sock", "tcp:192.0.2.1:6000", "tcp:[2001:db8::1]:6000", "tcp:192.0.2.1", "tcp:192.0.2.1:0",
                      "tcp:collector.example:6000", "file:/var/log/dnstap", "stderr"],
    "dnstap.identity": ["", "shop/web-0", "i" * 255, "i" * 256],
}
LISTS = {
    "upstreams.NAME.servers": [[], [SERVER], [{"address": f"192.0.2.{n}:853"} for n in range(16)],
                               [{"address": f"192.0.2.{n}:853"} for n in range(17)], [{}], [{**SERVER, "port": 853}], SERVER],
    "upstreams.NAME.servers[].pins": [[], [PIN], [PIN] * 16, [PIN] * 17, [PIN[:-2] + "B="], [PIN[:-1]], ["sha1/AAAA"], PIN],
    # Only the OpenSSL in use knows the other names.
    "upstreams.NAME.tls.groups": [[], ["X25519"], ["P-256", "secp384r1"], GROUPS[:8], GROUPS, ["X25519", "X25519"], ["*X25519"], ["X25519:P-256"],
                                  [""], [25519], "X25519"],
    "routes": [[{"zone": ".", "upstream": "public"}], [{"zone": f"z{n}.example", "upstream": "public"} for n in range(256)],
               [{"zone": f"z{n}.example", "upstream": "public"} for n in range(257)], [{"upstream": "public"}], [{"zone": "a.example"}],
               [{"zone": "a.example", "upstream": "public", "records": ["@ A 192.0.2.1"]}], [{"zone": "a.example", "to": "public"}]],
    "query_log.fields": [[], ["client.ip"], ["client.ip", "dns.id"], ["client.ip", "client.ip"], ["dns.answers"], [""], "client.ip"],
    "routes[].records": [["@ A 192.0.2.1"], ["@ A 192.0.2.1", "www A 192.0.2.1"], [], [""], "@ A 192.0.2.1"],
}


def candidates(key: str) -> list:
    """Values inside and outside of the range, at each limit and in each unit."""
    allowed = REFERENCE[key]
    if key in TEXTS:
        return TEXTS[key]
    if key in LISTS:
        return LISTS[key]
    if allowed == "true or false":
        return [True, False, "true", "yes", 1]
    if allowed == "0 to 1, in decimal":
        return [0, 1, 1.0, 0.5, 0.05, 0.123456789, -1, -0.5, 1.5, 2, "many", "", True]
    if found := re.fullmatch(r"(?:(?:0|auto), or )?(\d+)([a-zA-Z]*) to (\d+)([a-zA-Z]*)(, whole seconds)?", allowed):
        low, low_unit, high, high_unit = int(found[1]), found[2], int(found[3]), found[4]
        if not low_unit:
            return [low - 1, low, low + 1, high - 1, high, high + 1, 1.5, "many", True]
        units = values_schema.DURATION_UNITS if low_unit in values_schema.DURATION_UNITS else values_schema.SIZE_UNITS
        least, most = low * units[low_unit], high * units[high_unit]
        ends = {(number, unit) for unit, factor in units.items() for end in (least, most)
                for number in (end // factor - 1, end // factor, -(-end // factor), -(-end // factor) + 1)}
        odd = ["1500ms", "", "0", "5", "05s", "1.5s", "-1s", "1 s", "s", "1d", "0B", "064KiB", "1MB", 0, 5, True]
        # The unusual values are equal for all keys of a kind: the first key of each kind is tested with them.
        first = next(other for other, text in REFERENCE.items() if re.sub(r"\d+[a-zA-Z]+", "", text) == re.sub(r"\d+[a-zA-Z]+", "", allowed))
        words = ["auto", "AUTO"] if allowed.startswith("auto") else []
        return words + [f"{number}{unit}" for number, unit in sorted(ends) if number >= 0] + (odd if key == first else ["1500ms"])
    words = re.split(", | or ", allowed)
    return [*words, *map(str.upper, words), "another", ""] + [float(word) for word in words if re.fullmatch(r"\d\.\d", word)]


def document(key: str, value) -> dict:
    """A configuration that is valid except possibly for this value."""
    upstream, server, route = {"servers": [SERVER]}, dict(SERVER), {"zone": "a.example", "upstream": "public"}
    *parents, name = key.split(".")
    if parents[:3] == ["upstreams", "NAME", "servers[]"]:
        return {"upstreams": {"public": {"servers": [{**server, name: value}]}}}
    if parents == ["upstreams", "NAME", "tls"]:
        pair = {"client_cert": PEM, "client_key": PEM} if name.startswith("client") else {}
        return {"upstreams": {"public": {**upstream, "tls": {**pair, name: value}}}}
    if parents == ["upstreams", "NAME"]:
        return {"upstreams": {"public": {**upstream, name: value}}}
    if parents == ["routes[]"]:
        route = {"zone": "a.example", "records": value} if name == "records" else {**route, name: value}
        if name == "network":
            del route["zone"]
        return {"routes": [route]}
    if key == "cache.min_ttl":
        return {"cache": {"max_ttl": "720h", "min_ttl": value}}
    if key == "drain_min":
        return {"drain_timeout": "1h", "drain_min": value}
    if key == "query_log.output":
        return {"syslog": {"output": "udp:192.0.2.1:514"}, "query_log": {"output": value}}
    return {parents[0]: {name: value}} if parents else {name: value}


def pillion_takes(binary, tmp_path, config: dict) -> tuple[bool, str]:
    path = tmp_path / "pillion.yaml"
    path.write_text(yaml.dump(config, Dumper=yaml.CSafeDumper), encoding="utf-8")
    done = subprocess.run([binary, "check", "--config", path], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A self-signed certificate and its key in one file."""
    directory = tmp_path_factory.mktemp("pem")
    parts = [directory / "certificate.pem", directory / "key.pem"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=throwaway", "-out", parts[0], "-keyout", parts[1]],
                   capture_output=True, check=True)
    whole = directory / "both.pem"
    whole.write_text("".join(part.read_text() for part in parts))
    return str(whole)


@pytest.mark.parametrize("key", REFERENCE)
def test_the_schema_takes_what_pillion_takes(binary, tmp_path, pem, key):
    verdicts = set()
    for value in candidates(key):
        config = json.loads(json.dumps(document(key, value)).replace(json.dumps(PEM), json.dumps(pem)))
        taken, why = pillion_takes(binary, tmp_path, config)
        verdicts.add(taken)
        refused = [error.message for error in VALIDATOR.iter_errors({"config": config})]
        assert taken == (not refused), f"{value!r}: the schema says {refused or 'yes'}, Pillion says {why or 'yes'}"
    # Pillion also checks that the file of a path can be read, which a schema cannot.
    assert verdicts == ({True} if REFERENCE[key].startswith("the path") else {True, False})


@pytest.mark.parametrize("parent", ["", "dns", "upstreams.public", "upstreams.public.tls", "cache", "log"])
def test_unknown_keys_are_refused_by_both(binary, tmp_path, parent):
    config = {"upstreams": {"public": {"servers": [SERVER], "tls": {}}}, "dns": {}, "cache": {}, "log": {}}
    assert pillion_takes(binary, tmp_path, config)[0] and VALIDATOR.is_valid({"config": config})
    node = config
    for name in filter(None, parent.split(".")):
        node = node[name]
    node["colour"] = "red"
    assert not pillion_takes(binary, tmp_path, config)[0] and not VALIDATOR.is_valid({"config": config})


@pytest.mark.parametrize("names", [["a" * 63], ["a" * 64], ["no name"], ["_-09azAZ"], [f"u{n}" for n in range(16)], [f"u{n}" for n in range(17)]],
                         ids=lambda names: f"{len(names)} {names[0][:10]}")
def test_names_of_upstreams(binary, tmp_path, names):
    config = {"upstreams": {name: {"servers": [SERVER]} for name in names},
              "routes": [{"zone": f"z{n}.example", "upstream": name} for n, name in enumerate(names)]
              + [{"zone": ".", "upstream": names[0]}]}
    assert pillion_takes(binary, tmp_path, config)[0] == VALIDATOR.is_valid({"config": config})


@pytest.mark.parametrize("route", [
    {"zone": zone, "records": ["www.example. A 192.0.2.1" if zone == "." else "@ A 192.0.2.1"], **more} for zone in (".", "example")
    for more in ({}, {"upstream": "public"})
] + [{"zone": "example", "network": "10.0.0.0/8", "upstream": "public"}, {"network": "10.0.0.0/8", "records": ["@ A 192.0.2.1"]},
     {"network": "10.0.0.0/8", "upstream": "public", "records": ["@ A 192.0.2.1"]}], ids=json.dumps)
def test_keys_that_do_not_go_together(binary, tmp_path, route):
    config = {"routes": [route]}
    taken, why = pillion_takes(binary, tmp_path, config)
    assert VALIDATOR.is_valid({"config": config}) == taken, why


def test_derived_keys_are_the_programs_and_not_the_users():
    keys = values_schema.reference().keys()
    assert values_schema.DERIVED < keys and len(keys) > 35
    for config in ({"dns": {"listen": ["127.0.0.1:53"]}}, {"http": {"listen": "0.0.0.0:9153"}}, {"search": {"domains": ["a.example"]}}):
        assert not VALIDATOR.is_valid({"config": config})


@pytest.mark.parametrize("value", [False, True, None, "false", 0, {}, {"ndots": 2}, ["a.example"]], ids=json.dumps)
def test_the_search_list_can_only_be_turned_off(binary, tmp_path, value):
    assert VALIDATOR.is_valid({"config": {"search": value}}) == (value is False)
    # For the program an empty mapping is off too, and so is one without domains.
    assert pillion_takes(binary, tmp_path, {"search": value})[0] == (value is False or isinstance(value, dict))


def test_schema_is_what_the_generator_writes():
    assert values_schema.SCHEMA.read_text(encoding="utf-8") == values_schema.wanted(), "run tests/chart/values_schema.py"
    assert values_schema.APPLICATION_SCHEMA.read_text(encoding="utf-8") == values_schema.application_wanted(), "run tests/chart/values_schema.py"


def test_numbers_of_a_pattern():
    for low, high in [(0, 0), (0, 9), (1, 1), (1, 10), (7, 1234), (99, 101), (64, 16384), (100, 30000), (1999, 2000)]:
        pattern = re.compile(f"^({values_schema.numbers(low, high)})$")
        assert [number for number in range(high + 1000) if pattern.match(str(number))] == list(range(low, high + 1))
        assert not pattern.match(f"0{high}") and not pattern.match("")


def test_examples_of_deploy_pass_the_schema():
    for path in sorted((ROOT / "deploy" / "examples").glob("*.yaml")):
        config = {key: value for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items() if key not in ("dns", "search", "http")}
        VALIDATOR.validate({"config": config})
