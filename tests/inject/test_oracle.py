"""The corpus and its oracle agree, and the oracle is consistent."""

import re

import pytest

import corpus
import oracle
from kubernetes_yaml import comparable, load
from oracle_values import DEFAULTS, merged

CASES = corpus.cases()


def items(an_object):
    """The object, or the items of a List."""
    return an_object["items"] if an_object["kind"] == "List" else [an_object]


def test_each_file_belongs_to_a_case():
    known = {f"{name}{suffix}" for name in CASES for suffix in (".yaml", ".values.yaml", ".expected.yaml", ".reason")}
    assert {path.name for path in corpus.CORPUS.iterdir()} - known == {"values.yaml", ".gitattributes"}
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_expected_file_is_what_the_oracle_makes(name):
    result, reasons = corpus.expectation(name)
    pattern = corpus.reason_of(name)
    assert bool(pattern) == bool(reasons), [str(reason) for reason in reasons]
    if pattern:
        assert any(re.search(pattern, str(reason)) for reason in reasons), [str(reason) for reason in reasons]
    expected = corpus.expected(name)
    assert comparable(expected if expected is not None else corpus.original(name)) == comparable(result)


@pytest.mark.parametrize("name", [name for name in CASES if corpus.expected(name) is not None])
def test_oracle_injects_once_and_takes_it_out(name):
    values = merged(DEFAULTS, corpus.own_values(name))
    result, _ = corpus.expectation(name)
    assert comparable(corpus.injected(result, values)[0]) == comparable(result)
    for before, after in zip(items(corpus.original(name)), items(result), strict=True):
        template = corpus.template_of(before)
        if template is not None and comparable(before) != comparable(after):
            assert comparable(corpus.without_nulls(oracle.uninject(corpus.template_of(after)))) == comparable(
                corpus.without_nulls(oracle.uninject(template)))


def test_images_are_of_a_registry_that_is_not_there():
    for path in corpus.CORPUS.glob("*.yaml"):
        for image in re.findall(r"\bimage\"?: *(?:&\w+ +)?\"?([^\s\",}*]+)", path.read_text(encoding="utf-8")):
            assert image.startswith(("registry.example/", "registry.example:5000/")) or image == "{repository:", (path.name, image)


def test_numbers_and_words_are_read_as_kubernetes_reads_them():
    assert load("[yes, 0644, 0o17, 0x1F, 1_000, 1e3, 12:30:45, 2026-11-26, ~, y, '1']") == [
        True, 420, 15, 31, 1000, 1000.0, "12:30:45", "2026-11-26", None, True, "1"]
    assert comparable(True) != comparable(1) != comparable("1")
