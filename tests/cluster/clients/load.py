#!/usr/bin/python3
"""Asks one server for addresses, RATE times a second over UDP and RATE times a second over TCP, in a pod, until standard input ends. Each query
has its own socket, like those of libc, and is sent once, so that a second attempt hides no loss. Prints "asking" at the start. At the end
prints the duration, and for each protocol the number of lookups begun and answered, the number of queries sent again, the slowest answer in
seconds, and the failures as (seconds since the epoch at which the last query was sent, source port, outcome). The outcome "astray" is an
answer from another address than the one asked.

    load.py [--attempts N] [--linger SECONDS] ADDRESS RATE NAME...

With --attempts a lookup has up to N queries, like the two of libc: the next one is sent when one has failed. With --linger the program is the
application of a pod: it does not wait for the server, and ends SECONDS after SIGTERM in place of at the end of standard input.
"""

import argparse
import contextlib
import errno
import json
import select
import signal
import socket
import struct
import sys
import time

import dns.message

PORT = 53
# Seconds after which a query has failed. libc waits for five.
PATIENCE = 2.0
HEADER = 12
# From Linux's <linux/in.h>; some releases of Python lack it. With it a socket that is not connected learns of ICMP errors too.
IP_RECVERR = 11
ASTRAY = "astray"
EARLY_PORTS = range(20000, 20100)
# Seconds for one of these attempts, and between two.
TRY = 0.3


class Query:
    """One query. `outcome` is None until the query ends, then "" if it was answered, or the failure. `before` is the failed query of the same
    lookup, or None."""

    def __init__(self, protocol, server, wire, before=None):
        self.wire = wire
        self.server = (server, PORT)
        self.protocol = protocol
        self.at = time.time()
        self.sent = time.monotonic()
        self.begun = before.begun if before else self.sent
        self.attempts = before.attempts + 1 if before else 1
        self.received = b""
        self.outcome = None
        self.port = 0
        over_tcp = protocol == "tcp"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if over_tcp else socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        # A write to a socket that is still connecting would fail.
        self.events = select.EPOLLOUT if over_tcp else select.EPOLLIN
        self.attempt(self.connect if over_tcp else self.send)
        if self.outcome is None:
            self.port = self.socket.getsockname()[1]

    def connect(self):
        with contextlib.suppress(BlockingIOError):
            self.socket.connect(self.server)

    def send(self):
        """Sends with a socket that is not connected, unlike libc: the kernel would drop answers from another address."""
        self.socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        self.socket.sendto(self.wire, self.server)

    def attempt(self, call):
        try:
            call()
        except OSError as error:
            self.outcome = errno.errorcode[error.errno]

    def ready(self, poll):
        if self.events == select.EPOLLOUT:
            self.attempt(lambda: self.socket.sendall(struct.pack("!H", len(self.wire)) + self.wire))
            self.events = select.EPOLLIN
            if self.outcome is None:
                poll.modify(self.socket, self.events)
        else:
            self.attempt(self.read)

    def read(self):
        got, sender = self.socket.recvfrom(65535)
        if self.protocol == "udp":
            self.outcome = judged(self.wire, got) or ("" if sender == self.server else ASTRAY)
            return
        self.received += got
        if not got:
            self.outcome = "closed"
        elif len(self.received) >= 2 and len(self.received) >= 2 + struct.unpack_from("!H", self.received)[0]:
            self.outcome = judged(self.wire, self.received[2:])


def judged(query, response):
    if len(response) < HEADER or response[:2] != query[:2] or not response[2] & 0x80:
        return "not a response to it"
    code, (answers,) = response[3] & 0xF, struct.unpack_from("!H", response, 6)
    return "" if code == 0 and answers else f"code {code}, {answers} records"


class Load:
    def __init__(self, server, rate, names, attempts=1):
        self.server = server
        self.interval = 1 / rate
        self.attempts = attempts
        self.until = None  # the time of the end, or None if it is not known yet
        self.questions = [dns.message.make_query(name, "A").to_wire() for name in names]
        self.poll = select.epoll()
        self.open = {}
        self.results = {one: {"sent": 0, "again": 0, "answered": 0, "slowest": 0.0, "failed": []} for one in ("udp", "tcp")}

    def begin(self, protocol):
        result = self.results[protocol]
        number = result["sent"]
        result["sent"] += 1
        wire = struct.pack("!H", number & 0xFFFF) + self.questions[number % len(self.questions)][2:]
        self.follow(Query(protocol, self.server, wire))

    def follow(self, query):
        if query.outcome is None:
            self.open[query.socket.fileno()] = query
            self.poll.register(query.socket, query.events)
        else:
            self.book(query)

    def book(self, query):
        result = self.results[query.protocol]
        query.socket.close()
        if query.outcome == "":
            result["answered"] += 1
            result["slowest"] = max(result["slowest"], time.monotonic() - query.begun)
        elif query.attempts < self.attempts:
            result["again"] += 1
            self.follow(Query(query.protocol, self.server, query.wire, query))
        else:
            result["failed"].append((query.at, query.port, query.outcome))

    def end(self, query):
        del self.open[query.socket.fileno()]
        self.poll.unregister(query.socket)
        self.book(query)

    def wait(self, seconds):
        """Handles events, then timeouts: in this order, so that an answer that came while this process did not run counts."""
        events = self.poll.poll(max(0.0, seconds))
        for descriptor, _ in events:
            query = self.open[descriptor]
            query.ready(self.poll)
            if query.outcome is not None:
                self.end(query)
        if events:
            return
        now = time.monotonic()
        for query in [one for one in self.open.values() if now - one.sent > PATIENCE]:
            query.outcome = "silence"
            self.end(query)

    def end_after(self, seconds):
        self.until = time.monotonic() + seconds

    def run(self, has_ended):
        print("asking", flush=True)
        begun = due = time.monotonic()
        while not has_ended():
            if time.monotonic() >= due:
                for protocol in self.results:
                    self.begin(protocol)
                due += self.interval
            self.wait(due - time.monotonic())
        seconds = time.monotonic() - begun
        while self.open:
            self.wait(self.interval)
        print(json.dumps({"seconds": seconds, **self.results}), flush=True)


def await_service(server, wire):
    """Waits until the Service answers. Nodes learn of a new Service after some time, and remember the port of an attempt that came too early. These
    attempts use ports outside of the range from which the kernel takes the ports of the load."""
    for port in EARLY_PORTS:
        try:
            with socket.create_connection((server, PORT), TRY, ("", port)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.bind(("", port))
                client.settimeout(TRY)
                client.connect((server, PORT))
                client.send(wire)
                client.recv(65535)
                return
        except OSError:
            time.sleep(TRY)
    sys.exit(f"{server} does not answer")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--attempts", type=int, default=1)
    parser.add_argument("--linger", type=float)
    parser.add_argument("server")
    parser.add_argument("rate", type=int)
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    load = Load(options.server, options.rate, options.names, options.attempts)
    if options.linger is None:
        await_service(options.server, load.questions[0])
        load.run(lambda: select.select([sys.stdin], [], [], 0)[0])
    else:
        signal.signal(signal.SIGTERM, lambda *_: load.end_after(options.linger))
        load.run(lambda: load.until is not None and time.monotonic() >= load.until)


if __name__ == "__main__":
    main()
