"""Clients of all kinds. Those that keep to the protocol must get an answer to each query in time. The others may get no answer, but no wrong one."""

import asyncio
import contextlib
import pathlib
import socket
import struct

import messages
from answers import Finding, Query, check, parse

# Seconds to wait for all answers of a client. The proxy's own time limit for a query is BUDGET.
BUDGET = 2.0
SLACK = 6.0  # for a build with sanitizers, on a machine that also runs the resolvers and all clients
SIGNATURE = messages.u16(messages.TSIG) + messages.u16(255)  # the type and class of a record
ABOVE = (b"a", b"sub", b"y" * 63)
SEARCH = (b"default", b"svc", b"cluster", b"local")


class Names:
    """Returns a name. Some names are repeated, so that the cache has them; others are new each time."""

    def __init__(self, random, zones):
        self.zones = zones
        self.above = {*ABOVE, *(label for zone in zones for label in zone)}
        self.known = [self.new(random) for _ in range(80)]

    def new(self, random):
        forms = (b"good%d", b"n%d", b"MiXeD%d", b"\xc3\xa9-%d", b"a.b\\%d", b"_x%d", b"x" * 50 + b"%d")
        label = random.choices(forms, (3, 6, 2, 1, 1, 1, 1))[0] % random.getrandbits(40)
        above = [random.choice(ABOVE) for _ in range(random.choice((0, 0, 0, 1, 2)))]
        return (label[:63], *above, *random.choice(self.zones))

    def take(self, random):
        name = random.choice(self.known) if random.random() < 0.6 else self.new(random)
        if random.random() < 0.1:
            name = tuple(label.upper() if random.random() < 0.5 else label for label in name)
        return name


def make_query(random, names, identifier):
    """A valid query."""
    flags = random.choice((0x0100, 0x0100, 0x0100, 0x0110, 0x0120, 0))
    writer = messages.Writer(random, 0)
    klass = random.choices((messages.IN, messages.CHAOS), (98, 2))[0]
    writer.question(names.take(random), random.choice(messages.TYPES) if klass == messages.IN else messages.TXT, klass)
    additional, size = 0, 512
    edns = random.random() < 0.6
    if edns:
        size = random.choice((0, 512, 1232, 4096, 65535))
        writer.record(messages.opt(random, size=size, flags=random.choice((0, 0x8000)), version=random.choices((0, 1), (95, 5))[0]))
        additional = 1
    signed = random.random() < 0.04
    if signed:
        writer.record(messages.Record((b"key", b"example"), messages.TSIG, 0, messages.name_wire((b"hmac-sha256",)), bytes(6),
                                      b"\1\x2c\0\x20", random.randbytes(32), messages.u16(identifier), bytes(4), klass=255))
        additional += 1
    writer.header(identifier, flags, (1, 0, 0, additional))
    # A client that states less than 512 accepts 512; the proxy's own limit is 1,232.
    return Query(bytes(writer.bytes), edns, max(512, size), signed)


def datagrams_dropped():
    """How many datagrams the kernel has dropped since a socket of this network namespace was full (RcvbufErrors)."""
    names, values = (line.split() for line in pathlib.Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Udp:"))
    return int(dict(zip(names, values))["RcvbufErrors"])


def queries(random, names, count):
    return [make_query(random, names, identifier) for identifier in random.sample(range(65536), count)]


class Crowd:
    """All clients of one round. `count` counts their actions."""

    def __init__(self, port, names, max_ttl, log):
        self.port = port
        self.names = names
        self.max_ttl = max_ttl
        self.log = log
        self.count = {"asked": 0, "answered": 0, "noerror": 0, "misbehaved": 0}

    def answered(self, query, data, datagram):
        self.log("answer", "datagram" if datagram else "stream", data)
        code = check(query, data, self.max_ttl, datagram)
        self.count["answered"] += 1
        self.count["noerror"] += code == 0

    async def one(self, random):
        """Runs one client from its start to its end."""
        deeds = {self.datagrams: 30, self.stream: 30, self.slow_reader: 3, self.trickle: 2, self.wrong_datagrams: 8, self.wrong_stream: 8,
                 self.half_message: 3, self.leaves: 6, self.reads_nothing: 2, self.idle: 2}
        deed = random.choices(list(deeds), list(deeds.values()))[0]
        if deed not in (self.datagrams, self.stream, self.slow_reader, self.trickle):
            self.count["misbehaved"] += 1
        await deed(random)

    # Clients that keep to the protocol.

    async def datagrams(self, random):
        asked = queries(random, self.names, random.choice((1, 1, 2, 5, 20)))
        async with Datagrams(self.port) as client:
            # On loopback the kernel drops a query while it is being sent.
            dropped = datagrams_dropped()
            for query in asked:
                self.say(query, "datagram")
                client.send(query.wire)
            waiting = {query.identifier: query for query in asked}
            await self.collect(waiting, client.receive, dropped)

    async def stream(self, random):
        asked = queries(random, self.names, random.choice((1, 1, 3, 10, 60)))
        async with Connection(self.port) as client:
            data = b"".join(framed(query.wire) for query in asked)
            for query in asked:
                self.say(query, "stream")
            at = 0
            while at < len(data):
                end = at + random.choice((1, 3, 30, 500, 5000, 5000))
                client.writer.write(data[at:end])
                at = end
                if random.random() < 0.2:
                    await asyncio.sleep(0.002)
            if random.random() < 0.2:
                client.writer.write_eof()
            await self.collect({query.identifier: query for query in asked}, client.receive)

    async def slow_reader(self, random):
        asked = queries(random, self.names, 10)
        async with Connection(self.port, receive_buffer=4096) as client:
            client.writer.write(b"".join(framed(query.wire) for query in asked))
            for query in asked:
                self.say(query, "stream")

            async def receive():
                await asyncio.sleep(0.02)
                return await client.receive()

            await self.collect({query.identifier: query for query in asked}, receive)

    async def trickle(self, random):
        query = make_query(random, self.names, random.randrange(65536))
        async with Connection(self.port) as client:
            self.say(query, "stream")
            for byte in framed(query.wire):
                client.writer.write(bytes([byte]))
                await asyncio.sleep(0.001)
            await self.collect({query.identifier: query}, client.receive)

    def say(self, query, how):
        self.count["asked"] += 1
        self.log("asked", how, query.wire)

    async def collect(self, waiting, receive, dropped=None):
        """Waits until each query has its answer. For datagrams `dropped` is what datagrams_dropped() was before the queries were sent: as many
        as the kernel has dropped since then may be missing."""
        datagram = dropped is not None
        try:
            async with asyncio.timeout(BUDGET + SLACK):
                while waiting:
                    data = await receive()
                    if data is None:
                        raise Finding(f"the connection of a client that did nothing wrong ended, {len(waiting)} queries before its end",
                                      **{f"query {query.identifier}": query.wire for query in waiting.values()})
                    query = waiting.pop(struct.unpack_from("!H", data)[0], None) if len(data) >= 2 else None
                    if query is None:
                        raise Finding("an answer to no query of this client, or a second one", answer=data)
                    self.answered(query, data, datagram)
        except TimeoutError:
            kernel = datagrams_dropped() - dropped if datagram else 0
            if kernel >= len(waiting):
                return
            over = f"UDP, of which the kernel dropped at most {kernel}" if datagram else "TCP"
            raise Finding(f"{len(waiting)} queries have no answer after {BUDGET + SLACK:g} s, over {over}",
                          **{f"query {query.identifier}": query.wire for query in waiting.values()}) from None

    # Clients that violate the protocol.

    def wrong(self, random):
        """A corrupted query, or bytes that were never a query."""
        if random.random() < 0.1:
            return random.randbytes(random.choice((0, 1, 11, 12, 13, 100, 3000)))
        writer = messages.Writer(random, 1)
        writer.question(self.names.take(random), random.choice(messages.TYPES + (41, 249, 250, 251, 252)), messages.IN)
        if random.random() < 0.7:
            writer.record(messages.opt(random))
        flags = random.choice((0x0100, 0x2100, 0x2800, 0x8100, random.randrange(65536)))
        writer.header(random.randrange(65536), flags, (1, 0, 0, len(writer.marks["record"])))
        message = messages.spoil(random, writer)
        with contextlib.suppress(IndexError):
            if messages.labels_of(message)[0].lower() in self.names.above:
                return bytes(writer.bytes)  # an answer may deny the name of a zone, and with it all names below (RFC 8020)
        return message

    def tolerated(self, data, sent, any_id=False):
        """The sender of a wrong query may get no answer, but never the answer to another query."""
        self.log("answer", "to what is wrong", data)
        if len(data) < 12 or not any_id and data[:2] not in {message[:2] for message in sent}:
            raise Finding("an answer to nothing that this client said", answer=data, **{f"said {i}": said for i, said in enumerate(sent)})
        # The proxy passes answers to signed queries unchanged.
        if not any(SIGNATURE in message for message in sent):
            parse(data, **{f"said {i}": said for i, said in enumerate(sent)})

    async def wrong_datagrams(self, random):
        sent = [self.wrong(random) for _ in range(random.choice((1, 5, 20)))]
        async with Datagrams(self.port) as client:
            for message in sent:
                self.log("wrong", "datagram", message)
                client.send(message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    while True:
                        self.tolerated(await client.receive(), sent)

    async def wrong_stream(self, random):
        sent = [query.wire for query in queries(random, self.names, random.choice((0, 1, 5)))] + [self.wrong(random)]
        async with Connection(self.port) as client:
            data = b"".join(framed(message) for message in sent)
            rubbish = random.randbytes(random.choice((1, 100, 70000))) if random.random() < 0.1 else b""
            data += rubbish
            for message in sent:
                self.log("wrong", "stream", message)
            with contextlib.suppress(TimeoutError, ConnectionError):
                client.writer.write(data)
                async with asyncio.timeout(0.3):
                    while (answer := await client.receive()) is not None:
                        # Two random bytes may be a length, and the bytes after them the header of a query.
                        self.tolerated(answer, sent, any_id=rubbish)

    async def half_message(self, random):
        async with Connection(self.port) as client:
            query = make_query(random, self.names, 1)
            client.writer.write(framed(query.wire)[:random.randrange(1, len(query.wire))])
            await asyncio.sleep(random.choice((0, 0.1, 0.5)))
            if random.random() < 0.5:
                client.writer.write_eof()

    async def leaves(self, random):
        """Asks, and closes before the answers come."""
        async with Connection(self.port) as client:
            client.writer.write(b"".join(framed(query.wire) for query in queries(random, self.names, random.choice((1, 20, 100)))))
            await asyncio.sleep(random.choice((0, 0, 0.001, 0.02, 0.2)))

    async def reads_nothing(self, random):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        with client:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", self.port))
            name = self.names.take(random)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    for identifier in range(2000):
                        writer = messages.Writer(random, 0)
                        writer.question(name, messages.TXT, messages.IN)
                        writer.header(identifier, 0x0100, (1, 0, 0, 0))
                        await loop.sock_sendall(client, framed(bytes(writer.bytes)))

    async def idle(self, random):
        async with Connection(self.port):
            await asyncio.sleep(random.choice((0, 0.2, 1)))


def framed(message):
    return messages.u16(len(message)) + message


class Connection:
    """A TCP connection. Its end is a reset if data was left unread, and otherwise a FIN."""

    def __init__(self, port, receive_buffer=None):
        self.port = port
        self.receive_buffer = receive_buffer
        self.reader = self.writer = None

    async def __aenter__(self):
        client = socket.socket()
        if self.receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self.port))
        limit = self.receive_buffer or 2**16
        self.reader, self.writer = await asyncio.open_connection(sock=client, limit=limit)
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    async def receive(self):
        """The next message, or None if the connection has ended."""
        try:
            size = struct.unpack("!H", await self.reader.readexactly(2))[0]
            return await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


class Datagrams(asyncio.DatagramProtocol):
    """A UDP socket."""

    def __init__(self, port):
        self.port = port
        self.received = asyncio.Queue()
        self.transport = None

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=("127.0.0.1", self.port))
        return self

    async def __aexit__(self, *_):
        self.transport.close()

    def datagram_received(self, data, _):
        self.received.put_nowait(data)

    def send(self, message):
        self.transport.sendto(message)

    async def receive(self):
        return await self.received.get()
