"""The admin server: every answer has the form of the OpenAPI document and is true. Other web sites cannot use it, and its clients, if slow,
numerous or large, do not affect DNS."""

import contextlib
import json
import socket
import threading

import pytest

from harness import admin, pillion
from harness.admin import BASE, Admin, ask
from harness.client import TcpClient, ask_tcp, ask_udp, make_query, rcode
from harness.dot_server import DotServer
from harness.process import PATIENCE, free_port, wait_until


@pytest.fixture(scope="module")
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture
def proxied(tmp_path, verified, server):
    """proxied(admin={…}, …) -> a context with a ready proxy that has these values of `admin`."""
    class Made:
        def __init__(self, **options):
            self.port = free_port()
            settings = {"listen": f"127.0.0.1:{self.port}", "read_only": False, "recent": 50} | options.pop("admin", {})
            self.running = pillion.running(tmp_path, options.pop("upstreams", None) or verified(server),
                                           **({"cache": {"size": "1MiB"}} | options), admin=settings)

        def __enter__(self):
            proxy = self.running.__enter__()
            proxy.admin = Admin(self.port)
            return proxy

        def __exit__(self, *failure):
            return self.running.__exit__(*failure)

    return Made


class SteadyQueries:
    """Asks over UDP and TCP, one query after the other, in its own thread during a test. Each query must be answered."""

    def __init__(self, port):
        self.port, self.count, self.failures, self.stopping = port, 0, [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        with TcpClient(self.port) as client:
            while not self.stopping.is_set():
                query = make_query(f"n{self.count}.steady.example.")
                answer = client.ask(query) if self.count % 2 else ask_udp(self.port, query)
                if rcode(answer) != "NOERROR":
                    self.failures.append(answer)
                self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        before = self.count
        wait_until(lambda: self.count > before + 10 or not self.thread.is_alive(), "queries go on", PATIENCE)
        self.stopping.set()
        self.thread.join()
        assert not self.failures and self.count > before + 10


def test_every_read_is_what_the_document_says(proxied, server):
    with proxied() as proxy:
        for name in ("a.example.", "a.example.", "b.example."):
            assert rcode(ask_tcp(proxy.port, make_query(name))) == "NOERROR"
        reads = [path for path, item in admin.DOCUMENT["paths"].items() if "get" in item and path not in ("/events", "/openapi.json")]
        assert len(reads) > 8
        for path in reads:
            proxy.admin.get(path, "?name=a.example" if path in ("/cache/lookup", "/resolve") else "")

        status = proxy.admin.get("/status")
        assert status["state"] == "ready" and status["verdict"]["code"] == "all_well", status["verdict"]
        assert status["queries"]["received"] == 3 and status["queries"]["by_source"]["cache"] == 1
        assert status["queries"]["plaintext"] == 0 and status["config"]["file"] == str(proxy.config)
        assert status["listen"]["admin"] == [f"127.0.0.1:{proxy.admin.port}"]
        assert status["cache"]["entries"] == 2 and 0 < status["cache"]["hit_ratio"] < 1

        (upstream,) = proxy.admin.get("/upstreams")["upstreams"]
        (asked,) = upstream["servers"]
        assert asked["address"] == server.address and asked["state"] == "up" and asked["responses"] == {"NOERROR": 2}
        handshake = asked["last_handshake"]
        assert handshake["verified_name"] == asked["tls_name"] and handshake["version"] == "TLSv1.3" and handshake["pin"] is None
        assert "throwaway CA" in handshake["issuer"] and handshake["days_left"] > 0

        connections = proxy.admin.get("/connections")["connections"]
        assert sum(each["answered"] for each in connections) >= 2 and {each["transport"] for each in connections} == {"tls"}
        (shown,) = proxy.admin.get("/certificates")["servers"]
        assert shown["handshake"]["issuer"] == handshake["issuer"]
        assert "upstreams:" in proxy.admin.get("/config")["yaml"]
        (client,) = proxy.admin.get("/clients")["clients"]
        assert client["address"] == "127.0.0.1"
        newest = proxy.admin.get("/recent", "?limit=2")["queries"]
        assert [each["name"] for each in newest] == ["b.example.", "a.example."]
        assert [each["source"] for each in newest] == ["upstream", "cache"]


def test_the_document_is_served(proxied):
    with proxied() as proxy:
        answer = ask(proxy.admin.port, f"{BASE}/openapi.json")
        assert answer.status == 200 and answer.json == admin.DOCUMENT


def test_headers_of_every_answer(proxied):
    with proxied() as proxy:
        for path in (f"{BASE}/status", "/nothing"):
            headers = ask(proxy.admin.port, path).headers
            assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"] and "frame-ancestors 'none'" in headers["content-security-policy"]


def test_the_cache_is_looked_into_and_emptied(proxied):
    with proxied() as proxy:
        names = ["a.example.", "www.a.example.", "b.example."]
        for name in names:
            ask_tcp(proxy.port, make_query(name))
        ask_tcp(proxy.port, make_query("b.example."))
        before = proxy.admin.get("/status")["cache"]["hits"]
        found = proxy.admin.get("/cache/lookup", "?name=B.example&type=a")
        assert found["found"] and found["answers"][0]["state"] == "fresh" and found["answers"][0]["hits"] == 1
        assert found["answers"][0]["records"][0].startswith("b.example. ") and " IN A " in found["answers"][0]["records"][0]
        assert not proxy.admin.get("/cache/lookup", "?name=b.example&type=AAAA")["found"]
        assert proxy.admin.get("/status")["cache"]["hits"] == before, "a look is no hit"
        assert proxy.admin.get("/cache")["top"] is None
        assert [each["name"] for each in proxy.admin.get("/cache", "?top=5")["top"]] == ["b.example."]

        assert proxy.admin.post("/cache/flush", {"name": "a.example"}) == {"flushed": 1}
        assert proxy.admin.get("/cache/lookup", "?name=www.a.example")["found"]
        assert proxy.admin.post("/cache/flush", {"zone": "a.example"}) == {"flushed": 1}
        assert proxy.admin.post("/cache/flush", {"all": True}) == {"flushed": 1}
        assert proxy.admin.get("/cache")["numbers"]["entries"] == 0


def test_a_question_is_explained(proxied):
    with proxied() as proxy:
        for source in ("upstream", "cache"):
            told = proxy.admin.get("/resolve", "?name=New.example&type=a")
            assert (told["name"], told["type"], told["rcode"], told["source"], told["ede"]) == ("New.example.", "A", "NOERROR", source, [])
            assert told["records"][0]["name"] == "New.example." and told["records"][0]["type"] == "A"
            kinds = [event["event"] for event in told["trace"]]
            assert kinds[0] == "routed" and kinds[-1] == "answered" and ("sent" in kinds) == (source == "upstream"), told["trace"]
            assert all(event["text"] for event in told["trace"])
        assert "name is missing" in proxy.admin.problem(400, f"{BASE}/resolve?type=A")
        assert proxy.admin.get("/status")["queries"]["received"] == 0, "it is no client's query"


def test_arguments_that_are_wrong(proxied):
    with proxied() as proxy:
        for path, words in (("/cache?top=0", "from 1 to 1000"), ("/cache?x=1", "unknown parameter"), ("/cache/lookup", "name is missing"),
                            ("/cache/lookup?name=a..b", "name: "), ("/clients?misbehaving=1", "true or false"), ("/recent?limit=x", "from 1 to")):
            assert words in proxy.admin.problem(400, BASE + path)
        for path, body in (("/cache/flush", b"{"), ("/cache/flush", {}), ("/cache/flush", {"name": 1}), ("/log-level", {"level": "loud"})):
            assert proxy.admin.problem(400, BASE + path, "POST", body=body)


def test_paths_match_exactly(proxied):
    with proxied() as proxy:
        for path in ("/api/v1", "/api/v1/", f"{BASE}/status/", f"{BASE}/statu", f"{BASE}/Status", f"//{BASE}/status", f"{BASE}/%73tatus",
                     f"{BASE}/cache/lookup/x", "/api/v2/status", "/metrics"):
            proxy.admin.problem(404, path)
        proxy.admin.problem(405, f"{BASE}/status", "POST")
        proxy.admin.problem(405, f"{BASE}/drain")


def test_a_log_level_lasts(proxied):
    with proxied() as proxy:
        assert proxy.admin.post("/log-level", {"level": "debug"}) == {"before": "info", "level": "debug"}
        assert proxy.admin.get("/status")["log"]["level"] == "debug"


def test_a_reload_tells_what_came_of_it(proxied):
    with proxied() as proxy:
        good = proxy.config.read_text()
        assert proxy.admin.post("/reload")["succeeded"]
        proxy.config.write_text(good.replace('"level": "info"', '"level": "loud"'))
        refused = proxy.admin.post("/reload")
        assert not refused["succeeded"] and "log.level" in refused["text"]
        assert proxy.admin.get("/status")["verdict"]["code"] == "reload_failed"
        changed = json.loads(good)
        changed["admin"] |= {"read_only": True, "recent": 0}
        proxy.config.write_text(json.dumps(changed))
        assert proxy.admin.post("/reload")["succeeded"]
        assert not proxy.admin.get("/recent")["enabled"]
        proxy.admin.problem(403, f"{BASE}/reload", "POST")


def test_a_drain_ends_the_process(proxied):
    with proxied() as proxy:
        assert proxy.admin.post("/drain", status=202)["draining"]
        assert proxy.process.child.wait(PATIENCE) == 0


def test_only_reads_are_allowed_by_default(tmp_path, verified, server):
    port = free_port()
    with pillion.running(tmp_path, verified(server), admin={"listen": f"127.0.0.1:{port}"}) as proxy:
        proxy.admin = Admin(port)
        for path, item in admin.DOCUMENT["paths"].items():
            if "post" in item:
                assert "read_only" in proxy.admin.problem(403, BASE + path, "POST", body={"all": True})
        assert proxy.admin.get("/status")["read_only"] and not proxy.admin.get("/recent")["enabled"]


def test_a_dead_upstream_is_named_within_two_events(proxied, verified, certificate):
    with contextlib.ExitStack() as life:
        dying = life.enter_context(DotServer(certificate))
        with proxied(upstreams=verified(dying)) as proxy, Events(proxy.admin.port) as events:
            assert rcode(ask_tcp(proxy.port, make_query("a.example."))) == "NOERROR"
            assert events.next()["servers"][0]["up"]
            life.close()
            ask_udp(proxy.port, make_query("b.example."))
            wait_until(lambda: not events.next()["servers"][0]["up"], "the event that says that it is down", PATIENCE)
            verdict = events.next()["verdict"]
            assert (verdict["severity"], verdict["code"], verdict["fault"]) == ("critical", "upstream_down", "upstream"), verdict
            (upstream,) = proxy.admin.get("/upstreams")["upstreams"]
            assert upstream["servers"][0]["state"] == "down" and upstream["servers"][0]["last_error"]["reason"] == "connect_refused"


class Events:
    """An open connection that receives events."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.sendall(f"GET {BASE}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.lines = self.socket.makefile("r")
        self.head = []
        while (line := self.lines.readline().strip()):
            self.head.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def next(self):
        while not (line := self.lines.readline()).startswith("data: "):
            assert line, "the stream has ended"
        return admin.check(json.loads(line.removeprefix("data: ")), "Live")


def listen(port):
    """Connects for events. Returns the connection, or None if the server refuses it because of its limit."""
    events = Events(port)
    if "200" in events.head[0]:
        return events
    events.__exit__()
    return None


def test_events_come_each_second_to_few_listeners(proxied):
    with proxied() as proxy:
        listeners = [Events(proxy.admin.port) for _ in range(8)]
        assert "Content-Type: text/event-stream" in listeners[0].head
        ask_tcp(proxy.port, make_query("a.example."))
        wait_until(lambda: listeners[0].next()["answers_per_second"]["upstream"] > 0, "an event with the answer", PATIENCE)
        for each in listeners[1:]:
            assert 0.5 < each.next()["interval_seconds"]
        proxy.admin.problem(503, f"{BASE}/events")
        for each in listeners:
            each.__exit__()
        with wait_until(lambda: listen(proxy.admin.port), "a place for another listener", PATIENCE) as again:
            assert again.next()


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com:9154", "10.0.0.1:9154", "", None])
def test_a_foreign_host_is_misdirected(proxied, host):
    with proxied() as proxy, SteadyQueries(proxy.port):
        if host is None:
            assert ask(proxy.admin.port, f"{BASE}/status", headers={"Host": None}).status == 400
        else:
            assert "Host" in proxy.admin.problem(421, f"{BASE}/status", headers={"Host": host})
        for own in ("localhost", "127.0.0.1:1", "[::1]:9154"):
            assert ask(proxy.admin.port, f"{BASE}/status", headers={"Host": own}).status == 200


def test_another_site_is_refused(proxied):
    with proxied() as proxy, SteadyQueries(proxy.port):
        own = f"127.0.0.1:{proxy.admin.port}"
        for headers in ({"Origin": "http://example.com"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": f"https://{own}"}):
            proxy.admin.problem(403, f"{BASE}/cache/flush", "POST", body={"all": True}, headers=headers)
            proxy.admin.problem(403, f"{BASE}/status", headers=headers)
        for kind in ("text/plain", "application/x-www-form-urlencoded", None):
            proxy.admin.problem(415, f"{BASE}/cache/flush", "POST", body={"all": True}, headers={"Content-Type": kind})
        answer = ask(proxy.admin.port, f"{BASE}/cache/flush", "POST", {"all": True}, {"Origin": f"http://{own}", "Sec-Fetch-Site": "same-origin"})
        assert answer.status == 200


def test_a_large_body_is_refused(proxied):
    with proxied() as proxy, SteadyQueries(proxy.port):
        proxy.admin.problem(413, f"{BASE}/cache/flush", "POST", body=b"x" * 100_000)
        with socket.create_connection(("127.0.0.1", proxy.admin.port), timeout=PATIENCE) as client:
            client.sendall(f"POST {BASE}/cache/flush HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n".encode())
            with pytest.raises(OSError):
                while True:
                    client.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        assert proxy.admin.get("/status")


def test_slow_requests_and_a_thousand_connections_are_not_noticed(proxied):
    with proxied() as proxy, SteadyQueries(proxy.port):
        slow = []
        try:
            for number in range(1000):
                client = socket.create_connection(("127.0.0.1", proxy.admin.port), timeout=PATIENCE)
                client.sendall((f"GET {BASE}/status HTT", f"POST {BASE}/log-level HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
                                "Content-Type: application/json\r\n\r\n{")[number % 2].encode())
                slow.append(client)
            # Later connections have displaced all but a few, and a client that asks at once is served.
            wait_until(lambda: is_served(proxy.admin.port), "a request is served beside them", PATIENCE)
            assert proxy.get("/livez")[0] == 200
        finally:
            for client in slow:
                client.close()


def is_served(port):
    try:
        return ask(port, f"{BASE}/status").status == 200
    except OSError:
        return False


def test_who_misbehaves_is_named(proxied):
    with proxied() as proxy:
        for source in ("127.0.0.2", "127.0.0.3"):
            with TcpClient(proxy.port, source=source) as client:
                if source == "127.0.0.2":
                    client.send(b"\0\1")
                    client.receive()
                else:
                    client.ask(make_query("a.example."))
        (client,) = wait_until(lambda: proxy.admin.get("/clients", "?misbehaving=true")["clients"], "a client that misbehaves", PATIENCE)
        assert client["address"] == "127.0.0.2" and client["invalid"] == {"short_header": 1}
        assert proxy.admin.get("/clients")["total"] == 2
        assert proxy.admin.get("/status")["verdict"]["code"] == "clients_misbehaving"


def test_threads_are_asked_each(proxied):
    with proxied(threads=2) as proxy:
        for number in range(20):
            with TcpClient(proxy.port) as client:
                assert rcode(client.ask(make_query(f"n{number}.example."))) == "NOERROR"
        assert {each["shard"] for each in proxy.admin.get("/connections")["connections"]} == {0, 1}
        assert len(proxy.admin.get("/cache/lookup", "?name=n1.example")["answers"]) == 2
        assert proxy.admin.post("/cache/flush", {"all": True})["flushed"] >= 20


def test_an_address_that_is_taken_costs_the_admin_server_alone(tmp_path, verified, server):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pillion.running(tmp_path, verified(server), admin={"listen": f"127.0.0.1:{port}"}) as proxy:
            assert rcode(ask_udp(proxy.port, make_query("a.example."))) == "NOERROR"
            (line,) = [each for each in proxy.log() if each.get("msg", each.get("message")) == "the admin server cannot start"]
            assert str(port) in line["error"]
