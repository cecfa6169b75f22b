"""Tests that the linter can fail: for each rule it reads a made-up tree that violates it, and one that does not."""

import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layering  # noqa: E402

CLEAN = {
    "src/main.cpp": '#include "cli/main.hpp"\nint main() {}\n',
    "src/cli/main.hpp": '#pragma once\n#include "app/run.hpp"\n',
    "src/app/run.hpp": '#pragma once\n#include "http/server.hpp"\n#include "server/server.hpp"\n',
    "src/server/server.hpp": '#pragma once\n#include "resolve/resolver.hpp"\n#include "config/config.hpp"\n',
    "src/server/metrics.hpp": '#pragma once\n',
    "src/resolve/resolver.hpp": '#pragma once\n#include "upstream/pool.hpp"\n#include "cache/cache.hpp"\n',
    "src/upstream/pool.hpp": '#pragma once\n#include <boost/asio/ip/tcp.hpp>\n#include "upstream/mux.hpp"\n',
    "src/upstream/mux.hpp": '#pragma once\n#include <vector>\n#include "dns/wire.hpp"\n',
    "src/cache/cache.hpp": '#pragma once\n#include "dns/wire.hpp"\n#include "runtime/metrics.hpp"\n',
    "src/dns/wire.hpp": '#pragma once\n#include <span>\n',
    "src/config/config.hpp": '#pragma once\n',
    "src/runtime/metrics.hpp": '#pragma once\n#include <atomic>\n',
    "src/runtime/task_group.hpp": '#pragma once\n#include <boost/asio/awaitable.hpp>\n',
    "src/http/server.hpp": '#pragma once\n#include "runtime/task_group.hpp"\n',
    "src/telemetry/exporter.hpp": '#pragma once\n#include "server/metrics.hpp"\n',
    "README.md": "\n",
    ".ci/run": "\n",
}


PURE = ("dns/*", "cache/*", "upstream/mux*")


def all_faults(tmp_path, pure=PURE):
    return layering.all_faults(tmp_path, pure)


def faults(tmp_path, changes, pure=PURE):
    for name, text in {**CLEAN, **changes}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return all_faults(tmp_path, pure)


def test_a_clean_tree_passes(tmp_path):
    assert faults(tmp_path, {}) == []


@pytest.mark.parametrize("name, text, expected", [
    ("src/dns/name.hpp", '#pragma once\n#include "runtime/metrics.hpp"\n', "dns may not include runtime/metrics.hpp"),
    ("src/cache/a.cpp", '#include "upstream/mux.hpp"\n', "cache may not include upstream/mux.hpp"),
    ("src/upstream/a.cpp", '#include "cache/cache.hpp"\n', "upstream may not include cache/cache.hpp"),
    ("src/upstream/a.cpp", '#include "resolve/resolver.hpp"\n', "upstream may not include resolve/resolver.hpp"),
    ("src/resolve/a.cpp", '#include "server/server.hpp"\n', "resolve may not include server/server.hpp"),
    ("src/server/a.cpp", '#include "http/server.hpp"\n', "server may not include http/server.hpp"),
    ("src/server/a.cpp", '#include "app/run.hpp"\n', "server may not include app/run.hpp"),
    ("src/http/a.cpp", '#include "server/server.hpp"\n', "http may not include server/server.hpp"),
    ("src/telemetry/a.cpp", '#include "upstream/pool.hpp"\n', "telemetry may not include upstream/pool.hpp"),
    ("src/config/a.cpp", '#include "upstream/mux.hpp"\n', "config may not include upstream/mux.hpp"),
    ("src/app/a.cpp", '#include "cli/main.hpp"\n', "app may not include cli/main.hpp"),
    ("src/main.cpp", '#include "app/run.hpp"\n', "main.cpp may not include app/run.hpp"),
    ("src/util/a.hpp", '#pragma once\n', "util is not a room"),
    ("src/dns/a.cpp", '#include "wire.hpp"\n', "is not written from the include root"),
    ("src/dns/a.cpp", '#include "dns/gone.hpp"\n', "does not exist"),
    ("src/dns/wire.hpp", '#pragma once\n#include "dns/b.hpp"\n', "does not exist"),
    ("src/dns/a.cpp", '#include <boost/asio/buffer.hpp>\n', "is pure but includes <boost/asio/buffer.hpp>"),
    ("src/cache/a.cpp", '#include <openssl/evp.h>\n', "is pure but includes <openssl/evp.h>"),
    ("src/cache/a.cpp", '#include "runtime/task_group.hpp"\n', "(through runtime/task_group.hpp)"),
    ("src/upstream/mux_table.cpp", '#include <openssl/ssl.h>\n', "is pure but includes <openssl/ssl.h>"),
    ("src/upstream/mux_policy.cpp", '#include "upstream/pool.hpp"\n', "(through upstream/pool.hpp)"),
    ("src/upstream/mux_health.cpp", 'auto t = std::chrono::steady_clock::now();\n', "reads a clock"),
    ("src/dns/a.cpp", 'auto t = runtime::Clock::now();\n', "reads a clock"),
    ("src/dns/a.cpp", 'auto t = schedule.clock().refresh();\n', "reads a clock"),
    ("src/cache/a.cpp", 'auto t = clock_.refresh();\n', "reads a clock"),
    ("src/cache/a.cpp", 'auto t = clock->refresh();\n', "reads a clock"),
    ("src/upstream/a.hpp", '#pragma once\n#include "dns/wire.hpp"\n', "is pure and is not on the list of pure files"),
    ("src/http/a.hpp", '#pragma once\n// Routes. Pure.\nnamespace a {\n', "says that it is pure and is not on the list of pure files"),
    ("src/http/a.cpp", 'class A : std::enable_shared_from_this<A> {};\n', "no shared_from_this"),
    ("src/http/a.cpp", 'co_spawn(e, f(), asio::detached);\n', "no asio::detached"),
    ("src/http/a.cpp", 'std::thread(f).detach();\n', "no detach()"),
    ("src/http/a.cpp", 'std::this_thread::sleep_for(1s);\n', "no sleeping"),
    ("src/http/a.cpp", 'boost::asio::experimental::channel<int> c;\n', "experimental::channel"),
    ("src/http/a.cpp", 'int a;  // TODO later\n', "unfinished business"),
    ("src/http/a.hpp", 'int a();\n', "#pragma once"),
    ("src/http/a.cpp", "\n" * 501, "asks to be two"),
    ("notes.txt", "\n", "notes.txt: is not on the list"),
])
def test_each_rule_can_fail(tmp_path, name, text, expected):
    found = faults(tmp_path, {name: text})
    assert any(expected in fault for fault in found), found
    assert all(fault.startswith(name) for fault in found), found


def test_a_list_of_pure_files_with_a_name_that_does_not_exist_is_a_fault(tmp_path):
    found = faults(tmp_path, {}, (*PURE, "upstream/gone"))
    assert len(found) == 1 and "has upstream/gone, and src/ has no such file" in found[0]


@pytest.mark.parametrize("name, text", [
    ("src/http/a.cpp", "auto t = loop.clock().refresh();\n"),
    ("src/dns/a.cpp", "auto t = schedule.clock().now();\nview.refresh();\n"),
    ("src/http/a.hpp", "#pragma once\n// Impure. Purely a driver.\nnamespace a {\n// Pure is another one.\n"),
    ("src/upstream/a.hpp", "#pragma once\n#include <openssl/ssl.h>\n"),
])
def test_what_is_not_pure_need_not_be_on_the_list(tmp_path, name, text):
    assert faults(tmp_path, {name: text}) == []


def test_a_circle_of_includes_is_named(tmp_path):
    found = faults(tmp_path, {"src/dns/a.hpp": '#pragma once\n#include "dns/b.hpp"\n',
                              "src/dns/b.hpp": '#pragma once\n#include "dns/a.hpp"\n'})
    assert len(found) == 1 and "dns/a.hpp > dns/b.hpp > dns/a.hpp" in found[0]


@pytest.mark.parametrize("text", [
    '// #include "server/server.hpp", asio::detached and sleep_for are only talked about here\n',
    '/* steady_clock::now()\n#include "server/server.hpp"\n*/\n',
    'auto a = "asio::detached";\nauto b = R"x(sleep_for "quoted")x";\n',
    "constexpr auto a = 1'000'000; constexpr char b = '\"'; // \"sleep_for\n",
])
def test_comments_and_strings_are_no_code(tmp_path, text):
    assert faults(tmp_path, {"src/dns/a.cpp": text}) == []


def test_code_behind_odd_literals_is_still_seen(tmp_path):
    found = faults(tmp_path, {"src/http/a.cpp": "auto a = '\"'; sleep_for(1'000'000); auto b = '\\'';\n"})
    assert len(found) == 1 and "no sleeping" in found[0]


def test_files_that_git_does_not_track_do_not_count(tmp_path):
    faults(tmp_path, {})
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "add", "-A"], check=True)
    (tmp_path / "core.1234").write_text("")
    assert all_faults(tmp_path) == []
    subprocess.run(["git", "-C", str(tmp_path), "add", "core.1234"], check=True)
    assert len(all_faults(tmp_path)) == 1


def test_an_empty_tree_is_a_fault(tmp_path):
    assert all_faults(tmp_path) != []
