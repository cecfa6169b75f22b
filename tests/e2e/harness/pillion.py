"""Starts Pillion with a configuration, reads its metrics and log, and stops it and checks how it ends."""

import contextlib
import http.client
import json
import os
import pathlib
import re

from .process import PATIENCE, Process, TestProgramError, free_port

BINARY = pathlib.Path(os.environ.get("PILLION_BINARY", pathlib.Path(__file__).parents[3] / "build/release/pillion")).resolve()

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
CANNOT_BIND = 3


class Metrics:
    """One scrape of /metrics."""

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            found = SAMPLE.match(line)
            if found and not line.startswith("#"):
                self.samples.append((found.group(1), dict(LABEL.findall(found.group(2) or "")), float(found.group(3))))

    def sum(self, name, **labels):
        """The sum of the series of pillion_`name` that have these labels; 0 if there is none."""
        return sum(value for sample, has, value in self.samples
                   if sample == f"pillion_{name}" and all(has.get(key) == wanted for key, wanted in labels.items()))

    def series(self, name):
        """{label set: value} of pillion_`name`, without the series that are 0. For the messages of failed tests."""
        return {tuple(sorted(has.items())): value for sample, has, value in self.samples if sample == f"pillion_{name}" and value}


def upstream(*servers, **more):
    """An entry of `upstreams`. A server is {"address": …, "tls_name": …, "pins": […]}."""
    return {"servers": list(servers), **more}


def write_config(path, dns_port, http_port, upstreams, host="127.0.0.1", **more):
    """Writes a configuration, as JSON, which is YAML. `more` replaces or adds top-level keys; `dns`, `http` and `admin` are merged."""
    address = f"[{host}]" if ":" in host else host
    config = {
        "dns": {"listen": [f"{address}:{dns_port}"], **more.pop("dns", {})},
        "upstreams": upstreams,
        "routes": [{"zone": ".", "upstream": next(iter(upstreams))}],
        "cache": {"size": 0},
        "http": {"listen": f"127.0.0.1:{http_port}", **more.pop("http", {})},
        "admin": {"listen": "", **more.pop("admin", {})},
        "log": {"level": "info", "format": "json"},
        **more,
    }
    path.write_text(json.dumps(config, indent=1))
    return path


class Pillion:
    """A running proxy that listens on `host`, on `port` or, without one, on a free port."""

    def __init__(self, directory, upstreams, host="127.0.0.1", prefix=(), port=None, supervise=False, **more):
        self.host = host
        self.port = port or free_port(host)
        self.http_port = free_port()
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.config = write_config(directory / "pillion.yaml", self.port, self.http_port, upstreams, host, **more)
        flags = ["--supervise"] if supervise else []
        self.process = Process([*prefix, BINARY, "run", *flags, "--config", self.config], directory, "pillion")

    def get(self, path, method="GET"):
        """Asks the proxy's HTTP server. Returns (status, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=PATIENCE)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def is_ready(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/readyz")[0] == 200
        return False

    def wait_ready(self):
        self.process.wait_for(self.is_ready, "/readyz answers 200")

    def metrics(self):
        status, text = self.get("/metrics")
        assert status == 200, text
        return Metrics(text)

    def wait_metric(self, name, at_least, **labels):
        """Waits until the sum of these series is at least `at_least`. The proxy may count an event a moment after the client has seen it."""
        return self.process.wait_for(lambda: self.metrics().sum(name, **labels) >= at_least,
                                     f"{name}{labels} reaches {at_least}")

    def log(self):
        """The lines of the JSON log as objects."""
        return [json.loads(line) for line in self.process.err().splitlines() if line.startswith("{")]

    def stop(self):
        """Sends SIGTERM. The exit code must be 0, and the output must have no report of a sanitizer."""
        code = self.process.stop()
        self.process.check_sanitizers()
        if code != 0:
            raise TestProgramError(f"exit code {code} after SIGTERM\n{self.process.printed()}")


@contextlib.contextmanager
def running(directory, upstreams, **options):
    """Runs a Pillion that is ready. At the end stops it with SIGTERM, unless the test has done so, and checks it."""
    for attempt in range(5):
        proxy = Pillion(directory, upstreams, **options)
        try:
            proxy.wait_ready()
            break
        except TestProgramError:
            code = proxy.process.child.poll()
            proxy.process.kill()
            if code != CANNOT_BIND or attempt == 4:  # another program has taken a port in between
                raise
    try:
        yield proxy
        if proxy.process.running():
            proxy.stop()
        proxy.process.check_sanitizers()
    except BaseException:
        print(proxy.process.printed())
        raise
    finally:
        proxy.process.kill()
