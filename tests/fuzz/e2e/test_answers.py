"""Tests the fuzzer itself: its checks find each violation, and its messages are valid until it corrupts them."""

import random
import struct

import pytest

import messages
from answers import Finding, Query, check

LABELS = (b"Good1", b"tls", b"example")
QUESTION = messages.name_wire(LABELS) + b"\0\1\0\1"
QUERY = Query(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + QUESTION)
RIGHT = messages.honest(QUERY.wire)
TTL = len(RIGHT) - 10
WRONG = {
    "another id": b"\0\x08" + RIGHT[2:],
    "another question": RIGHT.replace(b"Good1", b"good1"),
    "no QR": RIGHT[:2] + b"\1" + RIGHT[3:],
    "another RD": RIGHT[:2] + b"\x80" + RIGHT[3:],
    "is no message": RIGHT[:-1],
    "TrailingJunk": RIGHT + b"\0",
    "a TTL of 3601": RIGHT[:TTL] + messages.u32(3601) + RIGHT[TTL + 4:],
    "EDNS": RIGHT[:11] + b"\1" + RIGHT[12:] + b"\0\0\x29\4\xd0\0\0\0\0\0\0",
    "another's address": RIGHT[:-1] + bytes([RIGHT[-1] ^ 1]),
    "denied": RIGHT[:3] + bytes([RIGHT[3] | 3]) + RIGHT[4:],
    "shorter than a header": RIGHT[:11],
}


def test_the_right_answer_is_none_of_these():
    assert check(QUERY, RIGHT, 3600, datagram=True) == 0


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found(what):
    with pytest.raises(Finding, match=what):
        check(QUERY, WRONG[what], 3600, datagram=True)


def test_an_answer_that_is_too_long_for_a_datagram_is_found():
    with pytest.raises(Finding, match="takes 512"):
        check(QUERY, RIGHT + bytes(513), 3600, datagram=True)


def test_messages_are_right_until_they_are_spoiled():
    """The same seed gives the same messages."""
    spoiled = 0
    for seed in range(300):
        writer = messages.Reply(random.Random(seed), QUERY.wire).write()
        assert bytes(writer.bytes) == bytes(messages.Reply(random.Random(seed), QUERY.wire).write().bytes)
        for at in writer.marks["pointer"]:
            assert struct.unpack_from("!H", writer.bytes, at)[0] & 0x3FFF < at
        assert len(writer.marks["record"]) == sum(struct.unpack_from("!HHH", writer.bytes, 6))
        spoiled += messages.spoil(random.Random(seed), writer) != bytes(writer.bytes)
    assert spoiled > 250
