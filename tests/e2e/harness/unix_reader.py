"""A reader at a unix socket, to which a sink of Pillion writes."""

import contextlib
import socket
import threading


class UnixReader:
    """Listens on a unix socket. While `reads` is set, `run()` of a subclass reads the data of its only client. Its end removes the socket."""

    def __init__(self, path):
        self.path = path
        self.reads = threading.Event()
        self.reads.set()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        self.socket.listen()
        self.client = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        raise NotImplementedError

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.vanish()

    def vanish(self):
        self.reads.set()
        for each in filter(None, (self.client, self.socket)):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self.thread.join()
        self.path.unlink(missing_ok=True)
