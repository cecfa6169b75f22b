"""A DNS server over UDP that sends the answers that a test gives: bytes, a dnspython message, or nothing."""

import socket
import struct
import threading

import dns.flags
import dns.message
import dns.rrset


class Scripted:
    """For each query the server calls `answer(query, number)` and sends what it returns. `number` counts the queries with the same name and type,
    from 0. `asked` has the questions in order, as (name, type, True if RD is set)."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self):
        return "127.0.0.1:%d" % self.socket.getsockname()[1]

    def count(self, name, type_="A"):
        return sum(question[:2] == (name, type_) for question in self.asked)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        # The datagram wakes recvfrom(); closing the socket would not.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waking:
            waking.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def _serve(self):
        while True:
            data, sender = self.socket.recvfrom(65536)
            if not data:
                return
            query = dns.message.from_wire(data)
            name, type_ = str(query.question[0].name).lower(), dns.rdatatype.to_text(query.question[0].rdtype)
            number = self.count(name, type_)
            self.asked.append((name, type_, bool(query.flags & dns.flags.RD)))
            reply = self.answer(query, number)
            if reply is not None:
                self.socket.sendto(reply if isinstance(reply, bytes) else reply.to_wire(), sender)


def reply_to(query, *records, authority=(), rcode=0, clear=0, flags=0):
    """A reply whose records are given as lines of a zone file. The owner `@` stands for the question's name."""
    reply = dns.message.make_response(query)
    reply.flags = (reply.flags | dns.flags.RA | flags) & ~clear
    reply.set_rcode(rcode)
    for section, lines in ((reply.answer, records), (reply.authority, authority)):
        for line in lines:
            owner, ttl, klass, type_, rdata = line.split(maxsplit=4)
            owner = str(query.question[0].name) if owner == "@" else owner
            section.append(dns.rrset.from_text(owner, int(ttl), klass, type_, rdata))
    return reply


def by_hand(query, records, flags=0x8180, options=b"", question=None):
    """A reply, composed from bytes. `records` are the answer section. An OPT record with `options` follows them."""
    wire = query.to_wire()
    end = 12
    while wire[end]:
        end += 1 + wire[end]
    question = wire[12:end + 5] if question is None else question
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(options)) + options
    return struct.pack("!HHHHHH", query.id, flags, 1, len(records), 0, 1) + question + b"".join(records) + opt
