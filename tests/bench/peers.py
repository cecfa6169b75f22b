"""The programs that `make bench` compares: how each is configured as a DNS-over-TLS forwarder, and the two upstreams.

Every forwarder gets the same terms: one thread, no cache, no DNSSEC validation, no QNAME minimisation, the upstream's certificate
verified by name against the same CA, many queries in flight on one connection, and otherwise its own defaults (padding included:
Pillion, Knot Resolver and Stubby pad queries, so the responder pads its answers to them; Unbound and dnsdist do not).
"""

import dataclasses
import pathlib
import shutil
import typing

ZONE = "bench.example"  # `.test` and the like are special to resolvers (RFC 6761)
FIXED_ADDRESS = "192.0.2.1"
TLS_NAME = "dot.example"


@dataclasses.dataclass
class Upstream:
    """Where the forwarders send their queries."""

    port: int
    ca_file: str


@dataclasses.dataclass
class Forwarder:
    """A program under measurement.

    `command(path, directory, port, upstream)` writes its configuration into `directory` and returns what to run."""

    name: str
    program: str
    command: typing.Callable
    version: list
    transports: tuple = ("tcp", "udp")

    def path(self):
        """The program's path, or None where it is not installed or built."""
        return find_program(self.program)


def find_program(name: str):
    """Servers are in directories that a user's PATH lacks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def write(directory: pathlib.Path, name: str, text: str) -> str:
    path = directory / name
    path.write_text(text)
    return str(path)


def pillion(path, directory, port, upstream):
    config = write(directory, "pillion.yaml", f"""\
dns:
  listen: ["127.0.0.1:{port}"]
upstreams:
  bench:
    protocol: tls
    servers: [{{address: "127.0.0.1:{upstream.port}", tls_name: {TLS_NAME}}}]
    tls: {{ca_file: {upstream.ca_file}}}
routes:
  - {{zone: ".", upstream: bench}}
cache: {{size: 0}}
http: {{listen: "127.0.0.1:0"}}
log: {{level: warn}}
threads: 1
""")
    return [path, "run", "--config", config]


def bare(path, directory, port, upstream):
    del directory
    return [path, "--listen", f"127.0.0.1:{port}", "--upstream", f"127.0.0.1:{upstream.port}",
            "--ca", upstream.ca_file, "--tls-name", TLS_NAME]


def unbound(path, directory, port, upstream):
    config = write(directory, "unbound.conf", f"""\
server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  log-queries: no
  verbosity: 0
  num-threads: 1
  so-reuseport: no
  module-config: "iterator"
  msg-cache-size: 0
  rrset-cache-size: 0
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
  qname-minimisation: no
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  tls-cert-bundle: "{upstream.ca_file}"
  incoming-num-tcp: 1000
  outgoing-num-tcp: 100
  outgoing-range: 8192
  num-queries-per-thread: 4096
  max-reuse-tcp-queries: 1000000
  tcp-reuse-timeout: 600000
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream.port}#{TLS_NAME}
  forward-tls-upstream: yes
  forward-no-cache: yes
""")
    return [path, "-d", "-p", "-c", config]


def knot_resolver(path, directory, port, upstream):
    config = write(directory, "kresd.conf", f"""\
log_level('err')
net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_skew')
modules.unload('detect_time_jump')
trust_anchors.remove('.')
cache.size = 10 * MB
modules.unload('cache')
policy.add(policy.all(policy.TLS_FORWARD({{
  {{'127.0.0.1@{upstream.port}', hostname='{TLS_NAME}', ca_file='{upstream.ca_file}'}}
}})))
""")
    return [path, "-n", "-q", "-c", config, str(directory)]


def dnsdist(path, directory, port, upstream):
    config = write(directory, "dnsdist.conf", f"""\
setSecurityPollSuffix('')
setMaxTCPClientThreads(1)
addLocal('127.0.0.1:{port}', {{ maxInFlight = 1000 }})
setACL({{'127.0.0.0/8'}})
newServer({{ address = '127.0.0.1:{upstream.port}', tls = 'openssl', subjectName = '{TLS_NAME}', caStore = '{upstream.ca_file}',
  validateCertificates = true, maxInFlight = 1000, checkName = 'check.{ZONE}.', mustResolve = true }})
""")
    return [path, "--supervised", "--disable-syslog", "-C", config]


def stubby(path, directory, port, upstream):
    config = write(directory, "stubby.yml", f"""\
resolution_type: GETDNS_RESOLUTION_STUB
dns_transport_list:
  - GETDNS_TRANSPORT_TLS
tls_authentication: GETDNS_AUTHENTICATION_REQUIRED
tls_ca_file: "{upstream.ca_file}"
tls_query_padding_blocksize: 128
edns_client_subnet_private: 0
round_robin_upstreams: 0
idle_timeout: 60000
limit_outstanding_queries: 0
listen_addresses:
  - 127.0.0.1@{port}
appdata_dir: "{directory}"
upstream_recursive_servers:
  - address_data: 127.0.0.1
    tls_port: {upstream.port}
    tls_auth_name: "{TLS_NAME}"
""")
    return [path, "-C", config]


def forwarders(build: pathlib.Path):
    """Every forwarder, Pillion first."""
    return [
        Forwarder("pillion", str(build / "pillion"), pillion, ["version"]),
        Forwarder("bare", str(build / "tests/bench/bare_forwarder"), bare, [], ("tcp",)),
        Forwarder("dnsdist", "dnsdist", dnsdist, ["--version"]),
        Forwarder("knot-resolver", "kresd", knot_resolver, ["--version"]),
        Forwarder("unbound", "unbound", unbound, ["-V"]),
        Forwarder("stubby", "stubby", stubby, ["-V"]),
    ]


def responder_command(build, directory, port):
    """The multiplexing responder of tests/support: Nagle off, one TLS record for all answers of a read."""
    return [str(build / "tests/support/dot_responder"), "--listen", f"127.0.0.1:{port}",
            "--cert", str(directory / "server.pem"), "--key", str(directory / "server.key")]


def unbound_command(build, directory, port):
    """A real Unbound as the DNS-over-TLS server. Every name of the zone has the same address, out of its local data."""
    del build
    config = write(directory, "upstream.conf", f"""\
server:
  interface: 127.0.0.1@{port}
  tls-port: {port}
  tls-service-key: "{directory}/server.key"
  tls-service-pem: "{directory}/server.pem"
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  verbosity: 0
  num-threads: 1
  module-config: "iterator"
  incoming-num-tcp: 1000
  access-control: 127.0.0.0/8 allow
  local-zone: "{ZONE}." redirect
  local-data: "{ZONE}. 300 IN A {FIXED_ADDRESS}"
  local-zone: "." refuse
remote-control:
  control-enable: no
""")
    program = find_program("unbound")
    return [program, "-d", "-p", "-c", config] if program else None


UPSTREAMS = {"responder": responder_command, "unbound": unbound_command}
