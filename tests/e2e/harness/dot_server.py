"""A DNS-over-TLS server whose faults a test chooses. It uses TLS through memory buffers, so that it chooses when to send close_notify and when
to close, and can record the bytes that clients send. It computes the answer to an A question from the name. The first label may contain words,
separated by hyphens, that change the answer or its time, as in `delay-500-ttl-1-nx-7`:

    delay-MS      send the answer after MS milliseconds
    recursion-MS  send the answer MS milliseconds after the question first came, like a resolver that recurses
    hold          send the answer when the test calls release()
    drop          send no answer
    ttl-S         the TTL of the records, and of negative answers by their SOA, is S seconds instead of 300
    nx, nodata    answer NXDOMAIN or NODATA, both with an SOA
    servfail      answer SERVFAIL
    close         close the connection instead of an answer
    wrongid, wrongname   answer with another id, or with another name in the question
"""

import asyncio
import collections
import socket
import ssl
import struct
import threading
import zlib

import dns.name
import dns.rdatatype

from .process import PATIENCE

WITH_NUMBER = (b"delay", b"recursion", b"ttl")
ALONE = (b"hold", b"drop", b"nx", b"nodata", b"servfail", b"close", b"wrongid", b"wrongname")
NXDOMAIN, SERVFAIL = 3, 2


def wishes(query):
    """The words of the first label, as {word: its number or True}. Reading stops at the first unknown word."""
    words = query[13:13 + query[12]].lower().split(b"-")
    found = {}
    while words:
        word = words.pop(0)
        if word in WITH_NUMBER and words and words[0].isdigit():
            found[word.decode()] = int(words.pop(0))
        elif word in ALONE:
            found[word.decode()] = True
        else:
            break
    return found


def question_of(name, type_):
    """The question section for a name, in lower case: the key of DotServer.asked."""
    return dns.name.from_text(name).to_wire().lower() + struct.pack("!HH", dns.rdatatype.from_text(type_), 1)


def question_end(message):
    at = 12
    while message[at]:
        at += 1 + message[at]
    return at + 5


def address_of(name_wire):
    """The address, in 198.18.0.0/15, of the A record for a name in wire form. The case of the name makes no difference."""
    return struct.pack("!I", 0xC6120000 | zlib.crc32(name_wire.lower()) & 0x1FFFF)


def answer_to(query, wished, refusal=None, options=b"", block=0):
    end = question_end(query)
    identifier, flags = struct.unpack_from("!HH", query)
    has_opt = struct.unpack_from("!H", query, 10)[0] > 0
    code = refusal or (NXDOMAIN if "nx" in wished else SERVFAIL if "servfail" in wished else 0)
    positive = code == 0 and "nodata" not in wished and query[end - 4:end] == b"\0\x01\0\x01"
    negative = code == NXDOMAIN or "nodata" in wished
    ttl = wished.get("ttl", 300)
    out = struct.pack("!HHHHHH", identifier, 0x8080 | flags & 0x0110 | code, 1, int(positive), int(negative), int(has_opt)) + query[12:end]
    if positive:
        out += b"\xc0\x0c\0\x01\0\x01" + struct.pack("!IH", ttl, 4) + address_of(query[12:end - 4])
    if negative:
        # The SOA belongs to the zone that is the name without its first label.
        owner = struct.pack("!H", 0xC000 | 13 + query[12])
        numbers = struct.pack("!IIIII", 1, 3600, 600, 86400, ttl)
        out += owner + b"\0\x06\0\x01" + struct.pack("!IH", ttl, 2 + 2 + len(numbers)) + owner + owner + numbers
    if has_opt:
        padding = struct.pack("!HH", 12, -(len(out) + 11 + len(options) + 4) % block) if block else b""
        padding += bytes(struct.unpack_from("!H", padding, 2)[0]) if block else b""
        out += b"\0" + struct.pack("!HHIH", 41, 4096, 0, len(options + padding)) + options + padding
    return out


def other_id(message):
    return bytes([message[0] ^ 1]) + message[1:]


def other_name(message):
    """The message with the first letter of the question's name replaced."""
    return message[:13] + (b"y" if message[13:14] == b"z" else b"z") + message[14:]


class Connection(asyncio.Protocol):
    """The connection of one client."""

    def __init__(self, server):
        self.server = server
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = server.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.established = False
        self.closing = False
        self.buffer = b""
        self.in_flight = 0
        self.records = 0  # TLS records that were read and that no query has been counted for yet
        self.idle_timer = None
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        self.server.connections += 1
        self.server.open.add(self)

    def connection_lost(self, _):
        self.server.open.discard(self)
        if self.idle_timer:
            self.idle_timer.cancel()

    def data_received(self, data):
        if self.server.record:
            self.server.recorded += data
        if self.closing:
            return
        self.incoming.write(data)
        try:
            self.read_all()
        except ssl.SSLError as error:  # most likely the client has refused the certificate
            self.server.tls_errors.append(str(error))
            self.flush()
            self.transport.abort()
            return
        self.flush()

    def read_all(self):
        if not self.established:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                return
            self.established = True
            self.server.handshakes += 1
            self.server.resumed += int(bool(self.tls.session_reused))
            self.server.alpn.add(self.tls.selected_alpn_protocol())
            if self.server.reset_after_handshake:
                self.reset()
                return
            self.rearm_idle_timer()
        try:
            while True:
                data = self.tls.read(65536)
                if not data:
                    break
                self.buffer += data
                self.records += 1
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.transport.close()
            return
        self.take_queries()

    def take_queries(self):
        while len(self.buffer) >= 2 and not self.closing:
            end = 2 + struct.unpack_from("!H", self.buffer)[0]
            if self.in_flight >= self.server.max_in_flight:
                break
            if len(self.buffer) < end or (self.server.one_query_per_record and self.records == 0):
                break
            self.records -= 1
            query, self.buffer = self.buffer[2:end], self.buffer[end:]
            self.server.queries += 1
            self.in_flight += 1
            self.server.asked[query[12:question_end(query)].lower()] += 1
            self.schedule(query, wishes(query))

    def schedule(self, query, wished):
        loop = asyncio.get_running_loop()
        if "drop" in wished or self.server.silent:
            return
        if "close" in wished:
            self.close()
        elif "hold" in wished:
            self.server.held.append((self, query, wished))
        elif "delay" in wished:
            loop.call_later(wished["delay"] / 1000, self.answer_later, query, wished)
        elif "recursion" in wished or (self.server.recursion and query[12:question_end(query)].lower() not in self.server.known):
            asked = self.server.first_asked.setdefault(query[12:], loop.time())
            seconds = wished["recursion"] / 1000 if "recursion" in wished else self.server.recursion
            loop.call_at(asked + seconds, self.answer_later, query, wished)
        elif self.server.late_every and self.server.queries % self.server.late_every == 0:
            loop.call_later(self.server.late_by, self.answer_later, query, wished)
        else:
            self.answer(query, wished)

    def answer_later(self, query, wished):
        if not self.closing and not self.transport.is_closing():
            self.answer(query, wished)
            self.take_queries()
            self.flush()

    def answer(self, query, wished):
        self.in_flight -= 1
        self.server.known.add(query[12:question_end(query)].lower())
        keepalive = struct.pack("!HHH", 11, 2, self.server.keepalive) if self.server.keepalive else b""
        reply = answer_to(query, wished, self.server.refusal, keepalive, self.server.padding)
        if "wrongid" in wished:
            reply = other_id(reply)
        elif "wrongname" in wished:
            reply = other_name(reply)
        self.tls.write(struct.pack("!H", len(reply)) + reply)
        self.rearm_idle_timer()
        if self.server.close_after_answer:
            self.close()

    def rearm_idle_timer(self):
        if self.server.idle_close is None:
            return
        if self.idle_timer:
            self.idle_timer.cancel()
        self.idle_timer = asyncio.get_running_loop().call_later(self.server.idle_close, self.close_idle)

    def close_idle(self):
        if self.in_flight == 0:
            self.close()

    def close(self):
        """Sends close_notify (unless switched off) and FIN. What the client sends after that is read and discarded until the client closes."""
        self.closing = True
        if self.server.close_notify:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
        self.flush()
        if not self.transport.is_closing():
            self.transport.write_eof()

    def reset(self):
        self.closing = True
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def flush(self):
        data = self.outgoing.read()
        if data and not self.transport.is_closing():
            self.transport.write(data)


class DotServer:
    """The server. It runs in its own thread. A test may read the attributes at any time, and sets faults before clients connect."""

    def __init__(self, certificate, *, close_after_answer=False, idle_close=None, close_notify=True, record=False, alpn=True,
                 maximum_version=None, one_query_per_record=False, host="127.0.0.1", client_authorities=()):
        self.host = host
        self.close_after_answer = close_after_answer
        self.idle_close = idle_close  # seconds
        self.close_notify = close_notify
        self.record = record
        self.one_query_per_record = one_query_per_record  # like NSD 4.6: of several queries in a TLS record, the rest waits for the next record
        self.recorded = bytearray()  # the encrypted bytes that clients have sent, if `record`
        self.connections = self.handshakes = self.resumed = self.queries = 0
        self.asked = collections.Counter()  # question_of() -> number of queries
        self.refusal = None  # the response code of every answer, or None
        self.reset_after_handshake = False
        self.silent = False  # while True, the server reads queries and does not answer them
        self.late_every = 0  # every late_every-th query is answered late_by seconds late; 0: none
        self.late_by = 0.3
        self.recursion = 0.0  # seconds that a question waits if it has not been answered before
        self.known = set()  # questions that have been answered
        self.max_in_flight = float("inf")  # unanswered queries of a connection at which the server stops reading queries from it
        self.keepalive = 0  # the idle timeout that answers state (RFC 7828), in units of 100 ms; 0: none. It need not be the real one
        self.padding = 0  # the block size to which answers are padded, in bytes; 0: no padding
        self.held = []
        self.alpn = set()
        self.tls_errors = []
        self.open = set()
        self.first_asked = {}  # question -> loop time
        self.port = 0
        self.certificate = certificate
        self.client_authorities = client_authorities  # CA files; if empty, clients need no certificate
        self.speaks = alpn, maximum_version
        self.make_context()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.listener = None

    def make_context(self):
        """Makes the TLS context of the connections that are accepted from now on."""
        alpn, maximum_version = self.speaks
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.certificate.is_weak:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(self.certificate.path, self.certificate.key)
        if alpn:
            context.set_alpn_protocols(["dot"])
        if maximum_version:
            context.maximum_version = maximum_version
        for file in self.client_authorities:
            context.load_verify_locations(cafile=str(file))
            context.verify_mode = ssl.CERT_REQUIRED
        self.context = context

    def take_certificate(self, certificate):
        self.certificate = certificate
        self.make_context()

    def accept_clients_of(self, authorities):
        self.client_authorities = authorities
        self.make_context()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def __enter__(self):
        self.thread.start()
        self.listen()
        return self

    def __exit__(self, *_):
        self.drop_everything()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def asked_for(self, name, type_="A"):
        """How many queries with this question have come."""
        return self.asked[question_of(name, type_)]

    def release(self):
        """Answers the queries that the word `hold` holds back."""

        async def release():
            held, self.held = self.held, []
            for connection, query, wished in held:
                connection.answer_later(query, wished)

        self.call(release())

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    def listen(self):
        """Starts to listen, on the port that it had before."""

        async def listen():
            self.listener = await self.loop.create_server(lambda: Connection(self), self.host, self.port, backlog=1024,
                                                          reuse_address=True)
            self.port = self.listener.sockets[0].getsockname()[1]

        self.call(listen())

    def close_connections(self):
        """Closes all connections and keeps listening, like a server that loads a new certificate."""

        async def close():
            for connection in list(self.open):
                connection.close()

        self.call(close())

    def drop_everything(self):
        """Stops listening and resets every connection, as if the server had been killed."""

        async def drop():
            # There is no call of wait_closed(), which since Python 3.12 waits for the connections too.
            self.listener.close()
            for connection in list(self.open):
                connection.reset()

        self.call(drop())
