# SPDX-License-Identifier: Apache-2.0
"""Crowds: slow ones, greedy ones, hasty ones, and no descriptor left. Others are
served all the while, and when it is over memory is what it was.

With SEKISHO_PROXY_RELEASE the figures are those of that build, and its memory
is judged; a sanitizer keeps what is freed. Each test prints its figures (-s).
"""

import contextlib
import os
import re
import resource
import selectors
import socket
import subprocess
import threading
import time

import pytest
from conftest import binary_from
from lab import facts, netns, wire
from lab.lab import LabError, wait_for

RELEASE = os.environ.get("SEKISHO_PROXY_RELEASE")
RAW, CONTAINER = facts.RAW_HOST, facts.host("us-1", "container")
ADMIN = {"admin.address": f"{facts.GATEWAY_INSIDE}:3129"}
OTHER_CLIENT = "10.200.0.3"
SOCKS = b"\x05\x01\x00", b"\x05\x01\x00\x03" + bytes([len(RAW)]) + \
    RAW.encode("ascii") + b"\x01\xbb"
MIB = 1 << 20


@pytest.fixture(autouse=True)
def room_for_sockets():
    """The two ends of all tunnels are this process's."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def start(start_gateway):
    def start_one(settings=None, **kw):
        return start_gateway({**ADMIN, **(settings or {})},
                             binary=RELEASE and
                             binary_from("SEKISHO_PROXY_RELEASE", ""), **kw)

    return start_one


def admin(gateway, path):
    """What the admin port answers."""
    with gateway.lab.client.connect(gateway.address, 3129) as sock:
        sock.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode("ascii"))
        return wire.parse_answer(wire.read_to_end(sock))


def open_tunnels(gateway):
    """The gauge, over all listeners."""
    page = admin(gateway, "/metrics").rest.decode("utf-8")
    return sum(int(n) for n in re.findall(
        r"^sekisho_tunnels_active\{[^}]*\} (\d+)$", page, re.M))


class Echoes(threading.Thread):
    """The service behind RAW: sends back all it is sent, on any number of
    connections, until it is closed."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self._listener = lab.internet.listen(facts.RAW_ADDRESS, 443,
                                             backlog=4096)
        self._listener.setblocking(False)
        self._end, self._ended = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for sock in (self._listener, self._ended):
            self._selector.register(sock, selectors.EVENT_READ)
        self.start()

    def run(self):
        while True:
            for key, _ in self._selector.select():
                sock = key.fileobj
                if sock is self._ended:
                    return
                if sock is self._listener:
                    self._accept()
                else:
                    self._serve(sock)

    def _accept(self):
        with contextlib.suppress(OSError):
            sock, _ = self._listener.accept()
            sock.settimeout(20)
            self._selector.register(sock, selectors.EVENT_READ)

    def _serve(self, sock):
        with contextlib.suppress(OSError):
            data = sock.recv(65536)
            if data:
                sock.sendall(data)
                return
        self._selector.unregister(sock)
        sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end.send(b"x")
        self.join(20)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self._end.close()


# Slow clients

def head_bytes(sock):
    """Says its CONNECT and its hello a byte at a time."""
    yield from wire.connect_request(RAW)
    assert wire.read_answer(sock).status == 200
    sock.sendall(wire.client_hello(RAW))


def socks_bytes(sock):
    yield from SOCKS[0]
    assert wire.read_exact(sock, 2) == b"\x05\0"
    yield from SOCKS[1]
    assert wire.read_exact(sock, 10)[1] == 0
    sock.sendall(wire.client_hello(RAW))


def hello_bytes(sock):
    assert wire.http_connect(sock, RAW).status == 200
    yield from wire.client_hello(RAW)


def relay_bytes(sock):
    assert wire.http_connect(sock, RAW).status == 200
    hello = wire.client_hello(RAW)
    sock.sendall(hello)
    assert wire.read_exact(sock, len(hello)) == hello
    for n in range(100):
        yield n
        assert wire.read_exact(sock, 1) == bytes([n])


def finish(sock):
    """The tunnel of a slow client works in the end."""
    sock.sendall(b"\xff the end")
    got = b""
    while not got.endswith(b"\xff the end"):
        part = sock.recv(4096)
        assert part, got
        got += part


@pytest.mark.parametrize("count", [500])
def test_slow_clients_hold_nobody_up(start, lab, count):
    gateway = start({"limits.header_timeout": "5m",
                     "tunnel.hello_timeout": "5m"},
                    wrap=["prlimit", "--nofile=4096:4096"])
    served = 0
    with Echoes(lab), contextlib.ExitStack() as opened:
        socks = [opened.enter_context(gateway.connect())
                 for _ in range(count)]
        for sock in socks:
            # What stands still in a queue is not a slow client.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        kinds = [head_bytes, socks_bytes, hello_bytes, relay_bytes]
        talking = {sock: kinds[i % len(kinds)](sock)
                   for i, sock in enumerate(socks)}
        while talking:
            for sock, said in list(talking.items()):
                byte = next(said, None)
                if byte is None:
                    del talking[sock]
                else:
                    sock.sendall(bytes([byte]))
            with gateway.connect() as sock:  # one in a hurry
                assert wire.http_connect(sock, CONTAINER).status == 200
                sock.sendall(wire.client_hello(CONTAINER))
                assert wire.read_exact(sock, 1) == b"\x16"
            served += 1
        for sock in socks:
            finish(sock)
    wait_for(lambda: open_tunnels(gateway) == 0, "the tunnels to end")
    print(f"{count} slow clients, {served} others served meanwhile")
    assert served >= 100


# One client that wants everything

@pytest.fixture
def other_client(lab):
    """Connects from a second address of the client's network."""
    netns.ip(f"addr add {OTHER_CLIENT}/24 dev lan", namespace=lab.client.name)

    def connect(gateway):
        sock = lab.client.socket()
        sock.bind((OTHER_CLIENT, 0))
        sock.connect((gateway.address, gateway.port))
        return sock

    yield connect
    netns.ip(f"addr del {OTHER_CLIENT}/24 dev lan", namespace=lab.client.name)


@pytest.mark.parametrize("limit, most", [
    ({"limits.tunnels_per_client": "10"}, 10),
    ({"limits.connects_per_client": "5"}, None),
], ids=["tunnels", "connects"])
def test_flood_of_one_address(start, lab, other_client, limit, most):
    gateway = start(limit, wrap=["prlimit", "--nofile=4096:4096"])
    with Echoes(lab), contextlib.ExitStack() as opened:
        flood = [opened.enter_context(gateway.connect()) for _ in range(400)]
        for sock in flood:
            sock.sendall(wire.connect_request(RAW))
        others = [opened.enter_context(other_client(gateway))
                  for _ in range(10)]
        for sock in others:
            assert wire.http_connect(sock, RAW).status == 200
        answers = [wire.read_answer(sock) for sock in flood]
    statuses = [a.status for a in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == most or most is None
    for answer in answers:
        if answer.status == 429:
            assert int(answer.headers["retry-after"]) >= 1
    print(f"{limit}: {statuses.count(200)} of 400 served, others 10 of 10")
    line = gateway.log_line(status=429)
    assert line["outcome"] == "rate_limited"
    assert line["client"].startswith(facts.CLIENT_ADDRESS + ":")


# Connect and go

def until_nothing(_):
    """Connects, and that is all."""


def until_half_a_head(sock):
    sock.sendall(b"CONNECT " + RAW.encode("ascii"))


def until_refused(sock):
    sock.sendall(wire.connect_request("example.com"))


def until_asked(sock):
    """Goes while its name is looked up or its connection made."""
    sock.sendall(wire.connect_request(RAW))


def until_greeted(sock):
    sock.sendall(SOCKS[0])


def until_half_a_hello(sock):
    assert wire.http_connect(sock, RAW).status == 200
    sock.sendall(wire.client_hello(RAW)[:40])


def until_it_talks(sock):
    sock.sendall(wire.connect_request(RAW) + wire.client_hello(RAW))
    assert sock.recv(1) == b"H"


PHASES = [until_nothing, until_half_a_head, until_refused, until_asked,
          until_greeted, until_half_a_hello, until_it_talks]


def connect_and_go(gateway, rounds):
    for i in range(rounds):
        sock = gateway.connect()
        PHASES[i % len(PHASES)](sock)
        if i // len(PHASES) % 2:
            wire.reset(sock)
        else:
            sock.close()


def rss_at_rest(gateway, sockets):
    """Resident bytes once every client is gone."""
    wait_for(lambda: gateway.sockets() <= sockets, "all sockets to be closed",
             60)
    wait_for(lambda: open_tunnels(gateway) == 0, "the tunnels to end")
    return gateway.rss()


def test_connect_and_abort(start, lab):
    rounds = 20000 if RELEASE else 2000
    gateway = start({"log.access": "off"})
    sockets = gateway.sockets()
    with Echoes(lab):
        connect_and_go(gateway, 1000)
        before = rss_at_rest(gateway, sockets)
        connect_and_go(gateway, rounds)
        after = rss_at_rest(gateway, sockets)
        with gateway.connect() as sock:
            assert wire.http_connect(sock, RAW).status == 200
    print(f"{rounds} rounds: RSS {before // 1024} KiB before, "
          f"{after // 1024} KiB after")
    if RELEASE:
        assert after - before <= MIB


# Descriptors

def least_files(gateway_error):
    return int(re.search(r"event=files_too_few .*needed=(\d+)",
                         gateway_error)[1])


def serves(gateway):
    with gateway.connect() as sock:
        return wire.http_connect(sock, "example.com").status == 403


@pytest.mark.parametrize("workers", ["1", "4", "32"])
def test_64_descriptors_start_or_are_said_to_be_too_few(start, workers):
    wrap = ["prlimit", "--nofile=64:64"]
    try:
        gateway = start({"gateway.workers": workers}, wrap=wrap)
    except LabError as e:
        assert workers != "1" and "limit=64" in str(e)
        assert "RLIMIT_NOFILE" in str(e)
        least = least_files(str(e))
        gateway = start({"gateway.workers": workers},
                        wrap=["prlimit", f"--nofile={least}:{least}"])
    assert serves(gateway)


def most_files():
    """The highest limit that can be set here: container runtimes set it near
    2^30, where the kernel (fs.nr_open) and this process's rights let them."""
    with open("/proc/sys/fs/nr_open", encoding="ascii") as f:
        most = min(int(f.read()), 1 << 30)
    done = subprocess.run(["prlimit", f"--nofile={most}:{most}", "true"],
                          capture_output=True, timeout=20, check=False)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return most if done.returncode == 0 else hard


def test_many_descriptors_cost_nothing(start):
    files = most_files()
    gateway = start(wrap=["prlimit", f"--nofile={files}:{files}"])
    assert serves(gateway)
    print(f"{files} descriptors: RSS {gateway.rss() // 1024} KiB")
    if RELEASE:
        assert gateway.rss() < 32 * MIB


def cpu_seconds(gateway):
    """User and system time of the whole process, by the kernel's count."""
    with open(f"/proc/{gateway.pid}/stat", encoding="latin-1") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def set_files(gateway, files):
    subprocess.run(["prlimit", f"--pid={gateway.pid}",
                    f"--nofile={files}:1024"], check=True, timeout=20)


def test_no_descriptor_left(start):
    """The limit falls to what is open, and clients take the few gaps: nothing
    can be accepted. Nobody spins, the admin port answers, and later those who
    waited are served."""
    gateway = start(wrap=["prlimit", "--nofile=1024:1024"])
    assert serves(gateway)
    wait_for(lambda: gateway.unread() == 0, "the client to be gone")
    set_files(gateway, 1 + max(
        int(n) for n in os.listdir(f"/proc/{gateway.pid}/fd")))
    request = wire.connect_request("example.com")
    waiting = [gateway.connect() for _ in range(30)]
    for sock in waiting:
        sock.sendall(request[:20])
    gateway.error_line("event=accept_paused")
    began = len(gateway.error_lines("event=accept_paused"))
    cpu, clock = cpu_seconds(gateway), time.monotonic()

    def pauses():
        return len(gateway.error_lines("event=accept_paused")) - began

    wait_for(lambda: pauses() >= 10, "ten pauses")
    used, count = cpu_seconds(gateway) - cpu, pauses()
    took = time.monotonic() - clock
    assert admin(gateway, "/healthz").status == 200
    assert admin(gateway, "/metrics").status == 200
    print(f"{count} pauses of 100 ms: {used * 1000:.0f} ms of CPU")
    # Not one after another, and none that is not told of.
    assert took > (count - 1) * 0.09 and used < count * 0.02
    set_files(gateway, 1024)
    for sock in waiting:
        sock.sendall(request[20:])
    for sock in waiting:
        assert wire.read_answer(sock).status == 403
        sock.close()
    assert serves(gateway)


def test_admin_port_while_every_place_is_taken(start, lab):
    gateway = start(wrap=["prlimit", "--nofile=64:64"])
    with Echoes(lab), contextlib.ExitStack() as opened:
        statuses = []
        for _ in range(100):
            sock = opened.enter_context(gateway.connect())
            statuses.append(wire.http_connect(sock, RAW).status)
        assert set(statuses) == {200, 503}
        for path in ("/healthz", "/readyz", "/metrics"):
            assert admin(gateway, path).status == 200
        assert open_tunnels(gateway) == statuses.count(200)
    wait_for(lambda: open_tunnels(gateway) == 0, "the tunnels to end")
    assert "accept_paused" not in gateway.transcript()
    print(f"64 descriptors: {statuses.count(200)} tunnels, the rest 503")
