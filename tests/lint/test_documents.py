"""Checks the documents: links have a target, files that the architecture names exist, the first page is short and links to all others."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_README_LINES = 130
CODE_BLOCK = re.compile(r"^ *```.*?^ *```", re.M | re.S)
# A file in a room of src/, with or without its suffix.
ROOM_FILE = re.compile(r"`((?:admin|app|cache|cli|config|dns|http|inject|probe|resolve|runtime|server|telemetry|upstream)/[\w./]+)`")
REPOSITORY_FILE = re.compile(r"`((?:src|tests|dashboards|deploy|helm)/[\w./-]+)`")
DATA_PATH = ("dns", "cache", "resolve", "server", "upstream")
# The text form of records, for users and for `records` of the configuration.
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


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    assert list(dead_links(path)) == []


@pytest.mark.parametrize("path", [ROOT / "src/README.md"], ids=["src/README.md"])
def test_files_that_it_names_exist(path):
    assert len(ROOM_FILE.findall(prose(path))) > 100
    assert list(missing_files(path)) == []


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
