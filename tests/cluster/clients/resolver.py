#!/usr/bin/python3
"""The resolvers of the test, in a pod:

- port 853: a public resolver over DNS over TLS, which answers from the zone file,
- port 53: the cluster's DNS for pods. It forwards queries in the cluster's zones, and their answers, unchanged to and from the real one. It
  answers other names from the zone file, as if the cluster's DNS forwarded them unencrypted to the public resolver. The upstream of the real
  cluster's DNS is not used, so that this server also looks up the targets of Services of type ExternalName.

    resolver.py ZONE CERTIFICATE KEY LOG CLUSTER_ZONES OUTWARD

CLUSTER_ZONES, and OUTWARD, the names of such Services, are lists with commas. For each answer from the zone file, LOG gets a line
"WAY CLIENT NAME"; WAY is tls or plain.
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

# The largest answer, in bytes, over UDP to a client without EDNS.
UDP_SIZE = 512
# Seconds for an answer of the cluster's DNS. Larger than the time that it waits for its own upstream.
PATIENCE = 30


class Zone:
    """The zone file: one zone, the root, without delegations."""

    def __init__(self, path):
        self.zone = dns.zone.from_file(path, origin=".", relativize=False)
        self.soa = self.zone.find_rrset(dns.name.root, dns.rdatatype.SOA)
        # Includes empty non-terminals.
        self.names = {dns.name.Name(name.labels[i:]) for name in self.zone for i in range(len(name.labels))}

    def node(self, name):
        """The name of the node that answers for `name`: itself, or the wildcard that matches it, or None if there is neither."""
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
        # Written before the answer is sent, so that a reader of the file finds the name as soon as the client has its answer.
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
        """Answers like CoreDNS: the alias and the records of its target, with NOERROR whatever the result for the target is."""
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
        # asyncio only keeps a weak reference.
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
        # This port is opened last: a client that finds it open can use the others too.
        server = await asyncio.start_server(stream_server(by_tls), "0.0.0.0", 853, ssl=context)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
