"""The fixtures of all end-to-end tests. tests/README.md says how to run them."""

import ssl

import pytest

from harness import certificates, pillion, servers, zone
from harness.process import served


def pytest_configure():
    if not pillion.BINARY.exists():
        raise pytest.UsageError(f"{pillion.BINARY} is not built; PILLION_BINARY names another")


@pytest.fixture
def clients():
    """A list of clients, which are closed at the end."""
    made = []
    yield made
    for client in made:
        client.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority for the tests."""
    return certificates.Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="session")
def certificate(authority):
    """A valid certificate for servers.TLS_NAME."""
    return authority.issue("server", f"DNS:{servers.TLS_NAME}")


@pytest.fixture(scope="session")
def tls_context(authority):
    """The TLS context for a direct query to a server, with verification."""
    return ssl.create_default_context(cafile=str(authority.ca_file))


@pytest.fixture(scope="session")
def zone_file(tmp_path_factory):
    return zone.write_signed(tmp_path_factory.mktemp("zone"))


def _served(make, tmp_path_factory, certificate, zone_file):
    return served(lambda: make(tmp_path_factory.mktemp(make.__name__), certificate, zone_file, zone.ORIGIN))


@pytest.fixture(scope="session")
def unbound(tmp_path_factory, certificate, zone_file):
    with _served(servers.unbound, tmp_path_factory, certificate, zone_file) as server:
        yield server


@pytest.fixture(scope="session")
def nsd(tmp_path_factory, certificate, zone_file):
    with _served(servers.nsd, tmp_path_factory, certificate, zone_file) as server:
        yield server


@pytest.fixture(scope="session")
def verified(authority):
    """verified(server, …) -> the `upstreams` of a configuration that trusts the CA of the tests."""

    def upstreams(*running_servers, **more):
        entries = [{"address": server.address, "tls_name": servers.TLS_NAME} for server in running_servers]
        return {"real": pillion.upstream(*entries, tls={"ca_file": str(authority.ca_file)}, **more)}

    return upstreams
