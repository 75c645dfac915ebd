# SPDX-License-Identifier: Apache-2.0
"""A DNS server that can lie.

It answers over UDP and TCP with packets built by hand, so that it can send
what no library would. What a name answers is a Reply, or a list of Replies
that are given in turn (the last one stays). Every query is counted before it
is answered. It runs as a thread of the process that made it: scripts and
counters are plain method calls.
"""

import heapq
import ipaddress
import selectors
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import List, Optional, Tuple

A, CNAME, SOA, AAAA, OPT = 1, 5, 6, 28, 41
_TYPES = {A: "A", AAAA: "AAAA", CNAME: "CNAME", SOA: "SOA"}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)


@dataclass(frozen=True)
class Reply:
    """How one query is answered. Only records of the asked type are sent,
    behind the chain of CNAMEs."""

    addresses: Tuple[str, ...] = ()
    chain: Tuple[str, ...] = ()  # canonical names, in order
    ttl: int = 60
    rcode: int = NOERROR
    silent: bool = False
    truncated: bool = False  # over UDP only the TC bit; whole over TCP
    delay: float = 0.0
    held: bool = False  # answered when release() is called
    raw: bytes = b""  # sent instead, behind the query's own id
    wrong_id: bool = False
    rotate: bool = False  # another address first each time
    only_first: bool = False  # of the addresses, with rotate: only one
    ede: Optional[Tuple[int, str]] = None  # RFC 8914, to askers with EDNS
    with_edns: Optional["Reply"] = None  # instead, to askers with EDNS
    with_cd: Optional["Reply"] = None  # instead, when checking is disabled
    silent_tcp: bool = False  # over TCP, silence


def addresses(*which, **kw):
    """Answers these addresses, each to queries of its family."""
    return Reply(addresses=tuple(which), **kw)


def nxdomain():
    return Reply(rcode=NXDOMAIN)


def servfail():
    return Reply(rcode=SERVFAIL)


def refused():
    return Reply(rcode=REFUSED)


def nodata():
    return Reply()


def silence():
    return Reply(silent=True)


def garbage(raw=b"\xff\xff\xff\xff\xff\xff\xff\xff\xffgarbage"):
    """Answers with the query's id and then these bytes."""
    return Reply(raw=raw)


def truncated(reply):
    return replace(reply, truncated=True)


def delayed(reply, seconds):
    return replace(reply, delay=seconds)


def held(reply):
    return replace(reply, held=True)


# Packets


def encode_name(name):
    """Wire form of a name, without compression."""
    out = b""
    for label in name.rstrip(".").split("."):
        raw = label.encode("ascii")
        out += bytes([len(raw)]) + raw
    return out + b"\0"


def parse_query(packet):
    """Returns (id, flags, name, type, bytes of the question) or None."""
    if len(packet) < 17:
        return None
    ident, flags, questions = struct.unpack("!HHH", packet[:6])
    if flags & 0x8000 or questions != 1:
        return None
    labels, at = [], 12
    while at < len(packet) and packet[at] != 0:
        n = packet[at]
        if n > 63 or at + 1 + n > len(packet):
            return None
        labels.append(packet[at + 1:at + 1 + n].decode("latin-1"))
        at += 1 + n
    if at + 5 > len(packet):
        return None
    (qtype,) = struct.unpack("!H", packet[at + 1:at + 3])
    return ident, flags, ".".join(labels).lower(), qtype, packet[12:at + 5]


def _record(owner, rtype, ttl, data):
    return (encode_name(owner) + struct.pack("!HHIH", rtype, 1, ttl,
                                             len(data)) + data)


def _options(ede):
    """An OPT record (RFC 6891) with an extended error in it."""
    code, text = ede
    data = struct.pack("!H", code) + text.encode()
    data = struct.pack("!HH", 15, len(data)) + data
    return b"\0" + struct.pack("!HHIH", OPT, 1232, 0, len(data)) + data


def choose(reply, flags, has_edns):
    """The reply that fits how the question was asked."""
    if reply.with_cd and flags & 0x0010:
        return reply.with_cd
    if reply.with_edns and has_edns:
        return reply.with_edns
    return reply


def build_answer(query, reply, udp, first=0, has_edns=False):
    """The packet that says what reply says to a parsed query."""
    ident, flags, name, qtype, question = query
    if reply.wrong_id:
        ident ^= 0xffff
    if reply.raw:
        return struct.pack("!H", ident) + reply.raw
    head_flags = 0x8080 | (flags & 0x0100) | reply.rcode
    if reply.truncated and udp:
        return struct.pack("!HHHHHH", ident, head_flags | 0x0200, 1, 0, 0,
                           0) + question
    records, owner = [], name
    for target in reply.chain:
        records.append(_record(owner, CNAME, reply.ttl, encode_name(target)))
        owner = target
    found = [ipaddress.ip_address(a) for a in reply.addresses]
    found = [a for a in found
             if qtype == (A if a.version == 4 else AAAA)]
    if reply.rotate and found:
        found = found[first % len(found):] + found[:first % len(found)]
        found = found[:1] if reply.only_first else found
    records += [_record(owner, qtype, reply.ttl, a.packed) for a in found]
    authority = []
    if not found and reply.rcode in (NOERROR, NXDOMAIN):
        soa = (encode_name("ns.lab.example") +
               encode_name("hostmaster.lab.example") +
               struct.pack("!IIIII", 1, 3600, 600, 86400, reply.ttl))
        authority.append(_record(name.split(".", 1)[-1] or ".", SOA,
                                 reply.ttl, soa))
    extra = [_options(reply.ede)] if reply.ede and has_edns else []
    return (struct.pack("!HHHHHH", ident, head_flags, 1, len(records),
                        len(authority), len(extra)) +
            question + b"".join(records + authority + extra))


@dataclass
class _Script:
    replies: List[Reply]
    used: Counter = field(default_factory=Counter)  # by query type


class DnsServer(threading.Thread):
    """Serves the given sockets until close(). Unknown names are NXDOMAIN."""

    def __init__(self, udp_sockets, tcp_sockets):
        super().__init__(name="lab-dns", daemon=True)
        self._lock = threading.Condition()
        self._base, self._scripts = {}, {}
        self._queries = Counter()
        self._held, self._timers, self._order = [], [], 0
        self._udp, self._tcp = list(udp_sockets), list(tcp_sockets)
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._closing = False
        for sock in self._udp:
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ,
                                    (self._on_udp, None))
        for sock in self._tcp:
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ,
                                    (self._on_accept, None))
        self._selector.register(self._wake_out, selectors.EVENT_READ,
                                (self._on_wake, None))

    # What tests say and ask

    def default(self, name, *replies):
        """What a name answers unless a test says otherwise."""
        with self._lock:
            self._base[name.lower()] = _Script(list(replies))

    def script(self, name, *replies):
        """From now on name answers these in turn; the last one stays. Each
        query type goes through them on its own. "*.zone" stands for every
        name below that has no word of its own."""
        with self._lock:
            self._scripts[name.lower()] = _Script(list(replies))

    def reset(self):
        """Forgets scripts, counts and held queries."""
        with self._lock:
            self._scripts.clear()
            self._queries.clear()
            self._held.clear()
            self._timers.clear()

    def release(self):
        """Answers all queries that are held."""
        with self._lock:
            held_now, self._held = self._held, []
            for send, packet in held_now:
                self._later(0, send, packet)
        self._wake_in.send(b"x")

    def queries(self, name=None, qtype=None, transport=None):
        """How many queries came in that fit."""
        with self._lock:
            return sum(n for (q, t, via), n in self._queries.items()
                       if name in (None, q) and qtype in (None, t) and
                       transport in (None, via))

    def names(self):
        """Names that were asked for."""
        with self._lock:
            return {q for q, _, _ in self._queries}

    def close(self):
        """Stops the thread and closes its sockets."""
        self._closing = True
        self._wake_in.send(b"x")
        self.join(10)

    # The thread

    def run(self):
        while not self._closing:
            with self._lock:
                wait = None
                if self._timers:
                    wait = max(0, self._timers[0][0] - time.monotonic())
            for key, _ in self._selector.select(wait):
                handler, state = key.data
                handler(key.fileobj, state)
            self._run_timers()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._wake_in.close()
        self._selector.close()

    def _run_timers(self):
        due = []
        with self._lock:
            while self._timers and self._timers[0][0] <= time.monotonic():
                due.append(heapq.heappop(self._timers))
        for _, _, send, packet in due:
            send(packet)

    def _later(self, delay, send, packet):
        self._order += 1
        heapq.heappush(self._timers, (time.monotonic() + delay, self._order,
                                      send, packet))

    def _on_wake(self, sock, _):
        sock.recv(4096)

    def _on_udp(self, sock, _):
        try:
            packet, peer = sock.recvfrom(4096)
        except OSError:
            return

        def send(answer):
            try:
                sock.sendto(answer, peer)
            except OSError:
                pass  # the asker has gone

        self._answer(packet, "udp", send)

    def _on_accept(self, sock, _):
        try:
            conn, _ = sock.accept()
        except OSError:
            return
        conn.setblocking(False)
        self._selector.register(conn, selectors.EVENT_READ,
                                (self._on_stream, bytearray()))

    def _on_stream(self, conn, buffer):
        try:
            got = conn.recv(65536)
        except OSError:
            got = b""
        if not got:
            self._selector.unregister(conn)
            conn.close()
            return
        buffer += got

        def send(answer):
            try:
                conn.sendall(struct.pack("!H", len(answer)) + answer)
            except OSError:
                pass  # the asker has gone

        while len(buffer) >= 2:
            (size,) = struct.unpack("!H", buffer[:2])
            if len(buffer) < 2 + size:
                break
            packet = bytes(buffer[2:2 + size])
            del buffer[:2 + size]
            self._answer(packet, "tcp", send)

    def _find(self, name):
        """The script of a name, or of the wildcard next above it."""
        script = self._scripts.get(name) or self._base.get(name)
        while not script and "." in name:
            name = name.partition(".")[2]
            script = self._scripts.get("*." + name)
        return script

    def _answer(self, packet, transport, send):
        query = parse_query(packet)
        if query is None:
            return
        _, _, name, qtype, _ = query
        type_name = _TYPES.get(qtype, str(qtype))
        with self._lock:
            self._queries[(name, type_name, transport)] += 1
            script = self._find(name)
            turn, reply = 0, nxdomain()
            if script:
                turn = script.used[type_name]
                reply = script.replies[min(turn, len(script.replies) - 1)]
                # The retry over TCP belongs to the same answer.
                if not (reply.truncated and transport == "udp"):
                    script.used[type_name] += 1
            # The last two bytes of the head count the additional records.
            has_edns = packet[10:12] != b"\0\0"
            reply = choose(reply, query[1], has_edns)
            if reply.silent or reply.silent_tcp and transport == "tcp":
                return
            answer = build_answer(query, reply, transport == "udp", turn,
                                  has_edns)
            if reply.held:
                self._held.append((send, answer))
                return
            if reply.delay:
                self._later(reply.delay, send, answer)
                return
        send(answer)
