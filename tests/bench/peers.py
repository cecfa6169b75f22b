"""The programs that `make bench` compares, their configurations as DNS-over-TLS forwarders, and the two upstreams.

Every forwarder gets the same terms: one thread, its cache on or off as the load needs, no DNSSEC validation, no QNAME minimisation, the
upstream's certificate verified by name against the same CA, many queries in flight on one connection, and otherwise its own defaults. These
include padding: Pillion, Knot Resolver and Stubby pad queries, so that the responder pads its answers to them; Unbound and dnsdist do not.
"""

import dataclasses
import pathlib
import shutil
import typing

import measure

ZONE = "bench.example"  # `.test` and the like are special to resolvers (RFC 6761)
FIXED_ADDRESS = "192.0.2.1"
TLS_NAME = "dot.example"
CACHED_TTL = 86400  # seconds, longer than any measurement
CACHED_PREFIX = f"ttl{CACHED_TTL}-"  # a name's first label tells the responder of tests/support its records' TTL


@dataclasses.dataclass
class Upstream:
    """The upstream of the forwarders, and its process."""

    port: int
    ca_file: str
    process: measure.Process


@dataclasses.dataclass
class Terms:
    """The terms for a forwarder: the ports for queries and, if it has metrics, for these; its upstream; True if it has to cache; and Pillion's
    number of threads."""

    port: int
    metrics_port: int
    upstream: Upstream
    cached: bool
    threads: int = 1
    query_log: str = ""


@dataclasses.dataclass
class Forwarder:
    """A program under measurement.

    `command(path, directory, terms)` writes its configuration into `directory`, and returns the command to run."""

    name: str
    program: str
    command: typing.Callable
    version: list
    transports: tuple = ("tcp", "udp")
    cached: tuple = (False, True)  # the values of `cached` of the loads in which it is measured
    floor: bool = False  # True if it is no peer, but shows the least cost of the work
    counts_hits: bool = False  # True if its metrics have the number of cache hits
    records: int = 1  # the number of records in its answers

    def path(self):
        """The path of the program, or None if it is not installed or built."""
        return find_program(self.program)


def find_program(name: str):
    """The path of a program, or None. Also looks in the directories of servers, which the PATH of a user lacks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def write(directory: pathlib.Path, name: str, text: str) -> str:
    path = directory / name
    path.write_text(text)
    return str(path)


def pillion(path, directory, terms):
    config = write(directory, "pillion.yaml", f"""\
dns:
  listen: ["127.0.0.1:{terms.port}"]
upstreams:
  bench:
    protocol: tls
    servers: [{{address: "127.0.0.1:{terms.upstream.port}", tls_name: {TLS_NAME}}}]
    tls: {{ca_file: {terms.upstream.ca_file}}}
routes:
  - {{zone: ".", upstream: bench}}
cache: {{size: {"4MiB" if terms.cached else "0"}}}
http: {{listen: "127.0.0.1:{terms.metrics_port}"}}
log: {{level: warn}}
query_log: {{output: "{terms.query_log}"}}
threads: {terms.threads}
""")
    return [path, "run", "--config", config]


def bare(path, directory, terms):
    del directory
    return [path, "--listen", f"127.0.0.1:{terms.port}", "--upstream", f"127.0.0.1:{terms.upstream.port}",
            "--ca", terms.upstream.ca_file, "--tls-name", TLS_NAME]


def echo(path, directory, terms):
    del directory
    return [path, "--listen", f"127.0.0.1:{terms.port}"]


UNBOUND_WITHOUT_CACHE = """\
  msg-cache-size: 0
  rrset-cache-size: 0
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
"""


def unbound(path, directory, terms):
    config = write(directory, "unbound.conf", f"""\
server:
  interface: 127.0.0.1@{terms.port}
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
{"" if terms.cached else UNBOUND_WITHOUT_CACHE}\
  qname-minimisation: no
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  tls-cert-bundle: "{terms.upstream.ca_file}"
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
  forward-addr: 127.0.0.1@{terms.upstream.port}#{TLS_NAME}
  forward-tls-upstream: yes
  forward-no-cache: {"no" if terms.cached else "yes"}
""")
    return [path, "-d", "-p", "-c", config]


def knot_resolver(path, directory, terms):
    config = write(directory, "kresd.conf", f"""\
log_level('err')
net.listen('127.0.0.1', {terms.port}, {{ kind = 'dns' }})
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_skew')
modules.unload('detect_time_jump')
trust_anchors.remove('.')
cache.size = 10 * MB
{"" if terms.cached else "modules.unload('cache')"}
policy.add(policy.all(policy.TLS_FORWARD({{
  {{'127.0.0.1@{terms.upstream.port}', hostname='{TLS_NAME}', ca_file='{terms.upstream.ca_file}'}}
}})))
""")
    return [path, "-n", "-q", "-c", config, str(directory)]


def dnsdist(path, directory, terms):
    cache = f"getPool(''):setCache(newPacketCache(10000, {{ maxTTL = {CACHED_TTL} }}))" if terms.cached else ""
    config = write(directory, "dnsdist.conf", f"""\
setSecurityPollSuffix('')
setMaxTCPClientThreads(1)
addLocal('127.0.0.1:{terms.port}', {{ maxInFlight = 1000 }})
setACL({{'127.0.0.0/8'}})
newServer({{ address = '127.0.0.1:{terms.upstream.port}', tls = 'openssl', subjectName = '{TLS_NAME}', caStore = '{terms.upstream.ca_file}',
  validateCertificates = true, maxInFlight = 1000, checkName = 'check.{ZONE}.', mustResolve = true }})
{cache}
""")
    return [path, "--supervised", "--disable-syslog", "-C", config]


def stubby(path, directory, terms):
    config = write(directory, "stubby.yml", f"""\
resolution_type: GETDNS_RESOLUTION_STUB
dns_transport_list:
  - GETDNS_TRANSPORT_TLS
tls_authentication: GETDNS_AUTHENTICATION_REQUIRED
tls_ca_file: "{terms.upstream.ca_file}"
tls_query_padding_blocksize: 128
edns_client_subnet_private: 0
round_robin_upstreams: 0
idle_timeout: 60000
limit_outstanding_queries: 0
listen_addresses:
  - 127.0.0.1@{terms.port}
appdata_dir: "{directory}"
upstream_recursive_servers:
  - address_data: 127.0.0.1
    tls_port: {terms.upstream.port}
    tls_auth_name: "{TLS_NAME}"
""")
    return [path, "-C", config]


def forwarders(build: pathlib.Path):
    """Every forwarder, Pillion first."""
    return [
        Forwarder("pillion", str(build / "pillion"), pillion, ["version"], counts_hits=True),
        Forwarder("bare", str(build / "tests/bench/bare_forwarder"), bare, [], ("tcp",), cached=(False,), floor=True),
        Forwarder("echo", str(build / "tests/bench/echo_loop"), echo, [], cached=(True,), floor=True, records=0),
        Forwarder("dnsdist", "dnsdist", dnsdist, ["--version"]),
        Forwarder("knot-resolver", "kresd", knot_resolver, ["--version"]),
        Forwarder("unbound", "unbound", unbound, ["-V"]),
        Forwarder("stubby", "stubby", stubby, ["-V"], cached=(False,)),  # it has no cache
    ]


def responder_command(build, directory, port):
    """The multiplexing responder of tests/support: Nagle off, one TLS record for all answers of a read."""
    return [str(build / "tests/support/dot_responder"), "--listen", f"127.0.0.1:{port}",
            "--cert", str(directory / "server.pem"), "--key", str(directory / "server.key")]


def unbound_command(build, directory, port):
    """Unbound as the DNS-over-TLS server. It answers every name of the zone with the same address from its local data."""
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
  local-data: "{ZONE}. {CACHED_TTL} IN A {FIXED_ADDRESS}"
  local-zone: "." refuse
remote-control:
  control-enable: no
""")
    program = find_program("unbound")
    return [program, "-d", "-p", "-c", config] if program else None


UPSTREAMS = {"responder": responder_command, "unbound": unbound_command}
