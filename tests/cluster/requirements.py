"""Checks what must be there before any test can run."""

import json
import pathlib

import pytest
import tools as chart_tools

ROOT = pathlib.Path(__file__).resolve().parents[2]


def unusable(reason):
    """Ends the whole run with the reason, in place of one failure for each test."""
    pytest.exit(f"make cluster-test: {reason}", returncode=1)


def index():
    """(directory of the images' archives, content of its images.json)"""
    file = ROOT / "build" / "cluster" / "images.json"
    if not file.exists():
        unusable(f"{file} is not there: make cluster-images")
    return file.parent, json.loads(file.read_text())


def helm():
    """The path of the program helm. Ends the run if it cannot be had."""
    try:
        return chart_tools.fetch().helm
    except chart_tools.Unavailable as reason:
        unusable(f"there is no Helm for the charts: {reason}")
