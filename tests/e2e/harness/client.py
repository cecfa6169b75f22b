"""DNS clients that send exactly the given bytes or messages, and functions that compare answers."""

import contextlib
import socket
import struct

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode

from .process import PATIENCE

EDE = 15  # the option code of RFC 8914


def make_query(name, type_="A", klass="IN", **options):
    """Makes a query with dnspython. `options` are those of dns.message.make_query."""
    return dns.message.make_query(name, type_, klass, **options)


class TcpClient:
    """One TCP connection. Each message is sent with a prefix that states its length (RFC 1035 section 4.2.2)."""

    def __init__(self, port, host="127.0.0.1", receive_buffer=None, source=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, *messages):
        """Sends messages, as bytes or as dnspython's objects, by one call of sendall."""
        self.send_raw(b"".join(framed(message) for message in messages))

    def send_raw(self, data):
        self.socket.sendall(data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self):
        """The next message as bytes, or None if the server has closed or reset the connection."""
        while len(self.received) < 2 or len(self.received) < 2 + struct.unpack_from("!H", self.received)[0]:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.received += data
        end = 2 + struct.unpack_from("!H", self.received)[0]
        message, self.received = self.received[2:end], self.received[end:]
        return message

    def ask(self, message):
        self.send(message)
        return self.receive()


def framed(message):
    data = wire(message)
    return struct.pack("!H", len(data)) + data


def wire(message):
    return message if isinstance(message, bytes) else message.to_wire()


def ask_tcp(port, message, host="127.0.0.1"):
    with TcpClient(port, host) as client:
        return client.ask(message)


@contextlib.contextmanager
def udp_socket(port, host="127.0.0.1", source=None):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        if source:
            client.bind((source, 0))
        client.connect((host, port))
        yield client


def ask_udp(port, message, host="127.0.0.1"):
    with udp_socket(port, host) as client:
        client.send(wire(message))
        return client.recv(65536)


def ask_tls(server, message, context, tls_name):
    """Sends a query to a server over TLS, without Pillion."""
    return dns.query.tls(message, "127.0.0.1", PATIENCE, server.tls_port, ssl_context=context, server_hostname=tls_name)


def read(data):
    """Parses a message. Fails if `data` is None."""
    assert data is not None, "the connection was closed instead of answered"
    return dns.message.from_wire(data)


def rcode(data):
    return dns.rcode.to_text(read(data).rcode())


def essence(message):
    """The parts of an answer that must be equal in two answers to one question. These are all parts except the id, the EDNS options, which apply
    to one hop, and the order of the records in an RRset, which servers rotate."""
    edns_flags = dns.flags.DO & message.ednsflags
    return {
        "rcode": dns.rcode.to_text(message.rcode()),
        "flags": dns.flags.to_text(message.flags),
        "do": edns_flags != 0,
        "question": [question.to_text() for question in message.question],
        **{section: [sorted(records.to_text().splitlines()) for records in getattr(message, section)]
           for section in ("answer", "authority", "additional")},
    }


def extended_errors(message):
    """The Extended DNS Errors of an answer as [(info code, text)]."""
    return [(option.code, option.text or "") for option in message.options if option.otype == EDE]
