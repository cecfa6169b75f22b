"""The signed zone that the real servers serve. It has a name for each kind of answer."""

import pathlib

from .process import run

ORIGIN = "e2e.example."


def strings(total, start=0):
    """Distinct character strings of a TXT record, `total` bytes in all."""
    parts = []
    while total > 0:
        length = min(total, 250)
        parts.append('"' + (f"{start}-{len(parts)}-" + "x" * length)[:length] + '"')
        total -= length
    return " ".join(parts)


def text():
    lines = [
        f"$ORIGIN {ORIGIN}", "$TTL 300",
        "@ SOA ns hostmaster 1 3600 600 86400 60", "@ NS ns", "@ MX 10 mail", "@ TXT \"apex\"", "@ CAA 0 issue \"ca.example\"",
        "ns A 192.0.2.53", "ns AAAA 2001:db8::53", "mail A 192.0.2.25",
        "a A 192.0.2.1", "aaaa AAAA 2001:db8::1", "both A 192.0.2.2", "both AAAA 2001:db8::2",
        *(f"many A 192.0.2.{number}" for number in range(100, 140)),
        "zero 0 A 192.0.2.3", "long 2147483647 A 192.0.2.4",
        f"txt600 TXT {strings(600)}", f"txt1300 TXT {strings(1300)}", f"txt5000 TXT {strings(5000)}",
        f"txt30000 TXT {strings(30000)}", *(f"txtmany TXT {strings(200, number)}" for number in range(30)),
        "empty TXT \"\"",
        "cname1 CNAME cname2", "cname2 CNAME cname3", "cname3 CNAME a",
        "cname-nodata CNAME empty", "cname-nx CNAME missing", "cname-out CNAME www.outside.example.",
        *(f"chain{number} CNAME chain{number + 1}" for number in range(7)), "chain7 A 192.0.2.5",
        "_dns._tcp SRV 0 5 853 ns", "svc HTTPS 1 . alpn=h2 ipv4hint=192.0.2.6",
        "odd TYPE65400 \\# 6 000102feff00", "odd TYPE4242 \\# 0",
        "*.wild A 192.0.2.7", "*.wild TXT \"wild\"", "below.empty.terminal A 192.0.2.8",
        "under_score A 192.0.2.9", "a\\.b A 192.0.2.10", "gr\\195\\188n A 192.0.2.11", "sp\\032ace A 192.0.2.12",
        *(f"host{number} A 192.0.2.{number}" for number in range(60)), *(f"host{number} AAAA 2001:db8::{number}" for number in range(20)),
        f"{'l' * 63} A 192.0.2.13", f"{'.'.join(['m' * 60] * 3)} A 192.0.2.14",
        "dname DNAME wild",
        "child NS ns.child", "ns.child A 192.0.2.54",
    ]
    return "\n".join(lines) + "\n"


def write_signed(directory):
    """Writes and signs the zone. Returns the signed file."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    plain = directory / "zone"
    plain.write_text(text())
    key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", ORIGIN, cwd=directory).stdout.strip()
    signed = directory / "zone.signed"
    run("ldns-signzone", "-f", signed, plain, directory / key, cwd=directory)
    return signed


def key_file(signed):
    """The public key of the zone that write_signed has signed: the trust anchor of a resolver."""
    (key,) = signed.parent.glob("K*.key")
    return key


def write_root(directory):
    """Writes a root zone, for servers that must answer for every name. It only delegates the zones of the tests."""
    path = pathlib.Path(directory) / "root"
    path.write_text("$ORIGIN .\n$TTL 300\n"
                    "@ SOA ns.root-servers.example. hostmaster.root-servers.example. 1 3600 600 86400 60\n@ NS ns.root-servers.example.\n"
                    f"{ORIGIN} NS ns.{ORIGIN}\nns.{ORIGIN} A 192.0.2.53\n"
                    "cluster.local. NS ns.dns.cluster.local.\nns.dns.cluster.local. A 192.0.2.54\n")
    return path
