# SPDX-License-Identifier: Apache-2.0
"""A tunnel of which the test holds both ends."""

import hashlib
import os
import select
import socket
import threading

from lab import facts, wire

MB = 1 << 20


def fill(sock):
    """Sends until nobody takes any more; returns how many bytes went."""
    sock.setblocking(False)
    block, sent = bytes(1 << 20), 0
    while True:
        try:
            sent += sock.send(block)
        except BlockingIOError:
            if not select.select([], [sock], [], 0.5)[1]:
                return sent


class Sender(threading.Thread):
    """Sends size bytes, of a random pattern, then FIN; sent says how far it
    is."""

    def __init__(self, sock, size):
        super().__init__(daemon=True)
        self.sock, self.size, self.sent = sock, size, 0
        self.digest = hashlib.sha256()
        self.block = os.urandom(MB)
        self.error = None
        self.start()

    def run(self):
        try:
            while self.sent < self.size:
                piece = self.block[:min(MB, self.size - self.sent)]
                view = memoryview(piece)
                while view:
                    n = self.sock.send(view)
                    view, self.sent = view[n:], self.sent + n
                self.digest.update(piece)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as e:
            self.error = e


def digest_to_end(sock, watch=lambda: None):
    """SHA-256 and length of all that comes until FIN."""
    digest, size = hashlib.sha256(), 0
    while True:
        part = sock.recv(MB)
        if not part:
            return digest.digest(), size
        digest.update(part)
        size += len(part)
        if size % (16 * MB) < len(part):
            watch()


class Tunnel:
    """near is the client's socket, far the origin's; listener takes further
    connections to the same address. The hello has gone through already
    unless hello is None. connect(rcvbuf) makes near in another way, over TLS
    say."""

    def __init__(self, gateway, host=facts.RAW_HOST, hello=b"", rcvbuf=None,
                 connect=None):
        self.gateway, self.host = gateway, host
        self.near = self.far = None
        self.listener = gateway.lab.internet.listen(facts.RAW_ADDRESS, 443,
                                                    rcvbuf=rcvbuf)
        self.near = (connect or gateway.connect)(rcvbuf)
        self.answer = wire.http_connect(self.near, host)
        assert self.answer.status == 200, self.answer
        self.far, _ = self.listener.accept()
        self.far.settimeout(20)
        self.hello = b"" if hello is None else \
            hello or wire.client_hello(host)
        self.send_up(self.hello)

    def send_up(self, data):
        """From the client to the origin, unchanged."""
        self.near.sendall(data)
        assert wire.read_exact(self.far, len(data)) == data

    def send_down(self, data):
        """From the origin to the client, unchanged."""
        self.far.sendall(data)
        assert wire.read_exact(self.near, len(data)) == data

    def finish(self):
        """Ends it in order, the client first."""
        self.near.shutdown(socket.SHUT_WR)
        assert wire.read_to_end(self.far) == b""
        self.far.close()
        assert wire.read_to_end(self.near) == b""
        self.close()

    def close(self):
        for sock in (self.near, self.far, self.listener):
            if sock:
                sock.close()
