"""Runs dnsperf(1) and parses its report."""

import os
import re

from .process import PATIENCE, Process, run

FULL = os.environ.get("E2E_FULL") == "1"
SECONDS = int(os.environ.get("E2E_LOAD_SECONDS", "30" if FULL else "5"))


def write_names(path, origin, count=20000, prefix="n"):
    """Writes a file of distinct questions."""
    path.write_text("".join(f"{prefix}{number}.{origin} A\n" for number in range(count)))
    return path


class Load:
    """The figures of one run, from what dnsperf has printed. `slowest` is in seconds."""

    def __init__(self, printed):
        def number(label):
            found = re.search(rf"{label}:\s+(\d+)", printed)
            assert found, printed
            return int(found.group(1))

        self.printed = printed
        self.sent = number("Queries sent")
        self.completed = number("Queries completed")
        self.lost = number("Queries lost")
        slowest = re.search(r"Average Latency \(s\):.*max ([\d.]+)\)", printed)
        self.slowest = float(slowest.group(1)) if slowest else None
        self.rcodes = {code: int(count) for code, count in re.findall(r"([A-Z]+) (\d+) \([\d.]+%\)", printed)}

    def assert_flawless(self):
        assert self.completed > 0 and self.completed == self.sent and self.lost == 0, self.printed
        assert set(self.rcodes) == {"NOERROR"}, self.printed


def command(port, names, mode, seconds=SECONDS, clients=10, outstanding=100, rate=None, runs=None):
    return ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-m", mode, "-d", str(names), *(["-n", str(runs)] if runs else ["-l", str(seconds)]), "-c", str(clients),
            "-q", str(outstanding), "-t", "10", *(["-Q", str(rate)] if rate else [])]


def load(port, names, mode, **options):
    """Runs dnsperf to its end."""
    arguments = command(port, names, mode, **options)
    return Load(run(*arguments, patience=PATIENCE + options.get("seconds", SECONDS) * 4).stdout)


class BackgroundLoad:
    """A run of dnsperf that continues while the test does other things."""

    def __init__(self, directory, port, names, mode, **options):
        self.seconds = options.get("seconds", SECONDS)
        self.process = Process(command(port, names, mode, **options), directory, "dnsperf")

    def finish(self):
        assert self.process.wait(PATIENCE + self.seconds * 4) == 0, self.process.printed()
        return Load(self.process.out())
