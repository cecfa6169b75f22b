"""A process that looks like a running proxy to `pillion reload` and `pillion health`, without DNS. It has the file with the outcome of reloads
and the listen addresses (src/app/reload_outcome.hpp, src/app/listen_addresses.hpp), and takes SIGHUP.

    fake_proxy.py BEHAVIOUR [--supervised] [LINE]…

LINE is a listen address for the file, such as "http 127.0.0.1:9153"; without a LINE the file has none yet. When the process can take SIGHUP,
it prints the id of its worker, if it has one, and then its own. BEHAVIOUR says what SIGHUP does: `takes` ends a reload with success, `refuses`
with a refusal, `stalls` begins a reload and does not end it, `ignores` does nothing, and `dies` ends the process. With --supervised, the
process is a supervisor and has a child, its worker, which shares the file.
"""

import contextlib
import os
import pathlib
import signal
import struct
import subprocess
import sys

FAKE_PROXY = pathlib.Path(__file__)

MAGIC = 0x50696C6C696F6E01
HEADER = struct.Struct("=QQQIIQ")  # format, started, finished, succeeded, length, reserved
MAX_TEXT = 64 << 10
ADDRESSES_MAGIC = 0x4C697374656E7301
ADDRESSES_HEADER = struct.Struct("=QII")  # format, count, length
ADDRESSES_MAX_TEXT = 4 << 10


class OutcomeFile:
    """The file in the format of src/app/reload_outcome.cpp."""

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

    def listen(self, *lines):
        text = "".join(line + "\n" for line in lines).encode()
        start = HEADER.size + 2 * MAX_TEXT
        os.pwrite(self.descriptor, text, start + ADDRESSES_HEADER.size + ADDRESSES_MAX_TEXT)
        os.pwrite(self.descriptor, ADDRESSES_HEADER.pack(ADDRESSES_MAGIC, 1, len(text)), start)


@contextlib.contextmanager
def fake_proxy(behaviour, *options):
    """Runs a fake proxy. Yields its process ids, the worker's first if there is one."""
    child = subprocess.Popen([sys.executable, FAKE_PROXY, behaviour, *options], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield [int(child.stdout.readline()) for _ in range(1 + options.count("--supervised"))]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()


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
    lines = [option for option in options if option != "--supervised"]
    if lines:
        outcome.listen(*lines)
    worker = os.fork() if "--supervised" in options else None
    if worker == 0:
        # The worker. SIGHUP must not reach it: `pillion reload` signals the supervisor. Exit code 99 shows that it did.
        signal.sigwait([signal.SIGHUP])
        os._exit(99)
    os.write(1, "".join(f"{pid}\n" for pid in (worker, os.getpid()) if pid).encode())
    while True:
        signal.sigwait([signal.SIGHUP])
        behave(behaviour, outcome)


if __name__ == "__main__":
    main(*sys.argv[1:])
