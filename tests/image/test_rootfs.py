"""Tests the image's files as `make image` keeps them, without a container engine: all are for one architecture, no library is missing, and the
program runs with these libraries. Programs for another architecture (PLATFORM) run by qemu-user-static."""

import json
import os
import pathlib
import platform
import re
import shutil
import tarfile

import pytest
from harness import certificates, pillion, servers
from harness.client import ask_tcp, ask_udp, make_query, read
from harness.dot_server import DotServer
from harness.process import run

MACHINES = {"amd64": ("x86_64", "Advanced Micro Devices X86-64"), "arm64": ("aarch64", "AArch64")}  # the name of the kernel, the name of readelf
HERE = next((name for name, (machine, _) in MACHINES.items() if machine == platform.machine()), None)
PLATFORM = os.environ.get("PLATFORM", "")
RELEASE = os.environ.get("RELEASE", "")
ARCHITECTURE = PLATFORM.split("/")[-1] or HERE
MACHINE, IN_ELF = MACHINES[ARCHITECTURE]
# The start of a key share (RFC 8446 4.2.8): the group (draft-ietf-tls-ecdhe-mlkem), and the length of its key.
X25519MLKEM768_SHARE = bytes.fromhex("11ec 04c0")
TAR = pathlib.Path(__file__).parents[2] / "build/image" / RELEASE / PLATFORM.split("/")[-1] / "rootfs.tar"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    if not TAR.exists():
        pytest.skip(f"there is no {TAR}: make image{RELEASE and f' RELEASE={RELEASE}'}{PLATFORM and f' PLATFORM={PLATFORM}'}")
    path = tmp_path_factory.mktemp("root")
    with tarfile.open(TAR) as archive:
        # Engines add devices, which only root may make.
        archive.extractall(path, [entry for entry in archive if entry.isfile() or entry.isdir()])
    return path


@pytest.fixture(scope="module")
def programs(root):
    """{path in the image: output of readelf} of the program, its libraries and their loader."""
    read = ("readelf", "--wide", "--file-header", "--program-headers", "--section-headers", "--dynamic")
    return {path.relative_to(root): run(*read, path).stdout
            for path in root.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"}


@pytest.fixture(scope="module")
def loader(programs):
    return pathlib.Path(re.search(r"interpreter: /(.+)\]", programs[pathlib.Path("pillion")]).group(1))


@pytest.fixture(scope="module")
def launcher(root, programs, loader):
    """The words before the program's path that make it run with the image's libraries."""
    directories = sorted({str(root / path.parent) for path in programs if ".so" in path.name})
    command = [root / loader, "--inhibit-cache", "--library-path", ":".join(directories)]
    if MACHINE == platform.machine():
        return command
    emulator = shutil.which(f"qemu-{MACHINE}-static")
    if not emulator:
        pytest.skip(f"without qemu-user-static nothing runs here that is for {MACHINE}")
    return [emulator, *command]


def test_all_is_for_one_machine(programs):
    assert {re.search(r"Machine: +(.+)", about).group(1) for about in programs.values()} == {IN_ELF}


def test_every_library_is_there_and_none_besides(programs, loader):
    needed = {name for about in programs.values() for name in re.findall(r"\(NEEDED\).*\[(.+)\]", about)}
    assert "libc.so.6" in needed
    assert {path.name for path in programs} == needed | {"pillion", loader.name}
    assert loader in programs


def test_the_c_library_is_all_that_is_loaded(programs, loader):
    assert {path.name for path in programs} == {"pillion", "libc.so.6", loader.name}


def test_the_program_is_hardened_and_stripped(programs):
    about = programs[pathlib.Path("pillion")]
    assert re.search(r"Type: +DYN", about), "its addresses are not random"
    assert re.search(r"FLAGS_1.*NOW.*PIE", about) and "GNU_RELRO" in about, "what is relocated is not read-only"
    assert re.search(r"GNU_STACK .* RW +0x", about), "its stack is executable"
    assert not re.search(r"LOAD .* RWE", about), "memory is writable and executable"
    assert ".symtab" not in about and ".debug" not in about, "it has symbols"


def test_the_sbom_names_packages_for_this_machine(root):
    sbom = json.loads((root / "usr/share/doc/pillion/sbom.spdx.json").read_text())
    architectures = {package["name"]: re.search(r"\?arch=(\w+)", package["externalRefs"][0]["referenceLocator"]).group(1)
                     for package in sbom["packages"] if "externalRefs" in package}
    assert set(architectures.values()) <= {ARCHITECTURE, "all"}
    boost = next(name for name in architectures if re.fullmatch(r"libboost-json1\.\d+-dev", name))
    assert {architectures[name] for name in ("libc6", "libssl-dev", boost)} == {ARCHITECTURE}


def test_it_says_its_version_and_checks_its_configuration(root, launcher):
    assert re.match(r"pillion +\d", run(*launcher, root / "pillion", "version").stdout)
    checked = run(*launcher, root / "pillion", "check", "--config", root / "etc/pillion/pillion.yaml").stdout
    assert "0.0.0.0:8053" in checked and "cloudflare-dns.com" in checked


def test_it_resolves_over_verified_tls_and_is_scraped(root, launcher, tmp_path, monkeypatch):
    authority = certificates.Authority(tmp_path / "ca")
    monkeypatch.setattr(pillion, "BINARY", root / "pillion")
    with DotServer(authority.issue("server", f"DNS:{servers.TLS_NAME}")) as server:
        upstream = pillion.upstream({"address": server.address, "tls_name": servers.TLS_NAME}, tls={"ca_file": str(authority.ca_file)})
        with pillion.running(tmp_path / "proxy", {"public": upstream}, prefix=launcher, cache={"size": "1MiB"}) as proxy:
            for ask in (ask_udp, ask_tcp):
                assert read(ask(proxy.port, make_query("a.image.example."))).answer
            assert server.asked_for("a.image.example.") == 1
            asked = run(*launcher, root / "pillion", "query", "b.image.example", "--server", f"127.0.0.1:{proxy.port}").stdout
            assert "NOERROR" in asked and "198.1" in asked
            metrics = proxy.metrics()
            assert metrics.sum("dns_responses_total", source="upstream") == 2
            assert metrics.sum("cache_hits_total") == 1
            assert metrics.sum("tls_handshakes_total", result="success") == 1
            assert metrics.sum("plaintext_queries_total") == 0
            proxy.stop()


def test_from_openssl_3_5_on_it_offers_a_key_exchange_that_no_quantum_computer_undoes(root, launcher, tmp_path, monkeypatch):
    version = re.search(r"OpenSSL +(\d+)\.(\d+)", run(*launcher, root / "pillion", "version").stdout)
    if tuple(map(int, version.groups())) < (3, 5):
        pytest.skip(f"the image has {version.group()}")
    authority = certificates.Authority(tmp_path / "ca")
    monkeypatch.setattr(pillion, "BINARY", root / "pillion")
    with DotServer(authority.issue("server", f"DNS:{servers.TLS_NAME}"), record=True) as server:
        upstream = pillion.upstream({"address": server.address, "tls_name": servers.TLS_NAME}, tls={"ca_file": str(authority.ca_file)})
        with pillion.running(tmp_path / "proxy", {"public": upstream}, prefix=launcher) as proxy:
            proxy.wait_metric("tls_handshakes_total", 1, result="success")
            assert X25519MLKEM768_SHARE in server.recorded
