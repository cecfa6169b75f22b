#!/usr/bin/env python3
"""The part of helm/pillion-sidecar/values.schema.json that is about `config`, made of the reference in deploy/CONFIGURATION.md, which a test of the
program holds to its table of keys; and the types of text in it, which helm/pillion/values.schema.json has too.

    tests/chart/values_schema.py           writes it
    tests/chart/values_schema.py --check   only says whether it is as it should be, and exits with 1
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "helm" / "pillion-sidecar" / "values.schema.json"
APPLICATION_SCHEMA = ROOT / "helm" / "pillion" / "values.schema.json"
WIDTH = 120

# Keys that depend on other values: ipFamily, httpPort, clusterDNS and resolver.
DERIVED = {"dns.listen", "http.listen", "search.domains", "search.ndots", "search.resolv_conf"}
# The only permitted content of such a mapping.
OFF = {"search": {"const": False}}

DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def numbers(low: int, high: int) -> str:
    """A regular expression for the integers from `low` to `high`, without leading zeros."""
    found = ["0"] if low == 0 else []
    at = max(low, 1)
    whole = []  # the number of free digits after a first digit that is not 0
    while at <= high:
        # First as many free digits as possible, then as many values of the last fixed digit.
        free = 0
        while at % 10 ** (free + 1) == 0 and at + 10 ** (free + 1) - 1 <= high:
            free += 1
        step = 10**free
        first = at // step % 10
        last = min(9, first + (high - at + 1) // step - 1)
        if at == step and last == 9:
            whole.append(free)
        else:
            digits = f"{at // step // 10 or ''}" + (str(first) if first == last else f"[{first}-{last}]")
            found.append(digits + ("[0-9]" if free == 1 else f"[0-9]{{{free}}}" if free else ""))
        at += (last - first + 1) * step
    if whole:
        found.insert(1 if low == 0 else 0, f"[1-9][0-9]{{{whole[0]},{whole[-1]}}}" if whole[-1] else "[1-9]")
    return "|".join(found)


def _milliseconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()
    return int(number) * DURATION_UNITS[unit]


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()
    return int(number) * SIZE_UNITS[unit]


def _with_unit(low: int, high: int, units: dict[str, int]) -> list[str]:
    bounds = {unit: (-(-low // factor), high // factor) for unit, factor in units.items()}
    return [f"({numbers(*bound)}){unit}" for unit, bound in bounds.items() if bound[0] <= bound[1]]


def duration(low: str, high: str, whole_seconds: bool) -> dict:
    units = DURATION_UNITS
    found = []
    if whole_seconds:
        seconds = [_milliseconds(one) // 1000 for one in (low, high)]
        found = ["0ms"] if seconds[0] == 0 else []
        found.append(f"({numbers(max(1, seconds[0]), seconds[1])})000ms")
        units = {unit: factor for unit, factor in units.items() if unit != "ms"}
    found += _with_unit(_milliseconds(low), _milliseconds(high), units)
    text = f"{low} to {high}{', whole seconds' if whole_seconds else ''}"
    return {"description": text, "type": "string", "pattern": f"^({'|'.join(found)})$"}


def size(word: str, low: str, high: str) -> dict:
    """The schema of a size. `word`, 0 or auto, is permitted in place of a size."""
    found = ["0(B|KiB|MiB|GiB)?" if word == "0" else word, *_with_unit(_bytes(low), _bytes(high), SIZE_UNITS)]
    sizes = {"type": "string", "pattern": f"^({'|'.join(found)})$"}
    return {"description": f"{word}, or {low} to {high}", **({"anyOf": [{"const": 0}, sizes]} if word == "0" else sizes)}


_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DECIMAL = numbers(0, 255)
_IPV4 = rf"(({_DECIMAL})\.){{3}}({_DECIMAL})"
_HEX = "[0-9a-fA-F]{1,4}"
# RFC 4291 section 2.2, without the form with an IPv4 address at the end. One pattern for each number of groups before "::".
_IPV6 = "|".join([rf"({_HEX}:){{7}}{_HEX}", rf"({_HEX}:){{1,7}}:", *(rf"({_HEX}:){{1,{7 - n}}}(:{_HEX}){{1,{n}}}" for n in range(1, 7)),
                  rf":(:{_HEX}){{1,7}}", "::"])
# The part of `$defs` that does not come from the reference.
TYPES = {
    "ip-address": {"description": "an IPv4 or IPv6 address", "type": "string", "pattern": f"^({_IPV4}|{_IPV6})?$"},
    "network": {"description": "such as 10.0.0.0/8", "type": "string",
                "pattern": f"^({_IPV4}/({numbers(1, 32)})|({_IPV6})/({numbers(1, 128)}))$"},
    "domain": {"type": "string", "maxLength": 253,
               "pattern": r"^[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)*$"},
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            kind: {
                "type": "object",
                "properties": {
                    "cpu": {"type": ["string", "number"], "pattern": r"^[0-9]+(\.[0-9]+)?m?$"},
                    "memory": {"type": ["string", "integer"], "pattern": r"^[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$|^0\.[0-9]+(Gi|Ti|G|T)$"},
                },
            } for kind in ("requests", "limits")
        } | {"claims": {"type": "array", "items": {"type": "object"}}},
    },
}
_ENDPOINT = rf"({_IPV4}|\[[0-9a-fA-F:.]+\]):({numbers(1, 65535)})"
TEXT = {
    "upstreams.NAME.servers[].address": {"type": "string", "pattern": f"^{_ENDPOINT}$"},
    "admin.listen": {
        "anyOf": [
            {"type": "string", "pattern": f"^({_ENDPOINT})?$"},
            {"type": "array", "items": {"type": "string", "pattern": f"^{_ENDPOINT}$"}, "minItems": 1, "maxItems": 2},
        ],
    },
    "upstreams.NAME.servers[].tls_name": {
        "type": "string",
        "maxLength": 253,
        "pattern": rf"^({_LABEL}(\.{_LABEL})*)?$",
        "not": {"pattern": rf"^{_IPV4}$"},
    },
    # The last base64 digit of 32 bytes has four bits of data.
    "upstreams.NAME.servers[].pins[]": {"type": "string", "pattern": "^sha256/[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"},
    # Only OpenSSL knows the names, and the schema does not know the version of OpenSSL.
    "upstreams.NAME.tls.groups[]": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$"},
    "routes[].zone": {"type": "string", "pattern": r"^([^\s.*][^\s.]*(\.[^\s.]+)*\.?|\.)$"},
    "routes[].network": {"$ref": "#/$defs/network"},
    "routes[].upstream": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,63}$"},
    "routes[].records[]": {"type": "string", "minLength": 1},
    # Of a socket's path, Pillion counts bytes.
    "dnstap.output": {
        "type": "string",
        "pattern": rf"^(unix:/.{{0,106}}|tcp:{_ENDPOINT})?$",
    },
    "dnstap.identity": {"type": "string", "maxLength": 255},
    "query_log.output": {"type": "string", "pattern": "^(stderr|syslog|file:/.*|unix:/.{0,106})?$"},
    "syslog.output": {
        "type": "string",
        "pattern": rf"^((udp|tcp):{_ENDPOINT}|tls:{_ENDPOINT}(#{_LABEL}(\.{_LABEL})*)?)?$",
    },
}
# Each rule names the value that would be right: of a schema `false`, Helm only prints "false schema".
EXTRA = {
    "upstreams": {"propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,63}$"}, "maxProperties": 16},
    "upstreams.NAME.tls.groups": {"uniqueItems": True},
    # An empty value is valid here, since the chart has its own.
    "routes": {"minItems": 0},
    "routes[]": {
        "maxProperties": 2,
        "oneOf": [
            {"required": ["zone", "upstream"]},
            {"required": ["zone", "records"], "properties": {"zone": {"pattern": "[^.]"}}},
            {"required": ["network", "upstream"]},
        ],
    },
}


def reference() -> dict[str, tuple[str, str]]:
    """{key: (default, range)} of deploy/CONFIGURATION.md, without those that it calls not built."""
    text = (ROOT / "deploy" / "CONFIGURATION.md").read_text(encoding="utf-8").split("<!-- configuration reference -->")[1]
    rows = re.finditer(r"^\| `([\w.\[\]]+)` \| *(.*?) *\| *(.*?) *\|", text, re.MULTILINE)
    return {row[1]: (row[2].strip("`"), row[3]) for row in rows if "not built" not in row[3]}


def _value(key: str, allowed: str, shared: dict) -> dict:
    def share(name: str, schema: dict) -> dict:
        shared[name] = schema
        return {"$ref": f"#/$defs/{name}"}

    if found := re.fullmatch(r"(\d+[a-z]*) to (\d+[a-z]*)(, whole seconds)?", allowed):
        low, high, whole = found.groups()
        if low.isdigit():
            return {"type": "integer", "minimum": int(low), "maximum": int(high)}
        return share(f"{'seconds' if whole else 'duration'}-{low}-{high}", duration(low, high, bool(whole)))
    if found := re.fullmatch(r"(0|auto), or (\d+\w+) to (\d+\w+)", allowed):
        return share(f"size-{found[2]}-{found[3]}", size(found[1], found[2], found[3]))
    if allowed == "0 to 1, in decimal":
        return {"type": "number", "minimum": 0, "maximum": 1}
    if found := re.match(r"(\d+) to (\d+) of: one of (.*)", allowed):
        return {"type": "array", "items": {"enum": found[3].split(", ")}, "uniqueItems": True, "maxItems": int(found[2])}
    if found := re.match(r"(\d+) to (\d+) of: ", allowed):
        limits = {"minItems": int(found[1])} if found[1] != "0" else {}
        return {"type": "array", "items": TEXT.get(f"{key}[]", {"type": "object"}), **limits, "maxItems": int(found[2])}
    if allowed == "true or false":
        return {"type": "boolean"}
    if re.fullmatch(r"[\w.]+(, [\w.]+)* or [\w.]+", allowed):
        words = re.split(", | or ", allowed)
        # `min_version: 1.2` without quotes is a number to YAML and text to Pillion.
        return {"enum": words + [float(word) for word in words if re.fullmatch(r"\d+\.\d+", word)]}
    return TEXT.get(key, {"type": "string"})


def _mapping() -> dict:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def config_schema() -> tuple[dict, dict]:
    """The schema of `config`, and the definitions that it uses."""
    root = _mapping()
    shared: dict = {}
    for key, (default, allowed) in reference().items():
        *parents, name = key.split(".")
        if key in DERIVED:
            root["properties"].update({parent: OFF[parent] for parent in parents if parent in OFF})
            continue
        node = root
        path = ""
        for parent in parents:
            path += parent
            if parent == "NAME":
                node = node.setdefault("additionalProperties", {**_mapping(), **EXTRA.get(path, {})})
            elif parent.endswith("[]"):
                node = node["properties"][parent[:-2]]
                if "properties" not in node["items"]:
                    node["items"] = {**_mapping(), **EXTRA.get(path, {})}
                node = node["items"]
            elif parent == "upstreams":
                node = node["properties"].setdefault(parent, {"type": "object", **EXTRA[path]})
            else:
                node = node["properties"].setdefault(parent, _mapping())
            path += "."
        node["properties"][name] = {**_value(key, allowed, shared), **EXTRA.get(key, {})}
        if default == "required" and "oneOf" not in node:
            node.setdefault("required", []).append(name)
    return root, shared


def layout(node, indent: int = 0, before: int = 0) -> str:
    """Formats JSON, with each part on one line if it fits. `before` is the number of characters before it on the line."""
    line = json.dumps(node)
    if not isinstance(node, (dict, list)) or not node or before + len(line) < WIDTH:
        return line
    inner = " " * (indent + 2)
    if isinstance(node, list):
        parts = [layout(one, indent + 2, indent + 2) for one in node]
        return "[\n" + ",\n".join(inner + part for part in parts) + "\n" + " " * indent + "]"
    parts = [f"{json.dumps(name)}: " + layout(sub, indent + 2, indent + len(name) + 6) for name, sub in node.items()]
    return "{\n" + ",\n".join(inner + part for part in parts) + "\n" + " " * indent + "}"


def wanted() -> str:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    schema["properties"]["config"], shared = config_schema()
    schema["$defs"] = TYPES | shared
    return layout(schema) + "\n"


def application_wanted() -> str:
    schema = json.loads(APPLICATION_SCHEMA.read_text(encoding="utf-8"))
    schema["$defs"] = {name: TYPES[name] for name in ("ip-address", "resources")}
    return layout(schema) + "\n"


def main() -> int:
    wrong = 0
    for path, text in ((SCHEMA, wanted()), (APPLICATION_SCHEMA, application_wanted())):
        if path.read_text(encoding="utf-8") == text:
            continue
        wrong = 1
        print(f"{path}: {'is not as deploy/CONFIGURATION.md says' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
    return wrong if "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
