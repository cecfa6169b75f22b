"""A configuration that changes while the proxy runs: what applies it, what refuses it, and that clients notice nothing."""

import contextlib
import copy
import json
import os
import pathlib
import signal
import socket
import threading
import time

import pytest

from harness import certificates, dnsperf, pillion, servers
from harness.client import TcpClient, ask_tcp, ask_udp, make_query, rcode
from harness.configmap import MountedConfigMap
from harness.dot_server import DotServer
from harness.process import free_port, run, wait_until

STORM_SECONDS = 30 if dnsperf.FULL else 6


@pytest.fixture
def server(certificate):
    with DotServer(certificate) as running:
        yield running


@pytest.fixture
def other(certificate):
    with DotServer(certificate) as running:
        yield running


class Reloaded:
    """A running proxy whose configuration a test changes."""

    def __init__(self, proxy, path):
        self.proxy = proxy
        self.path = pathlib.Path(path)
        self.config = json.loads(self.path.read_text())

    def write(self, config=None):
        self.path.write_text(json.dumps(config or self.config, indent=1))

    def counts(self):
        metrics = self.proxy.metrics()
        return metrics.sum("config_reloads_total", result="success"), metrics.sum("config_reloads_total", result="failure")

    def reload(self):
        """Runs `pillion reload`. Returns (exit code, output)."""
        done = run(pillion.BINARY, "reload", "--pid", self.proxy.process.pid, check=False)
        return done.returncode, done.stdout + done.stderr

    def apply(self, config=None):
        self.write(config)
        code, printed = self.reload()
        assert code == 0, printed

    def one_generation(self):
        self.proxy.process.wait_for(lambda: self.proxy.metrics().sum("config_generations") == 1, "no stale generation is left")


@pytest.fixture
def reloaded(tmp_path, verified):
    """reloaded(server, …) -> a context with a Reloaded. Its files are not watched, unless a test sets `reload`."""
    @contextlib.contextmanager
    def make(*running_servers, reload=None, tls=None, **options):
        upstreams = verified(*running_servers)
        upstreams["real"]["tls"].update(tls or {})
        with pillion.running(tmp_path, upstreams, reload=reload or {"watch": False}, **options) as proxy:
            yield Reloaded(proxy, tmp_path / "pillion.yaml")
    return make


def point_to(config, server, name=servers.TLS_NAME):
    changed = copy.deepcopy(config)
    changed["upstreams"]["real"]["servers"] = [{"address": server.address, "tls_name": name}]
    return changed


@pytest.mark.parametrize("threads", [1, 2])
def test_another_upstream_is_asked_and_no_client_notices(reloaded, server, other, threads):
    with reloaded(server, threads=threads) as it, TcpClient(it.proxy.port) as client:
        assert rcode(client.ask(make_query("before.example."))) == "NOERROR"
        it.apply(point_to(it.config, other))
        assert rcode(client.ask(make_query("after.example."))) == "NOERROR"
        assert (server.asked_for("before.example."), server.asked_for("after.example."), other.asked_for("after.example.")) == (1, 0, 1)
        it.one_generation()
        metrics = it.proxy.metrics()
        assert metrics.sum("upstream_connections", server=other.address, state="ready") >= 1
        assert metrics.sum("upstream_connections", server=server.address) == 0, "what is not configured is not shown"
        assert it.counts() == (1, 0)
        wait_until(lambda: not server.open, "the old connections are closed")


def test_a_network_that_is_refused_is_named(reloaded, server):
    with reloaded(server) as it:
        it.config["routes"].append({"network": "10.0.0.0/8", "upstream": "real"})
        it.config["threads"] = 2
        it.write()
        assert it.reload()[0] == 1
        difference = it.proxy.log()[-1]["difference"]
        assert '+ routes[]: {network: "10.0.0.0/8", upstream: real}' in difference.splitlines()


def test_what_is_under_way_is_answered_by_whom_it_was_asked(reloaded, server, other):
    with reloaded(server) as it, TcpClient(it.proxy.port) as client:
        client.send(make_query("delay-1500-slow.example."))
        it.proxy.process.wait_for(lambda: server.asked_for("delay-1500-slow.example."), "the upstream has the query")
        it.apply(point_to(it.config, other))
        assert it.proxy.metrics().sum("config_generations") == 2
        assert rcode(client.ask(make_query("quick.example."))) == "NOERROR"
        assert rcode(client.receive()) == "NOERROR"
        it.one_generation()


def test_equal_upstreams_keep_their_connections(reloaded, server, other, authority):
    with reloaded(server) as it:
        ask_udp(it.proxy.port, make_query("one.example."))
        connections = server.connections
        it.config["upstreams"]["more"] = pillion.upstream({"address": other.address, "tls_name": servers.TLS_NAME}, tls={"ca_file": str(authority.ca_file)})
        it.config["routes"].append({"zone": "more.example", "upstream": "more"})
        it.apply()
        ask_udp(it.proxy.port, make_query("two.example."))
        ask_udp(it.proxy.port, make_query("a.more.example."))
        assert server.connections == connections and other.asked_for("a.more.example.") == 1


def test_the_cache_loses_the_names_that_are_answered_elsewhere_and_no_others(reloaded, server, other, authority):
    with reloaded(server, cache={"size": "1MiB"}) as it:
        for name in ("stays.example.", "a.moves.example.", "moves.example."):
            ask_udp(it.proxy.port, make_query(name))
        it.config["upstreams"]["more"] = pillion.upstream({"address": other.address, "tls_name": servers.TLS_NAME}, tls={"ca_file": str(authority.ca_file)})
        it.config["routes"].append({"zone": "moves.example", "upstream": "more"})
        it.config["upstreams"]["real"]["timeout"] = "3s"  # the same upstream, made again
        it.apply()
        for name in ("stays.example.", "a.moves.example.", "moves.example."):
            ask_udp(it.proxy.port, make_query(name))
        assert [server.asked_for(name) for name in ("stays.example.", "a.moves.example.", "moves.example.")] == [1, 1, 1]
        assert [other.asked_for(name) for name in ("stays.example.", "a.moves.example.", "moves.example.")] == [0, 1, 1]


def test_a_failure_is_over_when_a_server_has_been_added(reloaded, server, other):
    with reloaded(server, cache={"size": "1MiB", "failure_ttl": "5m"}) as it:
        server.refusal = 2
        assert rcode(ask_udp(it.proxy.port, make_query("name.example."))) == "SERVFAIL"
        it.config["upstreams"]["real"]["servers"].append({"address": other.address, "tls_name": servers.TLS_NAME})
        it.apply()
        assert rcode(ask_udp(it.proxy.port, make_query("name.example."))) == "NOERROR"


def test_a_denial_says_nothing_of_a_new_zone_beneath_it(reloaded, server, other, authority):
    with reloaded(server, cache={"size": "1MiB"}) as it:
        assert rcode(ask_udp(it.proxy.port, make_query("nx-corp.example."))) == "NXDOMAIN"
        it.config["upstreams"]["more"] = pillion.upstream({"address": other.address, "tls_name": servers.TLS_NAME}, tls={"ca_file": str(authority.ca_file)})
        it.config["routes"].append({"zone": "lab.nx-corp.example", "upstream": "more"})
        it.apply()
        assert rcode(ask_udp(it.proxy.port, make_query("nx-corp.example."))) == "NXDOMAIN"
        assert server.asked_for("nx-corp.example.") == 1, "what it says of its own name holds"
        assert rcode(ask_udp(it.proxy.port, make_query("www.lab.nx-corp.example."))) == "NOERROR"


def write_in_place(path, text):
    path.write_text(text)


def rename_over(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def vanish_for_a_second(path, text):
    path.unlink()
    time.sleep(1)
    path.write_text(text)


@pytest.mark.parametrize("change", [write_in_place, rename_over, vanish_for_a_second])
def test_a_changed_file_is_read_once(reloaded, server, other, change):
    with reloaded(server, reload={"watch": True}) as it:
        change(it.path, json.dumps(point_to(it.config, other)))
        it.proxy.wait_metric("config_reloads_total", 1)
        ask_udp(it.proxy.port, make_query("after.example."))
        assert other.asked_for("after.example.") == 1
        change(it.path, json.dumps(it.config))
        it.proxy.wait_metric("config_reloads_total", 2)
        assert it.counts() == (2, 0)


def test_two_changes_at_once_are_one(reloaded, server, other):
    with reloaded(server, reload={"watch": True}) as it:
        it.write({"upstreams": "broken"})
        it.write(point_to(it.config, other))
        it.proxy.wait_metric("config_reloads_total", 1)
        assert it.counts() == (1, 0)


def test_sighup_reads_it_again(reloaded, server, other):
    with reloaded(server) as it:
        it.write(point_to(it.config, other))
        it.proxy.process.send_signal(signal.SIGHUP)
        it.proxy.wait_metric("config_reloads_total", 1)
        ask_udp(it.proxy.port, make_query("after.example."))
        assert other.asked_for("after.example.") == 1


def test_the_supervisor_passes_it_on(reloaded, server, other):
    with reloaded(server, supervise=True) as it:
        it.apply(point_to(it.config, other))
        ask_udp(it.proxy.port, make_query("after.example."))
        assert other.asked_for("after.example.") == 1


class Mounted:
    """A proxy whose configuration and certificates are in a directory with the layout of the kubelet."""

    def __init__(self, directory, files, config):
        self.files = {**files, "pillion.yaml": json.dumps(config)}
        self.map = MountedConfigMap(directory / "etc", self.files)

    def update(self, **files):
        self.files.update({name.replace("_", ".", 1): content for name, content in files.items()})
        self.map.update(self.files)


@contextlib.contextmanager
def running_from(directory, path):
    """Runs `pillion run --config path`, and waits until it is ready."""
    config = json.loads(pathlib.Path(path).read_text())
    proxy = pillion.Pillion.__new__(pillion.Pillion)
    proxy.host, proxy.port = "127.0.0.1", int(config["dns"]["listen"][0].rsplit(":", 1)[1])
    proxy.http_port = int(config["http"]["listen"].rsplit(":", 1)[1])
    proxy.process = pillion.Process([pillion.BINARY, "run", "--config", path], directory, "mounted")
    try:
        proxy.wait_ready()
        yield proxy
        if proxy.process.running():
            proxy.stop()
    except BaseException:
        print(proxy.process.printed())
        raise
    finally:
        proxy.process.kill()


def mounted_config(tls, *entries, **more):
    return {"dns": {"listen": [f"127.0.0.1:{free_port()}"]}, "http": {"listen": f"127.0.0.1:{free_port()}"}, "cache": {"size": 0},
            "upstreams": {"real": pillion.upstream(*entries, tls=tls)}, "routes": [{"zone": ".", "upstream": "real"}], **more}


def test_a_configmap_and_its_authorities_are_swapped_as_the_kubelet_does_it(tmp_path, authority, server, other):
    config = mounted_config({"ca_file": str(tmp_path / "etc/ca.crt")}, {"address": server.address, "tls_name": servers.TLS_NAME})
    mounted = Mounted(tmp_path, {"ca.crt": authority.ca_file.read_text()}, config)
    with running_from(tmp_path, tmp_path / "etc/pillion.yaml") as proxy, TcpClient(proxy.port) as client:
        assert rcode(client.ask(make_query("one.example."))) == "NOERROR"
        connections = server.connections
        second = certificates.Authority(tmp_path / "second", name="second CA")
        mounted.update(ca_crt=authority.ca_file.read_text() + second.ca_file.read_text())
        proxy.wait_metric("config_reloads_total", 1)
        assert proxy.metrics().sum("ca_certificates", upstream="real") == 2
        assert rcode(client.ask(make_query("two.example."))) == "NOERROR"
        assert server.connections > connections, "connections that the old authorities vouched for are replaced"
        assert server.resumed == 0, "and their sessions are not resumed"
        mounted.update(pillion_yaml=json.dumps(point_to(config, other)))
        proxy.wait_metric("config_reloads_total", 2)
        assert rcode(client.ask(make_query("three.example."))) == "NOERROR"
        assert other.asked_for("three.example.") == 1
        assert proxy.metrics().sum("config_reloads_total", result="failure") == 0


def ask_each(client, prefix, count=20):
    for number in range(count):
        assert rcode(client.ask(make_query(f"{prefix}-{number}.example."))) == "NOERROR"


def test_mutual_tls_is_rotated_without_a_query_that_fails(tmp_path, authority, certificate):
    clients = [certificates.Authority(tmp_path / name, name=name) for name in ("clients-1", "clients-2")]
    own = [issuer.issue("client", "DNS:client.example", usage="clientAuth") for issuer in clients]
    servers_ca = certificates.Authority(tmp_path / "servers-2", name="servers-2")
    server_certificate = servers_ca.issue("server", f"DNS:{servers.TLS_NAME}")
    with DotServer(certificate, client_authorities=[clients[0].ca_file, clients[1].ca_file]) as server:
        tls = {"ca_file": str(tmp_path / "etc/ca.crt"), "client_cert": str(tmp_path / "etc/tls.crt"), "client_key": str(tmp_path / "etc/tls.key")}
        config = mounted_config(tls, {"address": server.address, "tls_name": servers.TLS_NAME})
        mounted = Mounted(tmp_path, {"ca.crt": authority.ca_file.read_text(), "tls.crt": own[0].path.read_text(), "tls.key": own[0].key.read_text()}, config)
        with running_from(tmp_path, tmp_path / "etc/pillion.yaml") as proxy, TcpClient(proxy.port) as client:
            ask_each(client, "first")
            ends = proxy.metrics().sum("client_certificate_not_after_timestamp_seconds", upstream="real")
            assert ends > time.time()
            mounted.update(tls_crt=own[1].path.read_text(), tls_key=own[1].key.read_text())
            proxy.wait_metric("config_reloads_total", 1)
            ask_each(client, "new-certificate")
            # The trusted CAs change first to both, then the server's certificate changes, then the old CA is removed.
            mounted.update(ca_crt=authority.ca_file.read_text() + servers_ca.ca_file.read_text())
            proxy.wait_metric("config_reloads_total", 2)
            server.take_certificate(server_certificate)
            server.close_connections()
            ask_each(client, "new-authority")
            mounted.update(ca_crt=servers_ca.ca_file.read_text())
            proxy.wait_metric("config_reloads_total", 3)
            # From now on the server refuses Pillion's old certificate.
            server.accept_clients_of([clients[1].ca_file])
            server.close_connections()
            ask_each(client, "last")
            metrics = proxy.metrics()
            assert metrics.sum("config_reloads_total", result="failure") == 0
            assert metrics.sum("dns_responses_total", rcode="SERVFAIL") == 0


def test_a_client_certificate_that_the_server_refuses_is_kept_out(tmp_path, authority, certificate):
    issuers = [certificates.Authority(tmp_path / name, name=name) for name in ("accepted", "refused")]
    own = [issuer.issue("client", "DNS:client.example", usage="clientAuth") for issuer in issuers]
    with DotServer(certificate, client_authorities=[issuers[0].ca_file]) as server:
        tls = {"ca_file": str(authority.ca_file), "client_cert": str(tmp_path / "etc/tls.crt"), "client_key": str(tmp_path / "etc/tls.key")}
        config = mounted_config(tls, {"address": server.address, "tls_name": servers.TLS_NAME})
        mounted = Mounted(tmp_path, {"tls.crt": own[0].path.read_text(), "tls.key": own[0].key.read_text()}, config)
        with running_from(tmp_path, tmp_path / "etc/pillion.yaml") as proxy, TcpClient(proxy.port) as client:
            ask_each(client, "first", 1)
            mounted.update(tls_crt=own[1].path.read_text(), tls_key=own[1].key.read_text())
            proxy.wait_metric("config_reloads_total", 1, result="failure")
            ask_each(client, "second")
            assert proxy.metrics().sum("config_last_reload_successful") == 0
            mounted.update(tls_crt=own[0].path.read_text(), tls_key=own[0].key.read_text())
            proxy.wait_metric("config_last_reload_successful", 1)


def test_the_search_list_of_resolv_conf_is_watched(tmp_path, reloaded, server):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("search a.corp.example corp.example\noptions ndots:5\n")
    with reloaded(server, reload={"watch": True}, search={"resolv_conf": str(resolv_conf)}) as it:
        ask_udp(it.proxy.port, make_query("nx-web.one.a.corp.example."))
        assert it.proxy.metrics().sum("search_walks_total") == 1
        resolv_conf.write_text("search b.corp.example corp.example\noptions ndots:5\n")
        it.proxy.wait_metric("config_reloads_total", 1)
        ask_udp(it.proxy.port, make_query("nx-web.two.a.corp.example."))
        assert it.proxy.metrics().sum("search_walks_total") == 1
        ask_udp(it.proxy.port, make_query("nx-web.three.b.corp.example."))
        assert it.proxy.metrics().sum("search_walks_total") == 2


def test_a_change_while_it_starts_is_not_lost(tmp_path, verified, server, other):
    port, http_port = free_port(), free_port()
    path = pillion.write_config(tmp_path / "pillion.yaml", port, http_port, verified(server))
    config = json.loads(path.read_text())
    process = pillion.Process([pillion.BINARY, "run", "--config", path], tmp_path)
    try:
        path.write_text(json.dumps(point_to(config, other)))  # this may be before, during or after the read

        def asks_the_other():
            with contextlib.suppress(OSError):
                ask_tcp(port, make_query(f"n{time.monotonic_ns()}.example."))
            return other.queries > 0
        process.wait_for(asks_the_other, "the new configuration is in use")
    finally:
        process.stop()


def test_a_change_while_it_drains_is_refused(reloaded, server, other):
    with reloaded(server, drain_min="10s") as it, TcpClient(it.proxy.port) as client:
        it.proxy.process.send_signal(signal.SIGTERM)
        it.proxy.process.wait_for(lambda: it.proxy.get("/readyz")[0] == 503, "it drains")
        it.write(point_to(it.config, other))
        code, printed = it.reload()
        assert code == 1 and "drain" in printed, printed
        assert rcode(client.ask(make_query("late.example."))) == "NOERROR"
        assert server.asked_for("late.example.") == 1
        it.proxy.process.send_signal(signal.SIGTERM)
        assert it.proxy.process.wait() == 0


def settings(**changes):
    return lambda config, files: {**config, **changes}


def upstream_settings(**changes):
    return lambda config, files: {**config, "upstreams": {"real": {**config["upstreams"]["real"], **changes}}}


def tls_settings(**changes):
    def make(config, files):
        given = {key: files.get(value, value) if isinstance(value, str) else value for key, value in changes.items()}
        return upstream_settings(tls={**config["upstreams"]["real"]["tls"], **given})(config, files)
    return make


def server_entry(**changes):
    def make(config, files):
        entry = {"address": config["upstreams"]["real"]["servers"][0]["address"], "tls_name": servers.TLS_NAME,
                 **{key: files.get(value, value) if isinstance(value, str) else value for key, value in changes.items()}}
        return upstream_settings(servers=[entry])(config, files)
    return make


BAD = {
    "not YAML": (lambda config, files: "dns: [", "pillion.yaml:1"),
    "empty": (lambda config, files: "", "the file is empty"),
    "an unknown key": (settings(dsn={}), "dsn: unknown key (did you mean `dns`?)"),
    "out of range": (settings(drain_timeout="2h"), "drain_timeout: `2h` is out of range; allowed: 0s to 1h"),
    "a wrong type": (settings(routes="all"), "routes"),
    "a route to nowhere": (settings(routes=[{"zone": ".", "upstream": "real"}, {"zone": "x.example", "upstream": "none"}]), "none"),
    "an upstream without servers": (upstream_settings(servers=[]), "servers"),
    "a CA file that is not there": (tls_settings(ca_file="/nonexistent/ca.pem"), "/nonexistent/ca.pem"),
    "a CA file without certificates": (tls_settings(ca_file="empty"), "has no certificate"),
    "a certificate without its key": (tls_settings(client_cert="certificate"), "is given without client_key"),
    "the key of another certificate": (tls_settings(client_cert="certificate", client_key="other key"), "cannot be used as the key"),
    "a key with a passphrase": (tls_settings(client_cert="certificate", client_key="encrypted key"), "it needs a passphrase"),
    "an own certificate that has expired": (tls_settings(client_cert="expired", client_key="expired key"), "has expired; allowed: a certificate that is valid now"),
    "a group that is none": (tls_settings(groups=["X25518"]), "X25518"),
    "a pin that is none": (server_entry(pins=["sha256/abc"]), "pins"),
    "a pin of another key": (server_entry(pins=["sha256/" + "A" * 43 + "="]), "no server has completed a verified TLS handshake"),
    "an upstream with a wrong name": (server_entry(tls_name="wrong.example"), "certificate name mismatch"),
    "an authority that vouches for nobody there": (tls_settings(ca_file="other CA"), "no server has completed a verified TLS handshake"),
    "an upstream that is not there": (server_entry(address="nobody"), "no server has completed a verified TLS handshake"),
    "an upstream that does not finish its handshake": (server_entry(address="silent"), "no answer in time"),
    "an upstream that speaks no TLS": (server_entry(address="plain"), "no server has completed a verified TLS handshake"),
    "threads": (settings(threads=2), "threads: is 2 and was 1; restart to apply"),
    "the memory": (settings(memory="1GiB"), "restart to apply"),
    "the size of the cache": (settings(cache={"size": "8MiB"}), "cache.size: is 8MiB and was 0; restart to apply"),
    "where HTTP listens": (lambda config, files: {**config, "http": {"listen": "127.0.0.1:1"}}, "http.listen"),
    "a port that somebody has": (lambda config, files: {**config, "dns": {"listen": [*config["dns"]["listen"], files["taken"]]}}, "cannot listen on"),
    "an address that is not ours": (lambda config, files: {**config, "dns": {"listen": [*config["dns"]["listen"], "192.0.2.1:5353"]}}, "cannot listen on 192.0.2.1:5353"),
}


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory, authority):
    """The files that the bad configurations name."""
    directory = tmp_path_factory.mktemp("bad")
    good = authority.issue("own", "DNS:client.example", usage="clientAuth")
    another = authority.issue("another", "DNS:client.example", usage="clientAuth")
    expired = authority.issue("ended", "DNS:client.example", validity=certificates.EXPIRED, usage="clientAuth")
    encrypted = directory / "encrypted.key"
    run("openssl", "pkey", "-in", good.key, "-aes128", "-passout", "pass:secret", "-out", encrypted)
    (directory / "empty.pem").write_text("")
    strange = certificates.Authority(directory / "strange", name="strange CA")
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(contextlib.closing(pillion_socket()))
        taken = stack.enter_context(contextlib.closing(pillion_socket()))
        plain = stack.enter_context(speaking_no_tls())
        yield {"empty": str(directory / "empty.pem"), "certificate": str(good.path), "other key": str(another.key), "encrypted key": str(encrypted),
               "expired": str(expired.path), "expired key": str(expired.key), "other CA": str(strange.ca_file), "nobody": f"127.0.0.1:{free_port()}",
               "silent": address_of(silent), "taken": address_of(taken), "plain": address_of(plain)}


def pillion_socket():
    """A listening socket on which no connection is accepted."""
    import socket
    listening = socket.create_server(("127.0.0.1", 0))
    return listening


def address_of(listening):
    return "127.0.0.1:%d" % listening.getsockname()[1]


@contextlib.contextmanager
def speaking_no_tls():
    listening = pillion_socket()

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                client.sendall(b"220 mail.example ESMTP\r\n")
                client.close()
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening
    finally:
        listening.shutdown(2)
        listening.close()


def test_bad_configurations_are_refused_and_the_old_one_serves_on(reloaded, server, bad_files):
    with reloaded(server) as it, TcpClient(it.proxy.port) as client:
        good = copy.deepcopy(it.config)
        for number, (kind, (make, said)) in enumerate(BAD.items(), 1):
            made = make(copy.deepcopy(good), bad_files)
            it.path.write_text(made if isinstance(made, str) else json.dumps(made, indent=1))
            code, printed = it.reload()
            assert code == 1 and said in printed, (kind, code, printed)
            assert rcode(client.ask(make_query(f"during-{number}.example."))) == "NOERROR", kind
            assert it.counts() == (0, number) and it.proxy.metrics().sum("config_last_reload_successful") == 0, kind
            refused = [line for line in it.proxy.log() if line["msg"] == "configuration refused"]
            assert any(said in line["error"] for line in refused), (kind, refused)
        differences = [line["difference"] for line in it.proxy.log() if line["msg"] == "the previous configuration stays in use"]
        assert any("+ drain_timeout: 2h" in difference or "drain_min" in difference for difference in differences) or any(differences)
        assert it.proxy.metrics().sum("config_generations") == 1
        good["upstreams"]["real"]["timeout"] = "3s"
        it.apply(good)
        assert it.counts()[0] == 1 and it.proxy.metrics().sum("config_last_reload_successful") == 1
        assert rcode(client.ask(make_query("after.example."))) == "NOERROR"


@pytest.mark.skipif(bool(os.environ.get("E2E_SANITIZER")), reason="a sanitizer's memory hides that of Pillion")
@pytest.mark.parametrize("text", ["[" + 1_000_000 * ",", 1_000_000 * "[", 500_000 * '""', 250_000 * "---\n"], ids=["commas", "brackets", "quotes", "documents"])
def test_a_file_that_takes_much_memory_to_read_is_refused_before_that(reloaded, server, text):
    """The container of a sidecar has a limit of 64 MiB, beyond which the kernel would kill the proxy that runs."""
    with reloaded(server) as it:
        before = it.proxy.process.status_bytes("VmHWM")
        it.path.write_text(text)
        code, printed = it.reload()
        assert code == 1 and "MiB of memory to read; allowed: 16 MiB" in printed, printed
        assert it.proxy.process.status_bytes("VmHWM") - before < 16 << 20
        assert rcode(ask_udp(it.proxy.port, make_query("after.example."))) == "NOERROR"


def test_what_could_not_be_reached_before_stands_in_nobodys_way(reloaded, server, other, authority):
    gone = {"address": f"127.0.0.1:{free_port()}", "tls_name": servers.TLS_NAME}
    with reloaded(server) as it:
        it.config["upstreams"]["gone"] = pillion.upstream(gone, tls={"ca_file": str(authority.ca_file)})
        it.config["routes"].append({"zone": "gone.example", "upstream": "gone"})
        it.config["reload"]["verify"] = False
        it.apply()
        assert rcode(ask_udp(it.proxy.port, make_query("a.gone.example."))) == "SERVFAIL"
        it.proxy.process.wait_for(lambda: it.proxy.metrics().sum("upstream_up", upstream="gone") == 0, "it is known to be down")
        it.config["reload"]["verify"] = True
        it.config["upstreams"]["gone"]["timeout"] = "2s"
        it.config["upstreams"]["real"]["servers"] = [{"address": other.address, "tls_name": servers.TLS_NAME}]
        it.apply()
        assert any("unreachable before the reload" in line["msg"] for line in it.proxy.log())
        ask_udp(it.proxy.port, make_query("after.example."))
        assert other.asked_for("after.example.") == 1


def test_an_own_certificate_that_has_expired_stands_in_nobodys_way_once_it_is_used(reloaded, server, other, bad_files):
    tls = {"client_cert": bad_files["expired"], "client_key": bad_files["expired key"]}
    with reloaded(server, tls=tls) as it:
        assert rcode(ask_udp(it.proxy.port, make_query("before.example."))) == "NOERROR"
        it.apply(point_to(it.config, other))
        assert rcode(ask_udp(it.proxy.port, make_query("after.example."))) == "NOERROR"
        assert other.asked_for("after.example.") == 1


@pytest.mark.skipif(not dnsperf.FULL, reason="the first retry comes after 30 s: E2E_FULL=1")
def test_what_lacked_a_handshake_is_tried_again(reloaded, server, other):
    with reloaded(server) as it:
        other.drop_everything()
        it.write(point_to(it.config, other))
        code, printed = it.reload()
        assert code == 1 and "no server has completed a verified TLS handshake" in printed
        other.listen()
        it.proxy.wait_metric("config_reloads_total", 1, result="success")
        ask_udp(it.proxy.port, make_query("after.example."))
        assert other.asked_for("after.example.") == 1


def test_addresses_are_added_and_taken_away(reloaded, server):
    with reloaded(server) as it, TcpClient(it.proxy.port) as client:
        first, second = it.config["dns"]["listen"][0], f"127.0.0.1:{free_port()}"
        port = int(second.rsplit(":", 1)[1])
        it.config["dns"]["listen"] = [first, second]
        it.apply()
        for ask in (ask_udp, ask_tcp):
            assert rcode(ask(port, make_query("second.example."))) == "NOERROR"
        assert rcode(client.ask(make_query("first.example."))) == "NOERROR"
        it.config["dns"]["listen"] = [second]
        it.apply()
        assert rcode(ask_tcp(port, make_query("alone.example."))) == "NOERROR"
        assert client.receive() is None, "an idle client of an address that is gone is let go"
        with pytest.raises(OSError):
            TcpClient(it.proxy.port).ask(make_query("gone.example."))
        it.config["dns"]["listen"] = [first, second]
        it.apply()
        assert rcode(ask_udp(it.proxy.port, make_query("back.example."))) == "NOERROR"


@pytest.mark.parametrize("threads", [1, 2])
def test_a_shorter_idle_timeout_applies_to_clients_that_are_idle_already(reloaded, server, threads):
    with reloaded(server, threads=threads, dns={"idle_timeout": "1h"}) as it, contextlib.ExitStack() as held:
        clients = [held.enter_context(TcpClient(it.proxy.port)) for _ in range(200)]
        for client in clients[::2]:
            assert rcode(client.ask(make_query("www.example."))) == "NOERROR"
        it.config["dns"]["idle_timeout"] = "1s"
        it.apply()
        for client in clients:
            assert client.receive() is None, "the client is let go"
        assert it.proxy.metrics().sum("client_idle_closes_total", reason="idle_timeout") == 200


@pytest.mark.parametrize("supervise", [False, True])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_an_address_comes_back_while_clients_of_its_last_time_wait(reloaded, server, threads, host, supervise):
    with reloaded(server, threads=threads, supervise=supervise, host=host) as it, contextlib.ExitStack() as held:
        port, second = it.proxy.port, f"127.0.0.1:{free_port()}"
        first = it.config["dns"]["listen"]
        it.config["upstreams"]["real"]["timeout"] = "30s"
        it.apply()
        # Not every thread has a client that waits.
        waiting = [held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for number, client in enumerate(waiting):
            client.connect(("127.0.0.1", port))
            client.settimeout(20)
            client.send(make_query(f"hold-{number}.example.").to_wire())
        stream = held.enter_context(TcpClient(port))
        stream.send(make_query("hold-stream.example."))
        it.proxy.process.wait_for(lambda: all(server.asked_for(f"hold-{name}.example.") for name in (0, 1, "stream")), "the upstream has the queries")
        for _ in range(2):
            it.config["dns"]["listen"] = [second]
            it.apply()
            it.config["dns"]["listen"] = first
            it.apply()
        assert it.proxy.metrics().sum("dns_in_flight") == 3
        for number in range(40):
            assert rcode(ask_udp(port, make_query(f"udp-{number}.example."))) == "NOERROR"
            assert rcode(ask_tcp(port, make_query(f"tcp-{number}.example."))) == "NOERROR"
        # A query that waits for long may be asked again on another connection.
        it.proxy.process.wait_for(lambda: server.release() or it.proxy.metrics().sum("dns_in_flight") == 0, "all are answered")
        for client in waiting:
            assert rcode(client.recv(65536)) == "NOERROR"
        assert rcode(stream.receive()) == "NOERROR"
        assert rcode(ask_udp(port, make_query("after.example."))) == "NOERROR"


def descriptors(proxy):
    return len(os.listdir(f"/proc/{proxy.process.pid}/fd"))


def resident(proxy):
    return proxy.metrics().samples and next(value for name, _, value in proxy.metrics().samples if name == "process_resident_memory_bytes")


@pytest.mark.parametrize("threads", [1, 2])
def test_ten_reloads_a_second_under_load_lose_nothing(tmp_path, authority, certificate, verified, threads):
    """The two configurations differ in upstreams, routes, CA and client certificate."""
    second = certificates.Authority(tmp_path / "second", name="second CA")
    own = [issuer.issue("client", "DNS:client.example", usage="clientAuth") for issuer in (authority, second)]
    with DotServer(certificate) as one, DotServer(second.issue("server", f"DNS:{servers.TLS_NAME}")) as two:
        def variant(server, issuer, client, zone):
            tls = {"ca_file": str(issuer.ca_file), "client_cert": str(client.path), "client_key": str(client.key)}
            return {"main": pillion.upstream({"address": server.address, "tls_name": servers.TLS_NAME}, tls=tls),
                    "more": pillion.upstream({"address": server.address, "tls_name": servers.TLS_NAME}, tls=tls, timeout="3s")}, \
                [{"zone": ".", "upstream": "main"}, {"zone": zone, "upstream": "more"}]
        variants = [variant(one, authority, own[0], "n1.example"), variant(two, second, own[1], "n2.example")]
        names = dnsperf.write_names(tmp_path / "names", "example.", 5000)
        with pillion.running(tmp_path, variants[0][0], routes=variants[0][1], reload={"watch": False}, threads=threads, cache={"size": "256KiB"}) as proxy, \
                TcpClient(proxy.port) as client:
            it = Reloaded(proxy, tmp_path / "pillion.yaml")
            loads = [dnsperf.BackgroundLoad(tmp_path / mode, proxy.port, names, mode, seconds=STORM_SECONDS, clients=5, rate=500) for mode in ("tcp", "udp")]
            before = None
            deadline = time.monotonic() + STORM_SECONDS - 1
            applied = 0
            while time.monotonic() < deadline:
                due = time.monotonic() + 0.1
                applied += 1
                it.config["upstreams"], it.config["routes"] = variants[applied % 2]
                rename_over(it.path, json.dumps(it.config))
                proxy.process.send_signal(signal.SIGHUP)
                if applied == 10:
                    before = descriptors(proxy), resident(proxy)
                time.sleep(max(due - time.monotonic(), 0))
            for load in loads:
                load.finish().assert_flawless()
            assert rcode(client.ask(make_query("still.example."))) == "NOERROR", "no client connection was closed"
            it.one_generation()
            succeeded, failed = it.counts()
            assert failed == 0 and succeeded >= applied / 2, (applied, succeeded)
            assert descriptors(proxy) <= before[0] + 10
            if not os.environ.get("E2E_SANITIZER"):
                assert resident(proxy) < before[1] + (6 << 20)
            assert min(one.handshakes, two.handshakes) > applied / 4
