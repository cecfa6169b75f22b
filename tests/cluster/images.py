#!/usr/bin/python3
"""Makes the images of the cluster tests as archives that docker, podman and containerd load, without a container engine: Pillion's own image
from a build directory, and an image with clients in many languages and Prometheus.

    tests/cluster/images.py BUILD OUTPUT       writes OUTPUT/images.json and the archives that it names

The clients' image consists of Debian packages of this machine's release, unpacked and not configured, and of programs compiled here. Nothing
of it runs before it is in a pod, so that neither root nor chroot is needed. If a program cannot be compiled here, it is left out, and
images.json says why.
"""

import argparse
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
CLIENTS = HERE / "clients"
sys.path[:0] = [str(SOURCE / "deploy" / "image"), str(SOURCE / "tests" / "chart")]

# The path has to be set first.
import rootfs  # noqa: E402
import tools as chart_tools  # noqa: E402

PACKAGES = ["bind9-dnsutils", "busybox", "default-jre-headless", "libc-bin", "nodejs", "prometheus", "python3", "python3-dnspython", "ruby"]
# Directories that no program of a pod reads.
USELESS = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/icons"]
USER = 65534


def run(*command, **options):
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL, **options)


# --- archives ---

def write_archive(root, repository, directory, user, entrypoint):
    """Writes an image with one layer, the files of `root`, in the format of `docker save`. The tag depends on the content, so that a node that
    has the image of an earlier run does not use that one. Returns the entry of images.json."""
    layer = directory / "layer.tar"
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            archive.add(path, path.relative_to(root), recursive=False, filter=as_nobodys)
    digest = file_digest(layer)
    config = json.dumps({
        "architecture": subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip(),
        "os": "linux",
        "config": {"User": f"{user}:{user}", "Entrypoint": entrypoint, "Env": ["PATH=/usr/bin:/usr/sbin", "LC_ALL=C.UTF-8"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()
    identity = hashlib.sha256(config).hexdigest()
    tag = identity[:12]
    manifest = [{"Config": f"{identity}.json", "RepoTags": [f"{repository}:{tag}"], "Layers": [f"{digest}/layer.tar"]}]
    name = f"{repository.rpartition('/')[2]}.tar"
    partial = directory / f"{name}.partial"
    with tarfile.open(partial, "w") as archive:
        for member, data in ((f"{identity}.json", config), ("manifest.json", json.dumps(manifest).encode())):
            about = tarfile.TarInfo(member)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
        archive.add(layer, f"{digest}/layer.tar", filter=as_nobodys)
    layer.unlink()
    partial.rename(directory / name)
    return {"repository": repository, "tag": tag, "archive": name}


def as_nobodys(member):
    """Gives a file of the archive to root, with no time, so that equal files make equal images."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def file_digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# --- Pillion ---

def pillion(build, directory):
    """Makes Pillion's image with the layout of `make image`, but without licences and SBOM, and with the shared libraries that the real image links
    statically."""
    root = directory / "pillion"
    shutil.rmtree(root, ignore_errors=True)
    rootfs.lay_out(build, root)
    return write_archive(root, "localhost/pillion-cluster-test/pillion", directory, rootfs.USER, ["/pillion"])


# --- clients ---

def packages(directory):
    """Fetches PACKAGES and all packages that they depend on. Returns the files."""
    cache = directory / "packages"
    (cache / "partial").mkdir(parents=True, exist_ok=True)
    status = cache / "status"
    status.write_text("")
    options = {"Dir::State::status": status, "Debug::NoLocking": 1, "APT::Sandbox::User": "root"}
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    install = ["install", "--no-install-recommends", *PACKAGES]
    # Lists the packages for an empty system, since apt does not list those that are installed.
    listed = subprocess.run([*apt, f"-oDir::Cache::archives={cache}/partial/none", "--print-uris", *install], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, check=False)
    if listed.returncode != 0:
        raise SystemExit(f"apt-get knows no way to install {' '.join(PACKAGES)}; where its lists are empty, `apt-get update`\n{listed.stderr}")
    run(*apt, f"-oDir::Cache::archives={cache}", "-y", "--download-only", *install, stdout=subprocess.DEVNULL)
    return [cache / line.split()[1] for line in listed.stdout.splitlines()]


def unpack(files, root):
    """Unpacks packages. Like debootstrap, it makes the links of a merged /usr first."""
    for name in ("bin", "lib", "lib32", "lib64", "libx32", "sbin"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for file in files:
        content = subprocess.run(["dpkg-deb", "--fsys-tarfile", file], check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "--no-same-owner", "--keep-directory-symlink", "-C", root], input=content, check=True)
    for name in USELESS:
        shutil.rmtree(root / name, ignore_errors=True)
    # Makes the needed part of what the packages' scripts would make.
    (root / "etc/passwd").write_text(f"root:x:0:0:root:/:/bin/false\nnobody:x:{USER}:{USER}:nobody:/:/bin/false\n")
    (root / "etc/group").write_text(f"root:x:0:\nnogroup:x:{USER}:\n")
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)


def compile_programs(directory, root):
    """Compiles the client programs. Returns {tool that is left out: reason}."""
    run("gcc", "-D_GNU_SOURCE", "-O1", "-o", root / "lookup-glibc", CLIENTS / "lookup.c")
    for name in ("application.sh", "ask.py", "load.py", "resolver.py", "lookup.js", "lookup.rb"):
        shutil.copy(CLIENTS / name, root)
    go = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    # Works with each release of Java that has the source's switch expressions.
    compilers = {
        "musl": (["musl-gcc", "-static", "-O1", "-o", root / "lookup-musl", CLIENTS / "lookup.c"], {}),
        "go": (["go", "build", "-o", root / "lookup-go", CLIENTS / "lookup.go"], {"env": go}),
        "java": (["javac", "--release", "17", "-d", root, CLIENTS / "Lookup.java"], {}),
        "hickory": (["cargo", "build", "--quiet", "--target-dir", directory / "hickory"], {"cwd": directory / "hickory-source"}),
    }
    # cargo writes its lock file into the directory of the source.
    shutil.rmtree(directory / "hickory-source", ignore_errors=True)
    shutil.copytree(CLIENTS / "hickory", directory / "hickory-source")
    missing = {}
    for tool, (command, options) in compilers.items():
        if not shutil.which(command[0]):
            missing[tool] = f"{command[0]} is not installed"
            continue
        print(f"compiling for {tool}", flush=True)
        done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options)
        if done.returncode != 0:
            missing[tool] = f"{command[0]} failed: {done.stderr.strip()[-500:]}"
    if "hickory" not in missing:
        run("strip", "-o", root / "lookup-hickory", directory / "hickory" / "debug" / "hickory")
    return missing


def clients(directory, before):
    """Makes the image of the clients, unless its sources, the packages and the compilers are the same as in `before`."""
    files = packages(directory)
    sources = [path for path in [pathlib.Path(__file__), *CLIENTS.rglob("*")] if path.is_file()]
    made_of = hashlib.sha256("".join([*sorted(map(file_digest, sources)), *sorted(file.name for file in files),
                                      *(str(shutil.which(name)) for name in ("musl-gcc", "go", "javac", "cargo"))]).encode()).hexdigest()
    if before.get("made_of") == made_of and (directory / before["archive"]).exists():
        return before
    root = directory / "clients"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    print(f"unpacking {len(files)} packages", flush=True)
    unpack(files, root)
    missing = compile_programs(directory, root)
    image = write_archive(root, "localhost/pillion-cluster-test/clients", directory, USER, ["/bin/busybox", "sh", "/application.sh"])
    shutil.rmtree(root)
    return {**image, "made_of": made_of, "missing": missing}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    options = parser.parse_args()
    directory = options.output.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    index = directory / "images.json"
    before = json.loads(index.read_text()) if index.exists() else {}
    # Helm is no image, but the test needs it, and may run on a machine that cannot fetch it.
    chart_tools.fetch()
    images = {"pillion": pillion(options.build.resolve(), directory), "clients": clients(directory, before.get("clients", {}))}
    index.write_text(json.dumps(images, indent=1) + "\n")
    for image in images.values():
        size = (directory / image["archive"]).stat().st_size
        print(f"{options.output / image['archive']}: {image['repository']}:{image['tag']}, {size / 1e6:.0f} MB")
    for tool, reason in images["clients"]["missing"].items():
        print(f"without {tool}: {reason}")


if __name__ == "__main__":
    main()
