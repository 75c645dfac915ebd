# SPDX-License-Identifier: Apache-2.0
"""Under a service manager: sockets that are there already, and what it is told
meanwhile (sd_listen_fds(3), sd_notify(3))."""

import os
import pathlib
import signal
import socket
import sys
import time

import pytest
from conftest import binary_from
from lab import facts, wire

INSIDE = facts.GATEWAY_INSIDE
ACTIVATE = pathlib.Path(__file__).parent.parent / "lab" / "activate.py"


def activated(**sockets):
    """What to put before the command; - in a name is written as _."""
    words = [f"{k.replace('_', '-')}={v}" for k, v in sockets.items()]
    return [sys.executable, str(ACTIVATE), *words, "--"]


def ask(gateway, port=None, host="no.example"):
    with gateway.lab.client.connect(gateway.address,
                                    port or gateway.port) as sock:
        return wire.http_connect(sock, host).status


# Sockets

@pytest.mark.parametrize("workers", [1, 3])
def test_socket_by_address(start_gateway, open_tunnel, workers):
    """systemd's own default name, the socket unit's."""
    gateway = start_gateway(
        {"gateway.workers": workers},
        wrap=activated(**{"sekisho.socket": f"{INSIDE}:3128"}))
    assert "listener=lab" in gateway.error_line("event=inherited")
    assert f"listeners={INSIDE}:3128 " in gateway.ready
    for _ in range(20):
        assert ask(gateway) == 403
    tunnel = open_tunnel(gateway)
    tunnel.send_up(b"x" * 100000)
    tunnel.send_down(b"y" * 100000)


def test_socket_by_name(start_gateway):
    """The unit has the say about the address. Both listen."""
    gateway = start_gateway(
        {"listener.address": "127.0.0.1:9"},
        wrap=activated(lab=f"{INSIDE}:3138"))
    assert f"listeners={INSIDE}:3138 " in gateway.ready
    gateway.address = INSIDE
    assert ask(gateway, 3138) == 403


def test_two_sockets_of_one_name(start_gateway, lab):
    """As of a unit with two ListenStream= lines."""
    wrap = [sys.executable, str(ACTIVATE), f"lab={INSIDE}:3138",
            f"lab=[{facts.GATEWAY_INSIDE6}]:3138", "--"]
    gateway = start_gateway({}, wrap=wrap)
    for address in (INSIDE, facts.GATEWAY_INSIDE6):
        with lab.client.connect(address, 3138) as sock:
            assert wire.http_connect(sock, "no.example").status == 403


def test_unix_and_admin(start_gateway, lab):
    path = os.path.join(lab.new_folder("door"), "s")
    gateway = start_gateway(
        {"listener u.address": f"unix:{path}", "gateway.workers": 2,
         "admin.address": "127.0.0.1:0"},
        wrap=activated(admin=f"{INSIDE}:3139", door=f"unix:{path}"))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        assert wire.http_connect(sock, "no.example").status == 403
    assert f"admin={INSIDE}:3139" in gateway.ready
    with lab.client.connect(INSIDE, 3139) as sock:
        sock.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        assert b" 200 " in wire.read_to_end(sock)
    gateway.stop()
    assert os.path.exists(path)  # the manager's, not ours


def test_reload_keeps_what_was_inherited(start_gateway):
    gateway = start_gateway(wrap=activated(lab=f"{INSIDE}:3128"))
    gateway.reload({"listener b.address": f"{INSIDE}:3143"})
    assert ask(gateway) == ask(gateway, 3143) == 403
    gateway.reload({})
    assert ask(gateway) == 403
    with pytest.raises(ConnectionRefusedError):
        ask(gateway, 3143)


def refused(lab, *words, settings=(), environment=()):
    """Starts with these sockets; returns what it says, and expects status 1."""
    binary = binary_from("SEKISHO_PROXY", "build/dev/sekisho-proxy")
    done = lab.gateway.run(
        [sys.executable, str(ACTIVATE), *words, "--", "env", *environment,
         binary, "--region", "us-1", "--admin", "off", *settings])
    assert done.returncode == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("word, says", [
    ("x=127.0.0.1:3200", "fd=3 name=\"x\" address=\"127.0.0.1:3200\" "
                         "reason=\"it belongs to no listener\""),
    ("admin=127.0.0.1:3200", "it belongs to no listener"),  # admin is off
    ("main=udp:127.0.0.1:3128", "no stream socket"),
    ("main=bound:127.0.0.1:3128", "does not listen"),
])
def test_wrong_socket_is_named(lab, word, says):
    assert says in refused(lab, word)


@pytest.mark.parametrize("variable, says", [
    ("LISTEN_FDS=x", "expected a number"),
    ("LISTEN_FDS=-1", "expected a number"),
    ("LISTEN_FDS=99999999999999999999", "expected a number"),
    ("LISTEN_FDS=2", "fd=4 name=\"\" reason=\"it is no open socket\""),
])
def test_wrong_environment_is_named(lab, variable, says):
    assert says in refused(lab, "main=127.0.0.1:3128",
                           environment=[variable])


def test_sockets_of_another_process_are_left_alone(start_gateway):
    """LISTEN_PID is not ours: inherited by mistake."""
    gateway = start_gateway(
        wrap=[*activated(x=f"{INSIDE}:3200"), "env", "LISTEN_PID=1"])
    assert ask(gateway) == 403


# Notifications

class Manager:
    """Reads what the gateway sends to NOTIFY_SOCKET."""

    def __init__(self, lab, abstract):
        self.sock = lab.gateway.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(lab.new_folder("manager"), "notify")
        self.sock.bind("\0" + path if abstract else path)
        self.address = ("@" if abstract else "") + path

    def next(self):
        return dict(line.partition("=")[::2]
                    for line in self.sock.recv(4096).decode().splitlines()
                    if line)

    def wait(self, key):
        """Skips messages without key."""
        while True:
            message = self.next()
            if key in message:
                return message


@pytest.fixture(params=[False, True], ids=["path", "abstract"])
def manager(lab, request):
    one = Manager(lab, request.param)
    with one.sock:
        yield one


def wrapped(manager, *more):
    return ["env", f"NOTIFY_SOCKET={manager.address}", *more]


def test_manager_is_told(start_gateway, open_tunnel, manager):
    gateway = start_gateway({"shutdown.drain": "60s"}, wrap=wrapped(manager))
    ready = manager.next()
    assert ready["READY"] == "1"
    assert ready["STATUS"] in gateway.ready and ready["STATUS"]
    before = time.monotonic_ns() // 1000
    gateway.reload({"listener b.address": f"{INSIDE}:3143"})
    reloading, ready = manager.next(), manager.next()
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= \
        time.monotonic_ns() // 1000
    assert ready["READY"] == "1" and f"{INSIDE}:3143" in ready["STATUS"]
    gateway.rewrite({"tunnel.sni": "on"})
    gateway.signal(signal.SIGHUP)
    gateway.error_line("event=reload_refused")
    assert "RELOADING" in manager.next() and "READY" in manager.next()
    tunnel = open_tunnel(gateway)
    gateway.signal(signal.SIGTERM)
    assert manager.next()["STOPPING"] == "1"
    tunnel.finish()


def test_watchdog(start_gateway, manager):
    gateway = start_gateway(
        {"gateway.workers": 2},
        wrap=wrapped(manager, "WATCHDOG_USEC=100000"))
    for _ in range(3):
        assert manager.wait("WATCHDOG") == {"WATCHDOG": "1"}
    gateway.stop()


def test_watchdog_of_another_process(start_gateway, manager):
    gateway = start_gateway(wrap=wrapped(
        manager, "WATCHDOG_USEC=1000", "WATCHDOG_PID=1"))
    assert "READY" in manager.next()
    gateway.signal(signal.SIGTERM)
    assert "STOPPING" in manager.next()


@pytest.mark.parametrize("address", ["/nonexistent/notify", "notify", "@",
                                     "/" + 200 * "x"])
def test_manager_that_is_not_there_is_a_warning(start_gateway, address):
    gateway = start_gateway(wrap=["env", f"NOTIFY_SOCKET={address}"])
    assert address in gateway.error_line("event=notify_failed")
    assert ask(gateway) == 403
