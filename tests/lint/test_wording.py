"""Tests that the lint of names and comments can fail: for each rule it reads a made-up tree that violates it, and one that does not."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import wording  # noqa: E402

CLEAN = '#pragma once\n// Queries in flight.\nclass Pool {\n  int in_flight_ = 0;  ///< in-flight queries\n};\nclass InFlightQuery;\n'


def faults(tmp_path, text, name="src/upstream/pool.hpp"):
    for each, content in {"src/upstream/first.hpp": CLEAN, name: text}.items():
        path = tmp_path / each
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return wording.all_faults(tmp_path)


@pytest.mark.parametrize("text", [
    "// The query is in flight, an in-flight query.\nint in_flight = 0;\n",
    "// The queries that are in\n// flight, and flushed.\nint max_in_flight_queries; InFlightQuery query;\n",
    "// True if the server has answered.\nbool has_answered();\n",
    "// `GET /healthz?verbose` lists the reasons, and \"what is it?\" is a text.\n",
    "auto text = \"worn\";  // a text\n",
    "auto text = \"// the quota?\";\n",
    "// borne, warned, wornout, inflight\n",
    "namespace other {\nclass Pool;\nstruct Other {\n  struct Pool {};\n};\n}\n",
    "int a = b ? 1 : 2;  // b, else 2\n",
    "using Alias = int;\n",
    "struct Other {\n  using Pool = int;\n};\n",
    "bool a;  // True if it is open\n// Tests whether it is.\nvoid f(bool b, int c);  // asks whether\n",
])
def test_plain_text_passes(tmp_path, text):
    assert faults(tmp_path, text) == []


@pytest.mark.parametrize("text, line, expected", [
    *[(f"// The {word}.\n", 1, f"`{word}` is a metaphor") for word in wording.METAPHORS],
    *[(f"\nint the_{word}_ = 0;\n", 2, f"`{word}` is a metaphor") for word in wording.METAPHORS],
    *[(f"void give{word.capitalize()}Back();\n", 1, f"`{word}` is a metaphor") for word in wording.METAPHORS],
    ("int a = 0;  ///< the flight's number\n", 1, "`flight` is a metaphor"),
    ("// Did nobody answer, or somebody that he could not, or would not?\n", 1, "not a question"),
    ("int a();\n/// Has it answered? Yes.\nbool b();\n", 2, "not a question"),
    ("bool a;  ///< is it open?\n", 1, "not a question"),
    ("\nstruct Pool {};\n", 2, "the name Pool is taken: src/upstream/first.hpp has one too"),
    ("class Pool final : public Base {};\n", 1, "the name Pool is taken"),
    ("enum class Pool : int { a };\n", 1, "the name Pool is taken"),
    ("struct Pool : std::vector<int>,\n              Base {};\n", 1, "the name Pool is taken"),
    ("\nusing Pool = int;\n", 2, "the name Pool is taken"),
    ("using A = int;\nusing A = long;\n", 2, "the name A is taken"),
    ("\nbool a = false;  // whether it is open\n", 2, "of a bool say: True if"),
    ("std::optional<bool> a;  ///< whether it is open\n", 1, "of a bool say: True if"),
    ("\n  /// Whether it is open.\n  bool a();\n", 2, "of a bool say: True if"),
])
def test_each_rule_can_fail(tmp_path, text, line, expected):
    found = faults(tmp_path, text)
    assert len(found) == 1 and expected in found[0] and found[0].startswith(f"src/upstream/pool.hpp:{line}: "), found


def test_a_name_in_one_file_twice_is_found(tmp_path):
    found = faults(tmp_path, "namespace a {\nstruct Twice {};\n}\nnamespace b {\nstruct Twice {};\n}\n")
    assert len(found) == 1 and "src/upstream/pool.hpp:5: the name Twice is taken" in found[0]


@pytest.mark.parametrize("name, text", [
    ("tests/upstream/a_test.cpp", "TEST(Pool, IsNotFull) {}\nclass Pool {};\n"),
    ("tests/e2e/a.py", '"""One query."""\n\n\ndef f(quota):\n    """Asks."""\n    return quota + "worn"  # a text\n'),
    ("README.md", "Queries in flight. `ResourceQuota`\n\n```\nworn\n```\n[a](quota.md)\n"),
    ("build/a.md", "worn\n"),
])
def test_plain_tests_and_pages_pass(tmp_path, name, text):
    assert faults(tmp_path, text, name) == []


@pytest.mark.parametrize("name, text, line, expected", [
    ("tests/upstream/a_test.cpp", "\nTEST(Pool, IsWorn) {}\n", 2, "`worn` is a metaphor"),
    ("tests/upstream/a_test.hpp", "// Is it open?\n", 1, "not a question"),
    ("tests/e2e/a.py", "\nx = 1  # worn\n", 2, "`worn` is a metaphor"),
    ("tests/e2e/a.py", '"""A page.\n\nWorn.\n"""\n', 3, "`worn` is a metaphor"),
    ("tests/e2e/a.py", 'def f():\n    """Is it open?"""\n', 2, "not a question"),
    ("dashboards/a.py", "# worn\n", 1, "`worn` is a metaphor"),
    ("deploy/README.md", "# A page\n\nThe quota.\n", 3, "`quota` is a metaphor"),
])
def test_each_rule_can_fail_in_tests_and_pages(tmp_path, name, text, line, expected):
    found = faults(tmp_path, text, name)
    assert len(found) == 1 and expected in found[0] and found[0].startswith(f"{name}:{line}: "), found


def test_an_alias_of_the_same_type_may_come_twice(tmp_path):
    assert faults(tmp_path, "using A = std::map<int,\n    int>;\n", "src/a.hpp") == []
    assert faults(tmp_path, "using A = std::map<int, int>;\n", "src/b.hpp") == []


def test_an_empty_tree_is_a_fault(tmp_path):
    assert wording.all_faults(tmp_path) != []
