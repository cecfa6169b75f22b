"""A path between Pillion and a server, with the faults of some middleboxes: it drops large ClientHellos, and forgets connections."""

import asyncio
import contextlib
import threading

from .process import PATIENCE

PACKET = 1400  # about the payload of one packet, in bytes


class Path:
    """Forwards TCP connections to `server` ("ADDRESS:PORT"). If a ClientHello is larger than one packet, the path sends nothing on that connection,
    or resets it if `resets`. `delay`, in seconds, is the least time that data from the server takes. `hellos` has the size of each ClientHello in
    bytes. forget() stops all data on the connections that exist then; new ones are forwarded."""

    def __init__(self, server, *, resets=False, delay=0.0):
        self.server = server.rsplit(":", 1)
        self.resets = resets
        self.delay = delay
        self.hellos = []
        self.generation = 0
        self.port = 0
        self.tasks = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.listener = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def forget(self):
        self.generation += 1

    def large(self):
        """How many ClientHellos did not fit into one packet."""
        return sum(size > PACKET for size in self.hellos)

    def __enter__(self):
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result(PATIENCE)
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _listen(self):
        self.listener = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def _end(self):
        self.listener.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _carry(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        onward = None
        try:
            # A TLS record begins with type, version and length (RFC 8446 section 5.1). OpenSSL sends the ClientHello as the first record.
            head = await reader.readexactly(5)
            hello = head + await reader.readexactly(int.from_bytes(head[3:], "big"))
            self.hellos.append(len(hello))
            if len(hello) > PACKET and self.resets:
                writer.transport.abort()
            elif len(hello) > PACKET:
                await reader.read()
            else:
                there, onward = await asyncio.open_connection(*self.server)
                onward.write(hello)
                await asyncio.gather(self._pass_on(reader, onward), self._pass_on(there, writer, self.delay))
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side has closed
        finally:
            for end in filter(None, (writer, onward)):
                end.close()
            self.tasks.discard(asyncio.current_task())

    async def _pass_on(self, source, target, delay=0.0):
        generation = self.generation
        while data := await source.read(65536):
            await asyncio.sleep(delay)
            if generation == self.generation:
                target.write(data)
                await target.drain()
        await asyncio.sleep(delay)
        with contextlib.suppress(OSError):
            target.write_eof()
