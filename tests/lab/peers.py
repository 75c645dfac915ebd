# SPDX-License-Identifier: Apache-2.0
"""Ill-behaved peers, one function each.

Origins.take(HOST, peer) hands every connection of a host to one of them, in a
thread of its own. A peer gets a blocking socket and the endpoint; what it
returns decides the rest: PASS gives the connection to the real service with
all its bytes still unread, anything else closes it.
"""

import contextlib
import os
import socket
import ssl
import struct

PASS = object()
_PATIENCE = struct.pack("ll", 30, 0)  # a peer never outlives its test by more


def patient(conn):
    """Makes a socket block, 30 seconds at most."""
    conn.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        conn.setsockopt(socket.SOL_SOCKET, option, _PATIENCE)
    return conn


def peek_hello(conn):
    """The ClientHello's record, still unread: b"" when none comes."""
    head = conn.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
    if len(head) < 5:
        return b""
    size = 5 + int.from_bytes(head[3:], "big")
    return conn.recv(size, socket.MSG_PEEK | socket.MSG_WAITALL)


def alert(number):
    """A fatal TLS alert in clear (RFC 8446, section 6)."""
    return b"\x15\x03\x03\x00\x02\x02" + bytes([number])


# What can be done to a connection


def reset(conn, endpoint=None):
    """A RST, at once."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))


def close(conn, endpoint=None):
    """A FIN, at once. What was received is read first: a close with unread
    bytes is a reset."""
    conn.shutdown(socket.SHUT_WR)
    silence(conn)


def silence(conn, endpoint=None):
    """Reads and never answers, until the other side has enough."""
    with contextlib.suppress(OSError):
        while conn.recv(65536):
            pass


def say(data):
    """Sends these bytes, then closes in order."""
    def peer(conn, endpoint=None):
        conn.sendall(data)
        close(conn)
    return peer


def greet(data):
    """Speaks first, before a byte was read."""
    return say(data)


def endless(block):
    """Sends the block again and again until the other side has enough."""
    def peer(conn, endpoint=None):
        with contextlib.suppress(OSError):
            for _ in range(1 << 20):
                conn.sendall(block)
    return peer


def drip(data, pause):
    """One byte at a time; pause(seconds) lets time pass between them."""
    def peer(conn, endpoint=None):
        with contextlib.suppress(OSError):
            for byte in data:
                conn.sendall(bytes([byte]))
                pause()
    return peer


def noise(size=4096):
    """Random bytes, other ones for each connection."""
    def peer(conn, endpoint=None):
        conn.sendall(os.urandom(size))
        close(conn)
    return peer


# When it is done


def on_hello(act, names=None, above=0):
    """Waits for a whole ClientHello, then acts on it. With names: only when
    one of them is in it; with above: only when it is bigger. All others pass
    on to the service."""
    def peer(conn, endpoint):
        hello = peek_hello(conn)
        if names and not any(n.encode() in hello for n in names):
            return PASS
        if above and len(hello) <= above:
            return PASS
        if act is not reset:
            conn.recv(len(hello) or 1)
        return act(conn, endpoint)
    return peer


def on_request(context, act):
    """A whole handshake and a whole request; then act(tls, request)."""
    def peer(conn, endpoint):
        try:
            with context.wrap_socket(conn, server_side=True) as tls:
                request = bytearray()
                while b"\r\n\r\n" not in request and len(request) < 65536:
                    part = tls.recv(4096)
                    if not part:
                        return
                    request += part
                act(tls, bytes(request))
        except (OSError, ssl.SSLError):
            pass  # the other side had enough
    return peer


def answer(data):
    """For on_request: these bytes, then an orderly end."""
    def act(tls, request):
        tls.sendall(data)
        with contextlib.suppress(OSError, ssl.SSLError):
            tls.unwrap()
    return act


def hang_up(tls, request):
    """For on_request: no answer, FIN."""
    tls.shutdown(socket.SHUT_WR)


def cut(tls, request):
    """For on_request: no answer, RST."""
    reset(tls)
    os.close(tls.detach())


def hold(tls, request):
    """For on_request: no answer, silence."""
    with contextlib.suppress(OSError, ssl.SSLError):
        while tls.recv(4096):
            pass


def flood(head, block):
    """For on_request: a head, then the block without end."""
    def act(tls, request):
        tls.sendall(head)
        for _ in range(1 << 18):
            tls.sendall(block)
    return act


def breaks_h2(context, http1):
    """Agrees on HTTP/2 and then sends what is none; speaks HTTP/1.1 well."""
    def peer(conn, endpoint):
        try:
            with context.wrap_socket(conn, server_side=True) as tls:
                tls.recv(65536)
                if tls.selected_alpn_protocol() == "h2":
                    # A frame of 16 MiB: FRAME_SIZE_ERROR (RFC 9113, 4.2).
                    tls.sendall(b"\xff\xff\xff\x01\x04\0\0\0\x01" * 64)
                    hold(tls, b"")
                else:
                    tls.sendall(http1)
                    tls.unwrap()
        except (OSError, ssl.SSLError):
            pass  # the other side had enough
    return peer
