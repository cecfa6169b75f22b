"""Runs the clients in pods, compares what they find, and checks which names leave the cluster."""

import concurrent.futures
import json
import subprocess
import threading
import time

from kubectl import get, resolver_file
from names import HERE, lookups
from objects import CONTAINER, LOG

# Seconds. Larger than the time of the slowest tool for all names.
TOOL_PATIENCE = 240


class Pod:
    """A pod with a container that has the clients."""

    def __init__(self, name, namespace=HERE, container=CONTAINER):
        self.name = name
        self.namespace = namespace
        self.container = container
        self.address = get("pod", namespace, name)["status"]["podIP"]

    def execute(self, *words):
        """The command that runs a program in the container."""
        return ["kubectl", "-n", self.namespace, "exec", "-i", self.name, "-c", self.container, "--", *words]

    def command(self, *words):
        return self.execute("/usr/bin/python3", "/ask.py", *words)

    def ask(self, tool, asked):
        """Looks names up with one tool. Returns {(kind, name): words}."""
        done = subprocess.run(self.command(), input=json.dumps({"tool": tool, "lookups": asked}), capture_output=True, text=True,
                              timeout=TOOL_PATIENCE, check=False)
        assert done.returncode == 0, f"{self.name}, {tool}: {done.stderr}"
        return {(kind, name): words for kind, name, words in json.loads(done.stdout)}


class Watch:
    """Looks names up repeatedly in a pod. `events` are (time by the pod's clock, name, addresses or [error], time by this machine's clock)."""

    def __init__(self, pod, names):
        self.pod = pod
        self.events = []
        self.process = subprocess.Popen(pod.command("watch", *names), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append((event["at"], event["name"], event["found"], time.monotonic()))

    def last(self, name):
        """The last change of a name as (time by the pod's clock, words, time by this machine's clock), or None if there was none."""
        assert self.process.poll() is None, f"the watch in {self.pod.name} has ended"
        return next(((at, found, here) for at, one, found, here in reversed(self.events) if one == name), None)

    def stop(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.reader.join()


class Lookups:
    """Runs each tool once in each phase, with the same names in both pods, and keeps the results."""

    def __init__(self, pods, addresses):
        self.pods = pods
        self.addresses = addresses
        self.done = {}
        self.read = 0
        self.sent_by_tls = set()

    def of(self, phase, tool):
        if (phase, tool) not in self.done:
            self.done[phase, tool] = self.ask(tool)
        return self.done[phase, tool]

    def ask(self, tool):
        asked = lookups(tool, self.addresses)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            plain, subject = pool.map(lambda pod: pod.ask(tool, asked), self.pods)
        return differing(asked, plain, subject), self.leaked()

    def leaked(self):
        """(names outside the cluster that the pod with Pillion has sent unencrypted since the last call, names that it has sent by TLS for the first
        time although the other pod has not sent them). The root is left out: Pillion asks for it to check a silent server, and it discloses nothing."""
        plain, subject = (pod.address for pod in self.pods)
        lines = [line.split() for line in resolver_file(LOG).splitlines()]
        now, self.read = lines[self.read:], len(lines)
        in_the_clear, by_tls, sent = ({name for *sender, name in now if sender == wanted and name != "."}
                                      for wanted in (["plain", subject], ["tls", subject], ["plain", plain]))
        known, self.sent_by_tls = self.sent_by_tls, self.sent_by_tls | by_tls
        assert sent and self.sent_by_tls, "what was asked is seen at the public resolver"
        return sorted(in_the_clear), sorted(by_tls - sent - known)


def differing(asked, plain, subject):
    """The lookups with different results in the two pods, as text."""
    return [f"{kind} {name}\n    without Pillion: {shown(plain[kind, name])}\n    with Pillion:    {shown(subject[kind, name])}"
            for kind, name in asked if plain[kind, name] != subject[kind, name]]


def shown(words, limit=10):
    return "  ".join(words[:limit] + ["..."] * (len(words) > limit))
