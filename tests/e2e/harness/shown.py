"""Compares the output of a program with the sample in a document."""

import re

# Parts that differ between runs. All else, including the answers, is the same each time.
VARIABLE = [
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\bid \d+,"), "id ID,"),
    (re.compile(r" in \d+\.\d ms,"), " in TIME ms,"),
    (re.compile(r"^\$ \S*/pillion query "), "$ PILLION query "),
]
ANY = "…"


def normal(text, more=()):
    """The lines of the text without the parts that differ between runs. `more` are further (pattern, replacement)."""
    lines = text.splitlines()
    for pattern, name in (*VARIABLE, *more):
        lines = [pattern.sub(name, line) for line in lines]
    return lines


def difference(shown, real):
    """None if `real` matches `shown`, in which `…` stands for any number of lines; otherwise the run of shown lines that is missing."""
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
        # The last run must be the end of the output.
        places = [len(real) - len(run)] if index == len(runs) else range(at, len(real) - len(run) + 1)
        found = next((place for place in places if place >= at and real[place:place + len(run)] == run), None)
        if found is None:
            return run
        at = found + len(run)
    return None if len(runs) > 1 or at == len(real) else real[at:]
