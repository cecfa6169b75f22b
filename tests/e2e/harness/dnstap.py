"""Readers of dnstap: fstrm_capture(1), whose file dnstap-ldns(1) prints, and a reader of the tests that can stop reading and end."""

import collections
import contextlib
import re
import struct

from .process import Process, run
from .unix_reader import UnixReader

CONTENT_TYPE = "protobuf:dnstap.Dnstap"
# An older dnstap-ldns prints `?` for DOT, since it does not know its number.
LINE = re.compile(r'(?P<time>\S+ \S+) (?P<type>\w\w) (?P<address>\S+) (?P<transport>\S+) (?P<size>\d+)b "(?P<name>\S+)" (?P<klass>\S+) (?P<question>\S+)')
Message = collections.namedtuple("Message", "time type address transport size name klass question")
ACCEPT, START, STOP, READY, FINISH = 1, 2, 3, 4, 5


class Capture:
    """fstrm_capture, which listens at `where`: the path of a unix socket, or a port."""

    def __init__(self, directory, where):
        self.file = directory / "capture.fstrm"
        address = ["-a", "127.0.0.1", "-p", str(where)] if isinstance(where, int) else ["-u", str(where)]
        self.process = Process(["fstrm_capture", "-t", CONTENT_TYPE, *address, "-w", self.file, "-dd"], directory, "fstrm_capture")
        self.process.wait_for(lambda: "opened" in self.process.err(), "it listens")

    def finish(self):
        """The captured messages, parsed from the output of dnstap-ldns: one for each frame."""
        self.process.stop()
        printed = run("dnstap-ldns", "-r", self.file).stdout
        found = [LINE.fullmatch(line) for line in printed.splitlines()]
        assert all(found), printed
        return [Message(**line.groupdict()) for line in found]


class Reader(UnixReader):
    """Answers the handshake of a bidirectional Frame Stream, and then reads frames, except while it is stopped."""

    def __init__(self, path):
        self.frames = 0
        super().__init__(path)

    def exactly(self, size):
        data = b""
        while len(data) < size:
            self.reads.wait()
            more = self.client.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def control(self):
        """Reads the type of a control frame, after its escape, a length of zero."""
        frame = self.exactly(struct.unpack("!I", self.exactly(4))[0])
        return struct.unpack_from("!I", frame)[0]

    def run(self):
        field = struct.pack("!II", 1, len(CONTENT_TYPE)) + CONTENT_TYPE.encode()
        with contextlib.suppress(OSError):
            self.client, _ = self.socket.accept()
            assert self.exactly(4) == bytes(4) and self.control() == READY
            self.client.sendall(struct.pack("!III", 0, 4 + len(field), ACCEPT) + field)
            assert self.exactly(4) == bytes(4) and self.control() == START
            while True:
                size, = struct.unpack("!I", self.exactly(4))
                if size:
                    self.exactly(size)
                    self.frames += 1
                elif self.control() == STOP:
                    self.client.sendall(struct.pack("!III", 0, 4, FINISH))
                    return
