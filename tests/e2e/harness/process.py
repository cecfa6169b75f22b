"""Starts programs for a test, keeps their output, waits for them for a bounded time, and ends them all."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

# Seconds. Large, since a build with a sanitizer on a busy machine is slow. A test that passes does not wait this long.
PATIENCE = float(os.environ.get("E2E_PATIENCE", "60"))

SANITIZER_REPORT = re.compile(r"(ERROR: (Address|Leak|Undefined\w*|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:)")


class TestProgramError(AssertionError):
    """A program did not do what the test needs. The text has what the program has printed."""

    __test__ = False


def wait_until(condition, what, patience=PATIENCE, alive=None):
    """Polls until `condition()` is true. Returns its value. Fails after `patience` seconds, or when `alive()` turns false."""
    deadline = time.monotonic() + patience
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if alive is not None and not alive():
            raise TestProgramError(f"ended before this: {what}")
        if time.monotonic() > deadline:
            raise TestProgramError(f"not within {patience:g} s: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def free_port(host="127.0.0.1"):
    """A port that is free for UDP and TCP now. Another program can take it before the caller binds it, so that the caller has to retry."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(100):
        with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            tcp.bind((host, 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind((host, port))
            except OSError:
                continue
            return port
    raise TestProgramError("no free port")


def accepts_tcp(port, host="127.0.0.1"):
    """True if a TCP connection to the port succeeds."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=PATIENCE):
        return True
    return False


def children_of(pid):
    """The ids of the child processes of `pid`, including zombies; empty if `pid` has ended."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


class Process:
    """A started program. Its standard output and standard error go to two files in `directory`."""

    def __init__(self, command, directory, name=None, stderr=None):
        self.name = name or pathlib.Path(command[0]).name
        self.command = [str(part) for part in command]
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.out_path = directory / f"{self.name}.out"
        self.err_path = directory / f"{self.name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=err if stderr is None else stderr, cwd=directory, start_new_session=True)

    @property
    def pid(self):
        return self.child.pid

    def out(self):
        return self.out_path.read_text(errors="replace")

    def err(self):
        return self.err_path.read_text(errors="replace")

    def running(self):
        return self.child.poll() is None

    def status_bytes(self, field):
        """A size from /proc/PID/status, such as VmRSS, in bytes. The program must run."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024

    def wait_for(self, condition, what, patience=PATIENCE):
        try:
            return wait_until(condition, f"{self.name}: {what}", patience, self.running)
        except TestProgramError as error:
            raise TestProgramError(f"{error}\n{self.printed()}") from None

    def printed(self):
        return f"--- {' '.join(self.command)} ({self.child.poll()})\n{self.out()[-4000:]}{self.err()[-8000:]}"

    def send_signal(self, number):
        self.child.send_signal(number)

    def wait(self, patience=PATIENCE):
        """Waits for the end. Returns the exit code, or the negative number of the signal that ended the program."""
        try:
            return self.child.wait(patience)
        except subprocess.TimeoutExpired:
            raise TestProgramError(f"{self.name} still runs after {patience:g} s\n{self.printed()}") from None

    def stop(self, number=signal.SIGTERM, patience=PATIENCE):
        if self.running():
            self.send_signal(number)
        return self.wait(patience)

    def kill(self):
        """Kills the program and the processes of its session's group. Does not fail if they have ended: for cleaning up."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()

    def cpu_seconds(self):
        """User and system time of the program so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def check_sanitizers(self):
        if SANITIZER_REPORT.search(self.err()):
            raise TestProgramError(f"a sanitizer has reported a fault\n{self.printed()}")


def run(*command, patience=PATIENCE, check=True, stdin=None, cwd=None):
    """Runs a program to its end. If `check`, an exit code other than 0 fails the test."""
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True, timeout=patience,
                          cwd=cwd, check=False)
    if check and done.returncode != 0:
        raise TestProgramError(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done


@contextlib.contextmanager
def served(make, attempts=5):
    """Starts the server that `make()` returns, and kills it at the end. If it does not become ready, such as when its port was taken, tries again."""
    for attempt in range(attempts):
        server = make()
        try:
            server.wait_ready()
            break
        except TestProgramError:
            server.process.kill()
            if attempt + 1 == attempts:
                raise
    try:
        yield server
    finally:
        server.process.kill()
