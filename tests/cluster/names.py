"""The names that the pods look up, the objects of the cluster that have these names, and the zone of the public resolver."""

DOMAIN = "cluster.local"
HERE, THERE, OUTSIDE = NAMESPACES = ("pillion-a1", "pillion-a2", "pillion-outside")
SEARCH = [f"{HERE}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN]

# A top-level domain in which every name exists. The Service `app` has the same name. A pod of it that is down, such as `s-0.app`, must not be found
# here, since the cluster's DNS says that it does not exist.
WILDCARD_ADDRESS = "192.0.2.66"
PUBLIC_ADDRESS = "233.252.0.1"  # RFC 6676: an address for examples, outside of the ranges whose reverse zones Pillion answers locally

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

# Services of type ExternalName with a target outside the cluster: (namespace, name, target)
OUTWARD = [(HERE, "ext", "www.example.com"), (THERE, "ext", "v6.example.com"), (HERE, "nowhere", "missing.example.com")]

# Tools that do not repeat a truncated query over TCP. How many addresses fit into an answer over UDP depends on the other records in it.
UDP_ONLY = ("busybox", "musl")
MANY = "many.example.com"


def forms(name, namespace):
    """The forms in which an application may write the name of a Service, or of a pod of it."""
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
    # pods that do not exist: of a StatefulSet with other pods, and of one that is down
    *forms("db-7.db", HERE),
    *forms("s-0.app", HERE),
    *forms("app", HERE),
    # ExternalName: to a name outside, to another Service, to a name that does not exist
    *forms("ext", HERE),
    *forms("ext", THERE)[:2],
    *forms("inner", HERE)[:2],
    *forms("nowhere", HERE)[:2],
    # in another namespace than these
    *forms("kubernetes", "default"),
    # the Service does not exist, the namespace does not exist
    *forms("missing", HERE),
    *forms("missing", THERE)[:2],
    *forms("web", "pillion-missing"),
    f"192-0-2-1.{HERE}.pod.{DOMAIN}",
    f"missing.{HERE}.pod.{DOMAIN}",
    # names that exist and have no address: EAI_NODATA or EAI_NONAME
    DOMAIN, f"svc.{DOMAIN}", f"{HERE}.svc", f"{HERE}.svc.{DOMAIN}.", HERE, "svc", "com", "com.",
    # names outside the cluster, of two, three and more labels
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

# The kinds of lookup of each tool. The tools that send the fewest names out of the cluster come first, since Pillion does not ask again for what is
# in its cache: musl ends its walk at the first name that exists, glibc at the first that has an address of the family.
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
    # which ask for most names without the search list
    "busybox": "host ptr",
    "dig": "host srv ptr",
    "node-resolve": "host srv ptr",
    "java-jndi": "host srv ptr",
}


def lookups(tool, addresses):
    """The lookups for a tool, as [(kind, name)]. `addresses` are the addresses of the cluster that have a PTR record."""
    names = {"host": HOSTS, "srv": SERVICES, "ptr": [*addresses, PUBLIC_ADDRESS]}
    return [(kind, name) for kind in TOOLS[tool].split() for name in names[kind] if not (name == MANY and tool in UDP_ONLY)]
