"""Runs `pillion check` on a configuration whose files need not exist: files below /etc/pillion-* and the pod's resolv.conf are made for the
check."""

import pathlib
import re
import subprocess


def _certificate(directory: pathlib.Path) -> None:
    if not (directory / "crt").exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                        "/CN=example", "-keyout", directory / "key", "-out", directory / "crt"], check=True, capture_output=True)


RESOLV_CONF = "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"


def check(binary: pathlib.Path, directory: pathlib.Path, text: str) -> str:
    """The effective configuration. Fails if Pillion refuses the configuration."""
    if "/etc/pillion-" in text:
        _certificate(directory)
        text = re.sub(r"/etc/pillion-[a-z]+/\w+\.(crt|key)", lambda found: str(directory / found[1]), text)
    (directory / "resolv.conf").write_text(RESOLV_CONF, encoding="utf-8")
    text = text.replace("/etc/resolv.conf", str(directory / "resolv.conf"))
    path = directory / "pillion.yaml"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([binary, "check", "--config", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
