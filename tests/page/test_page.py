"""Tests the status page in a browser, with a real proxy and servers that misbehave on request."""

import socket
import threading

import dns.message
import dns.name
import pytest

from browser import complaints
from harness import pillion, servers
from harness.admin import ask
from harness.client import ask_udp, make_query, rcode
from harness.dot_server import DotServer
from harness.plain_server import PlainServer
from harness.process import free_port

MARKUP = "<img src=x onerror=document.title=666>"
PHONE = {"width": 360, "height": 800}


class Load:
    """Sends queries from a thread, most of them for a few names, until the context ends."""

    def __init__(self, port):
        self.port, self.stopping = port, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        count = 0
        while not self.stopping.wait(0.02):
            count += 1
            name = f"n{count}.load.example." if count % 4 == 0 else f"popular{count % 3}.load.example."
            rcode(ask_udp(self.port, make_query(name)))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


class World:
    """A proxy with a page, two resolvers over TLS and a cluster's DNS in the clear."""

    def __init__(self, directory, authority, first, second, cluster):
        self.directory, self.first, self.second = directory, first, second
        public = [{"address": server.address, "tls_name": servers.TLS_NAME} for server in (first, second)]
        self.upstreams = {"public": pillion.upstream(*public, tls={"ca_file": str(authority.ca_file)}, policy="round_robin"),
                          "cluster": pillion.upstream({"address": cluster.address}, protocol="udp")}
        self.admin_port = free_port()

    def running(self, **more):
        options = {"routes": [{"zone": ".", "upstream": "public"}, {"zone": "cluster.local", "upstream": "cluster"}],
                   "cache": {"size": "1MiB"}, "admin": {"listen": f"127.0.0.1:{self.admin_port}", "recent": 50}}
        return pillion.running(self.directory, self.upstreams, **(options | more))


@pytest.fixture
def world(tmp_path, authority, certificate):
    with DotServer(certificate) as first, DotServer(certificate) as second, PlainServer() as cluster:
        yield World(tmp_path, authority, first, second, cluster)


def state_of(browser, server):
    """The state in the row of a server; "" if there is no such row."""
    return browser.run("""
        const row = [...document.querySelectorAll("#upstreams tbody tr")].find((one) => one.cells[0].innerText.includes(arguments[0]));
        return row?.cells[1].innerText.split("\\n")[0] ?? "";""", server.address)


def hostile_query():
    return dns.message.make_query(dns.name.Name([MARKUP.encode(), b"example", b""]), "A")


def test_it_shows_what_goes_on_and_has_nothing_to_complain_of(browser, world):
    with world.running() as proxy, Load(proxy.port):
        ask_udp(proxy.port, make_query("web.shop.svc.cluster.local."))
        browser.open(world.admin_port)
        browser.wait_for_text("#verdict", "DNS works")
        for server in (world.first, world.second):
            browser.wait_for(lambda server=server: state_of(browser, server) == "up", f"{server.address} is up")
        assert "TLS 1.3" in browser.text("#upstreams") and servers.TLS_NAME in browser.text("#upstreams")
        assert "in the clear" in browser.text("#upstreams")
        assert [text.split("\t")[0].strip() for text in browser.texts("#routes tbody tr")] == ["cluster.local", ". (all others)"]
        for chart in range(1, 4):
            browser.wait_for(lambda chart=chart: any(character in "123456789" for character in browser.text(f".chart:nth-child({chart}) .value")),
                             f"chart {chart} has figures")
        lines = browser.run("return document.querySelector('.chart .line').getAttribute('d')")
        browser.wait_for(lambda: len(browser.run("return document.querySelector('.chart .line').getAttribute('d')")) > len(lines),
                         "a chart goes on")
        browser.wait_for_text("#recent", "load.example.")
        browser.wait_for_text("#cache", "Hit ratio")
        browser.run("document.getElementById('top-names').click()")
        browser.wait_for_text("#top", "popular1.load.example.")
        assert str(proxy.config) in browser.text("#process")
        browser.assert_no_complaints()


def test_a_dead_server_is_shown_with_the_next_figures(browser, world):
    with world.running() as proxy, Load(proxy.port):
        browser.open(world.admin_port)
        browser.wait_for(lambda: state_of(browser, world.second) == "up", "it is up")
        world.second.drop_everything()
        # The page and the listener below get an event once a second, so that this takes up to two seconds.
        seen = browser.run_and_wait("""
            const [address, done] = arguments;
            const stream = new EventSource("api/v1/events");
            let told = 0;
            stream.addEventListener("live", (event) => {
              const server = JSON.parse(event.data).servers.find((one) => one.server === address);
              if (!server.up) ++told;
              const row = [...document.querySelectorAll("#upstreams tbody tr")].find((one) => one.cells[0].innerText.includes(address));
              const is_shown = row.cells[1].innerText.startsWith("down");
              if (is_shown || told > 5) { stream.close(); done([is_shown, told]); }
            });""", world.second.address)
        assert seen[0] and seen[1] <= 2, seen
        browser.wait_for_text("#verdict", f"Server {world.second.address} of upstream public is down")
        assert "Warning" in browser.text("#verdict") and "fault" in browser.text("#verdict-severity")
        assert state_of(browser, world.first) == "up"
        browser.wait_for_text("#upstreams", "refused")
        world.second.listen()
        browser.wait_for(lambda: state_of(browser, world.second) == "up", "it is up again")
        browser.assert_no_complaints()


def test_names_are_text_whatever_is_in_them(browser, world):
    with world.running() as proxy:
        for _ in range(2):
            assert rcode(ask_udp(proxy.port, hostile_query())) == "NOERROR"
        browser.open(world.admin_port)
        browser.wait_for_text("#recent", "<img")
        browser.run("document.getElementById('top-names').click()")
        browser.wait_for_text("#top", "<img")
        try_name(browser, f'"{MARKUP}"')
        browser.wait_for(lambda: browser.text("#resolved").strip() not in ("", "Asking …"), "something is said of the name")
        assert browser.count("main img") == 0 and "666" not in browser.run("return document.title")
        assert browser.run("return window.violations") == []


def test_scripts_may_write_no_markup(browser, world):
    with world.running():
        browser.open(world.admin_port)
        refused = browser.run("try { document.body.innerHTML = '<b>x</b>'; return 'written' } catch (error) { return error.name }")
        assert refused == "TypeError" and browser.count("main") == 1


def try_name(browser, name):
    browser.run("document.querySelector('#resolve [name=name]').value = arguments[0]; document.querySelector('#resolve button').click()", name)


def test_it_tries_a_name(browser, world):
    with world.running():
        if ask(world.admin_port, "/api/v1/resolve?name=a.example").status == 404:
            pytest.skip("this build's admin server has no /api/v1/resolve")
        browser.open(world.admin_port)
        try_name(browser, "www.tried.example")
        browser.wait_for_text("#resolved", "NOERROR")
        assert world.first.asked_for("www.tried.example.") + world.second.asked_for("www.tried.example.") == 1
        assert "198.1" in browser.text("#resolved table") and browser.count("#resolved .timeline li") > 3
        assert any(server.address in browser.text("#resolved .timeline") for server in (world.first, world.second))
        try_name(browser, "servfail.tried.example")
        browser.wait_for_text("#resolved", "SERVFAIL")
        browser.assert_no_complaints()


def test_it_says_where_names_cannot_be_tried(browser, world):
    with world.running():
        browser.open(world.admin_port)
        browser.run("""
            const real = window.fetch;
            window.fetch = (path, ...more) => path.includes("/resolve") ? Promise.resolve(new Response("{}", {status: 404})) : real(path, ...more);""")
        try_name(browser, "www.example")
        browser.wait_for_text("#resolved", "has no /api/v1/resolve")
        browser.assert_no_complaints()


def test_a_lost_connection_is_said_and_made_again(browser, world):
    with world.running() as proxy:
        browser.open(world.admin_port)
        assert not browser.text("#connection")
        proxy.stop()
        browser.wait_for_text("#connection", "Connection lost")
        browser.wait_for_text("#announcement", "Connection lost")
        assert "lost" in browser.run("return document.title")
    with world.running():
        browser.wait_for(lambda: not browser.text("#connection"), "the connection is there again")
        browser.wait_for(lambda: "lost" not in browser.text("#announcement"), "the verdict is said again")


def test_screen_readers_hear_of_changes_alone(browser, world):
    with world.running() as proxy, Load(proxy.port):
        browser.open(world.admin_port)
        browser.wait_for_text("#announcement", "All is well")
        assert browser.count("[aria-live]") == 1 and browser.count("[role=alert], [role=status], [role=log]") == 0
        said = browser.text("#announcement")
        shown = browser.text("#verdict-text")
        browser.wait_for(lambda: browser.text("#verdict-text") != shown, "its counts change")
        assert browser.text("#announcement") == said


def test_the_keyboard_reaches_everything(browser, world):
    with world.running():
        browser.open(world.admin_port)

        def press(key):
            browser.press(key)
            return browser.run("const at = document.activeElement; return at.name || at.id || at.className || at.tagName")

        assert press("TAB") == "skip"
        assert press("ENTER") == "main"
        reached = [press("TAB") for _ in range(4)]
        assert reached == ["name", "type", "BUTTON", "top-names"], reached
        press("ENTER")
        browser.wait_for(lambda: browser.run("return document.activeElement.getAttribute('aria-expanded')") == "true", "Enter opens the names")


@pytest.mark.parametrize("window, scheme", [({}, "light"), ({}, "dark"), (PHONE, "light"), (PHONE, "dark")],
                         ids=["light", "dark", "phone", "phone-dark"])
def test_it_can_be_read_by_everybody(browser, world, axe, shots, window, scheme):
    world.second.drop_everything()
    with world.running() as proxy:
        with Load(proxy.port):
            browser.open(world.admin_port, scheme=scheme, **window)
            browser.wait_for(lambda: state_of(browser, world.second) == "down", "a server is down")
            lines = "return document.querySelector('.chart .line').getAttribute('d').split('L').length"
            browser.wait_for(lambda: browser.run(lines) > 4, "charts have lines")
        long_name = f"{'very-long-label-' * 3}.{'x' * 60}.{'y' * 60}.example."
        for message in (hostile_query(), make_query(long_name), make_query("servfail.example."), make_query("nx.example.")):
            ask_udp(proxy.port, message)
        send_what_is_no_query(proxy.port)
        browser.wait_for_text("#recent", "<img")
        browser.run("document.getElementById('top-names').click()")
        browser.wait_for(lambda: browser.count("#top table") == 1, "names are listed")
        browser.wait_for(lambda: browser.count("#clients table") == 1, "a client misbehaves")
        try_name(browser, "www.tried.example")
        browser.wait_for(lambda: browser.text("#resolved").strip() not in ("", "Asking …"), "something is said of the name")
        widths = browser.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert widths[0] <= widths[1], "it scrolls sideways"
        picture = shots / f"{'phone' if window else 'wide'}-{scheme}.png"
        browser.picture(picture)
        assert picture.stat().st_size > 20_000
        assert complaints(browser, axe) == []


def send_what_is_no_query(port):
    """Sends a message whose header states two questions, and which has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"\0\1\1\0\0\2\0\0\0\0\0\0", ("127.0.0.1", port))
