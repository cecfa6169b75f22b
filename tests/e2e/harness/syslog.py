"""A syslog server over UDP (RFC 5426), TCP (RFC 6587, octet counting) or TLS (RFC 5425), which can stop reading and end."""

import collections
import contextlib
import json
import re
import socket
import ssl
import threading

MESSAGE = re.compile(r"<(?P<priority>\d{1,3})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) (?P<host>[!-~]{1,255}) "
                     r"(?P<program>[!-~]{1,48}) (?P<process>[!-~]{1,128}) (?P<kind>[!-~]{1,32}) - (?P<text>.*)", re.ASCII)
Message = collections.namedtuple("Message", "priority time host program process kind text")


def parse(message):
    found = MESSAGE.fullmatch(message.decode())
    assert found, message
    return Message(**found.groupdict())


class Collector:
    def __init__(self, over, certificate=None, port=0):
        self.over = over
        self.context = None
        if over == "tls":
            self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.context.load_cert_chain(certificate.path, certificate.key)
        self.raw = []  # each message, without its frame
        self.reads = threading.Event()
        self.reads.set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if over == "udp" else socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        if over != "udp":
            self.socket.listen()
        self.clients = []
        self.is_over = False
        self.threads = []

    def messages(self, kind=None):
        return [message for message in map(parse, list(self.raw)) if kind in (None, message.kind)]

    def lines(self, kind="log"):
        return [json.loads(message.text) for message in self.messages(kind)]

    def run(self):
        with contextlib.suppress(OSError):
            while self.over == "udp":
                self.reads.wait()
                message = self.socket.recv(65536)
                if not message:  # vanish() has ended it
                    return
                self.raw.append(message)
            while True:
                client, _ = self.socket.accept()
                self.threads.append(threading.Thread(target=self.serve, args=(client,)))
                self.threads[-1].start()

    def serve(self, client):
        if self.context:
            client.settimeout(10)  # for the handshake
            try:
                client = self.context.wrap_socket(client, server_side=True)
            except (ssl.SSLError, OSError):  # from a client that does not trust the server
                return
            client.settimeout(None)
        self.clients.append(client)
        if self.is_over:
            client.close()
            return
        # After its shutdown, a TLS socket reads data that is not text.
        with contextlib.suppress(OSError, ValueError), client, client.makefile("rb") as stream:
            while True:
                size = b""
                while not size.endswith(b" "):
                    self.reads.wait()
                    more = stream.read(1)
                    if not more:
                        return
                    size += more
                message = stream.read(int(size))
                if len(message) == int(size) and not self.is_over:
                    self.raw.append(message)

    def __enter__(self):
        self.threads.append(threading.Thread(target=self.run))
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.vanish()

    def vanish(self):
        self.is_over = True
        self.reads.set()
        for each in (self.socket, *self.clients):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            if each is self.socket:
                each.close()
        for thread in self.threads:
            thread.join()
