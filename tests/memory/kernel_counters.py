"""The kernel's counters of dropped packets, in the network namespace of this thread, and the queue of the loopback interface."""

import contextlib
import pathlib
import re

NET = pathlib.Path("/proc/thread-self/net")
# How many packets of the loopback interface may wait, for each processor. The kernel drops further ones. Thousands of
# connections whose clients do not read overflow the default of 1,000.
QUEUE = pathlib.Path("/proc/sys/net/core/netdev_max_backlog")
QUEUE_ROOM = 100_000
# The counters, by file, that increase with a lost query or answer.
FIELDS = {
    "snmp": {"Udp": ("OutDatagrams", "InDatagrams", "NoPorts", "InErrors", "RcvbufErrors", "SndbufErrors", "MemErrors"),
             "Tcp": ("RetransSegs",)},
    "netstat": {"TcpExt": ("ListenOverflows", "ListenDrops", "TCPBacklogDrop", "TCPRcvQDrop", "PruneCalled", "TCPTimeouts")},
}


def _table(text):
    """{group: {name: value}} of a file with a line of names and a line of values for each group."""
    lines = [line.split() for line in text.splitlines()]
    return {names[0].rstrip(":"): dict(zip(names[1:], map(int, values[1:]))) for names, values in zip(lines[::2], lines[1::2])}


def _udp_sockets(server_port):
    """(drops of the server's sockets, drops of its clients' sockets). A socket drops a packet that finds its buffer full."""
    server = clients = 0
    for line in (NET / "udp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(fields[place].rsplit(":", 1)[1], 16) for place in (1, 2))
        server += int(fields[-1]) if local == server_port else 0
        clients += int(fields[-1]) if remote == server_port else 0
    return server, clients


def read(server_port):
    """{name: count} of the kernel, and of the UDP sockets of a server and its connected clients."""
    counts = {}
    for file, groups in FIELDS.items():
        table = _table((NET / file).read_text())
        for group, names in groups.items():
            counts.update({f"{group} {name}": table[group].get(name, 0) for name in names})
    loopback = re.search(r"^\s*lo:(.*)$", (NET / "dev").read_text(), re.MULTILINE)[1].split()
    counts["lo dropped"] = int(loopback[3])
    counts["server's socket dropped"], counts["clients' sockets dropped"] = _udp_sockets(server_port)
    return counts


def changes(before, after):
    """{name: increase} of the counters that have increased."""
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


def datagrams_without_receiver(changed):
    """How many datagrams left a socket and reached no other, by the increase of the counters: the kernel dropped them on the way. Not exact if
    other programs in the network namespace send datagrams."""
    arrived = sum(changed.get(f"Udp {name}", 0) for name in ("InDatagrams", "NoPorts", "InErrors"))
    return changed.get("Udp OutDatagrams", 0) - arrived


@contextlib.contextmanager
def room_for_packets():
    """Lets QUEUE_ROOM packets wait on the loopback interface, if this is permitted. Restores the machine's value at the end."""
    before = QUEUE.read_text() if QUEUE.exists() else ""
    try:
        if before and int(before) < QUEUE_ROOM:
            with contextlib.suppress(OSError):
                QUEUE.write_text(str(QUEUE_ROOM))
        yield
    finally:
        with contextlib.suppress(OSError):
            if before:
                QUEUE.write_text(before)
