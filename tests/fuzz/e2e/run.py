#!/usr/bin/python3
"""Fuzzes the whole program: hostile resolvers on one side, clients of all kinds on the other, each round with another configuration.

    run.py [--seconds N] [--seed N] [--binary FILE] [--finds DIRECTORY] [--round N]

The messages of resolvers and clients follow from the seed and the number of the round; their order does not. A finding ends the run, and
writes its messages and the traffic before it to a file, as hex.
"""

import argparse
import asyncio
import collections
import logging
import pathlib
import random as randoms
import resource
import ssl
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/e2e"))

# The path has to be set first.
from answers import Finding  # noqa: E402
from clients import BUDGET, SEARCH, Crowd, Names  # noqa: E402
from harness import certificates, pillion, servers  # noqa: E402
from harness.process import TestProgramError  # noqa: E402
from upstream import Datagrams, Streams  # noqa: E402

ROUND = 8  # seconds, without the wait for the last answers
AT_ONCE = 60  # clients
KEPT = 5000  # messages before a finding

TLS, TCP, UDP = (b"tls", b"example"), (b"tcp", b"example"), (b"udp", b"example")

# The parts that differ from round to round. A minute has all of them.
ROUNDS = (
    {"threads": 1, "cache": {"size": "1MiB"}, "policy": "fastest"},
    {"threads": 2, "cache": {"size": "1MiB", "max_ttl": "60s", "max_negative_ttl": "30s"}, "policy": "round_robin", "search": True},
    {"threads": 1, "cache": {"size": 0}, "policy": "sequential"},
    {"threads": 1, "cache": {"size": "64KiB", "rotate": False}, "policy": "random", "search": True},
    {"threads": 2, "cache": {"size": 0}, "policy": "fastest", "search": True},
    {"threads": 1, "cache": {"size": "4MiB", "min_ttl": "1s", "serve_stale": "0s"}, "policy": "fastest"},
)
MAX_TTL = 3600


def max_ttl_of(setting):
    return 60 if setting["cache"].get("max_ttl") == "60s" else MAX_TTL


class Log:
    """The last messages, of all senders."""

    def __init__(self):
        self.kept = collections.deque(maxlen=KEPT)
        self.begin = time.monotonic()

    def __call__(self, what, how, data):
        self.kept.append((time.monotonic() - self.begin, what, how, bytes(data)))

    def write(self, path, finding, headline, process):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", encoding="ascii", errors="backslashreplace") as file:
            file.write(f"{headline}\n{finding}\n")
            for what, data in getattr(finding, "exchange", {}).items():
                file.write(f"{what}: {data.hex()}\n")
            if process:
                file.write(f"\n{process.err()}")
            file.write("\nthe last messages, oldest first: seconds, what, over what, bytes\n")
            for at, what, how, data in self.kept:
                file.write(f"{at:.4f} {what}, {how}: {data.hex()}\n")


class Round:
    """One configuration with its resolvers and clients."""

    def __init__(self, seed, number, directory, authority, certificate):
        self.seed = f"{seed}/{number}"
        self.setting = ROUNDS[number % len(ROUNDS)]
        self.directory = directory
        self.authority = authority
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.path, certificate.key)
        context.set_alpn_protocols(["dot"])
        self.log = Log()
        self.resolvers = {
            "tls1": Streams(f"{self.seed}/1", self.log, context), "tls2": Streams(f"{self.seed}/2", self.log, context),
            "tcp": Streams(f"{self.seed}/tcp", self.log), "udp": Datagrams(f"{self.seed}/udp", self.log),
            # The same port, for the queries that follow a truncated answer over UDP.
            "udp over tcp": Streams(f"{self.seed}/udp-tcp", self.log),
        }
        self.crowd = None
        self.process = None

    def configuration(self):
        entries = [{"address": f"127.0.0.1:{self.resolvers[name].port}", "tls_name": servers.TLS_NAME} for name in ("tls1", "tls2")]
        timeout = f"{int(BUDGET * 1000)}ms"
        upstreams = {
            "tls": pillion.upstream(*entries, tls={"ca_file": str(self.authority.ca_file)}, policy=self.setting["policy"],
                                    timeout=timeout),
            "tcp": pillion.upstream({"address": f"127.0.0.1:{self.resolvers['tcp'].port}"}, protocol="tcp", timeout=timeout),
            "udp": pillion.upstream({"address": f"127.0.0.1:{self.resolvers['udp'].port}"}, protocol="udp", timeout=timeout),
        }
        domains = [b".".join(SEARCH[at:]).decode() for at in range(3)]
        more = {"search": {"domains": domains, "ndots": 5}} if "search" in self.setting else {}
        zones = {"udp.example": "udp", "tcp.example": "tcp", "cluster.local": "udp", ".": "tls"}
        return upstreams, {
            "threads": self.setting["threads"], "cache": self.setting["cache"], "drain_timeout": "3s",
            "routes": [{"zone": zone, "upstream": upstream} for zone, upstream in zones.items()], **more}

    async def run(self, seconds):
        for attempt in range(5):
            for resolver in self.resolvers.values():
                if resolver is not self.resolvers["udp over tcp"]:
                    await resolver.start()
            try:
                await self.resolvers["udp over tcp"].start(self.resolvers["udp"].port)
                break
            except OSError:  # another program has the port over TCP
                if attempt == 4:
                    raise
        try:
            upstreams, more = self.configuration()
            with pillion.running(self.directory, upstreams, **more) as proxy:
                self.process = proxy.process
                await self.ask(proxy, seconds)
                await asyncio.to_thread(proxy.stop)
        finally:
            for resolver in self.resolvers.values():
                resolver.stop()

    async def ask(self, proxy, seconds):
        zones = [TLS, TLS, TLS, TCP, UDP] + ([(*TLS, *SEARCH), (*UDP, *SEARCH)] if "search" in self.setting else [])
        self.crowd = Crowd(proxy.port, Names(randoms.Random(self.seed), zones), max_ttl_of(self.setting), self.log)
        end = time.monotonic() + seconds
        clients = set()
        number = 0
        while time.monotonic() < end:
            while len(clients) < AT_ONCE:
                clients.add(asyncio.create_task(self.crowd.one(randoms.Random(f"{self.seed}/client/{number}"))))
                number += 1
            done, clients = await asyncio.wait(clients, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            self.look_at(done, proxy)
        if clients:
            done, _ = await asyncio.wait(clients)
            self.look_at(done, proxy)
        status, _ = await asyncio.to_thread(proxy.get, "/livez")
        if status != 200:
            raise Finding(f"/livez says {status}")
        await asyncio.to_thread(proxy.metrics)

    @staticmethod
    def look_at(done, proxy):
        if not proxy.process.running():
            raise Finding(f"the process ended\n{proxy.process.printed()}")
        for task in done:
            task.result()


def fuzz(options, directory):
    authority = certificates.Authority(directory / "ca")
    certificate = authority.issue("server", f"DNS:{servers.TLS_NAME}")
    end = time.monotonic() + options.seconds
    number = options.round or 0
    totals = collections.Counter()
    while time.monotonic() < end:
        headline = f"seed {options.seed}, round {number}: {ROUNDS[number % len(ROUNDS)]}"
        began = time.monotonic()
        fuzzing = Round(options.seed, number, directory / f"round-{number}", authority, certificate)
        try:
            asyncio.run(fuzzing.run(min(ROUND, max(1, end - began))))
        except (Finding, TestProgramError, OSError) as finding:  # OSError: the clients find no proxy
            path = options.finds / f"e2e-{options.seed}-{number}.txt"
            fuzzing.log.write(path, finding, headline, fuzzing.process)
            print(f"FOUND: {finding}\n{headline}\n{path} has the exchange. Again: SEED={options.seed} ROUND={number} make fuzz-e2e")
            return 1
        count = collections.Counter(fuzzing.crowd.count)
        totals += count
        seconds = time.monotonic() - began
        sent_on = sum(sum(resolver.asked.values()) for resolver in fuzzing.resolvers.values())
        print(f"{headline}: {count['asked']} asked, {count['answered']} answered, {count['noerror']} of them NOERROR, "
              f"{count['misbehaved']} clients misbehaved, {sent_on} queries to resolvers, "
              f"{(count['asked'] + sent_on) / seconds:.0f} exchanges/s", flush=True)
        number += 1
        if options.round is not None:
            break
    print(f"nothing found: {totals['answered']} answers to well-behaved clients, beside {totals['misbehaved']} others, "
          f"in {number - (options.round or 0)} rounds")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--seed", type=int, default=None, help="random if not given")
    parser.add_argument("--round", type=int, default=None, help="this one alone")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/asan/pillion")
    parser.add_argument("--finds", type=pathlib.Path, default=ROOT / "build/fuzz/finds")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = randoms.SystemRandom().randrange(2**32)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it logs each client that was reset
    pillion.BINARY = options.binary.resolve()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pillion-fuzz-") as directory:
        return fuzz(options, pathlib.Path(directory))


if __name__ == "__main__":
    sys.exit(main())
