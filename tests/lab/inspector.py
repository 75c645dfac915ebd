# SPDX-License-Identifier: Apache-2.0
"""A firewall that opens TLS: it takes every connection to port 443 that comes
out of the closed network, shows a certificate of its own authority, and passes
what is inside on to the real service, or answers in its place."""

import socket
import ssl
import struct

from .ca import INSPECTOR, Authority
from .serving import Node

_PORT = 8443
_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h and netfilter_ipv6/ip6_tables.h
_RULES = """table inet inspect {
chain in {
type nat hook prerouting priority -100;
iifname { "wan", "path" } tcp dport 443 redirect to :%d
}
}""" % _PORT


def page(title, status="403 Forbidden", server="Zscaler/6.2", **fields):
    """A page of the device's own, as a whole HTTP answer."""
    body = f"<html><head><title>{title}</title></head><body></body></html>"
    lines = {"Content-Type": "text/html", "Server": server, **fields}
    return (f"HTTP/1.1 {status}\r\n" + "".join(
        f"{k.replace('_', '-')}: {v}\r\n" for k, v in lines.items()) +
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n" +
        body).encode()


class Inspector(Node):
    """On the path while the block runs.

    look     what its authority calls itself (ca.py)
    pages    host (None: all others) to a whole HTTP answer given in place of
             the service's
    """

    def __init__(self, namespace, folder, look=INSPECTOR, pages=None):
        super().__init__("lab-inspector")
        self._namespace = namespace
        self.authority = Authority(folder, "inspector", look)
        self.pages = pages or {}
        self._contexts = {}
        self.seen = []  # server names, in order
        first = self.authority.server_context("inspector.lab.example")
        first.sni_callback = self._on_server_name
        for address in ("0.0.0.0", "::"):
            self.add(namespace.listen(address, _PORT), self._serve, first)

    @property
    def ca_file(self):
        return self.authority.ca_file

    def __enter__(self):
        super().__enter__()
        self._namespace.nft(_RULES)
        return self

    def __exit__(self, *args):
        self._namespace.clear_rules()
        super().__exit__(*args)

    def _on_server_name(self, tls, name, _):
        name = name or "unnamed.lab.example"
        self.seen.append(name)
        if name not in self._contexts:
            self._contexts[name] = self.authority.server_context(name)
        tls.context = self._contexts[name]

    async def _serve(self, reader, writer):
        name = self.seen[-1]
        tls = writer.get_extra_info("ssl_object")
        for host, context in self._contexts.items():
            if tls.context is context:
                name = host
        answer = self.pages.get(name, self.pages.get(None))
        if answer:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            return
        far = await self.dial(self._namespace, *self._original(writer),
                              ssl=self._trusting(), server_hostname=name)
        await self.relay((reader, writer), far)

    @staticmethod
    def _trusting():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    @staticmethod
    def _original(writer):
        """Where the client wanted to go."""
        sock = writer.get_extra_info("socket")
        if sock.family == socket.AF_INET6:
            raw = sock.getsockopt(socket.IPPROTO_IPV6, _ORIGINAL_DST, 28)
            return socket.inet_ntop(socket.AF_INET6, raw[8:24]), \
                struct.unpack("!H", raw[2:4])[0]
        raw = sock.getsockopt(socket.IPPROTO_IP, _ORIGINAL_DST, 16)
        return socket.inet_ntoa(raw[4:8]), struct.unpack("!H", raw[2:4])[0]
