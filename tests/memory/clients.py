"""The two programs that ask: steady_clients, who shall not notice, and greedy_clients, who take what they get."""

import contextlib
import json
import os
import pathlib
import signal
import time

from harness.process import PATIENCE, Process

PROGRAMS = pathlib.Path(os.environ.get("PILLION_BINARY", pathlib.Path(__file__).parents[2] / "build/release/pillion")
                        ).resolve().parent / "tests/memory"
COUNT, RATE = 100, 20  # steady clients, and queries a second of each


class Phase:
    """What became of the queries of some time. `p99` is in seconds; `lost` counts by what they had in place of an answer."""

    def __init__(self, outcomes):
        answered = sorted(took for took, what in outcomes if what == "0")
        self.asked = len(outcomes)
        self.p99 = answered[min(len(answered) - 1, len(answered) * 99 // 100)] if answered else float("inf")
        self.worst = answered[-1] if answered else float("inf")
        self.lost = {}
        for _, what in outcomes:
            if what != "0":
                self.lost[what] = self.lost.get(what, 0) + 1


class Steady:
    """Asks from entering the context on until finish()."""

    def __init__(self, directory, address, source=()):
        # They have to see what the server does, and not how busy the machine is: hence before all others.
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
            sent, took, what = line.split()
            self.outcomes.append((float(sent), float(took), what))

    def phase(self, begin, end):
        """Of what was asked between two times of time.monotonic(), after finish()."""
        return Phase([(took, what) for sent, took, what in self.outcomes if begin <= sent < end])


@contextlib.contextmanager
def greedy(directory, kinds, address, seconds, source=()):
    """Runs {kind: connections} at once; the value is a list of their processes."""
    running = []
    try:
        for kind, connections in kinds.items():
            command = [PROGRAMS / "greedy_clients", kind, address, connections, seconds, *source]
            running.append(Process(command, directory, f"greedy-{kind}"))
        yield running
    finally:
        for process in running:
            process.kill()


def attack(directory, kinds, address, seconds, source=(), alive=lambda: True):
    """Runs them to their end, or until `alive()` turns false; {kind: what it counted}."""
    with greedy(directory, kinds, address, seconds, source) as running:
        deadline = time.monotonic() + seconds + PATIENCE
        while any(process.running() for process in running) and alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        return {kind: json.loads(process.out() or "{}") for kind, process in zip(kinds, running)}
