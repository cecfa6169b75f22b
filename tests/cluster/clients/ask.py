#!/usr/bin/python3
"""Resolves names by one of the tools below, in a pod. On standard input {"tool": NAME, "lookups": [[KIND, NAME], ...]}, on standard output
the same list, to each its words: addresses and names sorted, or what the tool says of a failure. What differs from one answer of the same
server to the next, or from one pod to the other by intent, is left out; where that is done a comment says so.

    ask.py                   one request
    ask.py watch NAME...     getaddrinfo of these names, again and again: a line of JSON for each change, until standard input ends
    ask.py disturb NAME...   asks for their TXT, NS and SOA records, again and again, until standard input ends
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

# Above what each resolver takes to give up.
PATIENCE = 60
# Time between two looks of `watch`.
PAUSE = 0.05
# Time between two rounds of `disturb`; below the TTL of what a cluster's DNS says about its zones.
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
    """The names that a walk along the search list asks for, in their order, the name itself among the others."""
    name = name.lower()
    return [name] if name.endswith(".") else [*(f"{name}.{domain}" for domain in resolv_conf("search")), name]


def is_walks_alias(name, alias, target):
    """Pillion answers the first step of a walk with what the whole walk finds, by an alias of the step that finds it. deploy/QUERIES.md says so;
    that alias is left out of what is compared."""
    first, *others = walked(name)
    return alias.rstrip(".").lower() == first and target.rstrip(".").lower() in others


def getent(database):
    def ask(kind, name):
        code, out = run("getent", database, name)
        words = set()
        for line in out.lower().splitlines():
            found, *more = line.split()
            # `hosts` has the name that the addresses are of and then its aliases, of which the first step of the walk may be one.
            words |= {found, *more[:1], *(word for word in more[1:] if word != walked(name)[0])}
        return sorted(words) if code == 0 else [f"exit {code}"]
    return ask


def busybox(kind, name):
    """Of what it prints the addresses, the aliases and the complaints; not the names, which are the walked ones where it has walked."""
    code, out = run("busybox", "nslookup", name)
    words = {f"exit {code}"}
    for line in out.partition("\n\n")[2].splitlines():
        # The server's address is in front of the first empty line.
        if match := re.match(r"Address.*?: *(\S+)$|\S+\tname = (\S+)$|\*\* server can't find \S+: (\w+)$", line):
            words.add(next(word for word in match.groups() if word))
        elif match := re.match(r"(\S+)\tcanonical name = (\S+)$", line):
            if not is_walks_alias(name, *match.groups()):
                words.add(f"alias of {match.group(2)}")
    return sorted(words)


def dig(*options):
    """Code and records without their TTLs, the latter in no order."""
    def ask(kind, name):
        # Any other kind is a type's name.
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
                    del record[3]  # the serial, which changes with whatever changes in the cluster
                # dig says in which letters it has asked; the records have those of the server.
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
        # Each is a process that mostly starts; two at a time are as fast as the machine of a small node.
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
            # Nobody reads the answers: it is enough that the resolver has given them.
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
