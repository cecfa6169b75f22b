"""Pods with the clients, what they find for names, and what of it gets out."""

import concurrent.futures
import json
import subprocess
import threading
import time

from kubectl import get, resolver_file
from names import HERE, lookups
from objects import CONTAINER, LOG

# Above what all names take by the slowest tool.
TOOL_PATIENCE = 240


class Pod:
    """With the clients, in one of its containers."""

    def __init__(self, name, namespace=HERE, container=CONTAINER):
        self.name = name
        self.namespace = namespace
        self.container = container
        self.address = get("pod", namespace, name)["status"]["podIP"]

    def execute(self, *words):
        """The command that runs one in the container."""
        return ["kubectl", "-n", self.namespace, "exec", "-i", self.name, "-c", self.container, "--", *words]

    def command(self, *words):
        return self.execute("/usr/bin/python3", "/ask.py", *words)

    def ask(self, tool, asked):
        """{(kind, name): words}"""
        done = subprocess.run(self.command(), input=json.dumps({"tool": tool, "lookups": asked}), capture_output=True, text=True,
                              timeout=TOOL_PATIENCE, check=False)
        assert done.returncode == 0, f"{self.name}, {tool}: {done.stderr}"
        return {(kind, name): words for kind, name, words in json.loads(done.stdout)}


class Watch:
    """What a pod finds for names, over time: `events` are (time by the pod's clock, name, addresses or [error])."""

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
        """(when by the pod's clock, what, when by this machine's) of the last change."""
        assert self.process.poll() is None, f"the watch in {self.pod.name} has ended"
        return next(((at, found, here) for at, one, found, here in reversed(self.events) if one == name), None)

    def stop(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.reader.join()


class Lookups:
    """Asks both pods the same, each tool once in each phase, and keeps what came of it."""

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
        """Of the names outside of the cluster those that the pod with Pillion has now sent in the clear, and those that it has sent by TLS
        for the first time while the plain pod has not sent them. The root is left out: it is what Pillion asks of a server that is silent, and
        tells nobody anything."""
        plain, subject = (pod.address for pod in self.pods)
        lines = [line.split() for line in resolver_file(LOG).splitlines()]
        now, self.read = lines[self.read:], len(lines)
        in_the_clear, by_tls, sent = ({name for *sender, name in now if sender == wanted and name != "."}
                                      for wanted in (["plain", subject], ["tls", subject], ["plain", plain]))
        known, self.sent_by_tls = self.sent_by_tls, self.sent_by_tls | by_tls
        assert sent and self.sent_by_tls, "what was asked is seen at the public resolver"
        return sorted(in_the_clear), sorted(by_tls - sent - known)


def differing(asked, plain, subject):
    """Of what was asked that which the pods found differently, as text."""
    return [f"{kind} {name}\n    without Pillion: {shown(plain[kind, name])}\n    with Pillion:    {shown(subject[kind, name])}"
            for kind, name in asked if plain[kind, name] != subject[kind, name]]


def shown(words, limit=10):
    return "  ".join(words[:limit] + ["..."] * (len(words) > limit))
