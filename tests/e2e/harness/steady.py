"""A client that asks distinct questions at a steady rate. It shows how well-behaved clients are served during a fault."""

import socket
import struct
import threading
import time

import dns.rcode

from .client import make_query
from .process import PATIENCE


class Outcome:
    """The outcome of one query. `sent` is a time of time.monotonic(). `rcode` and `seconds`, the time to the answer, are None until it has come."""

    def __init__(self, name, sent):
        self.name = name
        self.sent = sent
        self.rcode = self.seconds = None

    def __repr__(self):
        return f"{self.name} {self.rcode}" + ("" if self.seconds is None else f" after {self.seconds:.3f} s")


class Steady:
    """Sends `rate` queries a second over UDP, from the entry into the context until finish(). name_of(number) gives the name of each."""

    def __init__(self, port, name_of, rate):
        self.name_of = name_of
        self.pause = 1 / rate
        self.outcomes = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
        self.socket.close()

    def finish(self):
        """Stops asking, waits for the outstanding answers, and returns the outcomes in the order of the queries."""
        self.ending.set()
        self.thread.join()
        return self.outcomes

    def _run(self):
        due = time.monotonic()
        while not self.ending.is_set():
            now = time.monotonic()
            if now >= due:
                due += self.pause
                self._ask(now)
            self._listen(max(due - time.monotonic(), 0.001))
        give_up = time.monotonic() + PATIENCE
        while any(outcome.rcode is None for outcome in self.outcomes) and time.monotonic() < give_up:
            self._listen(0.1)

    def _ask(self, now):
        name = self.name_of(len(self.outcomes))
        query = make_query(name)
        query.id = len(self.outcomes)
        self.outcomes.append(Outcome(name, now))
        self.socket.send(query.to_wire())

    def _listen(self, seconds):
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            return
        outcome = self.outcomes[struct.unpack_from("!H", data)[0]]
        outcome.seconds = time.monotonic() - outcome.sent
        outcome.rcode = dns.rcode.to_text(data[3] & 15)


def failures(outcomes, since=0.0):
    """The outcomes of queries sent at or after `since` that are not NOERROR."""
    return [outcome for outcome in outcomes if outcome.sent >= since and outcome.rcode != "NOERROR"]
