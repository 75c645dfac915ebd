# SPDX-License-Identifier: Apache-2.0
"""Nonsense from every peer: the program ends in time, with a verdict, without
a word from the sanitizers, and never says that all is well."""

import random
import threading

import pytest
from faults import ALL, CONTAINER

from lab import dns, parent, peers, wire
from lab.serving import Node

NEVER = threading.Event()
SEEDS = range(5)


def pause():
    """Between two bytes of a slow peer."""
    NEVER.wait(0.05)


def settled(report):
    """A report, a verdict, and no all-clear."""
    assert report.json
    assert report.status in (1, 5)
    assert report.json["run"] in ("complete", "deadline")
    return report


def mangled(data, rng):
    """The same bytes with some changed, cut or doubled."""
    raw = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    cut = rng.choice([len(raw), rng.randrange(1, len(raw))])
    return bytes(raw[:cut]) + rng.choice([b"", bytes(raw)])


# DNS


@pytest.mark.parametrize("seed", SEEDS)
def test_dns(world, seed):
    """Answers that are nearly right, other ones for each host."""
    rng = random.Random(seed)
    for host in ALL:
        query = (0, 0x0100, host, dns.A,
                 dns.encode_name(host) + b"\0\1\0\1")
        good = dns.build_answer(query, dns.addresses(
            "52.94.9.1", chain=("a.example", "b.example")), True)
        world.lab.dns.script(host, *(dns.garbage(mangled(good[2:], rng))
                                     for _ in range(6)))
    settled(world.check())


@pytest.mark.parametrize("raw", [
    b"\x81\x80" + b"\xff" * 8, b"", b"\x81",
    b"\x81\x80\0\1\xff\xff\0\0\0\0" + b"\xc0\x0c" * 600,
    # A name that points at itself.
    b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\1\0\4",
], ids=["counts", "nothing", "a-byte", "pointers", "loop"])
def test_dns_shapes(world, raw):
    for host in ALL:
        world.lab.dns.script(host, dns.garbage(raw))
    settled(world.check())


def test_dns_answers_for_others_are_not_taken(world):
    for host in ALL:
        world.lab.dns.script(host, dns.Reply(("52.94.9.1",), wrong_id=True))
    report = settled(world.check())
    assert report.ids("error") == ["DNS-BAD"]
    assert all(e["tcp"]["state"] == "skipped"
               for e in report.json["endpoints"])


# TLS


def hello_answers(rng):
    """Records that are nearly a ServerHello."""
    hello = b"\x03\x03" + rng.randbytes(32) + b"\0\x13\x01\0\0\x06" \
        b"\0\x2b\0\2\3\4"
    message = b"\x02" + len(hello).to_bytes(3, "big") + hello
    return mangled(wire.records(message), rng)


@pytest.mark.parametrize("seed", SEEDS)
def test_tls(world, seed):
    rng = random.Random(seed)
    for host in ALL:
        data = rng.choice([hello_answers(rng), rng.randbytes(300),
                           b"\x16\x03\x03\x40\x00" + rng.randbytes(500)])
        world.lab.origins.take(host, peers.on_hello(peers.say(data)))
    settled(world.check())


TALK = {
    "random": peers.noise(), "greets": peers.greet(b"220 smtp ready\r\n"),
    "endless-random": peers.endless(bytes(range(256)) * 16),
    "endless-records": peers.endless(b"\x16\x03\x03\x00\x04\0\0\0\0"),
    "endless-alerts": peers.endless(b"\x15\x03\x03\x00\x02\x01\x00"),
    "big-handshake": peers.endless(
        b"\x16\x03\x03\x40\x00\x0b\xff\xff\xff" + bytes(16380)),
    "slow": peers.drip(b"\x16\x03\x03\x40\x00" + bytes(4000), pause),
}


@pytest.mark.parametrize("peer", TALK.values(), ids=TALK)
def test_tls_talk(world, peer):
    world.lab.origins.take(None, peer)
    report = settled(world.check())
    assert report.json["counts"]["reachable"] == 0


# HTTP


def line(n):
    return b"X: " + b"x" * n + b"\r\n"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ANSWERS = {
    "nothing": peers.answer(b""),
    "binary": peers.answer(bytes(range(256)) * 20),
    "ancient": peers.answer(b"<html>HTTP/0.9</html>"),
    "long-line": peers.answer(b"HTTP/1.1 " + b"2" * 200000),
    "many-headers": peers.answer(HEAD + line(100) * 5000 + b"\r\n{}"),
    "endless-headers": peers.flood(HEAD, line(1000)),
    "endless-body": peers.flood(HEAD + b"\r\n", b"{" * 16384),
    "endless-100": peers.flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "chunks": peers.answer(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
                           b"ffffffffffffffff\r\n"),
    "status": peers.answer(b"HTTP/1.1 999999999999 X\r\n\r\n"),
    "escape": peers.answer(b"HTTP/1.1 403 \x1b[31m\r\nServer: \x1b]0;x\x07"
                           b"\r\nContent-Type: text/html\r\n\r\n<title>"
                           b"\x1b[2J\xff\xfe</title>"),
    "loop": peers.answer(b"HTTP/1.1 302 Found\r\nLocation: //\\\\[::%\r\n"
                         b"Content-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize("act", ANSWERS.values(), ids=ANSWERS)
def test_http(world, act):
    context = world.lab.authority.server_context(CONTAINER, ("http/1.1",))
    world.lab.origins.take(CONTAINER, peers.on_request(context, act))
    report = settled(world.check())
    assert report.json["counts"]["reachable"] == 8
    assert "\x1b" not in report.out


# The proxy


REPLIES = {
    "nothing": b"\r\n\r\n", "binary": bytes(range(256)) * 20,
    "long-line": b"HTTP/1.1 " + b"4" * 200000,
    "headers": b"HTTP/1.1 407 X\r\n" + line(100) * 5000 + b"\r\n",
    "half": b"HTTP/1.1 2", "status": b"HTTP/1.1 -200 OK\r\n\r\n",
    "huge": b"HTTP/1.1 99999999999999999999 OK\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "escape": b"HTTP/1.1 403 \x1b[31mno\x07\r\nVia: \x1b[2J\xff\r\n\r\n",
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_proxy(world, reply):
    world.parent(parent.always(reply))
    report = settled(world.check())
    assert report.json["counts"]["reachable"] == 0
    assert "\x1b" not in report.out


@pytest.mark.parametrize("seed", SEEDS)
def test_proxy_fuzzed(world, seed):
    rng = random.Random(seed)
    good = parent.answer(407, "Proxy Authentication Required", "<html>",
                         Proxy_Authenticate="Basic realm=\"x\"", Via="1.1 x")
    world.parent(lambda wish: mangled(good, rng))
    settled(world.check())


SOCKS = {"refuses": b"\x05\xff", "version": b"\x04\x00", "half": b"\x05",
         "auth": b"\x05\x09", "reply": b"\x05\x00\x05\x63\x00\x09",
         "name": b"\x05\x00\x05\x00\x00\x03\xff" + b"a" * 20}


@pytest.mark.parametrize("data", SOCKS.values(), ids=SOCKS)
def test_socks(world, data):
    async def serve(reader, writer):
        await reader.read(100)
        writer.write(data)
        await writer.drain()

    node = Node("lab-socks")
    node.add(world.lab.gateway.listen("10.200.0.1", 8080), serve)
    world.enter(node)
    world.through("socks5://10.200.0.1:8080")
    report = settled(world.check())
    assert report.json["counts"]["reachable"] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_at_once(world, seed):
    """Another peer for each host, and DNS that is wrong now and then."""
    rng = random.Random(seed)
    context = world.lab.authority.server_context(CONTAINER, ("http/1.1",))
    acts = list(TALK.values()) + [peers.on_request(context, act)
                                  for act in ANSWERS.values()]
    for host in ALL:
        world.lab.origins.take(host, rng.choice(acts))
    world.lab.dns.script(rng.choice(ALL), dns.garbage(rng.randbytes(60)))
    settled(world.check())
