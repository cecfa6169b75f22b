"""Resolvers that answer wrongly, late, twice, in pieces or not at all, over TLS, TCP and UDP. Their behaviour follows from the seed, the
question and how often it has come. They answer names whose first label begins with `good` correctly."""

import asyncio
import contextlib
import random as randoms
import socket
import ssl
import struct

import messages

HANDSHAKE_FAULTS = 0.02
HONEST_AND_LATE = 0.3  # so that another answer can come in the name of this query
LATE = 0.03


class Upstream:
    """The common part of all connections. It calls `log(direction, what, bytes)` for each message."""

    def __init__(self, seed, log):
        self.seed = seed
        self.log = log
        self.asked = {}

    def random_for(self, query):
        """A random generator that is the same for the n-th time of the same question."""
        question = bytes(query[12:messages.question_end(query)]).lower()
        count = self.asked[question] = self.asked.get(question, 0) + 1
        return randoms.Random(f"{self.seed}/{question.hex()}/{count}")

    def reply(self, random, query):
        """One message, valid or corrupted."""
        writer = messages.Reply(random, query).write()
        if len(writer.bytes) > messages.LARGEST or random.random() < 0.4:
            return messages.spoil(random, writer)
        return bytes(writer.bytes)


def is_honest(query):
    # The proxy itself asks for the root, to find out whether the server answers.
    return query[12] == 0 or query[13:17].lower() == b"good"


class Stream(asyncio.Protocol):
    """One connection; with a context over TLS, through memory buffers."""

    def __init__(self, upstream, context):
        self.upstream = upstream
        self.tls = None
        self.established = False
        if context:
            self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.buffer = b""
        self.over = False
        self.waits = b"\0\0"  # the id of the last query with a correct, delayed answer
        self.transport = None
        self.random = randoms.Random()

    def connection_made(self, transport):
        self.transport = transport
        self.upstream.connections.add(self)
        self.random = randoms.Random(f"{self.upstream.seed}/connection/{self.upstream.accepted}")
        self.upstream.accepted += 1
        if self.random.random() < HANDSHAKE_FAULTS:
            self.over = True
            rubbish = self.random.randbytes(100)
            self.random.choice((self.reset, self.transport.close, lambda: self.transport.write(rubbish), lambda: None))()

    def connection_lost(self, _):
        self.over = True
        self.upstream.connections.discard(self)

    def data_received(self, data):
        if self.over:
            return
        if self.tls:
            self.incoming.write(data)
            data = self.decrypted()
        self.buffer += data
        self.flush()
        while not self.over and len(self.buffer) >= 2:
            end = 2 + struct.unpack_from("!H", self.buffer)[0]
            if len(self.buffer) < end:
                break
            query, self.buffer = self.buffer[2:end], self.buffer[end:]
            self.take(query)

    def decrypted(self):
        data = b""
        try:
            if not self.established:
                self.tls.do_handshake()
                self.established = True
            while part := self.tls.read(65536):
                data += part
            self.transport.close()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.flush()
            self.over = True
            self.transport.abort()
        return data

    def take(self, query):
        self.upstream.log("query", "stream", query)
        try:
            random = self.upstream.random_for(query)
            if not is_honest(query):
                self.answer(random, query)
            elif random.random() < HONEST_AND_LATE:
                self.waits = query[:2]
                asyncio.get_running_loop().call_later(LATE, self.send, [framed(messages.honest(query))])
            else:
                self.send([framed(messages.honest(query))])
        except IndexError:
            self.upstream.log("query that has no question", "stream", query)
            self.transport.abort()

    def answer(self, random, query):
        loop = asyncio.get_running_loop()
        reply = self.upstream.reply(random, query)
        self.upstream.log("reply", "stream", reply)
        data = framed(reply)
        fate = random.choices(("whole", "late", "pieces", "twice", "silence", "length", "close", "cut", "reset", "alert", "rubbish",
                               "half", "crossed"), (70, 8, 10, 2, 3, 1, 1, 0.5, 0.5, 0.3, 0.3, 0.5, 2))[0]
        if fate == "whole":
            self.send([data])
        elif fate == "late":
            loop.call_later(random.choice((0.01, 0.1, 0.5, 1, 3)), self.send, [data])
        elif fate == "pieces":
            cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.choice((1, 2, 9))))
            self.send([data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)])])
        elif fate == "twice":
            self.send([data, data])
        elif fate == "length":
            self.send([messages.u16(random.choice((0, 1, 11, len(reply) - 1, len(reply) + 1, 65535))) + reply])
        elif fate == "crossed":
            self.send([framed(self.waits + reply[2:])])
        elif fate == "half":
            self.send([data[:random.randrange(1, len(data))]])
            loop.call_later(random.choice((0.05, 0.5)), self.close)
        elif fate == "close":
            self.send([data])
            self.close()
        elif fate == "cut":
            self.cut(data, random)
        elif fate == "reset":
            self.reset()
        elif fate == "alert":
            self.transport.write(b"\x15\x03\x03\0\2" + random.choice((b"\2\x28", b"\1\0", b"\2\x50")))
        elif fate == "rubbish":
            self.send([random.randbytes(random.choice((1, 20, 3000)))])

    def send(self, parts):
        """Sends each part as a TLS record."""
        if self.over:
            return
        for part in filter(None, parts):
            if self.tls:
                with contextlib.suppress(ssl.SSLError):
                    self.tls.write(part)
                self.flush()
            else:
                self.transport.write(part)

    def flush(self):
        if self.tls and not self.transport.is_closing():
            self.transport.write(self.outgoing.read())

    def close(self):
        if self.over:
            return
        if self.tls and self.random.random() < 0.5:
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            self.flush()
        self.over = True
        self.transport.close()

    def cut(self, data, random):
        """Closes the connection in the middle of a TLS record."""
        if self.tls:
            with contextlib.suppress(ssl.SSLError):
                self.tls.write(data)
            data = self.outgoing.read()
        self.transport.write(data[:random.randrange(len(data))])
        self.over = True
        self.transport.close()

    def reset(self):
        self.over = True
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def framed(message):
    return messages.u16(len(message)) + message


class Streams(Upstream):
    """A server on loopback, over TLS if it has a context, else over TCP."""

    def __init__(self, seed, log, context=None):
        super().__init__(seed, log)
        self.context = context
        self.connections = set()
        self.accepted = 0
        self.listener = None
        self.port = 0

    async def start(self, port=0):
        self.listener = await asyncio.get_running_loop().create_server(lambda: Stream(self, self.context), "127.0.0.1", port, backlog=512)
        self.port = self.listener.sockets[0].getsockname()[1]

    def stop(self):
        self.listener.close()
        for connection in list(self.connections):
            connection.reset()


class Datagrams(Upstream, asyncio.DatagramProtocol):
    """A server over UDP. `other` is a socket with another port, for forged replies."""

    def __init__(self, seed, log):
        super().__init__(seed, log)
        self.transport = None
        self.waits = None  # the id and the sender of the last query with a correct, delayed answer
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = 0

    async def start(self):
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))

    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def stop(self):
        self.transport.close()
        self.other.close()

    def datagram_received(self, query, address):
        self.log("query", "datagram", query)
        try:
            random = self.random_for(query)
        except IndexError:
            return
        if is_honest(query):
            if random.random() < HONEST_AND_LATE:
                self.waits = query[:2], address
                asyncio.get_running_loop().call_later(LATE, self.send, messages.honest(query), address)
            else:
                self.send(messages.honest(query), address)
            return
        loop = asyncio.get_running_loop()
        reply = self.reply(random, query)
        self.log("reply", "datagram", reply)
        fate = random.choices(("whole", "late", "twice", "silence", "truncated", "forged", "rubbish", "near", "crossed"),
                              (70, 8, 3, 5, 6, 3, 2, 3, 3))[0]
        if fate in ("whole", "twice"):
            self.send(reply, address)
        if fate == "twice":
            self.send(reply, address)
        elif fate == "late":
            loop.call_later(random.choice((0.01, 0.1, 0.5, 1, 3)), self.send, reply, address)
        elif fate == "truncated":
            self.send(reply[:2] + bytes([reply[2] | 2]) + reply[3:random.choice((12, len(reply)))] if len(reply) > 12 else reply, address)
        elif fate == "forged":
            with contextlib.suppress(OSError):
                self.other.sendto(reply[:4000], address)
            loop.call_later(0.05, self.send, reply, address)
        elif fate == "rubbish":
            self.send(random.randbytes(random.choice((0, 1, 12, 500))), address)
            self.send(reply, address)
        elif fate == "crossed" and self.waits:
            self.send(self.waits[0] + reply[2:], self.waits[1])
        elif fate == "near":
            for _ in range(random.choice((1, 5))):
                self.send(messages.u16(struct.unpack_from("!H", query)[0] ^ 1 << random.randrange(16)) + reply[2:], address)

    def send(self, reply, address):
        if not self.transport.is_closing():
            self.transport.sendto(reply[:65000], address)
