"""Tests the summary of tests/ctest for each kind of test, with the real ctest on a made-up project."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

PYTEST = """
import pytest
def test_a(): pass
@pytest.mark.parametrize("n", range(3))
def test_b(n): pytest.skip("no such thing: here")
@pytest.mark.skip(reason="another thing")
def test_c(): pass
@pytest.mark.xfail
def test_d(): assert False
"""
FAILING = PYTEST + """
def test_e(): assert False
@pytest.fixture
def broken(): raise RuntimeError
def test_f(broken): pass
"""
WHOLE = "import pytest\npytest.skip('no part of it can run', allow_module_level=True)\n"


@pytest.fixture(autouse=True)
def one_try(monkeypatch):
    """Removes the setting for a second try that the caller may have made for this test run."""
    monkeypatch.delenv("CTEST_SECOND_TRY", raising=False)


def run(tmp_path, tests, *options):
    """Runs tests/ctest in a project with these tests, {name: (command, properties)}. Returns (status, lines)."""
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests/ctest", tmp_path / "tests/ctest")
    build = tmp_path / "build/some"
    build.mkdir(parents=True)
    (tmp_path / "CMakePresets.json").write_text(json.dumps({
        "version": 6, "configurePresets": [{"name": "some", "generator": "Ninja", "binaryDir": "${sourceDir}/build/some"}],
        "testPresets": [{"name": "some", "configurePreset": "some", "output": {"outputOnFailure": True}}]}))
    lines = []
    for name, (command, properties) in tests.items():
        lines.append(f"add_test({name} {' '.join(f'[==[{word}]==]' for word in command)})")
        lines += [f"set_tests_properties({name} PROPERTIES {key} [==[{value}]==])" for key, value in properties.items()]
    (build / "CTestTestfile.cmake").write_text("\n".join(lines) + "\n")
    done = subprocess.run([tmp_path / "tests/ctest", "some", *options], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def pytest_file(tmp_path, name, text):
    (tmp_path / name).mkdir()
    (tmp_path / name / "test_it.py").write_text(text)
    return (["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", tmp_path / name], {})


PASSES = (["/bin/true"], {})
FAILS = (["/bin/false"], {})
# The form that gtest_discover_tests gives to GTEST_SKIP.
GOOGLE = (["/bin/sh", "-c", "echo '[ RUN      ] Loop.Turns'; echo '/src/loop_test.cpp:12: Skipped'; echo no such kernel; "
           "echo; echo '[  SKIPPED ] Loop.Turns (0 ms)'"], {"SKIP_REGULAR_EXPRESSION": r"\[  SKIPPED \]"})


def test_what_passes_is_one_test_each(tmp_path):
    status, lines = run(tmp_path, {"a": PASSES, "b": PASSES})
    assert (status, lines[-1]) == (0, "2 passed, 0 failed, 0 skipped")


def test_a_file_of_pytest_is_as_many_tests_as_it_has(tmp_path):
    status, lines = run(tmp_path, {"a": PASSES, "e2e.some": pytest_file(tmp_path, "some", PYTEST)})
    assert status == 0
    assert lines[-3:] == ["skipped: e2e.some: no such thing: here (3 tests)", "skipped: e2e.some: another thing", "3 passed, 0 failed, 4 skipped"]


def test_a_file_of_which_nothing_can_run_is_skipped(tmp_path):
    tests = {"a": PASSES, "chart": pytest_file(tmp_path, "chart", WHOLE)}
    # Pytest exits with 5 if it has collected no test.
    tests["chart"][1]["SKIP_RETURN_CODE"] = 5
    _, lines = run(tmp_path, tests)
    assert lines[-1] == "1 passed, 0 failed, 1 skipped"


def test_the_output_of_a_test_may_be_long(tmp_path):
    text = PYTEST + "def test_z(capsys):\n    with capsys.disabled(): print('many words\\n' * 40000, flush=True)\n"
    _, lines = run(tmp_path, {"long": pytest_file(tmp_path, "long", text)})
    assert lines[-3:] == ["skipped: long: no such thing: here (3 tests)", "skipped: long: another thing", "3 passed, 0 failed, 4 skipped"]


def test_of_googletest_the_reason_is_told(tmp_path):
    status, lines = run(tmp_path, {"a": PASSES, "runtime.Loop": GOOGLE})
    assert status == 0
    assert lines[-2:] == ["skipped: runtime.Loop: no such kernel", "1 passed, 0 failed, 1 skipped"]


def test_a_disabled_one_is_skipped(tmp_path):
    _, lines = run(tmp_path, {"a": PASSES, "b": (["/bin/false"], {"DISABLED": 1})})
    assert lines[-2:] == ["skipped: b: disabled", "1 passed, 0 failed, 1 skipped"]


def test_failures_are_counted_and_the_status_is_that_of_ctest(tmp_path):
    status, lines = run(tmp_path, {"a": PASSES, "b": FAILS, "some": pytest_file(tmp_path, "some", FAILING), "gone": (["/no/such/program"], {}),
                                   "slow": (["/bin/sleep", "60"], {"TIMEOUT": 1})})
    assert status == 8
    assert lines[-1] == "3 passed, 5 failed, 4 skipped"


def once_only(tmp_path):
    """A test that fails when it runs for the first time, with a reason."""
    return (["/bin/sh", "-c", f"test -e {tmp_path}/tried || {{ touch {tmp_path}/tried; echo 'E   too slow'; exit 1; }}"], {})


def test_what_fails_is_named_with_its_reason(tmp_path):
    status, lines = run(tmp_path, {"a": PASSES, "late": once_only(tmp_path)})
    assert status == 8 and lines[-3:] == ["failed: late", "    E   too slow", "1 passed, 1 failed, 0 skipped"]


def test_a_second_try_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("CTEST_SECOND_TRY", "1")
    status, lines = run(tmp_path, {"a": PASSES, "late": once_only(tmp_path)})
    assert status == 0 and lines[-4:] == ["failed at the first try: late", "    E   too slow", "", "2 passed, 0 failed, 0 skipped"]


def test_what_fails_twice_has_failed(tmp_path, monkeypatch):
    monkeypatch.setenv("CTEST_SECOND_TRY", "1")
    status, lines = run(tmp_path, {"a": PASSES, "b": FAILS})
    assert status == 8 and lines[-4:] == ["failed at the first try: b", "", "failed: b", "1 passed, 1 failed, 0 skipped"]


def test_one_that_prints_a_closing_line_and_fails_behind_it_has_failed(tmp_path):
    _, lines = run(tmp_path, {"a": (["/bin/sh", "-c", "echo '3 passed in 0.01s'; exit 1"], {})})
    assert lines[-1] == "3 passed, 1 failed, 0 skipped"


def test_where_nothing_runs_nothing_is_counted(tmp_path):
    status, lines = run(tmp_path, {"a": PASSES}, "-N")
    assert status == 0 and "passed" not in lines[-1]


def test_readme_shows_the_closing_line(tmp_path):
    _, lines = run(tmp_path, {"e2e.some": pytest_file(tmp_path, "some", PYTEST)})
    shown = re.search(r"^\$ make test\n((?:(?!```).*\n)*)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)[1].splitlines()
    assert shown[-1] == "… passed, 0 failed, … skipped" == re.sub(r"[1-9]", "…", lines[-1])
    assert all(re.fullmatch(r"skipped: e2e\.\w+: .+", line) for line in (shown[-2], lines[-2]))
