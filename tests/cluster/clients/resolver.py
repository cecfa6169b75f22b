#!/usr/bin/python3
"""The resolvers of the test, in a pod:

- port 853: a public resolver by DNS over TLS, which has the zone file and nothing else,
- port 53: the cluster's DNS as pods see it. Queries in the cluster's zones go to the real one as they are, and so do the answers. All other
  names are answered from the zone file, as if the cluster's DNS forwarded them to that public resolver in the clear. What it really forwards
  to, if there is anything, is the cluster's own affair; so the targets of Services of type ExternalName are looked up here too.

    resolver.py ZONE CERTIFICATE KEY LOG CLUSTER_ZONES OUTWARD

CLUSTER_ZONES and OUTWARD, the names of such Services, are parted by commas. LOG gets "WAY CLIENT NAME", where the way is tls or plain,
whenever the zone file is asked.
"""

import asyncio
import contextlib
import ssl
import struct
import sys

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.zone

# What CoreDNS gives a client by UDP that does not say how much it takes.
UDP_SIZE = 512
# For the cluster's DNS to answer; above what it takes to ask its own resolver in vain.
PATIENCE = 30


class Zone:
    """Everything in one zone, the root, without delegations."""

    def __init__(self, path):
        self.zone = dns.zone.from_file(path, origin=".", relativize=False)
        self.soa = self.zone.find_rrset(dns.name.root, dns.rdatatype.SOA)
        # With those that exist only because something is beneath them.
        self.names = {dns.name.Name(name.labels[i:]) for name in self.zone for i in range(len(name.labels))}

    def node(self, name):
        """What is at the name, or where it does not exist at the wildcard that stands for it; None where there is neither."""
        if name in self.names:
            return name
        encloser = name.parent()
        while encloser not in self.names:
            encloser = encloser.parent()
        wildcard = dns.name.Name((b"*", *encloser.labels))
        return wildcard if wildcard in self.names else None

    def answer(self, query):
        response = dns.message.make_response(query, recursion_available=True)
        name, type_ = query.question[0].name, query.question[0].rdtype
        while True:
            node = self.node(name)
            if node is None:
                response.set_rcode(dns.rcode.NXDOMAIN)
                break
            alias = self.zone.get_rdataset(node, dns.rdatatype.CNAME) if type_ != dns.rdatatype.CNAME else None
            found = alias or self.zone.get_rdataset(node, type_)
            if found is None:
                break
            response.find_rrset(response.answer, name, found.rdclass, found.rdtype, create=True).update(found)
            if not alias:
                return response
            name = alias[0].target
        response.authority.append(self.soa)
        return response


class Resolver:
    def __init__(self, zone, log, cluster_zones, outward):
        self.zone = zone
        self.log = log
        self.cluster_zones = [dns.name.from_text(one) for one in cluster_zones]
        self.outward = [dns.name.from_text(one) for one in outward]
        with open("/etc/resolv.conf", encoding="ascii") as file:
            self.cluster_dns = next(line.split()[1] for line in file if line.startswith("nameserver "))

    def is_the_clusters(self, name):
        return any(name.is_subdomain(zone) for zone in self.cluster_zones)

    def answer(self, wire, way, client, limit):
        query = dns.message.from_wire(wire)
        # Before the client has its answer, so that whoever reads the file after that finds the name there.
        self.log.write(f"{way} {client} {query.question[0].name.to_text().lower()}\n")
        self.log.flush()
        return self.fitting(self.zone.answer(query), query, limit)

    @staticmethod
    def fitting(response, query, limit):
        if limit and query.edns >= 0:
            limit = max(limit, query.payload)
        try:
            return response.to_wire(max_size=limit or 65535)
        except dns.exception.TooBig:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire()

    async def plain(self, wire, client, over_tcp):
        limit = 0 if over_tcp else UDP_SIZE
        query = dns.message.from_wire(wire)
        name, type_ = query.question[0].name, query.question[0].rdtype
        if not self.is_the_clusters(name):
            return self.answer(wire, "plain", client, limit)
        if name in self.outward and type_ in (dns.rdatatype.A, dns.rdatatype.AAAA):
            return self.fitting(await self.completed(query), query, limit)
        return await (self.forwarded_by_tcp(wire) if over_tcp else self.forwarded_by_udp(wire))

    async def completed(self, query):
        """As CoreDNS does: the alias and what there is of the target, NOERROR whatever became of it."""
        name, type_ = query.question[0].name, query.question[0].rdtype
        alias = dns.message.from_wire(await self.forwarded_by_udp(dns.message.make_query(name, dns.rdatatype.CNAME).to_wire()))
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        response.answer += alias.answer
        for rrset in alias.answer:
            response.answer += self.zone.answer(dns.message.make_query(rrset[0].target, type_)).answer
        return response

    async def forwarded_by_udp(self, wire):
        loop = asyncio.get_running_loop()
        answer = loop.create_future()

        class Exchange(asyncio.DatagramProtocol):
            def datagram_received(self, data, _):
                if not answer.done():
                    answer.set_result(data)

        transport, _ = await loop.create_datagram_endpoint(Exchange, remote_addr=(self.cluster_dns, 53))
        try:
            transport.sendto(wire)
            return await asyncio.wait_for(answer, PATIENCE)
        finally:
            transport.close()

    async def forwarded_by_tcp(self, wire):
        reader, writer = await asyncio.open_connection(self.cluster_dns, 53)
        try:
            writer.write(struct.pack("!H", len(wire)) + wire)
            return await asyncio.wait_for(read_message(reader), PATIENCE)
        finally:
            writer.close()


async def read_message(reader):
    (length,) = struct.unpack("!H", await reader.readexactly(2))
    return await reader.readexactly(length)


def stream_server(answer):
    async def serve(reader, writer):
        client = writer.get_extra_info("peername")[0]
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                wire = await answer(await read_message(reader), client)
                writer.write(struct.pack("!H", len(wire)) + wire)
                await writer.drain()
        writer.close()
    return serve


class PlainServer(asyncio.DatagramProtocol):
    def __init__(self, resolver):
        self.resolver = resolver
        self.tasks = set()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, wire, client):
        task = asyncio.ensure_future(self.reply(wire, client))
        # asyncio itself keeps only a weak reference.
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def reply(self, wire, client):
        with contextlib.suppress(asyncio.TimeoutError, OSError):
            self.transport.sendto(await self.resolver.plain(wire, client[0], False), client)


async def main(zone, certificate, key, log, cluster_zones, outward):
    with open(log, "w", encoding="ascii") as file:
        resolver = Resolver(Zone(zone), file, cluster_zones.split(","), outward.split(","))

        async def by_tls(wire, client):
            return resolver.answer(wire, "tls", client, 0)

        async def by_tcp(wire, client):
            return await resolver.plain(wire, client, True)

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: PlainServer(resolver), local_addr=("0.0.0.0", 53))
        await asyncio.start_server(stream_server(by_tcp), "0.0.0.0", 53)
        # Last: who finds this port open finds the others too.
        server = await asyncio.start_server(stream_server(by_tls), "0.0.0.0", 853, ssl=context)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
