# SPDX-License-Identifier: Apache-2.0
"""A router of our own between gateway and internet, for what kernels of many
build machines cannot do: it delays, loses, resets connections by the server
name in their first packet, and swallows big packets without a word.

Two TUN devices and one thread. It is put into the path while a test needs it
(Lab.router) and handles a few thousand packets a second: for behaviour and
delay, not for throughput.
"""

import fcntl
import heapq
import ipaddress
import os
import selectors
import socket
import struct
import threading
import time

from . import netns

_TUNSETIFF = 0x400454ca
_IFF_TUN, _IFF_NO_PI = 1, 0x1000
_TCP = 6


def _open_tun(namespace, name):
    with namespace.inside():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack(
            "16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return fd


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1]))
    if len(data) & 1:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Packet:
    """What the rules look at: an IPv4 or IPv6 packet, TCP or not."""

    def __init__(self, raw):
        self.raw = raw
        self.payload, self.tcp = b"", None
        if raw[0] >> 4 == 4:
            at, self.protocol = (raw[0] & 15) * 4, raw[9]
            self.source, self.target = raw[12:16], raw[16:20]
        else:
            at, self.protocol = 40, raw[6]
            self.source, self.target = raw[8:24], raw[24:40]
        if self.protocol == _TCP and len(raw) >= at + 20:
            self.tcp = struct.unpack("!HHIIBB", raw[at:at + 14])
            self.payload = raw[at + (self.tcp[4] >> 4) * 4:]

    @property
    def to(self):
        """The target address as text."""
        return str(ipaddress.ip_address(self.target))

    def _reset(self, source, target, ports, sequence):
        """A RST packet in the same family."""
        tcp = struct.pack("!HHIIBBHHH", *ports, sequence, 0, 5 << 4, 4, 0, 0,
                          0)
        pseudo = source + target + struct.pack("!HH", 0, _TCP) + \
            struct.pack("!H", len(tcp))
        check = struct.pack("!H", _checksum(pseudo + tcp))
        tcp = tcp[:16] + check + tcp[18:]
        if len(source) == 16:
            return struct.pack("!IHBB", 6 << 28, len(tcp), _TCP, 64) + \
                source + target + tcp
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64,
                           _TCP, 0) + source + target
        check = struct.pack("!H", _checksum(head))
        return head[:10] + check + head[12:] + tcp

    def resets(self):
        """(towards the source, towards the target): a RST for each."""
        sport, dport, sequence, ack = self.tcp[:4]
        return (self._reset(self.target, self.source, (dport, sport), ack),
                self._reset(self.source, self.target, (sport, dport),
                            sequence))


class Router(threading.Thread):
    """Carries packets between two namespaces while the block runs. Set the
    attributes at any time:

    delay        seconds that each packet is kept, in each direction
    lose_every   every n-th packet is lost; 0: none
    swallow_up   packets above so many bytes vanish on the way to the
                 internet, without ICMP; 0: none
    swallow_down the same on the way back
    reset_names  server names whose ClientHello gets both ends a RST
    """

    def __init__(self, near, far, near_addresses):
        super().__init__(name="lab-router", daemon=True)
        self.delay, self.lose_every = 0.0, 0
        self.swallow_up = self.swallow_down = 0
        self.reset_names = set()
        self.carried = self.lost = self.swallowed = self.resets = 0
        self._near_ns, self._far_ns = near, far
        self._near_addresses = near_addresses
        self._timers, self._order = [], 0
        self._near = self._far = -1
        self._stop_in, self._stop_out = socket.socketpair()

    def __enter__(self):
        self._near = _open_tun(self._near_ns, "path")
        self._far = _open_tun(self._far_ns, "path")
        four, six = self._near_addresses
        netns.ip("link set path up", f"route replace default dev path src "
                 f"{four}", namespace=self._near_ns.name)
        netns.ip("link set path up", f"route add {four}/32 dev path",
                 namespace=self._far_ns.name)
        netns.ip6(self._near_ns.name,
                  f"route add default dev path metric 10 src {six}")
        netns.ip6(self._far_ns.name, f"route add {six}/128 dev path")
        self.start()
        return self

    def __exit__(self, *_):
        self._stop_in.send(b"x")
        self.join(10)
        for fd in (self._near, self._far):
            os.close(fd)  # takes the device and its routes along
        self._stop_in.close()
        self._stop_out.close()

    @property
    def swallow(self):
        """Both ways at once."""
        return max(self.swallow_up, self.swallow_down)

    @swallow.setter
    def swallow(self, limit):
        self.swallow_up = self.swallow_down = limit

    def run(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self._near, selectors.EVENT_READ, self._far)
            selector.register(self._far, selectors.EVENT_READ, self._near)
            selector.register(self._stop_out, selectors.EVENT_READ, None)
            while True:
                wait = None
                if self._timers:
                    wait = max(0, self._timers[0][0] - time.monotonic())
                for key, _ in selector.select(wait):
                    if key.data is None:
                        return
                    self._drain(key.fd, key.data)
                self._send_due()

    def _drain(self, source, target):
        for _ in range(64):
            try:
                raw = os.read(source, 65536)
            except BlockingIOError:
                return
            self._judge(Packet(raw), source, target)

    def _judge(self, packet, source, target):
        limit = self.swallow_up if source == self._near else \
            self.swallow_down
        if limit and len(packet.raw) > limit:
            self.swallowed += 1
            return
        if packet.tcp and packet.payload[:1] == b"\x16" and any(
                name.encode() in packet.payload for name in
                self.reset_names):
            self.resets += 1
            back, on = packet.resets()
            self._queue(source, back)
            self._queue(target, on)
            return
        self.carried += 1
        if self.lose_every and self.carried % self.lose_every == 0:
            self.lost += 1
            return
        self._queue(target, packet.raw)

    def _queue(self, fd, raw):
        self._order += 1
        heapq.heappush(self._timers, (time.monotonic() + self.delay,
                                      self._order, fd, raw))

    def _send_due(self):
        while self._timers and self._timers[0][0] <= time.monotonic():
            _, _, fd, raw = heapq.heappop(self._timers)
            try:
                os.write(fd, raw)
            except OSError:
                self.lost += 1  # a full queue loses, as routers do
