# SPDX-License-Identifier: Apache-2.0
"""A node of the lab: an asyncio loop in a thread, with listeners and dials in
the namespaces that the node stands between."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading


def reset_writer(writer):
    """Ends a stream with a RST."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
    writer.transport.abort()


async def drain_away(reader):
    """Reads until the other side has enough."""
    while await reader.read(65536):
        pass


class Node(threading.Thread):
    """Serves listeners until close(); one coroutine a connection."""

    def __init__(self, name):
        super().__init__(name=name, daemon=True)
        self.loop = asyncio.new_event_loop()
        self._listeners, self._servers, self._tasks = [], [], set()
        self._ready = threading.Event()

    def add(self, sock, serve, context=None):
        """Before start(): serve(reader, writer) for each connection."""
        sock.setblocking(False)
        self._listeners.append((sock, serve, context))

    def __enter__(self):
        self.start()
        self._ready.wait(20)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Cuts every connection and ends the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join(10)

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._begin())
        self._ready.set()
        self.loop.run_forever()
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(
            *self._tasks, return_exceptions=True))
        # What is left are streams whose peers have gone already.
        self.loop.set_exception_handler(lambda *_: None)
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def _begin(self):
        for sock, serve, context in self._listeners:
            self._servers.append(await asyncio.start_server(
                self._guarded(serve), sock=sock, ssl=context,
                limit=1 << 20))

    def _guarded(self, serve):
        async def one(reader, writer):
            task = asyncio.current_task()
            self._tasks.add(task)
            try:
                await serve(reader, writer)
            except (OSError, EOFError, ValueError, ssl.SSLError,
                    asyncio.LimitOverrunError):
                pass  # broken off, or nonsense: the other side's affair
            finally:
                self._tasks.discard(task)
                writer.close()
        return one

    async def dial(self, namespace, address, port, **tls):
        """A stream to an address, from inside a namespace."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = namespace.socket(family)
        sock.setblocking(False)
        try:
            await self.loop.sock_connect(sock, (address, port))
            return await asyncio.open_connection(sock=sock, **tls)
        except BaseException:
            sock.close()
            raise

    async def relay(self, one, two):
        """Carries bytes both ways between two (reader, writer) pairs until
        both have ended."""
        async def pump(reader, writer):
            try:
                while True:
                    data = await reader.read(65536)
                    if not data:
                        break
                    writer.write(data)
                    await writer.drain()
                if writer.can_write_eof():
                    writer.write_eof()
                else:
                    writer.close()  # TLS has no half close here
            except (OSError, ssl.SSLError):
                writer.transport.abort()

        try:
            await asyncio.gather(pump(one[0], two[1]), pump(two[0], one[1]))
        finally:
            two[1].close()
