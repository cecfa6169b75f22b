"""Checks the documents: links have a target; what the architecture names exists, its lists are complete; the first page is short and links to all
others; the tables of test files and of log lines are those of the tree."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_README_LINES = 130
CODE_BLOCK = re.compile(r"^ *```.*?^ *```", re.M | re.S)
ROOMS = sorted(path.name for path in (ROOT / "src").iterdir() if path.is_dir())
# A file in a room of src/, with or without its suffix.
ROOM_FILE = re.compile(rf"`((?:{'|'.join(ROOMS)})/[\w./]+)`")
# The same, of this repository or of a room, with the functions or members in it that matter, as in `dns/name` (`is_utf8`, and `parse_name` ...).
FILE_WITH_NAMES = re.compile(rf"`(?:src/)?((?:{'|'.join(ROOMS)})/[\w.]+)`(?: and `\.cpp`)? \((`\w+`[^()]*)\)")
MEMBER = re.compile(r"`([A-Z]\w*)::(\w+)`")
REPOSITORY_FILE = re.compile(r"`((?:src|tests|dashboards|deploy|helm)/[\w./-]+)`")
DATA_PATH = ("dns", "cache", "resolve", "server", "upstream")
# A record by itself, for `records` of the configuration.
NOT_OF_QUERIES = {"dns/zone_record"}
ENDINGS = ("", ".hpp", ".cpp", ".json", ".cmake")


def documents():
    tracked = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        return sorted(path for path in ROOT.rglob("*.md") if "build" not in path.relative_to(ROOT).parts)
    return [ROOT / name for name in tracked.stdout.split()]


def prose(path):
    return CODE_BLOCK.sub("", path.read_text(encoding="utf-8"))


def anchors(path):
    """The names of the headings of a page as targets of links."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(path), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.add(re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-"))
    return found


def links(path):
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)) if not re.match(r"https?:", target)]


def dead_links(path):
    for target in links(path):
        name, _, anchor = target.partition("#")
        page = path.parent / name if name else path
        if not page.exists():
            yield f"{target}: there is no such file"
        elif anchor and (page.suffix != ".md" or anchor not in anchors(page)):
            yield f"{target}: there is no such heading"


def missing_files(path):
    text = prose(path)
    for name in ROOM_FILE.findall(text):
        if not any((ROOT / "src" / f"{name}{ending}").exists() for ending in ENDINGS):
            yield f"src/{name}"
    for name in REPOSITORY_FILE.findall(text):
        if not (ROOT / name).exists():
            yield name


def sources(name):
    """The text of the files of src/ that `name` stands for: one file, or a header and the source beside it."""
    paths = [ROOT / "src" / f"{name}{ending}" for ending in ENDINGS]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())


def missing_names(path):
    """Names that a page says to be in a file, or in a class, and that are not there."""
    text = prose(path)
    for name, listed in FILE_WITH_NAMES.findall(text):
        for word in re.findall(r"`([a-z]\w*)`", listed):
            if not re.search(rf"\b{word}\b", sources(name)):
                yield f"{name}: {word}"
    code = {each: each.read_text(encoding="utf-8") for each in (ROOT / "src").rglob("*.[ch]pp")}
    for owner, word in MEMBER.findall(text):
        opening = re.compile(rf"^[ \t]*(?:class|struct|enum class) {owner}\b[^;{{]*{{.*?^}};", re.M | re.S)
        bodies = [found.group() for each in code.values() for found in opening.finditer(each)]
        if not any(re.search(rf"\b{word}\b", body) for body in bodies):
            yield f"{owner}::{word}"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    assert list(dead_links(path)) == []


@pytest.mark.parametrize("path", [ROOT / "src/README.md"], ids=["src/README.md"])
def test_files_that_it_names_exist(path):
    assert len(ROOM_FILE.findall(prose(path))) > 100
    assert list(missing_files(path)) == []


@pytest.mark.parametrize("path", [ROOT / "src/README.md"], ids=["src/README.md"])
def test_names_in_files_and_classes_exist(path):
    assert len(FILE_WITH_NAMES.findall(prose(path))) > 20 and len(MEMBER.findall(prose(path))) > 20
    assert list(missing_names(path)) == []


def test_the_list_for_a_transport_has_each_file_that_asks_for_the_protocol():
    section = (ROOT / "src/README.md").read_text(encoding="utf-8").split("### Add an upstream transport")[1].split("\n### ")[0]
    listed = {pathlib.Path(name).with_suffix("") for name in REPOSITORY_FILE.findall(section)}
    asking = {path.relative_to(ROOT).with_suffix("") for path in (ROOT / "src").rglob("*.cpp")
              if re.search(r"\bProtocol::(tls|tcp|udp)\b", path.read_text(encoding="utf-8"))}
    assert len(asking) > 10
    assert asking - listed == set()


@pytest.mark.parametrize("folder", ["e2e", "cluster"])
def test_the_page_of_the_tests_has_a_row_for_each_file(folder):
    page = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(test_\w+\.py)` \|", page, re.M))
    assert {path.name for path in (ROOT / "tests" / folder).glob("test_*.py")} - rows == set()


def test_the_log_has_the_lines_of_the_page():
    page = (ROOT / "deploy/OPERATIONS.md").read_text(encoding="utf-8").split("\n## The log")[1]
    rows = re.findall(r"^\| (`[^|]*) \| \w[\w, ]* \| ([^|]*) \|", page, re.M)
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.cpp"))
    messages = [word for row, _ in rows for word in re.findall(r"`([^`]+)`", row)]
    fields = {word for _, row in rows for word in re.findall(r"`(\w+)`", row)}
    assert len(messages) > 15 and len(fields) > 20
    assert [message for message in messages if f'"{message}"' not in code] == []
    assert [field for field in fields if f'{{"{field}", ' not in code] == []


def test_the_architecture_names_every_file_that_a_query_may_meet():
    """A name stands for the header and the source of that name. Further sources of a header, such as pool_answers.cpp, have their own names."""
    named = {re.sub(r"\.[ch]pp$", "", name) for name in ROOM_FILE.findall(prose(ROOT / "src/README.md"))}
    files = {str(path.relative_to(ROOT / "src").with_suffix("")) for room in DATA_PATH for path in (ROOT / "src" / room).glob("*.[ch]pp")}
    assert len(files) > 100
    assert files - named - NOT_OF_QUERIES == set()


def test_the_first_page_is_short_and_leads_to_all_others():
    first = ROOT / "README.md"
    assert len(first.read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES
    reached, todo = {first}, [first]
    while todo:
        page = todo.pop()
        for target in links(page):
            linked = (page.parent / target.partition("#")[0]).resolve()
            if linked.suffix == ".md" and linked not in reached:
                reached.add(linked)
                todo.append(linked)
    assert {str(path.relative_to(ROOT)) for path in documents() if path not in reached} == set()


@pytest.mark.parametrize("text, expected", [
    ("[a](gone.md)", "gone.md: there is no such file"),
    ("[a](#gone)", "#gone: there is no such heading"),
    ("## The `a` of *b*\n[a](#the-a-of-b)", None),
    ("```\n[a](gone.md)\n```", None),
    ("[a](https://gone.example/)", None),
])
def test_a_dead_link_is_seen(tmp_path, text, expected):
    page = tmp_path / "page.md"
    page.write_text(text + "\n", encoding="utf-8")
    assert list(dead_links(page)) == ([expected] if expected else [])


def test_a_missing_file_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("`server/compose`, `server/gone`, `dns/framing.hpp`, `tests/gone.py`\n", encoding="utf-8")
    assert list(missing_files(page)) == ["src/server/gone", "tests/gone.py"]


def test_a_missing_name_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("`dns/name` (`parse_name`, `gone`), `dns/name.hpp` (`hash_name`), `dns/name` (a `gone` one), `NameView::parent`, "
                    "`QueryHandler::has_memory_for`, `WaitingQueries::has_memory_for`, `Gone::parent`\n", encoding="utf-8")
    assert list(missing_names(page)) == ["dns/name: gone", "QueryHandler::has_memory_for", "Gone::parent"]
