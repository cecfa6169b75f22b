"""Reads YAML as Kubernetes does: YAML 1.1 with the scalars of its Go library, converted to JSON values."""

import json
import re

import yaml

MERGE = "tag:yaml.org,2002:merge"
NULL = "tag:yaml.org,2002:null"
BOOL = "tag:yaml.org,2002:bool"
INT = "tag:yaml.org,2002:int"
FLOAT = "tag:yaml.org,2002:float"
WORDS = {word: value for value, words in {True: "y yes true on", False: "n no false off"}.items()
         for lower in words.split() for word in (lower, lower.capitalize(), lower.upper())}
INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)\Z")
NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")


class Loader(yaml.SafeLoader):
    """Reads dates and numbers to the base 60 as strings, like the Go library."""

    yaml_implicit_resolvers = {}

    def construct_scalar_of(self, node):
        text = self.construct_scalar(node).replace("_", "")
        if node.tag == BOOL:
            return WORDS[text]
        if node.tag == INT:
            sign = -1 if text.startswith("-") else 1
            digits = text.lstrip("+-")
            octal = re.fullmatch(r"0o?([0-7]+)", digits)
            return sign * (int(octal[1], 8) if octal else int(digits, 0))
        return float(text)

    def construct_mapping(self, node, deep=False):
        """Converts keys to text, since the keys of JSON are."""
        return {key if isinstance(key, str) else json.dumps(key): value for key, value in super().construct_mapping(node, deep=True).items()}


for tag, pattern, first in ((NULL, re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]), (MERGE, re.compile(r"<<\Z"), ["<"]),
                            (BOOL, re.compile("(?:" + "|".join(WORDS) + r")\Z"), list("yYnNtTfFoO")),
                            (INT, INTEGER, list("-+0123456789")), (FLOAT, NUMBER, list("-+.0123456789"))):
    Loader.add_implicit_resolver(tag, pattern, first)
for tag in (BOOL, INT, FLOAT):
    Loader.add_constructor(tag, Loader.construct_scalar_of)
Loader.add_constructor("tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node))
Loader.add_constructor(MERGE, Loader.construct_scalar)  # as a value it is text


class Dumper(yaml.SafeDumper):
    """Writes YAML that is easy to read: long texts as blocks, lists indented as far as their key, no anchors."""

    def ignore_aliases(self, data):
        return True


def _string(dumper, text):
    """Quotes a string that other readers would read as another type, and escapes one that PyYAML would write as another string."""
    style = "|" if "\n" in text else None
    if any(pattern.match(text) for pattern in (INTEGER, NUMBER)) or text in WORDS or re.search("[\x00-\x09\x7f-\x9f\u2028\u2029]", text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _string)


def load_all(text):
    """The documents of a stream, without empty ones."""
    return [document for document in yaml.load_all(text, Loader=Loader) if document is not None]


def load(text):
    (document,) = load_all(text)
    return document


def dump(value):
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, width=140, allow_unicode=True)


def comparable(value):
    """A text that is equal if, and only if, the data is equal. true differs from 1, and 1 from "1", but 1e3 equals 1000. The generated pillion.yaml
    is compared as data."""
    return json.dumps(_as_data(value), sort_keys=True, indent=1, ensure_ascii=False)


def _as_data(value):
    if isinstance(value, list):
        return [_as_data(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, dict):
        return value
    result = {key: _as_data(one) for key, one in value.items()}
    marker = value.get("pillion.dev/injected")
    if isinstance(marker, str) and '"config"' in marker and isinstance(value.get("pillion.dev/config"), str):
        config = load(value["pillion.dev/config"])
        if isinstance(config.get("routes"), list):  # the longest zone takes precedence, whatever the order
            config["routes"].sort(key=lambda route: json.dumps(route, sort_keys=True))
        result["pillion.dev/config"] = config
    return result
