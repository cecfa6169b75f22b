"""Tests the page's files: they load nothing from other hosts, make no markup from data, and are small enough to be read."""

import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parents[2] / "src/http/page"
FILES = {path.name: path.read_text(encoding="utf-8") for path in sorted(PAGE.iterdir())}
SVG = "http://www.w3.org/2000/svg"


def test_files_are_small():
    assert {name: text.count("\n") for name, text in FILES.items() if text.count("\n") > (150 if name == "charts.js" else 300)} == {}


def test_nothing_comes_from_elsewhere():
    for name, text in FILES.items():
        assert not re.search(r"(https?:)?//[a-z0-9]", re.sub(r"^\s*//.*$", "", text.replace(SVG, ""), flags=re.MULTILINE)), name


def test_data_becomes_no_markup():
    writers = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|parseFromString|setHTML|\beval\b|new Function|srcdoc"
    for name, text in FILES.items():
        assert not re.search(writers, text), name


def test_markup_has_neither_scripts_nor_styles_of_its_own():
    html = FILES["index.html"]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html)
    assert all(re.search(r'src="[a-z]+\.js"></script>', tag) for tag in re.findall(r"<script.*", html))


def test_what_is_asked_for_is_there():
    """The files that others name exist, and so do the elements that scripts find by id."""
    named = {match for text in FILES.values() for match in re.findall(r'(?:href|src)="([a-z]+\.[a-z]+)"|from "\./([a-z]+\.js)"', text)}
    assert {one or other for one, other in named} <= FILES.keys()
    ids = set(re.findall(r'id="([a-z-]+)"', FILES["index.html"]))
    wanted = {match for name, text in FILES.items() if name.endswith(".js") for match in re.findall(r'part\("([a-z-]+)"\)', text)}
    assert wanted and wanted <= ids
