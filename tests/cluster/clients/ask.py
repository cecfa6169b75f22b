#!/usr/bin/python3
"""Resolves names by one of the tools below, in a pod. Standard input has {"tool": NAME, "lookups": [[KIND, NAME], ...]}. Standard output gets the
same list with the words of each lookup: addresses and names, sorted, or the tool's error. Differences that are expected between two answers of
one server, or between the two pods, are left out; a comment at each such place says so.

    ask.py                   one request
    ask.py watch NAME...     looks these names up by getaddrinfo repeatedly, prints a line of JSON for each change, ends with standard input
    ask.py disturb NAME...   asks for their TXT, NS and SOA records repeatedly, ends with standard input
"""

import concurrent.futures
import json
import re
import select
import socket
import subprocess
import sys
import time

import dns.message

# Seconds. Larger than the time after which each resolver gives up.
PATIENCE = 60
# Seconds between two lookups of `watch`.
PAUSE = 0.05
# Seconds between two rounds of `disturb`. Smaller than the TTL of the answers of a cluster's DNS about its zones.
ROUND = 0.5

# A tool that reads "KIND NAME" lines and prints "KIND<tab>NAME<tab>WORD..." lines.
PROGRAMS = {
    "glibc": ["/lookup-glibc"],
    "musl": ["/lookup-musl"],
    "go": ["/lookup-go"],
    "node-lookup": ["/usr/bin/node", "/lookup.js", "lookup"],
    "node-resolve": ["/usr/bin/node", "/lookup.js", "resolve"],
    "java-inet": ["/usr/lib/jvm/default-java/bin/java", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1", "-cp", "/", "Lookup", "inet"],
    "java-jndi": ["/usr/lib/jvm/default-java/bin/java", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1", "-cp", "/", "Lookup", "jndi"],
    "ruby": ["/usr/bin/ruby", "/lookup.rb"],
    "hickory": ["/lookup-hickory"],
}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout


def resolv_conf(keyword):
    with open("/etc/resolv.conf", encoding="ascii") as file:
        return [word for line in file if line.startswith(f"{keyword} ") for word in line.split()[1:]]


def walked(name):
    """The names that a walk along the search list asks for, in order, including the name itself."""
    name = name.lower()
    return [name] if name.endswith(".") else [*(f"{name}.{domain}" for domain in resolv_conf("search")), name]


def is_walks_alias(name, alias, target):
    """True for the alias with which Pillion answers the first step of a search-list walk: it points to the step with the result. README describes
    it; the comparison leaves it out."""
    first, *others = walked(name)
    return alias.rstrip(".").lower() == first and target.rstrip(".").lower() in others


def getent(database):
    def ask(kind, name):
        code, out = run("getent", database, name)
        words = set()
        for line in out.lower().splitlines():
            found, *more = line.split()
            # `hosts` contains the canonical name and then its aliases. One alias may be the first step of the walk.
            words |= {found, *more[:1], *(word for word in more[1:] if word != walked(name)[0])}
        return sorted(words) if code == 0 else [f"exit {code}"]
    return ask


def busybox(kind, name):
    """The addresses, aliases and errors that nslookup prints. The names are left out, since they depend on the walk."""
    code, out = run("busybox", "nslookup", name)
    words = {f"exit {code}"}
    for line in out.partition("\n\n")[2].splitlines():
        # The server's address is before the first empty line.
        if match := re.match(r"Address.*?: *(\S+)$|\S+\tname = (\S+)$|\*\* server can't find \S+: (\w+)$", line):
            words.add(next(word for word in match.groups() if word))
        elif match := re.match(r"(\S+)\tcanonical name = (\S+)$", line):
            if not is_walks_alias(name, *match.groups()):
                words.add(f"alias of {match.group(2)}")
    return sorted(words)


def dig(*options):
    """The response code and the records without TTLs, in no order."""
    def ask(kind, name):
        # Each other kind is the name of a type.
        types = {"host": ["A", "AAAA"]}.get(kind, [kind.upper()])
        words = []
        for type_ in types:
            what = ["-x", name] if kind == "ptr" else [name, type_]
            _, out = run("dig", "+noall", "+comments", "+answer", *options, *what)
            code = re.search(r"status: (\w+)", out)
            words.append(f"{type_} {code.group(1) if code else out.strip()}")
            for line in out.splitlines():
                fields = line.split()
                if line.startswith(";") or len(fields) < 5:
                    continue
                owner, _, _, *record = fields
                if record[0] == "SOA":
                    del record[3]  # the serial, which each change in the cluster changes
                # dig prints the question in the case of the query; the records have the case of the server.
                if not (record[0] == "CNAME" and is_walks_alias(name, owner, record[1])):
                    words.append(" ".join([owner.lower(), *record]))
        return sorted(words)
    return ask


TOOLS = {
    "getent-hosts": getent("hosts"),
    "getent-ahosts": getent("ahosts"),
    "getent-ahostsv4": getent("ahostsv4"),
    "busybox": busybox,
    "dig": dig(),
    "dig-search": dig("+search"),
}


def answers(tool, lookups):
    if tool in TOOLS:
        # Each lookup is a process that mostly starts up: two at a time use the machine of a small node fully.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda lookup: TOOLS[tool](*lookup), lookups))
    text = "".join(f"{kind} {name}\n" for kind, name in lookups)
    done = subprocess.run(PROGRAMS[tool], input=text, capture_output=True, text=True, timeout=5 * PATIENCE, check=False)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    if done.returncode != 0 or [row[:2] for row in rows] != [list(lookup) for lookup in lookups]:
        sys.exit(f"{tool} ended with {done.returncode} after {len(rows)} of {len(lookups)} names: {done.stderr[-2000:]}")
    return [sorted(word for word in row[2:] if word) for row in rows]


def addresses(name):
    try:
        return sorted({one[4][0] for one in socket.getaddrinfo(name.encode(), None, type=socket.SOCK_STREAM)})
    except socket.gaierror as error:
        return [str(error.errno)]


def watch(names):
    last = {}
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        for name in names:
            found = addresses(name)
            if last.get(name) != found:
                last[name] = found
                print(json.dumps({"name": name, "at": time.time(), "found": found}), flush=True)


def disturb(names):
    queries = [dns.message.make_query(name, type_).to_wire() for name in names for type_ in ("TXT", "NS", "SOA")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((resolv_conf("nameserver")[0], 53))
        while not select.select([sys.stdin], [], [], ROUND)[0]:
            # The answers are not used: the test only needs the resolver to give them.
            for query in queries:
                client.send(query)
            print("asked", flush=True)


def main():
    if sys.argv[1:2] == ["disturb"]:
        disturb(sys.argv[2:])
        return
    if sys.argv[1:2] == ["watch"]:
        watch(sys.argv[2:])
        return
    request = json.load(sys.stdin)
    found = answers(request["tool"], request["lookups"])
    json.dump([[kind, name, words] for (kind, name), words in zip(request["lookups"], found, strict=True)], sys.stdout)


if __name__ == "__main__":
    main()
