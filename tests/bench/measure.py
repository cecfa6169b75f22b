"""Starts programs pinned to cores, loads them with dnsperf or isolated_client, and measures their CPU time and memory."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import time
import urllib.request

PATIENCE = 10.0  # seconds for a program to answer its first question

LEAST_HITS = 0.99  # of the queries of a cached load; below this the load has not measured the cache
# The least number of bytes that a query adds to what the upstream reads: length (RFC 7858 section 3.3), header, and a question whose name is not
# shorter than the load's. TLS records, EDNS and padding come on top, so that misses are overestimated, never hidden.
QUESTION_BYTES = 2 + 12 + 4


@dataclasses.dataclass(frozen=True)
class Load:
    """What the client does, and the limits for Pillion's CPU time per query, as ratios to that of the best peer and to that of the floor."""

    transport: str
    clients: int = 10
    outstanding: int = 100
    cached: bool = False
    isolated: bool = False  # by isolated_client, which reports percentiles of the latency
    of_best_peer: float | None = None
    of_floor: float | None = None

    def dnsperf(self):
        return ["-m", self.transport, "-c", str(self.clients), "-q", str(self.outstanding)]

    def description(self):
        return "isolated_client" if self.isolated else f"dnsperf {' '.join(self.dnsperf())}"


LOADS = {
    "tcp": Load("tcp", of_best_peer=0.35, of_floor=2.0),
    "udp": Load("udp", of_best_peer=0.6),
    "single": Load("tcp", clients=1, outstanding=1, of_floor=1.1),
    "one": Load("tcp", clients=1, outstanding=1, isolated=True, of_floor=1.1),
    "cached-tcp": Load("tcp", cached=True, of_best_peer=0.45, of_floor=1.6),
    "cached-udp": Load("udp", cached=True, of_floor=1.15),
}


class Unusable(Exception):
    """A program that cannot be measured, with the reason."""


def free_port():
    """A port that is free on UDP and TCP, for programs that cannot take a port of the kernel."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


class Process:
    """A child process that is pinned to some cores, and ends with its `with` block."""

    def __init__(self, command, cores, log: pathlib.Path):
        self.log = log
        with log.open("wb") as output:
            self.child = subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()

    def ended(self):
        return self.child.poll() is not None

    def last_words(self):
        words = self.log.read_text(errors="replace").strip()
        return words[-2000:] if words else "nothing on its output"

    def cpu_seconds(self):
        """User and system time of all threads so far in seconds, by the clock of clock_getcpuclockid(3)."""
        return time.clock_gettime(~self.child.pid << 3 | 2)

    def bytes_read(self):
        """The bytes that read(2) has returned so far, including those from sockets (rchar of proc_pid_io(5)). OpenSSL reads sockets with it."""
        return int(re.search(r"^rchar: (\d+)", pathlib.Path(f"/proc/{self.child.pid}/io").read_text(), re.M)[1])

    def memory_mib(self):
        """(resident memory, the anonymous part of it) in MiB."""
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return tuple(round(int(re.search(rf"^{key}:\s+(\d+) kB", status, re.M)[1]) / 1024, 1) for key in ("VmRSS", "RssAnon"))


@dataclasses.dataclass(frozen=True)
class Names:
    """The names of a load: the file for dnsperf, and the length of each name on the wire in bytes (RFC 1035 section 3.1)."""

    file: pathlib.Path
    wire_bytes: int


@dataclasses.dataclass(frozen=True)
class Target:
    """A running program, its ports, and the process of its upstream, which shows what the program did not answer from its cache."""

    process: Process
    port: int
    metrics_port: int | None  # or None for a program that does not count its cache hits
    upstream: Process

    def cache_hits(self):
        """The number of cache hits so far. Raises Unusable if the program does not count them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=PATIENCE) as answer:
            counts = re.findall(r"^pillion_cache_hits_total(?:\{.*\})? (\S+)$", answer.read().decode(), re.M)
        if not counts:
            raise Unusable("it has no pillion_cache_hits_total")
        return sum(map(float, counts))


def ask(port, name, transport, timeout=1.0):
    """Asks for an A record. Returns (rcode, number of answers), or None if no usable answer comes."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack("!6H", 0x5157, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)
    try:
        if transport == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(timeout)
                client.sendto(query, ("127.0.0.1", port))
                answer = client.recv(65535)
        else:
            with socket.create_connection(("127.0.0.1", port), timeout) as client, client.makefile("rb") as stream:
                client.sendall(struct.pack("!H", len(query)) + query)
                answer = stream.read(struct.unpack("!H", stream.read(2))[0])
        ident, flags, _, answers, _, _ = struct.unpack("!6H", answer[:12])
    except (OSError, struct.error):
        return None
    return (flags & 0xF, answers) if ident == 0x5157 else None


def wait_until_it_listens(process, port):
    """Waits until the port accepts connections. Raises Unusable if it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        if process.ended() or time.monotonic() > deadline:
            raise Unusable(f"it does not listen: {process.last_words()}")
        time.sleep(0.05)


def wait_until_it_answers(process, port, name, transports, records):
    """Waits until the program gives a NOERROR answer with this number of records on each transport. Raises Unusable if it does not in time."""
    deadline = time.monotonic() + PATIENCE
    for transport in transports:
        while (got := ask(port, name, transport)) != (0, records):
            if process.ended():
                raise Unusable(f"it ended: {process.last_words()}")
            if time.monotonic() > deadline:
                raise Unusable(f"no good answer over {transport} (last: {got}): {process.last_words()}")
            time.sleep(0.05)


def number(pattern, text, default=None):
    found = re.search(pattern, text)
    if found:
        return float(found[1])
    if default is None:
        raise Unusable(f"dnsperf said:\n{text[-2000:]}")
    return default


def dnsperf(port, load, names, seconds, core):
    """Runs dnsperf. Returns its counts."""
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(names), "-l", str(seconds), *load.dnsperf()]
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    text = done.stdout + done.stderr
    return {
        "sent": number(r"Queries sent:\s+(\d+)", text),
        "completed": number(r"Queries completed:\s+(\d+)", text),
        "lost": number(r"Queries lost:\s+(\d+)", text),
        "servfail": number(r"SERVFAIL (\d+)", text, 0.0),
        "noerror": number(r"NOERROR (\d+)", text, 0.0),
        "queries_per_second": number(r"Queries per second:\s+([\d.]+)", text),
        "mean_latency_ms": number(r"Average Latency \(s\):\s+([\d.]+)", text, 0.0) * 1000,
    }


def isolated_client(program, port, names, seconds, core):
    """Runs isolated_client. Returns its counts."""
    done = subprocess.run([str(program), "127.0.0.1", str(port), str(names), str(seconds)], capture_output=True, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if done.returncode:
        raise Unusable(done.stderr.strip())
    return json.loads(done.stdout)


class HitWatch:
    """Measures, from outside, which part of the queries between its construction and ratio() were cache hits."""

    def __init__(self, target):
        self.target = target
        self.read = target.upstream.bytes_read()
        self.hits = target.cache_hits() if target.metrics_port else None

    def ratio(self, completed, name_bytes):
        """A lower bound of the part of `completed` that were cache hits: the bytes that the upstream has read have no room for more misses. If the
        program counts its hits itself, the bound is not above its count."""
        read = self.target.upstream.bytes_read() - self.read
        ratio = max(0.0, 1 - read / (QUESTION_BYTES + name_bytes) / completed)
        if self.hits is not None:
            ratio = min(ratio, (self.target.cache_hits() - self.hits) / completed)
        return ratio


def measure(target, load, names, seconds, core, build):
    """One round: a short warm-up, which also fills the cache, and the load between two readings of the process's CPU time.
    Raises Unusable if a cached load was not answered from the cache."""
    def ask_for(length):
        if load.isolated:
            return isolated_client(build / "tests/bench/isolated_client", target.port, names.file, length, core)
        return dnsperf(target.port, load, names.file, length, core)

    ask_for(1)
    watch = HitWatch(target) if load.cached else None
    before = target.process.cpu_seconds()
    result = ask_for(seconds)
    used = target.process.cpu_seconds() - before
    if not result["completed"]:
        raise Unusable("no query was completed under load")
    if watch:
        result["hit_ratio"] = watch.ratio(result["completed"], names.wire_bytes)
        if result["hit_ratio"] < LEAST_HITS:
            raise Unusable(f"only {result['hit_ratio']:.1%} of the queries were shown to be cache hits")
    result["cpu_us_per_query"] = used / result["completed"] * 1e6
    result["resident_mib"], result["anonymous_mib"] = target.process.memory_mib()
    return result
