"""DNS messages for a fuzzer: valid messages of many kinds, the positions of their meaningful fields, and messages with one wrong field or several."""

import struct
import zlib

A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV, NAPTR, DNAME, OPT, DS, RRSIG, NSEC, DNSKEY, TLSA, HTTPS, TSIG, ANY, CAA = (
    1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 35, 39, 41, 43, 46, 47, 48, 52, 65, 250, 255, 257)
PRIVATE = 65280
TYPES = (A, A, A, A, AAAA, AAAA, TXT, TXT, TXT, NS, CNAME, SOA, PTR, HINFO, MX, SRV, NAPTR, DNAME, DS, RRSIG, NSEC, DNSKEY, TLSA, HTTPS,
         ANY, CAA, PRIVATE)
IN, CHAOS = 1, 3
KEEPALIVE, PADDING, SUBNET, EDE, COOKIE, NSID = 11, 12, 8, 15, 10, 3
LARGEST = 65535


def u16(number):
    return struct.pack("!H", number & 0xFFFF)


def u32(number):
    return struct.pack("!I", number & 0xFFFFFFFF)


def name_wire(labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question_end(message):
    """The offset after the first question, whose name is not compressed. Raises IndexError if the message ends before."""
    at = 12
    while message[at]:
        at += 1 + message[at]
    if at + 5 > len(message):
        raise IndexError
    return at + 5


def labels_of(message):
    at, labels = 12, []
    while message[at]:
        labels.append(bytes(message[at + 1:at + 1 + message[at]]))
        at += 1 + message[at]
    return tuple(labels)


def address_of(labels):
    """The address of a name that is answered correctly."""
    return u32(0xC6120000 | zlib.crc32(name_wire(labels).lower()) & 0x1FFFF)


class Record:
    """A record. `parts` of the rdata are bytes, or tuples of labels for names that may be compressed."""

    def __init__(self, owner, type_, ttl, *parts, klass=IN):
        self.owner, self.type, self.ttl, self.parts, self.klass = owner, type_, ttl, parts, klass


class Writer:
    """Writes a message, and records the positions of its lengths, counts, types, TTLs, labels and pointers."""

    def __init__(self, random, compression):
        self.random = random
        self.compression = compression  # the share of names that are compressed if possible
        self.bytes = bytearray(12)
        self.marks = {"count": [4, 6, 8, 10], "label": [], "pointer": [], "rdlength": [], "ttl": [], "type": [], "record": []}
        self.suffixes = {}

    def name(self, labels):
        for at in range(len(labels)):
            suffix = tuple(label.lower() for label in labels[at:])
            if self.compression and suffix in self.suffixes and self.random.random() < self.compression:
                self.marks["pointer"].append(len(self.bytes))
                self.bytes += u16(0xC000 | self.suffixes[suffix])
                return
            if len(self.bytes) < 0x4000:
                self.suffixes.setdefault(suffix, len(self.bytes))
            self.marks["label"].append(len(self.bytes))
            self.bytes += bytes([len(labels[at])]) + labels[at]
        self.marks["label"].append(len(self.bytes))
        self.bytes += b"\0"

    def question(self, name, type_, klass):
        self.name(name)
        self.marks["type"].append(len(self.bytes))
        self.bytes += u16(type_) + u16(klass)

    def record(self, record):
        self.marks["record"].append(len(self.bytes))
        self.name(record.owner)
        at = len(self.bytes)
        self.marks["type"].append(at)
        self.marks["ttl"].append(at + 4)
        self.marks["rdlength"].append(at + 8)
        self.bytes += u16(record.type) + u16(record.klass) + u32(record.ttl) + b"\0\0"
        for part in record.parts:
            if isinstance(part, tuple):
                self.name(part)
            else:
                self.bytes += part
        self.bytes[at + 8:at + 10] = u16(len(self.bytes) - at - 10)

    def header(self, identifier, flags, counts):
        self.bytes[:12] = struct.pack("!HHHHHH", identifier, flags, *counts)


def text(random, size):
    out = b""
    while size > 0:
        part = min(size, random.choice((255, 255, 255, 100, 1)))
        out += bytes([part]) + bytes([random.randrange(256)]) * part
        size -= part
    return out or b"\0"


def other_name(random, labels):
    """A target name: near the name, in its zone, elsewhere, or the root."""
    return random.choice((labels[1:], (b"t%d" % random.randrange(9), *labels[1:]), (b"T", b"other", b"example"),
                          (b"a" * 63,) * 3 + (b"b" * 61,), (), labels, (b"\0\xff.", b"x")))


def rdata(random, type_, labels):
    """Valid rdata of the type."""
    target = other_name(random, labels)
    numbers = random.randbytes
    if type_ == A:
        return (numbers(4),)
    if type_ == AAAA:
        return (numbers(16),)
    if type_ in (NS, CNAME, PTR, DNAME):
        return (target,)
    if type_ == SOA:
        return (target, other_name(random, labels), *(u32(random.choice((0, 1, 60, 3600, 0x7FFFFFFF, 0xFFFFFFFF))) for _ in range(5)))
    if type_ == MX:
        return (numbers(2), target)
    if type_ == TXT:
        return (text(random, random.choice((0, 1, 30, 255, 600, 1500, 5000, 16000, 60000) if random.random() < 0.2 else (3, 40, 200))),)
    if type_ == SRV:
        return (numbers(6), name_wire(target))
    if type_ == NAPTR:
        return (numbers(4), b"\1u\7E2U+sip\0", name_wire(target))
    if type_ == HINFO:
        return (b"\3cpu\2os",)
    if type_ == DS:
        return (numbers(2), b"\x0d\x02", numbers(32))
    if type_ == RRSIG:
        return (u16(A), b"\x0d\2", u32(300), numbers(4), numbers(4), numbers(2), name_wire(labels[1:]), numbers(64))
    if type_ == NSEC:
        return (name_wire(target), b"\0\x04\x40\0\0\x08")
    if type_ == DNSKEY:
        return (b"\1\0\3\x0d", numbers(64))
    if type_ == TLSA:
        return (b"\3\1\1", numbers(32))
    if type_ == HTTPS:
        return (b"\0\1", name_wire(target), b"\0\1\0\3\2h2")
    if type_ == CAA:
        return (b"\0\5issueca.example",)
    return (numbers(random.randrange(40)),)


def ttl(random):
    return random.choice((300, 300, 300, 60, 5, 1, 0, 3600, 86400, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))


def option(code, data):
    return u16(code) + u16(len(data)) + data


def options(random):
    """EDNS options that resolvers and clients send, usual and unusual ones."""
    known = (lambda: option(KEEPALIVE, random.choice((b"", b"\0\x64", b"\0\0", b"\xff\xff", b"\1"))),
             lambda: option(PADDING, bytes(random.randrange(300))), lambda: option(SUBNET, b"\0\1\x18\0\xc0\0\2"),
             lambda: option(EDE, u16(random.randrange(30)) + b"why" * random.randrange(9)),
             lambda: option(COOKIE, random.randbytes(random.choice((8, 16, 24)))), lambda: option(NSID, b""),
             lambda: option(random.randrange(65536), random.randbytes(random.randrange(50))))
    return b"".join(random.choice(known)() for _ in range(random.choice((0, 0, 1, 1, 2, 5))))


def opt(random, data=None, size=None, extended=0, version=0, flags=0):
    ttl_bits = extended << 24 | version << 16 | flags
    size = size if size is not None else random.choice((512, 1232, 4096, 0, 65535))
    return Record((), OPT, ttl_bits, options(random) if data is None else data, klass=size)


class Reply:
    """The reply of a hostile resolver, before it is corrupted."""

    def __init__(self, random, query):
        self.random = random
        self.labels = labels_of(query)
        end = question_end(query)
        self.identifier, flags = struct.unpack_from("!HH", query)
        self.type, self.klass = struct.unpack_from("!HH", query, end - 4)
        self.flags = 0x8080 | flags & 0x0110 | random.choice((0, 0, 0, 0x0400, 0x0020))
        self.has_opt = query[11] > 0
        self.sections = ([], [], [])
        kinds = (self.positive, self.chain, self.negative, self.empty, self.referral, self.refusal, self.heap)
        random.choices(kinds, (8, 3, 3, 2, 1, 2, 1))[0]()
        if self.has_opt and random.random() < 0.9:
            self.sections[2].append(opt(random))

    def positive(self):
        self.add(self.labels, self.random.choice((1, 1, 1, 2, 3, 20)))

    def add(self, owner, count):
        type_ = self.type if self.type != ANY else self.random.choice(TYPES[:-3])
        for _ in range(count):
            data = rdata(self.random, type_, self.labels)
            self.sections[0].append(Record(owner, type_, ttl(self.random), *data, klass=self.klass))

    def chain(self):
        """Aliases that lead to an answer, to no answer, or in a circle."""
        at = self.labels
        for number in range(self.random.choice((1, 1, 2, 3, 12))):
            target = (b"alias%d" % number, *self.labels[1:])
            self.sections[0].append(Record(at, CNAME, ttl(self.random), target))
            at = target
        ending = self.random.random()
        if ending < 0.6:
            self.add(at, 2)
        elif ending < 0.8:
            self.sections[0].append(Record(at, CNAME, 60, self.labels))
        if self.random.random() < 0.1:
            self.random.shuffle(self.sections[0])

    def soa(self):
        self.sections[1].append(Record(self.labels[self.random.randrange(len(self.labels) + 1):], SOA, ttl(self.random),
                                       *rdata(self.random, SOA, self.labels)))

    def negative(self):
        self.flags |= 3
        if self.random.random() < 0.9:
            self.soa()

    def empty(self):
        if self.random.random() < 0.9:
            self.soa()

    def referral(self):
        for number in range(3):
            target = (b"ns%d" % number, *self.labels[1:])
            self.sections[1].append(Record(self.labels[1:], NS, 3600, target))
            self.sections[2].append(Record(target, A, 3600, self.random.randbytes(4)))

    def refusal(self):
        self.flags |= self.random.choice((2, 5, 1, 4, 2, 5, 9, 15))

    def heap(self):
        """As many records of many types as fit."""
        size = 0
        limit = self.random.choice((1000, 4000, 16000, 60000))
        while size < limit:
            type_ = self.random.choice(TYPES)
            record = Record(other_name(self.random, self.labels), type_, ttl(self.random), *rdata(self.random, type_, self.labels))
            self.sections[self.random.choice((0, 0, 1, 2))].append(record)
            size += 30 + sum(len(part) for part in record.parts)

    def write(self):
        writer = Writer(self.random, self.random.choice((1, 1, 0.5, 0)))
        writer.question(self.labels, self.type, self.klass)
        for section in self.sections:
            for record in section:
                writer.record(record)
        writer.header(self.identifier, self.flags, (1, *(len(section) for section in self.sections)))
        return writer


def honest(query):
    """The correct answer for a name that begins with `good`: its address, or NODATA."""
    labels, end = labels_of(query), question_end(query)
    identifier, flags = struct.unpack_from("!HH", query)
    writer = Writer(None, 0)
    writer.bytes += query[12:end]
    type_ = struct.unpack_from("!H", query, end - 4)[0]
    answers = authorities = 0
    if type_ == A:
        writer.record(Record(labels, A, 300, address_of(labels)))
        answers = 1
    else:
        writer.record(Record(labels[1:], SOA, 300, labels[1:], labels[1:], *(u32(number) for number in (1, 3600, 600, 86400, 60))))
        authorities = 1
    if query[11]:
        writer.record(Record((), OPT, 0, b"", klass=1232))
    writer.header(identifier, 0x8080 | flags & 0x0110, (1, answers, authorities, int(query[11] > 0)))
    return bytes(writer.bytes)


def spoil(random, writer):
    """The bytes of the message with one to three wrong fields."""
    message, marks = bytearray(writer.bytes), writer.marks

    def somewhere(kind):
        """The position of a field of this kind that is still inside the message, or any position."""
        inside = [at for at in marks[kind] if at + 2 <= len(message)]
        return random.choice(inside) if inside else random.randrange(max(1, len(message) - 2))

    def put(at, data):
        message[at:at + len(data)] = data

    def number(at):
        here = int.from_bytes(message[at:at + 2], "big")
        put(at, u16(random.choice((0, 1, here + 1, here - 1, 0xFFFF, 0x7FFF, here ^ 1 << random.randrange(16)))))

    def pointer():
        at = somewhere("pointer" if marks["pointer"] and random.random() < 0.8 else "label")
        aim = random.choice((at, at + 2, len(message) - 1, len(message), 0x3FFF, 0, 11, 12, somewhere("pointer"), somewhere("label"),
                             random.randrange(0x4000)))
        put(at, u16(0xC000 | min(aim, 0x3FFF)))

    def label():
        put(somewhere("label"), bytes([random.choice((0, 1, 63, 64, 0x80, 0xC0, 0xFF, random.randrange(256)))]))

    def cut():
        del message[random.randrange(len(message)):]

    def record_again():
        at = somewhere("record")
        part = bytes(message[at:at + random.choice((11, 50, 500))])
        put(random.choice((at, len(message))), part)

    def insert():
        at = random.choice((somewhere("record"), somewhere("rdlength"), random.randrange(len(message) + 1), len(message)))
        message[at:at] = random.randbytes(random.choice((1, 2, 11, 100)))

    def remove():
        at = random.randrange(len(message))
        del message[at:at + random.choice((1, 2, 10, 100))]

    def opt_first():
        """Inserts a record before all others, which moves them away from where pointers lead, or a second record of the same kind."""
        at = somewhere("record")
        message[at:at] = b"\0" + u16(OPT) + u16(1232) + u32(0) + u16(0)
        number(10)

    def signature():
        message.extend(b"\3key\0" + u16(TSIG) + u16(255) + u32(0) + u16(random.choice((0, 30, 300))) + random.randbytes(30))
        put(10, u16(int.from_bytes(message[10:12], "big") + 1))

    deeds = (lambda: number(somewhere("count")), lambda: number(somewhere("rdlength")), lambda: number(somewhere("type")),
             lambda: number(somewhere("ttl")), pointer, pointer, label, cut, record_again, insert, remove, opt_first, signature,
             lambda: number(0), lambda: number(2), lambda: put(random.randrange(len(message)), random.randbytes(1)))
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if len(message) > 14:
            random.choice(deeds)()
    return bytes(message[:LARGEST])
