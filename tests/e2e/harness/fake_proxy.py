"""What `pillion reload` sees of a running proxy, and nothing of DNS: the file that says what came of reloads (src/app/reload_outcome.hpp), and SIGHUP.

    fake_proxy.py BEHAVIOUR [--supervised]

Prints its process number, a worker's before it, once it can be told to reload. BEHAVIOUR is what it does then: `takes` and `refuses` end a reload, `stalls` begins one, `ignores`
does nothing, `dies` ends. With --supervised a child, which a supervisor has started, has the file too.
"""

import os
import signal
import struct
import sys

MAGIC = 0x50696C6C696F6E01
HEADER = struct.Struct("=QQQIIQ")  # format, started, finished, succeeded, length, reserved
MAX_TEXT = 64 << 10


class OutcomeFile:
    """As src/app/reload_outcome.cpp writes it."""

    def __init__(self):
        self.descriptor = os.memfd_create("pillion-reload", os.MFD_CLOEXEC)
        self.started = self.finished = self.succeeded = self.length = 0
        self._write_header()

    def _write_header(self):
        os.pwrite(self.descriptor, HEADER.pack(MAGIC, self.started, self.finished, self.succeeded, self.length, 0), 0)

    def begin(self):
        self.started += 1
        self._write_header()

    def end(self, succeeded, text):
        os.pwrite(self.descriptor, text, HEADER.size + self.started % 2 * MAX_TEXT)
        self.finished, self.succeeded, self.length = self.started, int(succeeded), len(text)
        self._write_header()


def behave(behaviour, outcome):
    if behaviour == "dies":
        os._exit(1)
    if behaviour == "ignores":
        return
    outcome.begin()
    if behaviour == "stalls":
        return
    if behaviour == "takes":
        outcome.end(True, b"configuration reloaded\n")
    else:
        outcome.end(False, b"pillion.yaml:1:10: threads: `0` is out of range; allowed: 1 to 256\n")


def main(behaviour, *options):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    outcome = OutcomeFile()
    worker = os.fork() if "--supervised" in options else None
    if worker == 0:
        # A worker, which SIGHUP must not reach by any other way than its supervisor.
        signal.sigwait([signal.SIGHUP])
        os._exit(99)
    os.write(1, "".join(f"{pid}\n" for pid in (worker, os.getpid()) if pid).encode())
    while True:
        signal.sigwait([signal.SIGHUP])
        behave(behaviour, outcome)


if __name__ == "__main__":
    main(*sys.argv[1:])
