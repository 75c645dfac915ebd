# SPDX-License-Identifier: Apache-2.0
"""A corporate proxy of any temper: http, https or SOCKS5.

It tunnels, unless its temper says otherwise. A temper is a function that gets
a Wish and returns what happens: TUNNEL, CLOSE, RESET, SILENCE, bytes (sent
instead of an answer, then an orderly end), a number (a SOCKS5 reply), or
Inside(bytes) (200, and then these bytes in place of the service).
"""

import base64
import struct
from dataclasses import dataclass
from typing import Dict, Optional

from . import facts
from .serving import Node, drain_away, reset_writer

TUNNEL, CLOSE, RESET, SILENCE = "tunnel", "close", "reset", "silence"
_OK = b"HTTP/1.1 200 Connection established\r\n"


@dataclass(frozen=True)
class Inside:
    data: bytes
    fields: str = ""  # header lines of the 200


@dataclass
class Wish:
    """What a client asked for."""

    host: str
    port: int
    headers: Dict[str, str]
    user: Optional[str] = None
    password: Optional[str] = None


def answer(status, reason, body="", **fields):
    """A whole answer to CONNECT, other than 200."""
    if body:
        fields.setdefault("Content_Type", "text/html")
    return (f"HTTP/1.1 {status} {reason}\r\n" + "".join(
        f"{k.replace('_', '-')}: {v}\r\n" for k, v in fields.items()) +
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n" +
        body).encode()


# Tempers


def always(what):
    return lambda wish: what


def tunnels(wish):
    return TUNNEL


def for_hosts(hosts, what):
    """what for these hosts, a tunnel for all others."""
    return lambda wish: what if wish.host in hosts else TUNNEL


def for_other_ports(what, port=443):
    """what for every port but this one."""
    return lambda wish: TUNNEL if wish.port == port else what


def wants(user, password, schemes=("Basic realm=\"corp\"",)):
    """407 until these credentials come."""
    def temper(wish):
        if (wish.user, wish.password) == (user, password):
            return TUNNEL
        head = "HTTP/1.1 407 Proxy Authentication Required\r\n" + "".join(
            f"Proxy-Authenticate: {s}\r\n" for s in schemes)
        return (head + "Content-Length: 0\r\nVia: 1.1 px.corp.example "
                "(squid/5.7)\r\nConnection: close\r\n\r\n").encode()
    return temper


class ParentProxy(Node):
    """Listens in one namespace and dials from another while the block runs.

    protocol  "http", "https" (shows the certificate of context) or "socks5"
    names     what it resolves beyond the endpoints the lab knows
    """

    def __init__(self, inside, outside, address, port, temper=tunnels,
                 protocol="http", context=None, credentials=None):
        super().__init__("lab-parent")
        self._outside, self.temper = outside, temper
        self._credentials = credentials  # SOCKS5: (user, password)
        self.names = {facts.RAW_HOST: facts.RAW_ADDRESS}
        self.address, self.port, self.protocol = address, port, protocol
        self.wishes = []
        serve = self._socks if protocol == "socks5" else self._http
        self.add(inside.listen(address, port), serve,
                 context if protocol == "https" else None)

    @property
    def url(self):
        return f"{self.protocol}://{self.address}:{self.port}"

    async def _http(self, reader, writer):
        head = await reader.readexactly(1)
        if not head.isalpha():  # no method begins so: TLS, say
            writer.write(answer(400, "Bad Request", Server="squid/5.7"))
            await writer.drain()
            return
        head += await reader.readuntil(b"\r\n\r\n")
        head = head.decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        method, target, _ = first.split(" ", 2)
        if method != "CONNECT":
            writer.write(answer(405, "Method Not Allowed", Allow="CONNECT"))
            await writer.drain()
            return
        host, _, port = target.rpartition(":")
        wish = Wish(host.strip("[]"), int(port), {})
        for line in lines:
            key, _, value = line.partition(":")
            wish.headers[key.lower()] = value.strip()
        given = wish.headers.get("proxy-authorization", "")
        if given.startswith("Basic "):
            plain = base64.b64decode(given[6:]).decode()
            wish.user, _, wish.password = plain.partition(":")
        await self._grant(wish, reader, writer)

    async def _grant(self, wish, reader, writer):
        self.wishes.append(wish)
        what = self.temper(wish)
        socks = self.protocol == "socks5"
        if what == TUNNEL:
            await self._tunnel(wish, reader, writer)
        elif what == RESET:
            reset_writer(writer)
        elif what == SILENCE:
            await drain_away(reader)
        elif isinstance(what, int) and socks:
            writer.write(self._reply(what))
            await writer.drain()
        elif isinstance(what, Inside):
            await self._page(what, reader, writer)
        elif isinstance(what, bytes):
            writer.write(what)
            await writer.drain()

    async def _page(self, what, reader, writer):
        """Says yes, waits for the first bytes of the tunnel, and speaks."""
        if self.protocol == "socks5":
            writer.write(self._reply(0))
        else:
            writer.write(_OK + what.fields.encode() + b"\r\n")
        await writer.drain()
        await reader.read(65536)
        writer.write(what.data)
        await writer.drain()

    async def _tunnel(self, wish, reader, writer):
        endpoint = facts.BY_HOST.get(wish.host)
        address = self.names.get(wish.host) or (endpoint and endpoint.ipv4)
        socks = self.protocol == "socks5"
        try:
            if not address:
                raise OSError(f"no such host: {wish.host}")
            far = await self.dial(self._outside, address, wish.port)
        except OSError:
            writer.write(self._reply(5) if socks else
                         answer(503, "Service Unavailable",
                                X_Squid_Error="ERR_CONNECT_FAIL 111"))
            await writer.drain()
            return
        writer.write(self._reply(0) if socks else _OK + b"\r\n")
        await self.relay((reader, writer), far)

    # SOCKS5 (RFC 1928, RFC 1929)

    @staticmethod
    def _reply(code):
        return b"\x05" + bytes([code]) + b"\0\x01\0\0\0\0\0\0"

    async def _socks(self, reader, writer):
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        wanted = 2 if self._credentials else 0
        if version != 5 or wanted not in methods:
            writer.write(b"\x05\xff")
            await writer.drain()
            return
        writer.write(bytes([5, wanted]))
        if wanted == 2 and not await self._socks_login(reader, writer):
            return
        _, command, _, kind = await reader.readexactly(4)
        if command != 1 or kind != 3:
            writer.write(self._reply(7 if command != 1 else 8))
            await writer.drain()
            return
        size = (await reader.readexactly(1))[0]
        host = (await reader.readexactly(size)).decode("ascii")
        port = struct.unpack("!H", await reader.readexactly(2))[0]
        await self._grant(Wish(host, port, {}), reader, writer)

    async def _socks_login(self, reader, writer):
        await reader.readexactly(1)
        parts = []
        for _ in range(2):
            size = (await reader.readexactly(1))[0]
            parts.append((await reader.readexactly(size)).decode())
        good = tuple(parts) == self._credentials
        writer.write(b"\x01" + bytes([0 if good else 1]))
        await writer.drain()
        return good
