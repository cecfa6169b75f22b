"""A DNS server over UDP and TCP on one port. It does not parse messages into objects, which makes it fast enough for load tests, and its
answers may be invalid."""

import contextlib
import socket
import struct
import threading

from .client import framed
from .dot_server import answer_to, question_end, question_of, wishes
from .process import free_port


class Asked:
    """One query that has come. `size` is in bytes; `port` is the client's."""

    def __init__(self, query, port, over_tcp):
        self.question = query[12:question_end(query)].lower()
        self.size = len(query)
        self.has_edns = struct.unpack_from("!H", query, 10)[0] > 0
        self.port = port
        self.over_tcp = over_tcp


def well(query):
    """The answer that DotServer gives to this query."""
    return answer_to(query, wishes(query))


class PlainServer:
    """`answer(query)` returns what the server sends over UDP: one datagram, a list of datagrams, or None. `over_tcp(query)` returns a message, or
    None for no answer. If `over_tcp` itself is None, the server does not listen on TCP. The server delays each answer by `delay` seconds, and by
    the word `delay-MS` of the name. A query of another type than A is a probe of the proxy: it gets the correct answer and is not noted."""

    def __init__(self, answer=well, over_tcp=well, *, delay=0.0):
        self.answer = answer
        self.over_tcp = over_tcp
        self.delay = delay
        self.silent = False  # while True, the server discards datagrams
        self.asked = []
        self.port = 0
        self.sockets = []
        self.threads = []

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def asked_for(self, name, over_tcp=None):
        """The queries for this name: over TCP if `over_tcp` is True, over UDP if False, over both if None."""
        question = question_of(name, "A")
        return [asked for asked in list(self.asked) if asked.question == question and over_tcp in (None, asked.over_tcp)]

    def __enter__(self):
        self.listen()
        return self

    def __exit__(self, *_):
        self.go_away()

    def listen(self):
        """Starts to listen, on the port that it had before."""
        self.port = self.port or free_port()
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        datagrams.bind(("127.0.0.1", self.port))
        self._serve(datagrams, self._take_datagrams)
        if self.over_tcp is not None:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(64)
            self._serve(listener, self._accept)

    def go_away(self):
        """Stops listening: the kernel answers datagrams by ICMP errors, closes connections and refuses new ones."""
        for open_socket in self.sockets:
            # shutdown() wakes the thread that waits on the socket; close() would not.
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.sockets, self.threads = [], []

    def _serve(self, open_socket, target):
        self.sockets.append(open_socket)
        self.threads.append(threading.Thread(target=self._until_shut, args=(open_socket, target), daemon=True))
        self.threads[-1].start()

    @staticmethod
    def _until_shut(open_socket, target):
        with open_socket, contextlib.suppress(OSError):
            target(open_socket)

    def _take_datagrams(self, datagrams):
        while True:
            query, sender = datagrams.recvfrom(65536)
            if not query:
                return
            if self.silent:
                continue
            is_noted = self._note(query, sender[1], False)
            replies = self.answer(query) if is_noted else well(query)
            for reply in [replies] if isinstance(replies, bytes) else replies or []:
                self._send(query, lambda data=reply, to=sender: datagrams.sendto(data, to))

    def _send(self, query, send):
        """Calls `send` now, or after the delay."""

        def send_if_open():
            with contextlib.suppress(OSError):
                send()

        delay = self.delay + wishes(query).get("delay", 0) / 1000
        if delay:
            threading.Timer(delay, send_if_open).start()
        else:
            send_if_open()

    def _accept(self, listener):
        while True:
            connection, sender = listener.accept()
            self._serve(connection, lambda client, port=sender[1]: self._take_stream(client, port))

    def _take_stream(self, connection, port):
        received = b""
        while data := connection.recv(65536):
            received += data
            while len(received) >= 2 and len(received) >= 2 + struct.unpack_from("!H", received)[0]:
                end = 2 + struct.unpack_from("!H", received)[0]
                query, received = received[2:end], received[end:]
                reply = self.over_tcp(query) if self._note(query, port, True) else well(query)
                if reply is not None:
                    self._send(query, lambda data=framed(reply): connection.sendall(data))

    def _note(self, query, port, over_tcp):
        asked = Asked(query, port, over_tcp)
        if asked.question[-4:] != b"\0\1\0\1":
            return False
        self.asked.append(asked)
        return True
