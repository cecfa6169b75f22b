"""Packets on loopback, by tcpdump(8)."""

import os
import shutil
import signal
import socket
import struct

from .process import Process

LINK_ETHERNET = 1
ETHERNET_HEADER = 14


def possible():
    """Capturing needs root."""
    return os.geteuid() == 0 and shutil.which("tcpdump") is not None


class Capture:
    """Records what goes to and from some ports."""

    MARK = b"the capture's last packet"

    def __init__(self, directory, *ports):
        self.ports = ports
        self.path = directory / "capture.pcap"
        ports_filter = " or ".join(f"port {port}" for port in ports)
        command = ["tcpdump", "-i", "lo", "-U", "--immediate-mode", "-n", "-s", "0", "-B", "16384", "-Z", "root", "-w", self.path]
        self.process = Process([*command, ports_filter], directory, "tcpdump")
        self.process.wait_for(lambda: "listening on" in self.process.err(), "listens")

    def stop(self):
        """The IP packets, as bytes. A datagram of our own marks the end: what came before it has been written too."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marker:
            marker.sendto(self.MARK, ("127.0.0.1", self.ports[0]))
        self.process.wait_for(lambda: self.MARK in self.path.read_bytes(), "has written everything")
        self.process.stop(signal.SIGINT)
        assert "\n0 packets dropped by kernel" in self.process.err(), self.process.printed()
        data = self.path.read_bytes()
        order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        assert struct.unpack_from(order + "I", data, 20)[0] == LINK_ETHERNET
        packets, at = [], 24
        while at < len(data):
            length = struct.unpack_from(order + "I", data, at + 8)[0]
            packets.append(data[at + 16 + ETHERNET_HEADER:at + 16 + length])
            at += 16 + length
        return [packet for packet in packets if self.MARK not in packet]


def transport_ports(packet):
    """(source, destination) of an IPv4 packet over UDP or TCP."""
    header = (packet[0] & 15) * 4
    return struct.unpack_from("!HH", packet, header)


def touches(packet, port):
    return port in transport_ports(packet)
