"""What the pods are asked, and what there is to be found: the objects of the cluster and the zone of the public resolver."""

DOMAIN = "cluster.local"
HERE, THERE, OUTSIDE = NAMESPACES = ("pillion-a1", "pillion-a2", "pillion-outside")
SEARCH = [f"{HERE}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN]

# A top-level domain in which every name exists. The Service `app` has the same name: of its pods that are down, `s-0.app` must not be found
# here where the cluster's DNS says that it does not exist.
WILDCARD_ADDRESS = "192.0.2.66"
PUBLIC_ADDRESS = "233.252.0.1"  # RFC 6676: for examples, and not one of the ranges whose reverse zones Pillion answers by itself

PUBLIC_ZONE = f"""$TTL 60
. SOA ns.example.com. hostmaster.example.com. 1 7200 1800 86400 30
. NS ns.example.com.
com. NS ns.example.com.
org. NS ns.example.com.
app. NS ns.example.com.
*.app. A {WILDCARD_ADDRESS}
ns.example.com. A 192.0.2.53
example.com. A 192.0.2.1
example.com. AAAA 2001:db8::1
example.com. MX 10 mail.example.com.
www.example.com. A 192.0.2.2
www.example.com. A 192.0.2.3
v6.example.com. AAAA 2001:db8::6
alias.example.com. CNAME www.example.com.
dangling.example.com. CNAME missing.example.com.
text.example.com. TXT "nothing else"
a.b.c.d.example.com. A 192.0.2.4
web.example.com. A 192.0.2.5
example.org. A 192.0.2.9
_sip._tcp.example.com. SRV 1 2 5060 www.example.com.
1.0.252.233.in-addr.arpa. PTR www.example.com.
""" + "".join(f"many.example.com. A 192.0.2.{100 + i}\n" for i in range(40))

# Services of type ExternalName that lead out of the cluster: (namespace, name, target)
OUTWARD = [(HERE, "ext", "www.example.com"), (THERE, "ext", "v6.example.com"), (HERE, "nowhere", "missing.example.com")]

# Those that do not ask again by TCP; how many addresses fit into an answer by UDP depends on what else is in it.
UDP_ONLY = ("busybox", "musl")
MANY = "many.example.com"


def forms(name, namespace):
    """As an application may write the name of a Service, or of a pod beneath it."""
    short = [name] if namespace == HERE else []
    return [*short, *(f"{name}.{namespace}{rest}" for rest in ("", ".svc", f".svc.{DOMAIN}", f".svc.{DOMAIN}."))]


HOSTS = [
    *forms("web", HERE),
    *forms("web", THERE),
    # headless, with the pods of a StatefulSet
    *forms("db", HERE),
    *forms("db-0.db", HERE),
    *forms("db-1.db", HERE),
    *forms("db-0.db", THERE),
    # pods that are not there: of a StatefulSet that has others, of one that is down
    *forms("db-7.db", HERE),
    *forms("s-0.app", HERE),
    *forms("app", HERE),
    # ExternalName: to the outside, to another Service, to nothing
    *forms("ext", HERE),
    *forms("ext", THERE)[:2],
    *forms("inner", HERE)[:2],
    *forms("nowhere", HERE)[:2],
    # not of these namespaces
    *forms("kubernetes", "default"),
    # missing: the Service, the namespace
    *forms("missing", HERE),
    *forms("missing", THERE)[:2],
    *forms("web", "pillion-missing"),
    f"192-0-2-1.{HERE}.pod.{DOMAIN}",
    f"missing.{HERE}.pod.{DOMAIN}",
    # names that exist without an address: EAI_NODATA or EAI_NONAME
    DOMAIN, f"svc.{DOMAIN}", f"{HERE}.svc", f"{HERE}.svc.{DOMAIN}.", HERE, "svc", "com", "com.",
    # the outside, by two and three labels and more
    "example.com", "example.com.", "example.org", "www.example.com", "www.example.com.", "WWW.Example.COM", "a.b.c.d.example.com",
    "v6.example.com", "alias.example.com", "dangling.example.com", "text.example.com", "web.example.com", MANY,
    "missing.com", "missing.example.com", "missing.example.com.", "www.missing.org", "missing.invalid-tld",
    "other.app", "www.other.app", "web.app", "web.app.",
]

SERVICES = [
    *(f"_http._tcp.{name}" for name in forms("web", HERE)),
    f"_http._tcp.web.{THERE}.svc.{DOMAIN}",
    f"_sql._tcp.db.{HERE}.svc.{DOMAIN}",
    f"_missing._tcp.web.{HERE}.svc.{DOMAIN}",
    f"_http._tcp.missing.{HERE}.svc.{DOMAIN}.",
    "_sip._tcp.example.com",
]

APEXES = [DOMAIN, f"svc.{DOMAIN}", f"pod.{DOMAIN}", *(f"{namespace}.svc.{DOMAIN}" for namespace in NAMESPACES), f"default.svc.{DOMAIN}",
          "10.in-addr.arpa", "in-addr.arpa"]
APEX_TYPES = ["TXT", "NS", "SOA"]

# What each tool can be asked. Those are first that send the fewest names to the world, since what Pillion has in its cache it does not ask
# for again: musl ends its walk at the first name that exists, glibc at the first that has an address of the family.
TOOLS = {
    "musl": "host ptr",
    "go": "host srv ptr",
    "ruby": "host srv ptr",
    "hickory": "host srv ptr",
    "getent-hosts": "host ptr",
    "getent-ahosts": "host",
    "getent-ahostsv4": "host",
    "glibc": "host ptr",
    "dig-search": "host srv",
    "node-lookup": "host ptr",
    "java-inet": "host ptr",
    # of which most names are asked for as they stand
    "busybox": "host ptr",
    "dig": "host srv ptr",
    "node-resolve": "host srv ptr",
    "java-jndi": "host srv ptr",
}


def lookups(tool, addresses):
    """[(kind, name)] for a tool; `addresses` are those of the cluster that have a name."""
    names = {"host": HOSTS, "srv": SERVICES, "ptr": [*addresses, PUBLIC_ADDRESS]}
    return [(kind, name) for kind in TOOLS[tool].split() for name in names[kind] if not (name == MANY and tool in UDP_ONLY)]
