"""What a document shows of a program's output, beside what the program prints."""

import re

# What differs from run to run. All else, the answers among it, is the same each time.
VARIABLE = [
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\bid \d+,"), "id ID,"),
    (re.compile(r" in \d+\.\d ms,"), " in TIME ms,"),
    (re.compile(r"^\$ \S*/pillion query "), "$ PILLION query "),
]
ANY = "…"


def normal(text, more=()):
    """The lines of the text without what differs from run to run; `more` are further (pattern, replacement)."""
    lines = text.splitlines()
    for pattern, name in (*VARIABLE, *more):
        lines = [pattern.sub(name, line) for line in lines]
    return lines


def difference(shown, real):
    """None where `real` is what `shown` says, `…` being any number of lines; else the run of lines that is not there."""
    runs = [[]]
    for line in shown:
        if line == ANY:
            runs.append([])
        else:
            runs[-1].append(line)
    if real[:len(runs[0])] != runs[0]:
        return runs[0]
    at = len(runs[0])
    for index, run in enumerate(runs[1:], start=2):
        # The last run is the end.
        places = [len(real) - len(run)] if index == len(runs) else range(at, len(real) - len(run) + 1)
        found = next((place for place in places if place >= at and real[place:place + len(run)] == run), None)
        if found is None:
            return run
        at = found + len(run)
    return None if len(runs) > 1 or at == len(real) else real[at:]
