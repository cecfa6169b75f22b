"""Checks the tree against the architecture: which room may include which, which files are pure, what must not be used, and what is at the top level.

    layering.py ROOT

Prints one line for each fault and exits 1 if there is one. src/README.md has the reasons for the rules.
"""

import fnmatch
import pathlib
import re
import subprocess
import sys

TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "Dockerfile", "Makefile", "README.md", "LICENSE",
    "src", "tests", "deploy", "helm", "dashboards",
}

# Room -> the other rooms whose headers it may include. The empty name is main.cpp, which may include only `cli`.
LAYERS = {
    "runtime": set(),
    "dns": set(),
    "presentation": {"dns"},
    "config": {"runtime", "dns", "presentation"},
    "cache": {"runtime", "dns"},
    "upstream": {"runtime", "dns", "presentation", "config"},
    "resolve": {"runtime", "dns", "config", "cache", "upstream"},
    "server": {"runtime", "dns", "config", "cache", "upstream", "resolve"},
    "telemetry": {"runtime", "dns", "presentation"},
    "http": {"runtime"},
    "inject": {"config"},
    "probe": {"runtime", "dns", "presentation", "config", "upstream"},
    "admin": {"runtime", "dns", "presentation", "config", "cache", "upstream", "resolve", "server", "telemetry", "http"},
    "app": {"runtime", "dns", "presentation", "config", "cache", "upstream", "resolve", "server", "telemetry", "http", "admin"},
    "cli": {"runtime", "dns", "presentation", "config", "cache", "upstream", "resolve", "server", "telemetry", "http", "admin", "app", "inject",
            "probe"},
    "": {"cli"},
}
# The small headers that rooms publish for rooms that only report on them.
PUBLISHED = re.compile(r"^[a-z_]+/(config|metrics|metric_table|error|observer)\.hpp$")
READS_PUBLISHED = {"telemetry", "http"}

# Files that decide, and neither wait, nor call the system, nor read a clock; by their path without the suffix.
PURE = (
    "dns/*", "presentation/*", "cache/*", "inject/*",
    "runtime/deadline_heap", "runtime/enum_array", "runtime/log_limiter", "runtime/memory", "runtime/metric", "runtime/metrics", "runtime/schedule", "runtime/slab",
    "runtime/stable_sort",
    "config/difference", "config/line_paths", "config/nearest_word", "config/network", "config/own_address", "config/record_check", "config/resolv_conf",
    "config/restart_keys", "config/scalar", "config/sink_address", "config/yaml_cost",
    "upstream/channel", "upstream/connection", "upstream/datagram*", "upstream/encode", "upstream/error", "upstream/group_fallback",
    "upstream/health", "upstream/known_question", "upstream/latency_sketch", "upstream/liveness", "upstream/members", "upstream/metric_table", "upstream/metrics",
    "upstream/mux", "upstream/observer", "upstream/pipeline", "upstream/pipelined_connection", "upstream/policy", "upstream/pool*", "upstream/probe",
    "upstream/quarantine", "upstream/query", "upstream/server_*", "upstream/stream", "upstream/stream_connection",
    "upstream/tls_connections", "upstream/trace*",
    "resolve/*",
    "server/client", "server/client_*", "server/clients", "server/compose", "server/explainer", "server/metric_table", "server/metrics", "server/observer",
    "server/recent_queries", "server/refusal",
    "server/shared_clients", "server/shared_limits", "server/sliding_minute", "server/turn_work", "server/waiting_queries",
    "telemetry/escaped_text", "telemetry/line_text", "telemetry/line_writer", "telemetry/log_line", "telemetry/message_record", "telemetry/name_texts",
    "telemetry/plain_name", "telemetry/query_record", "telemetry/record_ring",
    "telemetry/syslog_header",
    "probe/asked_query", "probe/choice", "probe/figures", "probe/findings", "probe/json", "probe/settings", "probe/statistics",
    "probe/table",
    "admin/cache_view", "admin/finding", "admin/finding_changes", "admin/server_trouble", "admin/verdict",
    "app/drain", "app/restart_policy", "app/settling",
    "cli/completion", "cli/search_candidates", "cli/status_text",
)
# Rooms whose files must be on that list if they can be.
DECIDING_ROOMS = {"dns", "presentation", "cache", "inject", "upstream", "resolve", "probe"}
# A file whose comment says that it is pure.
SAYS_PURE = re.compile(r"^//.*\bPure\b", re.MULTILINE)
IMPURE_INCLUDE = re.compile(r"^(boost/(asio|beast)|openssl/)|^(ctime|time\.h|sys/time\.h|sys/socket\.h|unistd\.h)$")
# Only the loop may call TurnClock::refresh(), which reads the clock in the middle of a turn.
CLOCK = re.compile(r"\w*_?clock\s*::\s*now\s*\(|\bclock_gettime\b|\bgettimeofday\b|\bstd::time\s*\(|\bClock::now\b"
                   r"|\bclock(_|\(\))?\s*(\.|->)\s*refresh\s*\(")

FORBIDDEN = [
    (re.compile(r"\b(enable_)?shared_from_this\b"), "an object never owns itself: no shared_from_this"),
    (re.compile(r"\basio::detached\b|\bdetached_t\b"), "tasks belong to a task group: no asio::detached"),
    (re.compile(r"\.detach\s*\("), "threads are joined: no detach()"),
    (re.compile(r"\bsleep_(for|until)\b|\b(u|nano)?sleep\s*\("), "the loop waits on timers: no sleeping"),
    (re.compile(r"experimental[:/]+\w*channel"), "experimental::channel of Boost 1.81 is faulty"),
    (re.compile(r"\b(cancellation_signal|cancellation_slot|bind_cancellation_slot)\b"),
     "coroutine cancellation of Boost 1.81 is faulty: close the socket instead"),
]
LONG_FILE = 300       # lines: reported
TOO_LONG_FILE = 500   # lines: a fault

INCLUDE = re.compile(r'[ \t]*#\s*include\s*([<"])([^>"]+)[>"]')


NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/"""                                   # comments
    r"""|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*\""""  # strings
    r"""|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""",                # characters, but not the marks in 1'000'000
    re.S)


def without_comments(text):
    """The same lines without comments and the contents of strings, except in #include lines."""

    def blank(match):
        line_start = text.rfind("\n", 0, match.start()) + 1
        if match.group(0).startswith('"') and INCLUDE.match(text, line_start):
            return match.group(0)
        return " " + "\n" * match.group(0).count("\n")

    return NOT_CODE.sub(blank, text)


def without_strings(text):
    """The same lines without the contents of strings; comments stay."""
    return NOT_CODE.sub(lambda match: match.group(0) if match.group(0).startswith("/") else " " + "\n" * match.group(0).count("\n"), text)


class Source:
    """One file under src/."""

    def __init__(self, path, name):
        self.name = name
        self.room = name.split("/")[0] if "/" in name else ""
        self.text = path.read_text(encoding="utf-8")
        self.code = without_comments(self.text)
        self.local_includes = []   # (line, "room/header.hpp")
        self.system_includes = []  # (line, "boost/asio.hpp")
        for number, line in enumerate(self.code.split("\n"), 1):
            found = INCLUDE.match(line)
            if found:
                (self.local_includes if found.group(1) == '"' else self.system_includes).append((number, found.group(2)))


def read_sources(root):
    base = root / "src"
    paths = sorted(path for suffix in ("*.hpp", "*.cpp", "*.h", "*.cc") for path in base.rglob(suffix))
    return {str(path.relative_to(base)): Source(path, str(path.relative_to(base))) for path in paths}


def layer_faults(sources):
    for source in sources.values():
        if source.room not in LAYERS:
            yield f"src/{source.name}:1: {source.room} is not a room of the architecture"
            continue
        for line, included in source.local_includes:
            room = included.split("/")[0]
            if "/" not in included:
                yield f"src/{source.name}:{line}: \"{included}\" is not written from the include root src/"
            elif room == source.room or room in LAYERS[source.room]:
                if included not in sources:
                    yield f"src/{source.name}:{line}: \"{included}\" does not exist under src/"
            elif not (source.room in READS_PUBLISHED and PUBLISHED.match(included)):
                yield f"src/{source.name}:{line}: {source.room or 'main.cpp'} may not include {included}"


def cycle_faults(sources):
    state = {}

    def visit(name, trail):
        state[name] = "open"
        for _, included in sources[name].local_includes:
            if state.get(included) == "open":
                yield f"src/{name}:1: includes go in a circle: {' > '.join([*trail[trail.index(included):], included])}"
            elif included in sources and included not in state:
                yield from visit(included, [*trail, included])
        state[name] = "done"

    for name in sources:
        if name not in state:
            yield from visit(name, [name])


def reached_from(sources, name):
    """Every file under src/ that `name` includes, directly or not, with the chain of includes."""
    trails = {name: [name]}
    todo = [name]
    while todo:
        current = todo.pop()
        for _, included in sources[current].local_includes:
            if included in sources and included not in trails:
                trails[included] = [*trails[current], included]
                todo.append(included)
    return trails


def stem_of(name):
    return name.rsplit(".", 1)[0]


def is_pure(name, pure):
    return any(fnmatch.fnmatchcase(stem_of(name), pattern) for pattern in pure)


def impurities(sources, name):
    """(line, what is wrong) of a file that must be pure. The line is in the file itself."""
    for reached, trail in reached_from(sources, name).items():
        for line, included in sources[reached].system_includes:
            if IMPURE_INCLUDE.match(included):
                through = f" (through {' > '.join(trail[1:])})" if len(trail) > 1 else ""
                yield line if reached == name else 1, f"includes <{included}>{through}"
    for number, line in enumerate(sources[name].code.split("\n"), 1):
        if CLOCK.search(line):
            yield number, "reads a clock; time comes in as an argument"


def purity_faults(sources, pure):
    for source in sources.values():
        if is_pure(source.name, pure):
            for line, what in impurities(sources, source.name):
                yield f"src/{source.name}:{line}: is pure but {what}"


def pure_list_faults(sources, pure):
    """Faults of the list: names of no file, and files that say or show that they are pure and are not listed."""
    stems = {}
    for name in sources:
        stems.setdefault(stem_of(name), []).append(name)
    for pattern in pure:
        if not fnmatch.filter(stems, pattern):
            yield f"tests/lint/layering.py:1: the list of pure files has {pattern}, and src/ has no such file"
    for stem, names in stems.items():
        if any(is_pure(name, pure) for name in names):
            continue
        opening = "".join(sources[name].text.split("\nnamespace ")[0] for name in names)
        if SAYS_PURE.search(opening):
            yield f"src/{names[0]}:1: says that it is pure and is not on the list of pure files"
        elif stem.split("/")[0] in DECIDING_ROOMS and not any(impurity for name in names for impurity in impurities(sources, name)):
            yield f"src/{names[0]}:1: is pure and is not on the list of pure files"


def forbidden_faults(sources):
    for source in sources.values():
        for number, line in enumerate(source.code.split("\n"), 1):
            for pattern, why in FORBIDDEN:
                if pattern.search(line):
                    yield f"src/{source.name}:{number}: {why}"
        for number, line in enumerate(source.text.split("\n"), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                yield f"src/{source.name}:{number}: unfinished business belongs in an issue, not in a comment"
        if source.name.endswith(".hpp") and "#pragma once" not in source.text:
            yield f"src/{source.name}:1: a header begins with #pragma once"


def size_faults(sources):
    for source in sources.values():
        lines = source.text.count("\n")
        if lines > TOO_LONG_FILE:
            yield f"src/{source.name}:1: {lines} lines; a file over {LONG_FILE} asks to be two"


def long_files(sources):
    return sorted(((source.text.count("\n"), source.name) for source in sources.values()
                   if source.text.count("\n") > LONG_FILE), reverse=True)


def top_level_faults(root):
    try:
        listed = subprocess.run(["git", "-C", str(root), "ls-files"], capture_output=True, text=True, check=True).stdout
        names = {line.split("/")[0].strip('"') for line in listed.splitlines()}
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        names = {path.name for path in root.iterdir()} - {"build"}
    for name in sorted(names):
        if name not in TOP_LEVEL and not name.startswith("."):
            yield f"{name}: is not on the list of what lies at the top of the tree"


def all_faults(root, pure=PURE):
    sources = read_sources(root)
    if not sources:
        return [f"{root}/src: no sources found"]
    return [*top_level_faults(root), *layer_faults(sources), *cycle_faults(sources), *purity_faults(sources, pure),
            *pure_list_faults(sources, pure), *forbidden_faults(sources), *size_faults(sources)]


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    root = pathlib.Path(arguments[0]).resolve()
    faults = all_faults(root)
    for fault in faults:
        print(fault)
    for lines, name in long_files(read_sources(root)):
        print(f"note: src/{name} has {lines} lines")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
