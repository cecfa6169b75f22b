"""Runs the two client programs: steady_clients, which must be served well, and greedy_clients, which use as much memory of the proxy as they can."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import time

from harness.process import PATIENCE, Process

PROGRAMS = pathlib.Path(os.environ.get("PILLION_BINARY", pathlib.Path(__file__).parents[2] / "build/release/pillion")
                        ).resolve().parent / "tests/memory"
COUNT, RATE = 100, 20  # steady clients, and queries a second of each
# Greedy clients are on other machines. Here they get the processor time that the proxy, the servers and the steady clients leave.
ELSEWHERE = ["chrt", "--idle", "0"]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a query. `sent` is a time of time.monotonic(); `took` is in seconds, and 0 if no answer came."""

    sent: float
    took: float
    what: str
    transport: str
    client: str
    id: int


class Phase:
    """The outcomes of the queries of one period. `p99` is in seconds. `lost` counts the queries without a good answer by their outcome."""

    def __init__(self, outcomes):
        answered = sorted(each.took for each in outcomes if each.what == "0")
        self.asked = len(outcomes)
        self.p99 = answered[min(len(answered) - 1, len(answered) * 99 // 100)] if answered else float("inf")
        self.worst = answered[-1] if answered else float("inf")
        self.lost = {}
        self.lost_queries = [each for each in outcomes if each.what != "0"]
        for each in self.lost_queries:
            self.lost[each.what] = self.lost.get(each.what, 0) + 1


class Steady:
    """Runs steady_clients from the entry into the context until finish()."""

    def __init__(self, directory, address, source=()):
        # A high priority, so that they measure the server, and not the load of the machine.
        self.process = Process(["nice", "-n", "-15", PROGRAMS / "steady_clients", address, COUNT, RATE, *source], directory, "steady")
        self.outcomes = []

    def __enter__(self):
        self.process.wait_for(lambda: "asking" in self.process.out(), "clients ask")
        return self

    def __exit__(self, *_):
        self.process.kill()

    def finish(self):
        self.process.stop(signal.SIGTERM)
        for line in self.process.out().splitlines()[1:]:
            sent, took, what, transport, client, number = line.split()
            self.outcomes.append(Outcome(float(sent), float(took), what, transport, client, int(number)))

    def phase(self, begin, end):
        """The outcomes of the queries sent between two times of time.monotonic(). Call it after finish()."""
        return Phase([each for each in self.outcomes if begin <= each.sent < end])


@contextlib.contextmanager
def greedy(directory, kinds, address, seconds, source=()):
    """Runs greedy_clients, one process for each item of {kind: connections}. Yields the processes."""
    running = []
    try:
        for kind, connections in kinds.items():
            command = [*ELSEWHERE, PROGRAMS / "greedy_clients", kind, address, connections, seconds, *source]
            running.append(Process(command, directory, f"greedy-{kind}"))
        yield running
    finally:
        for process in running:
            process.kill()


def attack(directory, kinds, address, seconds, source=(), alive=lambda: True):
    """Runs greedy_clients to their end, or until `alive()` turns false. Returns {kind: its counts}."""
    with greedy(directory, kinds, address, seconds, source) as running:
        deadline = time.monotonic() + seconds + PATIENCE
        while any(process.running() for process in running) and alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        return {kind: json.loads(process.out() or "{}") for kind, process in zip(kinds, running)}
