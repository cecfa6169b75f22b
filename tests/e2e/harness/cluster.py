"""Unbound instead of the DNS server of a Kubernetes cluster. It serves the records that the specification (Kubernetes DNS-Based Service
Discovery 1.1.0) requires, and logs every question."""

import pathlib
import re

from . import servers

ZONE = "cluster.local."
REVERSE = "10.in-addr.arpa."
SEARCH = [f"default.svc.{ZONE}", f"svc.{ZONE}", ZONE]
NDOTS = 5
TTL = 5  # CoreDNS's default, in seconds

RECORDS = f"""$ORIGIN {ZONE}
$TTL {TTL}
@ SOA ns.dns hostmaster 1 7200 1800 86400 {TTL}
@ NS ns.dns
ns.dns A 10.96.0.10
dns-version TXT "1.1.0"
; services with a cluster address
kubernetes.default.svc A 10.96.0.1
_https._tcp.kubernetes.default.svc SRV 0 100 443 kubernetes.default.svc
kube-dns.kube-system.svc A 10.96.0.10
_dns._udp.kube-dns.kube-system.svc SRV 0 100 53 kube-dns.kube-system.svc
_dns-tcp._tcp.kube-dns.kube-system.svc SRV 0 100 53 kube-dns.kube-system.svc
dual.default.svc A 10.96.0.20
dual.default.svc AAAA fd00:96::20
; a headless service and its pods
web.default.svc A 10.1.0.5
web.default.svc A 10.1.0.6
web-0.web.default.svc A 10.1.0.5
web-1.web.default.svc A 10.1.0.6
_http._tcp.web.default.svc SRV 0 50 80 web-0.web.default.svc
_http._tcp.web.default.svc SRV 0 50 80 web-1.web.default.svc
10-1-0-5.default.pod A 10.1.0.5
"""

REVERSE_RECORDS = f"""$ORIGIN {REVERSE}
$TTL {TTL}
@ SOA ns.dns.{ZONE} hostmaster.{ZONE} 1 7200 1800 86400 {TTL}
@ NS ns.dns.{ZONE}
1.0.96 PTR kubernetes.default.svc.{ZONE}
5.0.1 PTR web-0.web.default.svc.{ZONE}
"""

# "[1700000000] unbound[12:0] info: 127.0.0.1 name. A IN"
LOGGED = re.compile(r"info: \S+ (\S+) ([A-Z0-9]+) IN$", re.M)
LOOP_PROBE = re.compile(r"[0-9a-f]{16}\.\S+ HINFO$")


def write_zones(directory):
    """Writes the zone files. Returns {origin: file}."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    files = {}
    for origin, text in ((ZONE, RECORDS), (REVERSE, REVERSE_RECORDS)):
        files[origin] = directory / f"{origin}zone"
        files[origin].write_text(text)
    return files


def cluster_dns(directory, certificate, **where):
    """The server; the cluster's DNS is at its `plain_address`. `where` are options of servers.RealServer."""
    # Without `nodefault` Unbound answers for private reverse zones from its built-in empty zones.
    return servers.make_unbound(directory, certificate, write_zones(directory),
                                options=f'log-queries: yes\n  local-zone: "{REVERSE}" nodefault', **where)


def asked(server):
    """The questions that the server has logged, in order, as [(name in lower case, type)]. Pillion's loop probes are left out."""
    return [(name.lower(), type_) for name, type_ in LOGGED.findall(server.process.err()) if not LOOP_PROBE.match(f"{name} {type_}")]
