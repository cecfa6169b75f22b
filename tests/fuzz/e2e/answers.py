"""Checks the answers that clients get. dnspython decides whether an answer is a valid message."""

import struct

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdata

import messages

# The rdata of other types, and addresses of other classes than IN, are opaque to a proxy, but dnspython would check their meaning.
KNOWN = {messages.A, messages.AAAA, messages.NS, messages.CNAME, messages.SOA, messages.PTR, messages.HINFO, messages.MX, messages.TXT,
         messages.SRV, messages.NAPTR, messages.DNAME, messages.OPT, messages.TSIG, messages.RRSIG, messages.DNSKEY, messages.TLSA}
_class_of = dns.rdata.get_rdata_class


def rdata_class(klass, type_):
    opaque = type_ not in KNOWN or type_ in (messages.A, messages.AAAA) and klass != messages.IN
    return dns.rdata.GenericRdata if opaque else _class_of(klass, type_)


dns.rdata.get_rdata_class = rdata_class


class Finding(Exception):
    """A violated requirement. `exchange` has the bytes of the messages, by their kind."""

    def __init__(self, what, **exchange):
        super().__init__(what)
        self.exchange = exchange


class Query:
    """A valid query, and the limits of its answer. `size` is the number of bytes that the client accepts over UDP."""

    def __init__(self, wire, edns=False, size=512, signed=False):
        self.wire = wire
        self.identifier = struct.unpack_from("!H", wire)[0]
        self.edns = edns
        self.size = size
        self.signed = signed


def parse(data, **exchange):
    """The parsed message; None for a signed one, for which dnspython would need the key, and for other opcodes than
    QUERY, whose sections dnspython reads differently or not at all."""
    if data[2] & 0x78:
        return None
    try:
        return dns.message.from_wire(data, one_rr_per_rrset=True)
    except dns.message.UnknownTSIGKey:
        return None
    except (dns.exception.DNSException, struct.error, ValueError) as error:
        raise Finding(f"an answer is no message: {type(error).__name__}: {error}", answer=data, **exchange) from None


def check(query, data, max_ttl, datagram):
    """Raises a Finding if the answer to a valid query violates a requirement. Returns the response code."""

    def hold(condition, what):
        if not condition:
            raise Finding(what, query=query.wire, answer=data)

    hold(len(data) >= 12, "an answer is shorter than a header")
    asked, flags = (struct.unpack_from("!H", part, 2)[0] for part in (query.wire, data))
    hold(data[:2] == query.wire[:2], "an answer has another id")
    hold(flags & 0x8000, "an answer has no QR")
    end = messages.question_end(query.wire)
    hold(data[4:6] == b"\0\1" and data[12:end] == query.wire[12:end], "an answer has another question, or another letter in it")
    if datagram:
        hold(len(data) <= query.size, f"an answer of {len(data)} bytes to a client that takes {query.size}")
    if query.signed:  # the proxy passes the answer unchanged, since only the client can verify it
        return flags & 15
    hold(flags & 0x7800 == asked & 0x7800, "an answer has another opcode")
    hold(flags & 0x0100 == asked & 0x0100, "an answer has another RD")
    message = parse(data, query=query.wire)
    hold(message is not None, "an answer is signed, and the query was not")
    hold(query.edns or message.edns < 0, "an answer has EDNS, and the query had not")
    for section in (message.answer, message.authority, message.additional):
        for records in section:
            hold(records.ttl <= max_ttl, f"a TTL of {records.ttl}")
    check_honest(query, message, hold)
    return int(message.rcode())


def check_honest(query, message, hold):
    """A name without false answers has its own address, or no address and a response code that says so."""
    labels = messages.labels_of(query.wire)
    type_, klass = struct.unpack_from("!HH", query.wire, messages.question_end(query.wire) - 4)
    if not labels or labels[0][:4].lower() != b"good" or (type_, klass) != (messages.A, messages.IN) or labels[-1].lower() == b"local":
        return
    code = message.rcode()
    hold(code != dns.rcode.NXDOMAIN, "a name that is there is denied")
    if code == dns.rcode.NOERROR and not message.flags & dns.flags.TC:
        addresses = [record.to_wire() for records in message.answer for record in records]
        hold(addresses == [messages.address_of(labels)], "a name has another's address")
