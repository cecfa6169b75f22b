"""Real DNS-over-TLS servers: Unbound, NSD and BIND, each with the signed zone, over TLS and, for direct queries, unencrypted.
Unbound can also be a recursive resolver or the DNS of a cluster; dnsdist and Knot Resolver can be in front of it."""

import pathlib

from .process import Process, accepts_tcp, free_port

TLS_NAME = "dot.e2e.example"
TSIG_NAME = "key.e2e.example."
TSIG_SECRET = "dGhpcyBpcyBubyBzZWNyZXQgYXQgYWxsISEh"  # NSD signs its answers to queries that are signed with this key

UNBOUND = """
server:
  interface: {host}@{tls}
  interface: {host}@{plain}
  port: {plain}
  tls-port: {tls}
  tls-service-key: "{key}"
  tls-service-pem: "{certificate}"
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 1
  num-threads: 1
  incoming-num-tcp: 500
  outgoing-range: 64
  msg-cache-size: 1m
  rrset-cache-size: 1m
  key-cache-size: 1m
  module-config: "{modules}"
  edns-buffer-size: 4096
  max-udp-size: 4096
  {options}
remote-control:
  control-enable: no
{auth_zones}
"""

# Unbound answers from this zone like an authoritative server, or resolves from it like a recursive resolver.
UNBOUND_ZONE = """
auth-zone:
  name: "{origin}"
  zonefile: "{zone}"
  for-downstream: {authoritative}
  for-upstream: {recursive}
  fallback-enabled: no
"""

# The resolver validates, and sends no query to other servers. It does not use an NSEC record for another question than its own.
# num-queries-per-thread is larger than the number of queries of a test: above it, Unbound answers some with SERVFAIL.
UNBOUND_RESOLVER = """
  num-queries-per-thread: 4096
  trust-anchor-file: "{trust_anchor}"
  do-not-query-address: 0.0.0.0/0
  do-not-query-address: ::/0
  aggressive-nsec: no
"""

NSD = """
server:
  server-count: 1
  ip-address: {host}@{tls}
  ip-address: {host}@{plain}
  port: {plain}
  tls-port: {tls}
  tls-service-key: "{key}"
  tls-service-pem: "{certificate}"
  username: ""
  chroot: ""
  zonesdir: "{directory}"
  xfrdir: "{directory}"
  zonelistfile: "{directory}/zone.list"
  xfrdfile: "{directory}/xfrd.state"
  database: ""
  pidfile: ""
  logfile: ""
  tcp-count: 500
  ipv4-edns-size: 4096
  refuse-any: no
  rrl-ratelimit: 0
remote-control:
  control-enable: no
key:
  name: "{tsig_name}"
  algorithm: hmac-sha256
  secret: "{tsig_secret}"
zone:
  name: "{origin}"
  zonefile: "{zone}"
"""


BIND = """
options {{
  directory "{directory}";
  pid-file none;
  session-keyfile none;
  listen-on port {plain} {{ {host}; }};
  listen-on port {tls} tls own {{ {host}; }};
  listen-on-v6 {{ none; }};
  tcp-idle-timeout {idle};
  tcp-advertised-timeout {advertised};
  recursion no;
}};
controls {{ }};
tls own {{
  cert-file "{certificate}";
  key-file "{key}";
}};
zone "{origin}" {{
  type primary;
  check-names ignore;
  file "{zone}";
}};
"""

# A resolver that asks `backend` for everything else, and does not validate. Closes a connection on which nothing has come for `idle` milliseconds.
KNOT_RESOLVER = """
net.listen('{host}', {plain}, {{ kind = 'dns' }})
net.listen('{host}', {tls}, {{ kind = 'tls' }})
net.tls('{certificate}', '{key}')
net.tcp_in_idle({idle})
cache.open(10 * MB, 'lmdb://{directory}/cache')
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_skew')
policy.add(policy.suffix(policy.DENY, {{ todname('{denied}') }}))
policy.add(policy.all(policy.FORWARD('{backend}')))
"""

# A load balancer in front of `backend`. It closes a connection on which it has received nothing for `idle` seconds.
DNSDIST = """
setSecurityPollSuffix("")
setACL({{"127.0.0.0/8"}})
setLocal("{host}:{plain}")
addTLSLocal("{host}:{tls}", "{certificate}", "{key}", {{ provider = "openssl" }})
setTCPRecvTimeout({idle})
newServer({{ address = "{backend}", checkName = "{origin}" }})
"""


class RealServer:
    """A running server. It serves DNS over TLS on `tls_port`, and DNS over UDP and TCP on `plain_port`. A port that is not given is a free one."""

    def __init__(self, name, template, command, directory, certificate, tls_port=None, plain_port=None, host="127.0.0.1",
                 option="-c", **values):
        self.name = name
        self.host = host
        self.tls_port = tls_port or free_port(host)
        self.plain_port = plain_port or free_port(host)
        self.certificate = certificate
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        config = directory / f"{name}.conf"
        config.write_text(template.format(host=host, tls=self.tls_port, plain=self.plain_port, key=certificate.key,
                                          certificate=certificate.path, directory=directory, **values))
        self.process = Process([*command, option, config], directory, name)

    @property
    def address(self):
        return f"{self.host}:{self.tls_port}"

    @property
    def plain_address(self):
        return f"{self.host}:{self.plain_port}"

    def wait_ready(self):
        self.process.wait_for(lambda: accepts_tcp(self.tls_port, self.host) and accepts_tcp(self.plain_port, self.host),
                              "accepts connections")


def make_unbound(directory, certificate, zones, *, recursive=False, options="", **where):
    """Unbound with `zones`, {origin: zone file}. If `recursive`, it resolves from them; otherwise it is authoritative for them. `options` are lines
    for the server clause of unbound.conf(5); for a resolver they have its trust anchor (resolver_options). `where` are options of RealServer."""
    auth_zones = "".join(UNBOUND_ZONE.format(origin=origin, zone=file, authoritative="no" if recursive else "yes",
                                             recursive="yes" if recursive else "no") for origin, file in zones.items())
    return RealServer("unbound", UNBOUND, ["/usr/sbin/unbound", "-d"], directory, certificate, options=options.strip(),
                      modules="validator iterator" if recursive else "iterator", auth_zones=auth_zones, **where)


def forwarder(directory, certificate, address, options=("log-queries: yes",), validates=False):
    """Unbound as a cluster's DNS, or as a client with a cache, that forwards every query to `address`. `options` are lines of its server clause."""
    host, port = address.split(":")
    return RealServer("forwarder", UNBOUND, ["/usr/sbin/unbound", "-d"], directory, certificate,
                      options="\n  ".join(["do-not-query-localhost: no", *options]), modules="validator iterator" if validates else "iterator",
                      auth_zones=f'forward-zone:\n  name: "."\n  forward-addr: {host}@{port}\n')


def resolver_options(trust_anchor):
    return UNBOUND_RESOLVER.format(trust_anchor=trust_anchor)


def unbound(directory, certificate, zone, origin, tls_port=None):
    return make_unbound(directory, certificate, {origin: zone}, tls_port=tls_port)


def nsd(directory, certificate, zone, origin, tls_port=None):
    return RealServer("nsd", NSD, ["/usr/sbin/nsd", "-d"], directory, certificate, tls_port, zone=zone, origin=origin,
                      tsig_name=TSIG_NAME, tsig_secret=TSIG_SECRET)


def dnsdist(directory, certificate, backend, origin, idle):
    return RealServer("dnsdist", DNSDIST, ["/usr/bin/dnsdist", "--supervised", "--disable-syslog"], directory, certificate, option="-C",
                      backend=backend, origin=origin, idle=idle)


def bind(directory, certificate, zone, origin, idle, advertised):
    """`idle` is the time after which it closes, and `advertised` the time that it states (RFC 7828), in units of 100 ms."""
    return RealServer("bind", BIND, ["/usr/sbin/named", "-g", "-n", "1"], directory, certificate, zone=zone, origin=origin, idle=idle,
                      advertised=advertised)


def knot_resolver(directory, certificate, backend, denied, idle):
    """It denies the names below `denied`."""
    return RealServer("kresd", KNOT_RESOLVER, ["/usr/sbin/kresd", "-n"], directory, certificate, backend=backend.replace(":", "@"),
                      denied=denied, idle=idle)
