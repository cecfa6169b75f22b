"""Servers that fail, each in another way, and a proxy with all of them: for each kind of failure it has an upstream of that name, and a route
for the zone `KIND.example.`."""

import contextlib
import socket
import struct
import threading

import dns.edns
import dns.flags
import dns.rcode

from . import admin, certificates, pillion, servers
from .client import udp_socket
from .dot_server import DotServer, question_end
from .plain_server import PlainServer
from .process import free_port
from .scripted import Scripted, reply_to

SAN = f"DNS:{servers.TLS_NAME}"
BUDGET = "2500ms"  # the time limit of a query: longer than a handshake may take
SEARCH = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]


class RawServer:
    """Accepts connections and sends only `greeting` on each. With None it accepts none and leaves them in the kernel's queue."""

    def __init__(self, greeting):
        self.greeting = greeting
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def address(self):
        return "127.0.0.1:%d" % self.listener.getsockname()[1]

    def __enter__(self):
        if self.greeting is not None:
            self.thread.start()
        return self

    def __exit__(self, *_):
        # Wakes accept(), which closing the socket would not.
        self.listener.shutdown(socket.SHUT_RDWR)
        if self.greeting is not None:
            self.thread.join()
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    connection.sendall(self.greeting)


def says(code, ede=None, text=""):
    """A function for Scripted: each reply has this response code and an Extended DNS Error."""

    def answer(query, _):
        reply = reply_to(query, rcode=code)
        if ede is not None:
            reply.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(ede, text)])
        return reply

    return Scripted(answer)


def first_half(query):
    """A reply whose header counts a record, and which ends before it."""
    end = question_end(query)
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + query[12:end]


def only_truncated(query):
    return query[:2] + struct.pack("!HHHHH", 0x8380, 1, 0, 0, 0) + query[12:question_end(query)]


def cluster_answer(query, _):
    """NXDOMAIN, except for names that contain `slow`: these get no reply."""
    name = str(query.question[0].name)
    if "slow" in name:
        return None
    return reply_to(query, authority=["cluster.local. 30 IN SOA ns.dns.cluster.local. h.cluster.local. 1 3600 600 86400 30"],
                    rcode=dns.rcode.NXDOMAIN)


class FailingWorld:
    """A context in which `proxy` runs, with an admin server. `servers` is {kind: address of its server}. A proxy can have sixteen upstreams,
    so that there are two such classes, each with its own make_servers()."""

    def __init__(self, directory, authority, certificate):
        self.directory, self.authority, self.certificate = directory, authority, certificate
        self.life = contextlib.ExitStack()
        self.upstreams, self.servers = {}, {}
        self.routes = [{"zone": "policy.example", "records": ["www 60 A 192.0.2.7"]}]
        self.port = free_port()

    def __exit__(self, *failure):
        return self.life.__exit__(*failure)

    def __enter__(self):
        with contextlib.ExitStack() as life:
            self.life = life
            self.add("good", DotServer(self.certificate))
            self.make_servers()
            admin_port = free_port()
            self.proxy = life.enter_context(pillion.running(
                self.directory, self.upstreams, port=self.port, routes=[{"zone": ".", "upstream": "good"}, *self.routes],
                cache={"size": "1MiB"}, search={"domains": SEARCH, "ndots": 5},
                admin={"listen": f"127.0.0.1:{admin_port}", "recent": 100}))
            self.admin = admin.Admin(admin_port)
            self.life = life.pop_all()
        return self

    def settle(self):
        """Waits until the proxy has found out everything that it finds out without queries."""

    def add(self, kind, server, protocol="tls", zone=None, **more):
        """Adds an upstream. `server` is a server to start, or an address."""
        address = server if isinstance(server, str) else self.life.enter_context(server).address
        self.servers[kind] = address
        entry = {"address": address, **more}
        tls = {}
        if protocol == "tls":
            entry.setdefault("tls_name", servers.TLS_NAME)
            tls = {"tls": {"ca_file": str(self.authority.ca_file)}}
        self.upstreams[kind] = pillion.upstream(entry, protocol=protocol, timeout=BUDGET, **tls)
        if kind != "good":
            self.routes.append({"zone": zone or f"{kind}.example", "upstream": kind})


class DeadServers(FailingWorld):
    """Servers that no query reaches, or that never answer."""

    def make_servers(self):
        issue = self.authority.issue
        unknown = certificates.Authority(self.directory / "unknown-ca", "an unknown CA")
        self.add("expired", DotServer(issue("failing-expired", SAN, certificates.EXPIRED)))
        self.add("future", DotServer(issue("failing-future", SAN, certificates.NOT_YET_VALID)))
        self.add("misnamed", DotServer(issue("failing-misnamed", "DNS:other.e2e.example")))
        self.add("untrusted", DotServer(unknown.issue("failing-untrusted", SAN)))
        self.add("misused", DotServer(issue("failing-misused", SAN, usage="clientAuth")))
        self.add("unpinned", DotServer(self.certificate), pins=[issue("failing-other", SAN).pin()])
        self.add("refused", f"127.0.0.1:{free_port()}")
        # The kernel refuses connections to a broadcast address, as if there were no route.
        self.add("unreachable", "255.255.255.255:853")
        self.add("mute", RawServer(None))
        self.add("plaintext", RawServer(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        silent = DotServer(self.certificate)
        silent.silent = True
        self.add("silent", silent)
        resetting = DotServer(self.certificate)
        resetting.reset_after_handshake = True
        self.add("resetting", resetting)


class PoorServers(FailingWorld):
    """Servers that are up and answer wrongly."""

    def make_servers(self):
        for kind in ("slow", "closing", "lying", "servfail"):
            self.add(kind, DotServer(self.certificate))
        self.add("malformed", PlainServer(over_tcp=first_half), "tcp")
        self.add("truncated", PlainServer(only_truncated, None), "udp")
        self.add("limiting", says(dns.rcode.REFUSED, 18, "rate limit"), "udp")
        self.add("blocked", says(dns.rcode.NXDOMAIN, 15, "blocked by policy"), "udp")
        self.add("bogus", says(dns.rcode.SERVFAIL, 6, "signature expired"), "udp")
        self.add("loop", Scripted(self._ask_proxy), "udp")
        self.add("cluster", Scripted(cluster_answer), "udp", zone="cluster.local")
        self.fading = PlainServer()
        self.add("stale", self.fading, "udp")

    def settle(self):
        self.proxy.wait_metric("forwarding_loops_total", 1)

    def _ask_proxy(self, query, _):
        """The server of the forwarding loop, which asks the proxy."""
        with udp_socket(self.port) as client:
            client.send(query.to_wire())
