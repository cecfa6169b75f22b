"""A certificate authority for the tests, and valid and invalid certificates, made with openssl(1)."""

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
    """The paths of a certificate file (the leaf comes first) and of its key file. `is_weak`: OpenSSL refuses to serve it unless told otherwise."""

    def __init__(self, path, key, is_weak=False):
        self.path = path
        self.key = key
        self.is_weak = is_weak

    def pin(self):
        """The pin for the configuration key `pins`: sha256 of the SubjectPublicKeyInfo."""
        public = run("openssl", "pkey", "-in", self.key, "-pubout").stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public.encode(), capture_output=True,
                             check=True).stdout
        return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def make_key(path, kind="EC"):
    option = {"EC": "ec_paramgen_curve:P-256", "RSA": "rsa_keygen_bits:2048", "short RSA": "rsa_keygen_bits:1024"}[kind]
    run("openssl", "genpkey", "-algorithm", kind.split()[-1], "-pkeyopt", option, "-out", path)
    return path


def self_signed(directory, name, san):
    """Makes a self-signed certificate."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    key = make_key(directory / f"{name}.key")
    path = directory / f"{name}.pem"
    run("openssl", "req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "30", "-addext",
        f"subjectAltName={san}", "-out", path)
    return Certificate(path, key)


def issued_by_leaf(directory, issuer, name, san):
    """Makes a certificate that the holder of `issuer`, which is no CA, has signed. The file has both."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    stem = directory / name
    key = make_key(f"{stem}.key")
    run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", f"{stem}.csr")
    pathlib.Path(f"{stem}.ext").write_text(f"basicConstraints=CA:FALSE\nsubjectAltName={san}\n")
    signed = run("openssl", "x509", "-req", "-in", f"{stem}.csr", "-CA", issuer.path, "-CAkey", issuer.key, "-set_serial", "1", "-days", "30",
                 "-extfile", f"{stem}.ext").stdout
    path = directory / f"{name}.pem"
    path.write_text(signed + issuer.path.read_text())
    return Certificate(path, key)


class Authority:
    """A CA: a root, or an intermediate of `issuer`. `ca_file` only contains the CA's own certificate."""

    def __init__(self, directory, name="throwaway CA", issuer=None, validity=VALID):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self.key = make_key(self.directory / "ca.key")
        self.ca_file = self.directory / "ca.pem"
        if issuer:
            issuer.sign("ca", self.directory, name, "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n", validity)
        else:
            run("openssl", "req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "30", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-out", self.ca_file)
        self.config = self.directory / "ca.cnf"
        self.config.write_text(CA_CONFIG.format(directory=self.directory))
        (self.directory / "index.txt").write_text("")
        (self.directory / "serial").write_text("1000\n")

    def sign(self, file_name, directory, name, extensions, validity, digest="sha256"):
        """Signs the key `directory`/`file_name`.key for the subject `name`. Writes the certificate to `file_name`.pem in the same directory."""
        stem = f"{directory}/{file_name}"
        run("openssl", "req", "-new", "-key", f"{stem}.key", "-subj", f"/CN={name}", "-out", f"{stem}.csr")
        pathlib.Path(f"{stem}.ext").write_text(extensions)
        run("openssl", "ca", "-batch", "-notext", "-config", self.config, "-cert", self.ca_file, "-keyfile", self.key, "-in",
            f"{stem}.csr", "-out", f"{stem}.pem", "-extfile", f"{stem}.ext", "-startdate", validity[0], "-enddate", validity[1], "-md", digest)

    def issue(self, file_name, san, validity=VALID, usage="serverAuth", key_kind="EC", key_usage="digitalSignature", digest="sha256"):
        """Issues a leaf certificate. `san` has the syntax of openssl: "DNS:a.example,IP:127.0.0.1"."""
        key = make_key(self.directory / f"{file_name}.key", key_kind)
        self.sign(file_name, self.directory, file_name,
                  f"basicConstraints=CA:FALSE\nkeyUsage={key_usage}\nextendedKeyUsage={usage}\nsubjectAltName={san}\n", validity, digest)
        return Certificate(self.directory / f"{file_name}.pem", key, is_weak=key_kind == "short RSA" or digest == "sha1")
