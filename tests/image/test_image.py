"""Tests the built image: its content, its metadata, and that it runs locked down.

    ENGINE=podman IMAGE=pillion:0.1.0 /usr/bin/python3 -m pytest test_image.py

RUN_OPTIONS are more options for the engine's `run`. Traffic stays on loopback or within a container without network."""

import hashlib
import io
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tarfile
import uuid

import pytest
from harness import certificates, pillion, servers
from harness.client import ask_tcp, ask_udp, make_query, read
from harness.dot_server import DotServer
from harness.process import free_port, wait_until

ENGINE = os.environ.get("ENGINE") or next((name for name in ("docker", "podman") if shutil.which(name) and subprocess.run(
    [name, "info"], capture_output=True, check=False).returncode == 0), "docker")
IMAGE = os.environ.get("IMAGE", "pillion:latest")
USER = 65532
DOC = "usr/share/doc/pillion"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # the name of the kernel
RUN_OPTIONS = subprocess.run(["bash", "-c", '. "$0" && choose_run_options && echo "${RUN_OPTIONS:-}"', pathlib.Path(__file__).with_name("lib.sh")],
                             env={**os.environ, "ENGINE": ENGINE}, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
LOCKED_DOWN = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]


if ENGINE == "buildah":
    pytest.skip("buildah runs no containers: ENGINE=docker or podman", allow_module_level=True)


def engine(*arguments, check=True, **options):
    done = subprocess.run([ENGINE, *map(str, arguments)], capture_output=True, check=False, **options)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done


def run_once(*arguments, check=True):
    return engine("run", "--rm", "--network", "none", *RUN_OPTIONS, *arguments, check=check)


def inspect_image(name):
    return json.loads(engine("inspect", "--type", "image", name).stdout)[0]


def labels_of_image():
    """The annotations of the OCI, without their common prefix."""
    prefix = "org.opencontainers.image."
    return {name.removeprefix(prefix): value for name, value in inspect_image(IMAGE)["Config"]["Labels"].items() if name.startswith(prefix)}


@pytest.fixture(scope="module")
def runs():
    """An image for another architecture runs if the kernel has an emulator for it; otherwise test_rootfs.py runs the program."""
    architecture = inspect_image(IMAGE)["Architecture"]
    if architecture != ARCHITECTURES.get(platform.machine()) and run_once(IMAGE, "version", check=False).returncode != 0:
        pytest.skip(f"{IMAGE} is for {architecture}, which does not run here: binfmt-support and qemu-user-static would let it")


@pytest.fixture(scope="module")
def root():
    """{path: (tar entry, content)} of all files in the image."""
    container = engine("create", IMAGE).stdout.decode().strip()
    try:
        exported = engine("export", container).stdout
    finally:
        engine("rm", container)
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        return {entry.name.removeprefix("./"): (entry, archive.extractfile(entry).read() if entry.isfile() else None)
                for entry in archive}


@pytest.fixture(scope="module")
def files(root):
    """{path: content} of the image's own files: engines add empty ones, such as etc/hosts, to every container."""
    return {name: content for name, (_, content) in root.items() if content}


@pytest.fixture(scope="module")
def sbom(files):
    return json.loads(files[f"{DOC}/sbom.spdx.json"])


class Container:
    def __init__(self, *arguments, options=()):
        self.name = f"pillion-test-{uuid.uuid4().hex[:12]}"
        try:
            engine("run", "-d", "--name", self.name, *LOCKED_DOWN, *RUN_OPTIONS, *options, IMAGE, *arguments)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        engine("rm", "-f", self.name, check=False)

    def inspect(self):
        return json.loads(engine("inspect", self.name).stdout)[0]

    def status(self):
        """The status that the kernel reports for the process."""
        text = pathlib.Path(f"/proc/{self.inspect()['State']['Pid']}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def log(self):
        done = engine("logs", self.name)
        return (done.stdout + done.stderr).decode()


def test_nothing_is_there_that_is_not_needed(files):
    allowed = re.compile(r"pillion$|lib(64)?/|usr/lib(64)?/|etc/(passwd|group)$|etc/pillion/pillion\.yaml$|etc/ssl/certs/ca-certificates\.crt$|"
                         rf"{DOC}/(LICENSE|licences\.tar\.xz|sbom\.spdx\.json)$")
    added_by_engines = {"etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", ".dockerenv", "run/.containerenv"}
    assert [name for name in files if not allowed.match(name) and name not in added_by_engines] == []
    assert [name for name in files if name.startswith(("lib", "usr/lib")) and ".so" not in name] == []


def test_nothing_is_writable_or_changes_user(root):
    for name, (entry, _) in root.items():
        if entry.isfile() and entry.size:
            assert entry.mode & 0o7022 == 0, name


def test_the_user_has_a_name(files):
    assert f"pillion:x:{USER}:{USER}:" in files["etc/passwd"].decode()


def test_the_image_says_what_it_is():
    config = inspect_image(IMAGE)["Config"]
    assert config["User"].split(":")[0] == str(USER)
    assert config["Entrypoint"] == ["/pillion"]
    assert config["Cmd"] == ["run", "--supervise", "--config", "/etc/pillion/pillion.yaml"]
    labels = labels_of_image()
    assert {"title", "description", "licenses", "version", "revision", "base.name"} <= set(labels)
    assert all(labels.values())


@pytest.mark.usefixtures("runs")
def test_the_program_is_of_the_version_that_the_image_says():
    assert labels_of_image()["version"] in run_once(IMAGE, "version").stdout.decode()


def test_the_sbom_names_every_file(files, sbom):
    assert sbom["spdxVersion"] == "SPDX-2.3"
    listed = {file["fileName"].removeprefix("./"): {item["algorithm"]: item["checksumValue"] for item in file["checksums"]}["SHA256"]
              for file in sbom["files"]}
    there = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()
             if name.startswith(("pillion", "lib", "usr/", "etc/pillion", "etc/ssl", "etc/passwd", "etc/group"))}
    del there[f"{DOC}/sbom.spdx.json"]
    assert listed == there


def test_the_sbom_names_what_is_linked(sbom):
    identifiers = {package["SPDXID"]: package["name"] for package in sbom["packages"]}
    linked = {}
    for relation in sbom["relationships"]:
        if relation["relationshipType"].endswith("_LINK"):
            linked.setdefault(relation["relationshipType"], set()).add(identifiers[relation["relatedSpdxElement"]])
    assert "libc6" in linked["DYNAMIC_LINK"]
    assert {"libssl-dev", "libyaml-cpp-dev", "libspdlog-dev", "libfmt-dev", "libfstrm-dev"} <= linked["STATIC_LINK"]
    for pattern in (r"libboost1\.\d+-dev", r"libstdc\+\+-\d+-dev.*", r"libgcc-\d+-dev.*"):
        assert any(re.fullmatch(pattern, name) for name in linked["STATIC_LINK"]), pattern
    assert all(package["versionInfo"] for package in sbom["packages"])


def test_the_sbom_names_the_release_of_the_base(sbom):
    """A scanner finds the packages by these fields."""
    base = labels_of_image()["base.name"]
    if engine("inspect", "--type", "image", base, check=False).returncode != 0:
        pytest.skip(f"{base}, on which {IMAGE} was built, is not here")
    about = run_once("--entrypoint", "cat", base, "/etc/os-release").stdout.decode()
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', about, re.MULTILINE))
    named = [reference["referenceLocator"].partition("&distro=")[2]
             for package in sbom["packages"] for reference in package.get("externalRefs", ())]
    assert set(named) == {f"{release['ID']}-{release['VERSION_ID']}"}


def test_every_package_has_its_licence(files, sbom):
    with tarfile.open(fileobj=io.BytesIO(files[f"{DOC}/licences.tar.xz"])) as archive:
        names = archive.getnames()
    assert any(name.startswith("common-licenses/") for name in names)
    assert len([name for name in names if name.endswith("/copyright")]) >= 8
    assert "Apache License" in files[f"{DOC}/LICENSE"].decode()


@pytest.mark.usefixtures("runs")
def test_there_is_no_shell():
    assert run_once("--entrypoint", "/bin/sh", IMAGE, "-c", "true", check=False).returncode not in (0, 1)


@pytest.mark.usefixtures("runs")
def test_the_default_configuration_answers():
    with Container(options=["--network", "none"]) as container:
        def answered():
            done = engine("exec", container.name, "/pillion", "query", "localhost", "A", "--server", "127.0.0.1:8053", check=False)
            return done.returncode == 0 and b"127.0.0.1" in done.stdout

        wait_until(answered, "localhost is answered on port 8053")
        engine("stop", container.name)
        assert container.inspect()["State"]["ExitCode"] == 0, container.log()


@pytest.mark.usefixtures("runs")
def test_it_runs_locked_down(tmp_path):
    """It resolves over verified TLS with a read-only file system, an unprivileged user, no capability and no way to get one."""
    authority = certificates.Authority(tmp_path / "ca")
    with DotServer(authority.issue("server", f"DNS:{servers.TLS_NAME}")) as server:
        port, http_port = free_port(), free_port()
        upstreams = {"public": pillion.upstream({"address": server.address, "tls_name": servers.TLS_NAME},
                                                tls={"ca_file": "/etc/pillion/ca.pem"})}
        mounted = tmp_path / "mounted"
        mounted.mkdir(mode=0o755)
        pillion.write_config(mounted / "pillion.yaml", port, http_port, upstreams)
        (mounted / "ca.pem").write_bytes(authority.ca_file.read_bytes())
        for file in mounted.iterdir():
            file.chmod(0o644)
        with Container(options=["--network", "host", "-v", f"{mounted}:/etc/pillion:ro"]) as container:
            wait_until(lambda: "listening" in container.log() or not container.inspect()["State"]["Running"], "it listens")
            assert container.inspect()["State"]["Running"], container.log()
            assert read(ask_udp(port, make_query("a.image.example."))).answer
            assert read(ask_tcp(port, make_query("b.image.example."))).answer
            status = container.status()
            assert status["Uid"].split() == [str(USER)] * 4
            assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
            assert status["NoNewPrivs"] == "1"
