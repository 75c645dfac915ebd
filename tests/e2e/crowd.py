# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, for tests of what must not be noticed by any of them:
a reload, a hand-over to a new process."""

import asyncio
import collections
import threading

from lab import dns, facts, wire
from lab.gateway import wait_for

OTHER, OTHER_ADDRESS = "raw2.lab.example", "52.94.2.2"


class LiveTunnels:
    """Tunnels that stay, of which the test holds both ends."""

    def __init__(self, gateway, count, host=facts.RAW_HOST):
        self.pairs = []
        hello = wire.client_hello(host)
        self._listener = gateway.lab.internet.listen(
            facts.RAW_ADDRESS, 443, backlog=count)
        for _ in range(count):
            near = gateway.connect()
            self.pairs.append([near])
            answer = wire.http_connect(near, host)
            assert answer.status == 200, answer
            near.sendall(hello)
            far, _ = self._listener.accept()
            far.settimeout(20)
            self.pairs[-1].append(far)
            assert wire.read_exact(far, len(hello)) == hello

    def use(self, which):
        """Bytes both ways through one of them."""
        near, far = self.pairs[which % len(self.pairs)]
        for source, sink, data in ((near, far, b"up"), (far, near, b"down")):
            source.sendall(data)
            assert wire.read_exact(sink, len(data)) == data

    def use_all(self):
        for which in range(len(self.pairs)):
            self.use(which)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pair in self.pairs:
            for sock in pair:
                sock.close()
        self._listener.close()


class Rush:
    """New clients all the time, about rate a second, while the block runs.
    Every second one asks for a name on no list, the others open a tunnel and
    have a byte echoed. tally counts what became of them; anything but
    "refused" and "served" is a client that noticed.
    """

    AT_ONCE = 64
    PATIENCE = 60  # seconds until a client that waits counts as lost

    def __init__(self, gateway, rate=200, most=100000):
        self._lab = gateway.lab
        self._address, self._port = gateway.address, gateway.port
        self._pause, self._most = 1 / rate, most
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._lab.dns.script(OTHER, dns.addresses(OTHER_ADDRESS))
        self._origin = self._lab.internet.listen(OTHER_ADDRESS, 443,
                                                 backlog=1024)
        self.tally = collections.Counter()

    @property
    def noticed(self):
        return {what: count for what, count in self.tally.items()
                if what not in ("refused", "served")}

    def await_more(self, count):
        """Waits until so many more clients have been through."""
        goal = sum(self.tally.values()) + count
        wait_for(lambda: sum(self.tally.values()) >= goal,
                 f"{count} more clients")

    def _run(self):
        # The thread stays inside: so do the sockets that it makes.
        with self._lab.client.inside():
            asyncio.run(self._serve_and_ask())

    async def _serve_and_ask(self):
        server = await asyncio.start_server(self._echo, sock=self._origin)
        loop, clients = asyncio.get_running_loop(), set()
        start = loop.time()
        for number in range(self._most):
            if self._over.is_set():
                break
            while len(clients) >= self.AT_ONCE:
                _, clients = await asyncio.wait(
                    clients, return_when=asyncio.FIRST_COMPLETED)
            clients.add(asyncio.create_task(self._client(number)))
            due = asyncio.Event()
            loop.call_at(start + number * self._pause, due.set)
            await due.wait()
            clients = {c for c in clients if not c.done()}
        await asyncio.gather(*clients)
        server.close()

    @staticmethod
    async def _echo(reader, writer):
        try:
            writer.write(await reader.read(4096))
            await reader.read()
        except ConnectionError:
            pass  # its client's matter
        writer.close()

    async def _client(self, number):
        try:
            what = await asyncio.wait_for(self._ask(number % 2 == 0),
                                          self.PATIENCE)
        except (OSError, EOFError, asyncio.TimeoutError) as e:
            what = repr(e)
        self.tally[what] += 1

    async def _ask(self, listed):
        host = OTHER if listed else "no.example"
        reader, writer = await asyncio.open_connection(self._address,
                                                       self._port)
        try:
            writer.write(wire.connect_request(host))
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split()[1])
            if not listed:
                return "refused" if status == 403 else f"status {status}"
            if status != 200:
                return f"status {status}"
            hello = wire.client_hello(host)
            writer.write(hello)
            echo = await reader.readexactly(len(hello))
            return "served" if echo == hello else "other bytes"
        finally:
            writer.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._origin.close()
