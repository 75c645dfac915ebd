# SPDX-License-Identifier: Apache-2.0
"""A tunnel of which the test holds both ends."""

import select
import socket

from lab import facts, wire


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


class Tunnel:
    """near is the client's socket, far the origin's; listener takes further
    connections to the same address. The hello has gone through already
    unless hello is None."""

    def __init__(self, gateway, host=facts.RAW_HOST, hello=b"", rcvbuf=None):
        self.gateway, self.host = gateway, host
        self.near = self.far = None
        self.listener = gateway.lab.internet.listen(facts.RAW_ADDRESS, 443,
                                                    rcvbuf=rcvbuf)
        self.near = gateway.connect(rcvbuf)
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
