"""Captures the packets of an interface with tcpdump(8)."""

import ipaddress
import os
import shutil
import signal
import socket
import struct

from .process import Process

LINK_ETHERNET = 1
ETHERNET_HEADER = 14
DISCARD = 9  # the port of RFC 863
PROTOCOLS = {6: "tcp", 17: "udp"}


def possible():
    """Capturing needs root."""
    return os.geteuid() == 0 and shutil.which("tcpdump") is not None


class Capture:
    """Captures the packets to and from `ports`, or all packets if no port is given. `reachable` is an address that the machine reaches through the
    interface."""

    MARK = b"the capture's last packet"

    def __init__(self, directory, *ports, interface="lo", reachable="127.0.0.1"):
        self.marked = (reachable, ports[0] if ports else DISCARD)
        self.path = directory / "capture.pcap"
        ports_filter = " or ".join(f"port {port}" for port in ports)
        command = ["tcpdump", "-i", interface, "-U", "--immediate-mode", "-n", "-s", "0", "-B", "16384", "-Z", "root", "-w", self.path]
        self.process = Process([*command, *([ports_filter] if ports else [])], directory, "tcpdump")
        self.process.wait_for(lambda: "listening on" in self.process.err(), "listens")

    def stop(self):
        """Ends the capture. Returns the packets as bytes, without their Ethernet headers. The capture sends a datagram that marks the end: once
        tcpdump has written it, all packets before it have been written too."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marker:
            marker.sendto(self.MARK, self.marked)
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


def flow(packet):
    """(protocol, source, source port, destination, destination port) of a UDP or TCP packet, or None for any other packet."""
    version = packet[0] >> 4
    if version == 4:
        protocol, header, addresses = packet[9], (packet[0] & 15) * 4, (packet[12:16], packet[16:20])
    elif version == 6:
        protocol, header, addresses = packet[6], 40, (packet[8:24], packet[24:40])
    else:
        return None
    if protocol not in PROTOCOLS:
        return None
    source, destination = (str(ipaddress.ip_address(address)) for address in addresses)
    ports = struct.unpack_from("!HH", packet, header)
    return PROTOCOLS[protocol], source, ports[0], destination, ports[1]


def touches(packet, port):
    return port in transport_ports(packet)
