#!/usr/bin/python3
"""Lays out the image's root: the stripped program, the closure of its libraries, the CA bundle, the user, the default configuration, the
licences, and an SBOM (SPDX 2.3 JSON) of all that. Everything is looked up in dpkg's database, so it runs on the system that built; the program
is not run, for it may be another architecture's.

    deploy/image/rootfs.py BUILD_DIRECTORY ROOT --version VERSION --commit COMMIT

The licences of the packages are one archive (usr/share/doc/pillion/licences.tar.xz): Boost's alone is over 2 MB of text.
"""

import argparse
import datetime
import functools
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tarfile

SOURCE = pathlib.Path(__file__).parents[2]
USER = 65532
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
DOC = "usr/share/doc/pillion"
COMMON_LICENCE = re.compile(r"/usr/share/common-licenses/([\w.+-]*\w)")


def output(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def cached(build, variable):
    """What CMake has found for a variable."""
    return re.search(rf"^{variable}:\w+=(.+)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE).group(1)


def closure(build, binary):
    """The shared libraries that the program loads, where its loader looks for them, and the loader itself."""
    readelf = cached(build, "CMAKE_READELF")
    triplet = output(cached(build, "CMAKE_CXX_COMPILER"), "-print-multiarch").strip()
    directories = [pathlib.Path(parent, triplet) for parent in ("/lib", "/usr/lib")]
    loader = re.search(r"interpreter: (.+)\]", output(readelf, "--program-headers", binary)).group(1)
    found, unread = {pathlib.Path(loader).name: loader}, [binary]
    while unread:
        for name in re.findall(r"\(NEEDED\).*\[(.+)\]", output(readelf, "--dynamic", unread.pop())):
            if name not in found:
                found[name] = next((str(directory / name) for directory in directories if (directory / name).exists()), None)
                if not found[name]:
                    raise SystemExit(f"{name} is in none of {', '.join(map(str, directories))}")
                unread.append(found[name])
    return sorted(found.values())


def linked_in(build):
    """Files that became part of the program: static libraries, and headers, of which inline code and templates do."""
    inputs = output("ninja", "-C", build, "-t", "inputs", "pillion").split()
    dependencies = output("ninja", "-C", build, "-t", "deps").split()
    return {name for name in inputs + dependencies if name.startswith("/usr/") and name.endswith((".a", ".h", ".hpp", ".ipp"))}


def packages_of(files):
    """{package:architecture} that own these files."""
    names = set()
    for path in files:
        names |= {str(path), os.path.realpath(path), f"/usr{path}", str(path).removeprefix("/usr")}
    found = subprocess.run(["dpkg-query", "-S", *sorted(names)], check=False, capture_output=True, text=True).stdout
    return {owner.strip() for line in found.splitlines() if not line.startswith("diversion ")
            for owner in line.split(": ")[0].split(",")}


def described(package):
    fields = ["Package", "Version", "Architecture", "source:Package", "source:Version", "Homepage"]
    values = output("dpkg-query", "-W", "-f", "\t".join(f"${{{field}}}" for field in fields), package).split("\t")
    return dict(zip(fields, values, strict=True))


def install(root, name, content, mode=0o644):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, pathlib.Path):
        shutil.copyfile(content, path)
    else:
        path.write_text(content, encoding="utf-8")
    path.chmod(mode)


def copyright_file(package):
    """The package's own, or that of the package whose documentation it shares by a symbolic link."""
    return pathlib.Path("/usr/share/doc", package.split(":")[0], "copyright").resolve(strict=True)


def write_licences(path, packages):
    """Texts that are the same are kept once, under the first package's name."""
    kept, common = {}, set()
    for package in sorted(packages):
        text = copyright_file(package).read_bytes()
        kept.setdefault(hashlib.sha256(text).digest(), (package.split(":")[0], copyright_file(package)))
        common |= set(COMMON_LICENCE.findall(text.decode(errors="replace")))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:xz", preset=9) as archive:
        def add(name, file):
            entry = tarfile.TarInfo(name)
            entry.size = file.stat().st_size
            with file.open("rb") as content:
                archive.addfile(entry, content)

        for name, file in kept.values():
            add(f"{name}/copyright", file)
        for name in sorted(common):
            licence = pathlib.Path("/usr/share/common-licenses", name)
            if licence.is_file():
                add(f"common-licenses/{name}", licence.resolve())


def spdx_id(*words):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(words)).strip("-")


@functools.cache
def distribution():
    """As a purl names it: "debian-12"."""
    release = platform.freedesktop_os_release()
    return f"{release['ID']}-{release.get('VERSION_ID', 'unstable')}"


def spdx_package(package):
    about = described(package)
    entry = {
        "SPDXID": spdx_id("Package", about["Package"]),
        "name": about["Package"],
        "versionInfo": about["Version"],
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"built from {about['source:Package']} {about['source:Version']}",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{about['Package']}@{about['Version'].replace(':', '%3A').replace('+', '%2B')}"
                                f"?arch={about['Architecture']}&distro={distribution()}",
        }],
    }
    if about["Homepage"]:
        entry["homepage"] = about["Homepage"]
    return entry


def digest(algorithm, path):
    return {"algorithm": algorithm.upper(), "checksumValue": hashlib.new(algorithm, path.read_bytes()).hexdigest()}


def spdx(root, version, commit, dynamic, static, other):
    """The document. `dynamic` and `static` are the packages of shared libraries and of code linked in, `other` those of data."""
    own = {
        "SPDXID": "SPDXRef-Package-pillion", "name": "pillion", "versionInfo": f"{version}+{commit}", "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION",
    }
    files = [{
        "SPDXID": spdx_id("File", *path.relative_to(root).parts),
        "fileName": f"./{path.relative_to(root)}",
        "checksums": [digest("sha1", path), digest("sha256", path)],
        "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION",
    } for path in sorted(root.rglob("*")) if path.is_file()]
    relationships = [("SPDXRef-DOCUMENT", "DESCRIBES", own["SPDXID"])]
    relationships += [(own["SPDXID"], "CONTAINS", file["SPDXID"]) for file in files]
    for kind, packages in (("DYNAMIC_LINK", dynamic), ("STATIC_LINK", static), ("DEPENDS_ON", other)):
        relationships += [(own["SPDXID"], kind, spdx_id("Package", package.split(":")[0])) for package in sorted(packages)]
    created = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH") or datetime.datetime.now().timestamp()),
                                              datetime.timezone.utc)
    content = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"pillion-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/pillion-{version}-{content[:32]}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: pillion-rootfs"]},
        "packages": [own, *(spdx_package(package) for package in sorted(dynamic | static | other))],
        "files": files,
        "relationships": [{"spdxElementId": subject, "relationshipType": kind, "relatedSpdxElement": related}
                          for subject, kind, related in relationships],
    }


def lay_out(build, root):
    """All but the licences and the SBOM. Returns the libraries that are there."""
    install(root, "pillion", build / "pillion", 0o755)
    output(cached(build, "CMAKE_STRIP"), root / "pillion")
    libraries = closure(build, build / "pillion")
    for library in libraries:
        install(root, library.lstrip("/"), pathlib.Path(library).resolve(), 0o755)
    install(root, CA_BUNDLE.lstrip("/"), pathlib.Path(CA_BUNDLE))
    install(root, "etc/passwd", f"root:x:0:0:root:/:/nonexistent\npillion:x:{USER}:{USER}:Pillion:/:/nonexistent\n")
    install(root, "etc/group", f"root:x:0:\npillion:x:{USER}:\n")
    install(root, "etc/pillion/pillion.yaml", SOURCE / "deploy/image/pillion.yaml")
    return libraries


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--version", required=True)
    parser.add_argument("--commit", default="unknown")
    options = parser.parse_args()
    root = options.root

    libraries = lay_out(options.build, root)
    install(root, f"{DOC}/LICENSE", SOURCE / "LICENSE")
    dynamic, static, other = packages_of(libraries), packages_of(linked_in(options.build)), {"ca-certificates"}
    write_licences(root / DOC / "licences.tar.xz", dynamic | static | other)
    sbom = spdx(root, options.version, options.commit, dynamic, static, other)
    install(root, f"{DOC}/sbom.spdx.json", json.dumps(sbom, indent=1) + "\n")


if __name__ == "__main__":
    main()
