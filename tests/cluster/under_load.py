"""Asks for names RATE times a second over UDP and RATE times a second over TCP, by load.py, and reads the results."""

import contextlib
import json
import subprocess
import time

from kubectl import PATIENCE, ready_pods
from names import HERE
from objects import CONTAINER

RATE = 200
NAMES = ["www.example.com.", "example.com.", "web.example.com.", "alias.example.com.", "a.b.c.d.example.com."]
LOOPBACK = "127.0.0.1"
# Seconds for which an application goes on asking after SIGTERM.
LINGER = 3


class Results:
    """The results of load.py. `begun` is in seconds since the epoch; failures are shown relative to it."""

    def __init__(self, told, begun):
        self.seconds = told.pop("seconds")
        self.by_protocol = told
        self.begun = begun

    def __str__(self):
        lines = []
        for protocol, result in self.by_protocol.items():
            lines.append(f"{protocol}: {result['sent']} asked for in {self.seconds:.1f} s, {result['answered']} answered, slowest "
                         f"{result['slowest']:.3f} s, {result['again']} sent again, {len(result['failed'])} failed")
            lines += [f"    after {at - self.begun:.2f} s, from port {port}: {outcome}" for at, port, outcome in result["failed"]]
        return "\n".join(lines)

    def failed(self):
        """The outcomes of the lookups that have failed."""
        return [outcome for result in self.by_protocol.values() for _, _, outcome in result["failed"]]

    def check(self):
        results = self.by_protocol.values()
        # The client itself was not the bottleneck.
        assert all(result["sent"] >= 0.9 * RATE * self.seconds for result in results), str(self)
        assert all(result["answered"] + len(result["failed"]) == result["sent"] for result in results), str(self)
        # An astray answer is a failure too, since libc's connected sockets do not get it. Pillion cannot cause one: the node deletes the flow of an
        # answer that is under way, which is then not translated back.
        assert not self.failed(), str(self)


@contextlib.contextmanager
def load(pod, server, *options):
    """Runs load.py in a pod with the clients. Yields a function that ends it and returns its results."""
    command = pod.execute("/usr/bin/python3", "/load.py", *options, server, str(RATE), *NAMES)
    begun = time.time()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "asking\n"
            yield lambda: Results(json.loads(process.communicate(timeout=PATIENCE)[0]), begun)
        finally:
            process.kill()


def as_application(container):
    """The container of an application that only asks Pillion, from its start until LINGER seconds after SIGTERM."""
    return {**container, "command": ["/usr/bin/python3", "/load.py", "--linger", str(LINGER), LOOPBACK, str(RATE), *NAMES]}


class Applications:
    """The applications in the pods of a selector. Each prints its results at its end, so that its log must be followed before."""

    def __init__(self, selector):
        self.selector = selector
        self.begun = time.time()
        self.following = {}

    def follow(self):
        """Follows the logs of the ready pods. Returns their names."""
        names = [pod["metadata"]["name"] for pod in ready_pods(HERE, self.selector)]
        for name in names:
            if name not in self.following:
                self.following[name] = subprocess.Popen(["kubectl", "-n", HERE, "logs", "-f", name, "-c", CONTAINER], stdout=subprocess.PIPE,
                                                        stderr=subprocess.STDOUT, text=True)
        return names

    def results(self):
        """{pod: its results}. Waits until all applications have ended."""
        found = {}
        for name, process in self.following.items():
            text, _ = process.communicate(timeout=PATIENCE)
            last = text.splitlines()[-1] if text else ""
            assert last.startswith("{"), f"{name}: {text}"
            found[name] = Results(json.loads(last), self.begun)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.following.values():
            process.kill()
            process.wait()
            process.stdout.close()
