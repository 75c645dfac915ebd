# SPDX-License-Identifier: Apache-2.0
"""A new process takes the place of one that runs: nobody is refused, no tunnel
is lost, and whatever fails, one of the two serves."""

import os
import signal
import socket
import struct

import pytest
from conftest import binary_from
from crowd import LiveTunnels, Rush
from lab import facts, wire
from lab.gateway import wait_for

RAW = facts.RAW_HOST
INSIDE = facts.GATEWAY_INSIDE
HANDOVERS, TUNNELS = 20, 200

# handover.h: magic, version, kind, role, ours, name.
MESSAGE = struct.Struct("=8s4I256s")
HELLO, SOCKET, END, BUSY, READY = 1, 2, 3, 4, 5


def message(kind, version=1):
    return MESSAGE.pack(b"sekisho", version, kind, 0, 0, b"")


@pytest.fixture
def settings(lab):
    """Of gateways that take over from each other."""
    path = os.path.join(lab.new_folder("handover"), "sock")
    return {"gateway.handover": path, "shutdown.drain": "60s"}


def ask(gateway, port=None):
    """The status of a CONNECT; None: nobody listens there."""
    try:
        with gateway.lab.client.connect(gateway.address,
                                        port or gateway.port) as sock:
            return wire.http_connect(sock, "no.example").status
    except ConnectionRefusedError:
        return None


def ends(gateway):
    assert gateway.wait_exit() == 0, gateway.transcript()


def speak(settings):
    """A connection such as a new gateway has."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(20)
    sock.connect(settings["gateway.handover"])
    return sock


def take(sock):
    """Says hello; returns the descriptors and the kind of the last word."""
    sock.sendall(message(HELLO))
    taken = []
    while True:
        data, fds, _, _ = socket.recv_fds(sock, MESSAGE.size, 1)
        taken += fds
        kind = MESSAGE.unpack(data)[2] if data else None
        if kind != SOCKET:
            return taken, kind


def test_twenty_in_a_row_under_load(start_gateway, lab, settings):
    """Under 200 tunnels of the first one and some 200 new clients a second,
    half of whom open a tunnel; the number of workers changes."""
    first = running = start_gateway({**settings, "gateway.workers": 2})
    gateways = [first]
    with LiveTunnels(first, TUNNELS) as tunnels:
        with Rush(first) as rush:
            for i in range(HANDOVERS):
                running = start_gateway(
                    {**settings, "gateway.workers": i % 3 + 1})
                gateways[-1].error_line("event=handed_over")
                gateways.append(running)
                tunnels.use(i)
                rush.await_more(20)
        assert not rush.noticed
        assert rush.tally["served"] > 5 * HANDOVERS
        assert rush.tally["refused"] > 5 * HANDOVERS
        tunnels.use_all()
        assert first.process.poll() is None
    for gateway in gateways[:-1]:
        ends(gateway)
        assert not gateway.error_lines("level=error")
    lines = first.log_lines(TUNNELS, event="tunnel", host=RAW)
    assert {line["outcome"] for line in lines} <= {
        "client_closed", "upstream_closed", "client_reset", "upstream_reset"}
    assert ask(running) == 403


def test_request_on_its_way_is_served_by_the_old_one(start_gateway, settings):
    """It has been accepted: it is no new one, and gets no 503."""
    old = start_gateway(settings)
    head = wire.connect_request("no.example")
    with old.connect() as early:
        early.sendall(head[:20])
        wait_for(lambda: old.unread() == 0, "the gateway to read")
        start_gateway(settings)
        old.error_line("event=handed_over")
        early.sendall(head[20:])
        assert wire.read_answer(early).status == 403
    ends(old)
    assert old.log_line(event="refused")["outcome"] == "denied_host"


def test_unix_socket_and_admin_go_along(start_gateway, lab, settings):
    path = os.path.join(lab.new_folder("door"), "s")
    settings.update({"listener u.address": f"unix:{path}",
                     "gateway.workers": 2,
                     "admin.address": f"{INSIDE}:3129"})

    def ready():
        with lab.client.connect(INSIDE, 3129) as sock:
            sock.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            return wire.read_to_end(sock).split()[1]

    def local():
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(path)
            return wire.http_connect(sock, "no.example").status

    old = start_gateway(settings)
    new = start_gateway(settings)
    ends(old)
    assert local() == 403 and ready() == b"200"
    new.stop()
    assert not os.path.exists(path)
    assert not os.path.exists(settings["gateway.handover"])


def test_listeners_come_and_go(start_gateway, settings):
    old = start_gateway({**settings,
                         "listener gone.address": f"{INSIDE}:3150"})
    assert ask(old, 3150) == 403
    new = start_gateway({**settings,
                         "listener come.address": f"{INSIDE}:3151"})
    ends(old)
    assert ask(new) == ask(new, 3151) == 403
    assert ask(new, 3150) is None


def test_old_tunnels_have_the_time_of_a_drain(start_gateway, open_tunnel,
                                              settings):
    old = start_gateway({**settings, "shutdown.drain": "300ms"})
    open_tunnel(old)
    new = start_gateway(settings)
    ends(old)
    assert old.log_line(event="tunnel")["outcome"] == "drained"
    assert ask(new) == 403


def test_term_while_old_tunnels_end(start_gateway, open_tunnel, settings):
    """As a service manager sends it to the old unit: the first one lets
    tunnels end, the second one ends them."""
    old = start_gateway(settings)
    tunnel = open_tunnel(old)
    start_gateway(settings)
    old.error_line("event=handed_over")
    old.signal(signal.SIGTERM)
    old.error_line("event=draining")
    tunnel.send_up(b"goes on")
    old.signal(signal.SIGTERM)
    ends(old)
    assert old.log_line(event="tunnel")["outcome"] == "shutdown"


def test_one_that_drains_already_can_be_relieved(start_gateway, open_tunnel,
                                                 settings):
    old = start_gateway(settings)
    tunnel = open_tunnel(old)
    old.signal(signal.SIGTERM)
    old.error_line("event=draining")
    new = start_gateway(settings)
    old.error_line("event=handed_over")
    # Until its workers have let go of the socket, it may still answer 503.
    wait_for(lambda: ask(new) == 403, "the new one to be alone")
    tunnel.finish()
    ends(old)


# What fails

def fails(lab, settings, *words):
    """A start that does not come to serve; returns what it says."""
    binary = binary_from("SEKISHO_PROXY", "build/dev/sekisho-proxy")
    done = lab.gateway.run(
        [binary, "--region", "us-1", "--admin", "off", "--set",
         f"gateway.handover={settings['gateway.handover']}", *words])
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_new_one_that_fails_half_way_changes_nothing(start_gateway, lab,
                                                     settings):
    old = start_gateway(settings)
    said = fails(lab, settings, "--listen", f"{INSIDE}:3128", "--listen",
                 "192.0.2.1:99")
    assert "event=handover_taken" in said and "listen_failed" in said
    assert "ended" in old.error_line("event=handover_given_up")
    assert ask(old) == 403
    start_gateway(settings)
    ends(old)


@pytest.mark.parametrize("words", [
    [], [message(READY)], [b"x"], [b""], [message(HELLO, 2)],
    [message(HELLO), message(HELLO)], [bytes(MESSAGE.size)], [message(99)],
])
def test_nonsense_at_the_socket_changes_nothing(start_gateway, settings,
                                                words):
    old = start_gateway(settings)
    with speak(settings) as sock:
        for word in words:
            sock.sendall(word)
    old.error_line("event=handover_given_up")
    assert ask(old) == 403
    new = start_gateway(settings)
    ends(old)
    assert ask(new) == 403


def test_one_that_dies_with_the_sockets_changes_nothing(start_gateway,
                                                        settings):
    old = start_gateway({**settings, "gateway.workers": 2})
    with speak(settings) as sock:
        fds, last = take(sock)
        assert last == END and len(fds) == 3  # two doors and the path
    for fd in fds:
        os.close(fd)
    old.error_line("event=handover_given_up")
    for _ in range(20):
        assert ask(old) == 403


def test_reload_waits_for_the_end_of_it(start_gateway, settings):
    old = start_gateway(settings)
    with speak(settings) as sock:
        fds, _ = take(sock)
        old.rewrite({"listener b.address": f"{INSIDE}:3152"})
        old.signal(signal.SIGHUP)
        assert ask(old) == 403  # it lives, and the signal has come
        assert ask(old, 3152) is None
        for fd in fds:
            os.close(fd)
    old.error_line("event=reloaded")
    assert ask(old, 3152) == 403


def test_two_at_once_come_one_after_the_other(start_gateway, settings):
    """The second one waits until the first one serves, and takes it over."""
    old = start_gateway(settings)
    with speak(settings) as sock:
        fds, _ = take(sock)
        with speak(settings) as other:
            word = other.recv(MESSAGE.size)
            assert MESSAGE.unpack(word)[2] == BUSY
        for fd in fds:
            os.close(fd)
    old.error_line("event=handover_given_up")
    started = [start_gateway(settings, wait=False) for _ in range(3)]
    for gateway in started:
        gateway.wait_ready()
    ends(old)
    wait_for(lambda: sum(g.process.poll() is None for g in started) == 1,
             "all but the last to end")
    last = next(g for g in started if g.process.poll() is None)
    assert ask(last) == 403


def test_killed_one_leaves_a_path_that_is_taken(start_gateway, settings):
    killed = start_gateway(settings)
    killed.process.kill()
    killed.process.wait(20)
    assert os.path.exists(settings["gateway.handover"])
    assert ask(start_gateway(settings)) == 403
    killed.stop = killed.kill  # no verdict on this one


def test_one_that_hangs_is_not_waited_for(start_gateway, lab, settings):
    old = start_gateway(settings)
    with old.frozen():
        said = fails(lab, settings, "--listen", f"{INSIDE}:3128")
    assert "does not answer in time" in said and "do=" in said
    wait_for(lambda: ask(old) == 403, "the old one to go on")


def test_other_users_get_nothing(start_gateway, lab, settings):
    old = start_gateway(settings)
    path = settings["gateway.handover"]
    assert os.stat(path).st_mode & 0o777 == 0o600
    os.chmod(path, 0o666)
    os.chmod(os.path.dirname(path), 0o755)
    code = (f"import socket; s = socket.socket(socket.AF_UNIX, "
            f"socket.SOCK_SEQPACKET); s.connect('sock'); "
            f"print(len(s.recv(1000)))")
    done = lab.gateway.run(["setpriv", "--reuid=65534", "--clear-groups", "--",
                            "/usr/bin/python3", "-c", code],
                           cwd=os.path.dirname(path))
    assert done.stdout == "0\n", done.stderr
    old.error_line("event=handover_refused")


def test_file_that_is_no_socket_is_left_alone(lab, settings):
    path = settings["gateway.handover"]
    with open(path, "w", encoding="ascii"):
        pass
    said = fails(lab, settings, "--listen", f"{INSIDE}:3128")
    assert path in said and os.path.exists(path)
