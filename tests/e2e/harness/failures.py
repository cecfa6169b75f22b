"""The expected and the actual reports of each failure of failing_world.py, in all places where a person looks."""

import concurrent.futures
import dataclasses

from .client import make_query, read, udp_socket

QUERIES = 12  # queries of each kind: the verdict ignores fewer than ten
BUDGET_TEXT = "gives up: 2.5 s, the time limit of a query, has passed"
UPSTREAM_FAILED, FINDING = "upstream failed", "finding"


@dataclasses.dataclass(kw_only=True)
class Failure:
    """The expected reports of one kind of failure. In each text `{server}` stands for the address of its server."""

    kind: str
    name: str = "n{number}"  # the name to ask for, below the zone
    zone: str = ""  # by default the server of the kind
    rcode: str = "SERVFAIL"
    ede: tuple = ()  # info code and text of the client's answer; None: no Extended DNS Error
    trace: tuple  # parts of lines of the trace, in order
    log: tuple = ()  # the message of a line of the log, and a part of one of its fields; None: no such line
    error: str | None = None  # the reason of the server's last error
    state: str = "up"  # of the server
    finding: tuple = ()  # the finding of the verdict: code, fault, a part of the sentence; None: no finding for this failure alone

    def __str__(self):
        return self.kind


def untrustworthy(kind, reason, text, detail):
    return Failure(kind=kind, ede=(23, f"{text} at {{server}}"), trace=(f"cannot ask {{server}}: {text} ({detail}",),
                   log=(UPSTREAM_FAILED, detail or text), error=reason, state="down",
                   finding=("certificate_refused", "upstream", f"is down ({text})"))


def down(kind, reason, text, event, fault="upstream", info_code=23):
    return Failure(kind=kind, ede=(info_code, f"{text} at {{server}}"), trace=(event, f"EDE {info_code} ({text} at {{server}})"),
                   log=(UPSTREAM_FAILED, text), error=reason, state="down", finding=("upstream_down", fault, f"is down ({text})"))


def failing(kind, reason, text, *events, info_code=23, **more):
    return Failure(kind=kind, ede=(info_code, f"{text} at {{server}}"), trace=events, log=(FINDING, text), error=reason,
                   finding=("server_failing", "upstream", f"most often since {text}"), **more)


DEAD = [
    untrustworthy("expired", "certificate_expired", "certificate expired or not yet valid", "certificate has expired: CN="),
    untrustworthy("future", "certificate_expired", "certificate expired or not yet valid", "certificate is not yet valid: CN="),
    untrustworthy("misnamed", "certificate_name", "certificate name mismatch", "hostname mismatch: wanted "),
    untrustworthy("untrusted", "certificate_untrusted", "certificate not signed by a trusted CA", "unable to get local issuer certificate: CN="),
    untrustworthy("misused", "certificate_invalid", "certificate rejected", ""),
    untrustworthy("unpinned", "pin_mismatch", "no pin matches the certificate's key", "the SPKI of the server's certificate is not pinned"),
    down("refused", "connect_refused", "connection refused", "{server}: connection refused"),
    down("unreachable", "unreachable", "network unreachable", "{server}: network unreachable", fault="network"),
    down("mute", "handshake_timeout", "TLS handshake timed out", "{server}: TLS handshake timed out"),
    down("plaintext", "tls_failed", "TLS handshake failed", "{server}: TLS handshake failed (wrong version number"),
    down("silent", "stalled", "connection stalled", "{server}: connection stalled", info_code=22),
    down("resetting", "reset", "connection reset", "{server}: connection reset"),
]

POOR = [
    failing("slow", "timeout", "no answer in time", "sent to {server} by tls", BUDGET_TEXT, "{server} fails: no answer in time",
            info_code=22, name="delay-9000-n{number}"),
    failing("closing", "closed", "connection closed before the answer", "{server}: connection closed by the server; sends the query again",
            "{server} fails: connection closed before the answer", name="close-n{number}"),
    failing("lying", "mismatched_reply", "reply does not match any question", "{server} fails: reply does not match any question",
            name="wrongname-n{number}"),
    failing("malformed", "malformed_reply", "malformed reply", "sent to {server} by tcp", "{server} fails: malformed reply"),
    Failure(kind="servfail", name="servfail-n{number}", trace=("{server} replies SERVFAIL with 0 records",),
            log=(FINDING, "it replies SERVFAIL"), finding=("server_failing", "upstream", "it replies SERVFAIL")),
    Failure(kind="bogus", ede=(6, "signature expired"), trace=("{server} replies SERVFAIL", "EDE 6 (signature expired)"),
            log=(FINDING, "it replies SERVFAIL"), finding=("server_failing", "upstream", "it replies SERVFAIL")),
    Failure(kind="limiting", rcode="REFUSED", ede=(18, "rate limit"), trace=("{server} replies REFUSED", "EDE 18 (rate limit)"),
            log=(FINDING, "it replies REFUSED"), finding=("server_failing", "upstream", "it replies REFUSED")),
    Failure(kind="blocked", rcode="NXDOMAIN", ede=(15, "blocked by policy"), trace=("{server} replies NXDOMAIN", "EDE 15 (blocked by policy)")),
    Failure(kind="truncated", rcode="NOERROR", trace=("{server} has truncated the answer: asks again over TCP",
                                                      "{server}: connection refused"), error="connect_refused"),
    # The first step of a walk for a bare name: an answer from outside must not be used while a guard may find another one.
    Failure(kind="cluster", name="www{number}.shop.example.slow.shop.svc", zone="cluster.local", rcode="NXDOMAIN",
            trace=("begins a search walk for www0.shop.example.slow.", "svc.cluster.local. failed", "the search walk has found no name"),
            error="timeout"),
    Failure(kind="loop", ede=(22, "forwarding loop: the upstream has sent Pillion's queries back to Pillion; connection stalled at {server}"),
            trace=("sent to {server} by udp", "EDE 22 (forwarding loop: "), error="stalled", state="down", log=("forwarding loop: the upstream sends Pillion's queries back to Pillion", "loop"),
            finding=("forwarding_loop", "configuration", "sends Pillion's queries back to Pillion")),
]


class Heard:
    """Collects the reports of each failure, with queries by clients and by `/api/v1/resolve` at the same time."""

    def __init__(self, world, failures):
        self.world = world
        world.settle()
        with concurrent.futures.ThreadPoolExecutor(2 * len(failures)) as pool:
            answers = {failure.kind: pool.submit(self.ask, failure) for failure in failures}
            explained = {failure.kind: pool.submit(self.explain, failure) for failure in failures}
        self.answers = {kind: asked.result() for kind, asked in answers.items()}
        self.explained = {kind: asked.result() for kind, asked in explained.items()}
        self.upstreams = {each["name"]: each["servers"][0] for each in world.admin.get("/upstreams")["upstreams"]}
        self.findings = world.admin.get("/status")["verdict"]["findings"]

    def question(self, failure, number):
        return f"{failure.name.format(number=number)}.{failure.zone or failure.kind + '.example'}."

    def ask(self, failure):
        """The answers that a client gets to as many questions as the verdict needs."""
        queries = {query.id: query for query in (make_query(self.question(failure, number), use_edns=0, id=number)
                                                 for number in range(1, QUERIES + 1))}
        with udp_socket(self.world.port) as client:
            for query in queries.values():
                client.send(query.to_wire())
            return [read(client.recv(65536)) for _ in queries]

    def explain(self, failure):
        return self.world.admin.get("/resolve", f"?name={self.question(failure, 0)}")

    def log(self, failure):
        """The lines of the log about this failure: those that name its upstream or server, or none."""
        server = self.world.servers[failure.kind]
        return [line for line in self.world.proxy.log() if line["msg"] == failure.log[0]
                and (failure.kind == line.get("upstream") or server == line.get("subject"))]
