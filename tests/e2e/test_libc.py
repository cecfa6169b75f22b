"""The results of a pod's C library: getaddrinfo of glibc and of musl, in a network namespace with the kubelet's resolv.conf, with Pillion on port
53, whose upstreams are a cluster's DNS and a public resolver."""

import pathlib
import shutil

import pytest

from harness import cluster, namespace, pillion, servers, zone
from harness.cluster import NDOTS, SEARCH, asked, cluster_dns
from harness.process import run, served

SOURCE = pathlib.Path(namespace.__file__).with_name("getaddrinfo.c")
COMPILERS = {"glibc": ["gcc"], "musl": ["musl-gcc", "-static"]}
POD = {
    "/etc/resolv.conf": f"nameserver 127.0.0.1\nsearch {' '.join(domain.rstrip('.') for domain in SEARCH)}\noptions ndots:{NDOTS}\n",
    "/etc/hosts": "127.0.0.1 localhost\n10.1.0.9 pod\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}
SEARCH_KEY = {"domains": [domain.rstrip(".") for domain in SEARCH], "ndots": NDOTS}

NAMES = [
    # names of the cluster, each longer than the one before, along the search list
    ("kubernetes", ["10.96.0.1"]),
    ("kubernetes.default", ["10.96.0.1"]),
    ("kubernetes.default.svc", ["10.96.0.1"]),
    ("kubernetes.default.svc.cluster.local", ["10.96.0.1"]),
    ("kubernetes.default.svc.cluster.local.", ["10.96.0.1"]),
    ("KuberNetes.Default", ["10.96.0.1"]),
    ("kube-dns.kube-system", ["10.96.0.10"]),
    ("dual", ["10.96.0.20", "fd00:96::20"]),
    ("web", ["10.1.0.5", "10.1.0.6"]),
    ("web-0.web", ["10.1.0.5"]),
    ("web-1.web.default", ["10.1.0.6"]),
    ("10-1-0-5.default.pod", ["10.1.0.5"]),
    # external names
    ("a.e2e.example", ["192.0.2.1"]),
    ("a.e2e.example.", ["192.0.2.1"]),
    ("aaaa.e2e.example", ["2001:db8::1"]),
    ("both.e2e.example", ["192.0.2.2", "2001:db8::2"]),
    ("cname1.e2e.example", ["192.0.2.1"]),
    ("x.y.z.wild.e2e.example", ["192.0.2.7"]),
    # missing names
    ("missing", "missing"),
    ("missing.kube-system", "missing"),
    ("missing.default.svc.cluster.local.", "missing"),
    ("missing.e2e.example", "missing"),
    ("a.b.c.d.e.missing.e2e.example", "missing"),
    ("empty.e2e.example", "missing"),
    ("nowhere.invalid", "missing"),
]
STEPS = 2 * (len(SEARCH) + 1)  # queries for an external name: two types, for each domain of the list and for the name itself


class Pod:
    """The cluster's DNS, the public resolver, and the directory of the applications."""

    def __init__(self, directory, cluster_server, upstreams):
        self.directory = directory
        self.cluster = cluster_server
        self.upstreams = upstreams

    def pillion(self, name, search):
        routes = [{"zone": "cluster.local", "upstream": "cluster"}, {"zone": "10.in-addr.arpa", "upstream": "cluster"},
                  {"zone": ".", "upstream": "real"}]
        more = {"search": SEARCH_KEY} if search else {}
        return pillion.running(self.directory / name, self.upstreams, port=53, routes=routes, cache={"size": "4MiB"}, **more)


@pytest.fixture(scope="module")
def pod(tmp_path_factory, certificate, zone_file, verified):
    if namespace.impossible():
        pytest.skip(namespace.impossible())
    directory = tmp_path_factory.mktemp("pod")
    public_zones = {zone.ORIGIN: zone_file, ".": zone.write_root(directory)}
    with namespace.entered(directory, POD), \
            served(lambda: cluster_dns(directory / "cluster", certificate)) as cluster_server, \
            served(lambda: servers.make_unbound(directory / "public", certificate, public_zones, recursive=True)) as public:
        upstreams = {**verified(public), "cluster": pillion.upstream({"address": cluster_server.plain_address}, protocol="udp")}
        yield Pod(directory, cluster_server, upstreams)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "search"])
def proxy(request, pod):
    """A running Pillion: once without `search`, once with it."""
    with pod.pillion(f"pillion-search-{request.param}", request.param) as running:
        running.search = request.param
        yield running


@pytest.fixture(scope="module", params=COMPILERS)
def getaddrinfo(request, tmp_path_factory):
    """getaddrinfo(name, count=1) -> (addresses or "missing", mean time in microseconds), by one of the C libraries."""
    compiler = COMPILERS[request.param]
    if not shutil.which(compiler[0]):
        pytest.skip(f"{compiler[0]} is not installed (tests/deps test)")
    program = tmp_path_factory.mktemp("programs") / request.param
    run(*compiler, "-D_GNU_SOURCE", "-O1", "-o", program, SOURCE)

    def look_up(name, count=1):
        *found, microseconds = run(program, name, count).stdout.split()
        return ("missing" if found == ["missing"] else sorted(found)), float(microseconds)

    look_up.library = request.param
    return look_up


def mark(proxy, getaddrinfo):
    """A label for names that is unique to this combination of fixtures."""
    return f"{getaddrinfo.library}-{'search' if proxy.search else 'plain'}"


@pytest.mark.parametrize("name, expected", NAMES, ids=[name for name, _ in NAMES])
def test_names_resolve(proxy, getaddrinfo, name, expected):
    assert getaddrinfo(name)[0] == expected
    assert getaddrinfo(name)[0] == expected, "and from the cache"


def test_a_long_answer(proxy, getaddrinfo):
    """The answer does not fit in the 512 bytes of a query without EDNS: libc must repeat the query over TCP."""
    if getaddrinfo.library == "musl":
        pytest.skip("musl before 1.2.4 does not ask over TCP")
    assert getaddrinfo("many.e2e.example")[0] == sorted(f"192.0.2.{number}" for number in range(100, 140))


def test_how_many_queries_an_external_name_takes(pod, proxy, getaddrinfo):
    name = f"{mark(proxy, getaddrinfo)}.count.wild.{zone.ORIGIN}".rstrip(".")
    before = proxy.metrics().sum("dns_requests_total")
    assert getaddrinfo(name)[0] == ["192.0.2.7"]
    count = proxy.metrics().sum("dns_requests_total") - before
    cold = sum(getaddrinfo(f"n{number}.{name}")[1] for number in range(50)) / 50
    warm = getaddrinfo(name, 500)[1]
    print(f"{mark(proxy, getaddrinfo)}: {count:.0f} queries, {cold:.0f} us cold, {warm:.0f} us cached")
    assert count == (2 if proxy.search else STEPS)
    # The name has five labels, more than any name of the cluster: with `search` the cluster's DNS is not asked.
    assert bool(told_of(pod, name)) != proxy.search, told_of(pod, name)


# Each combination has its own host of the zone. The name has three labels and has not been asked before.
HOSTS = {"glibc-plain": 1, "glibc-search": 2, "musl-plain": 3, "musl-search": 4}


def told_of(pod, name):
    return {asked_name for asked_name, _ in asked(pod.cluster) if asked_name.startswith(f"{name}.")}


def test_only_what_can_exist_in_the_cluster_is_asked_there(pod, proxy, getaddrinfo):
    """www.some.name may be the host `www` of a service `some` in the namespace `name`. It is not a name in `default` or outside of `svc`."""
    number = HOSTS[mark(proxy, getaddrinfo)]
    name = f"host{number}.e2e.example"
    assert getaddrinfo(name)[0] == [f"192.0.2.{number}", f"2001:db8::{number}"]
    assert told_of(pod, name) == {f"{name}.{domain}" for domain in (SEARCH[1:2] if proxy.search else SEARCH)}


def test_of_a_missing_name_no_more_is_asked_there(pod, proxy, getaddrinfo):
    """For a missing name libc takes the later steps itself."""
    name = f"both.{mark(proxy, getaddrinfo)}.example"
    assert getaddrinfo(name)[0] == "missing"
    assert told_of(pod, name) == {f"{name}.{domain}" for domain in (SEARCH[1:2] if proxy.search else SEARCH)}


def test_the_public_resolver_is_not_told_of_the_cluster(proxy, getaddrinfo):
    if proxy.search:
        pytest.skip("a walk asks for all its names at once, the short one among them")
    before = proxy.metrics().sum("upstream_responses_total", upstream="real")
    assert getaddrinfo("kubernetes.default")[0] == ["10.96.0.1"]
    assert getaddrinfo(f"missing-{mark(proxy, getaddrinfo)}.default.svc.{cluster.ZONE}")[0] == "missing"
    assert proxy.metrics().sum("upstream_responses_total", upstream="real") == before
