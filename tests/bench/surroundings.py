"""Makes what a program under measurement needs: certificates, names to ask for, and an upstream."""

import pathlib
import subprocess

import measure
import peers


def make_certificates(directory):
    """Makes a CA and a server certificate from it: ca.pem, server.pem, server.key."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=directory, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Throwaway benchmark CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", "-x509", *curve, "-keyout", "server.key", "-out", "server.pem", "-subj", f"/CN={peers.TLS_NAME}",
            "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName=DNS:{peers.TLS_NAME}",
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth")


def write_names(path, prefix, count):
    names = [f"{prefix}{number:07d}.{peers.ZONE}" for number in range(count)]
    path.write_text("".join(f"{name} A\n" for name in names))
    return measure.Names(path, len(names[0]) + 2)


def start_upstream(stack, name, build, directory, cores):
    """Starts an upstream. Returns it once it answers, or raises Unusable. `directory` has the certificates."""
    port = measure.free_port()
    command = peers.UPSTREAMS[name](build, directory, port)
    if command is None or not pathlib.Path(command[0]).exists():
        raise measure.Unusable("not installed or not built")
    process = stack.enter_context(measure.Process(command, cores, directory / f"upstream-{name}.log"))
    measure.wait_until_it_listens(process, port)
    return peers.Upstream(port, str(directory / "ca.pem"), process)
