"""Gives the tests the servers and processes of the end-to-end tests, and a browser."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

# The path has to be set first.
import browser as browsers  # noqa: E402
from harness import certificates, pillion, servers  # noqa: E402


def pytest_configure():
    if not pillion.BINARY.exists():
        raise pytest.UsageError(f"{pillion.BINARY} is not built; PILLION_BINARY names another")


def _needed(make):
    try:
        return make()
    except browsers.Unavailable as reason:
        if os.environ.get("PILLION_PAGE_REQUIRED"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium. Each test opens its own page."""
    with _needed(lambda: browsers.Browser(tmp_path_factory.mktemp("chromium"))) as running:
        yield running


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core."""
    return _needed(browsers.fetch_axe)


@pytest.fixture(scope="session")
def shots():
    """The directory for pictures of the page, for people to look at."""
    directory = pathlib.Path(os.environ.get("PILLION_PAGE_SHOTS") or ROOT / "build" / "page")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue("server", f"DNS:{servers.TLS_NAME}")
