"""A throwaway certificate authority, good and bad certificates, by openssl(1)."""

import base64
import hashlib
import pathlib
import subprocess

from .process import run

CA_CONFIG = """
[ca]
default_ca = throwaway
[throwaway]
database = {directory}/index.txt
new_certs_dir = {directory}
serial = {directory}/serial
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = none
[anything]
commonName = supplied
"""

VALID = ("20200101000000Z", "20600101000000Z")
EXPIRED = ("20200101000000Z", "20200201000000Z")
NOT_YET_VALID = ("20500101000000Z", "20600101000000Z")


class Certificate:
    """A certificate file (leaf first) and its key's."""

    def __init__(self, path, key):
        self.path = path
        self.key = key

    def pin(self):
        """What `pins` of Pillion's configuration takes: sha256 over the SubjectPublicKeyInfo."""
        public = run("openssl", "pkey", "-in", self.key, "-pubout").stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public.encode(), capture_output=True,
                             check=True).stdout
        return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def make_key(path):
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    return path


def self_signed(directory, name, san):
    """A certificate that no authority has signed."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    key = make_key(directory / f"{name}.key")
    path = directory / f"{name}.pem"
    run("openssl", "req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "30", "-addext",
        f"subjectAltName={san}", "-out", path)
    return Certificate(path, key)


class Authority:
    """A CA of its own; `ca_file` is what a client must trust."""

    def __init__(self, directory, name="throwaway CA"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self.key = make_key(self.directory / "ca.key")
        self.ca_file = self.directory / "ca.pem"
        run("openssl", "req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "30", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign", "-out", self.ca_file)
        self.config = self.directory / "ca.cnf"
        self.config.write_text(CA_CONFIG.format(directory=self.directory))
        (self.directory / "index.txt").write_text("")
        (self.directory / "serial").write_text("1000\n")

    def issue(self, file_name, san, validity=VALID, usage="serverAuth"):
        """A leaf certificate. `san` as openssl writes it: "DNS:a.example,IP:127.0.0.1"."""
        key = make_key(self.directory / f"{file_name}.key")
        request = self.directory / f"{file_name}.csr"
        extensions = self.directory / f"{file_name}.ext"
        path = self.directory / f"{file_name}.pem"
        run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={file_name}", "-out", request)
        extensions.write_text(f"basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage={usage}\n"
                              f"subjectAltName={san}\n")
        run("openssl", "ca", "-batch", "-notext", "-config", self.config, "-cert", self.ca_file, "-keyfile", self.key, "-in",
            request, "-out", path, "-extfile", extensions, "-startdate", validity[0], "-enddate", validity[1])
        return Certificate(path, key)
