# SPDX-License-Identifier: Apache-2.0
"""Bytes that clients of the gateway send and read, made by hand."""

import os
import socket
import struct
from dataclasses import dataclass
from typing import Dict


# TLS


def _extension(kind, data):
    return struct.pack("!HH", kind, len(data)) + data


def extension(kind, data):
    """Any extension (RFC 8446 section 4.2)."""
    return _extension(kind, data)


def server_names(*names):
    """A server_name extension (RFC 6066) with these host names."""
    entries = b"".join(b"\0" + struct.pack("!H", len(n)) + n for n in names)
    return _extension(0, struct.pack("!H", len(entries)) + entries)


def hello_message(*names, size=0):
    """A ClientHello handshake message; names are str or bytes. With size it
    is padded (RFC 7685) to exactly that many bytes, header included."""
    raw = [n.encode("ascii") if isinstance(n, str) else n for n in names]
    extensions = server_names(*raw) if raw else b""
    extensions += _extension(43, b"\x02\x03\x04")  # TLS 1.3
    extensions += _extension(10, b"\0\x02\0\x1d")  # x25519
    extensions += _extension(13, b"\0\x02\x04\x03")
    extensions += _extension(51, struct.pack("!HHH", 36, 29, 32) +
                             os.urandom(32))
    fixed = (b"\x03\x03" + os.urandom(32) + b"\x20" + os.urandom(32) +
             b"\0\x02\x13\x01" + b"\x01\0")
    if size:
        pad = size - (4 + len(fixed) + 2 + len(extensions) + 4)
        if pad < 0:
            raise ValueError("size is smaller than the hello")
        extensions += _extension(21, bytes(pad))
    body = fixed + struct.pack("!H", len(extensions)) + extensions
    return b"\x01" + struct.pack("!I", len(body))[1:] + body


def records(message, step=16384):
    """A handshake message cut into TLS records of step bytes."""
    return b"".join(
        b"\x16\x03\x01" + struct.pack("!H", len(message[i:i + step])) +
        message[i:i + step] for i in range(0, len(message), step))


def client_hello(*names, size=0):
    """A whole ClientHello in one record."""
    return records(hello_message(*names, size=size))


# Sockets


def read_exact(sock, size):
    """size bytes, or EOFError with what came."""
    got = bytearray()
    while len(got) < size:
        part = sock.recv(min(size - len(got), 1 << 20))
        if not part:
            raise EOFError(bytes(got))
        got += part
    return bytes(got)


def read_to_end(sock, limit=1 << 30):
    """All bytes until the other side's FIN."""
    got = bytearray()
    while len(got) < limit:
        part = sock.recv(1 << 20)
        if not part:
            break
        got += part
    return bytes(got)


def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


# CONNECT


@dataclass
class Answer:
    """The head of what the gateway said to a request."""

    status: int
    reason: str
    headers: Dict[str, str]
    rest: bytes = b""  # bytes that came right behind the head
    raw: bytes = b""

    @property
    def error(self):
        """The error token of Proxy-Status (RFC 9209), or None."""
        for part in self.headers.get("proxy-status", "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == "error":
                return value
        return None


def parse_answer(raw):
    """Splits a response head, strictly."""
    head, blank, rest = raw.partition(b"\r\n\r\n")
    if not blank:
        raise EOFError(raw)
    first, *lines = head.decode("ascii").split("\r\n")
    version, status, reason = first.split(" ", 2)
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise ValueError(first)
    headers = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if not colon or key != key.strip() or key.lower() in headers:
            raise ValueError(line)
        headers[key.lower()] = value.strip()
    return Answer(int(status), reason, headers, rest, raw)


def read_answer(sock):
    """Reads one response head and not a byte beyond it."""
    raw = bytearray()
    while not raw.endswith(b"\r\n\r\n"):
        part = sock.recv(1)
        if not part:
            raise EOFError(bytes(raw))
        raw += part
    return parse_answer(bytes(raw))


def connect_request(host, port=443):
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n" \
        .encode("latin-1")


def http_connect(sock, host, port=443):
    """Sends a CONNECT and reads the head of the answer."""
    sock.sendall(connect_request(host, port))
    return read_answer(sock)
