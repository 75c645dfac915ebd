# SPDX-License-Identifier: Apache-2.0
"""The relay: nothing lost, nothing invented, ends passed on as they came."""

import os
import select
import socket
import threading

import pytest
from lab import facts, wire
from lab.lab import wait_for
from tunnels import MB, Sender, digest_to_end, fill

BIG = 256 * MB


@pytest.mark.parametrize("direction", ["up", "down"])
def test_slow_consumer_holds_up_the_sender_not_the_gateway(
        gateway, open_tunnel, direction):
    tunnel = open_tunnel(gateway)
    source, drain = (tunnel.near, tunnel.far) if direction == "up" else \
        (tunnel.far, tunnel.near)
    source.settimeout(None)
    before = gateway.rss()
    peaks = []
    sender = Sender(source, BIG)
    # The sender is held up when its socket takes no more for a while.
    wait_for(lambda: sender.sent > 0 and
             not select.select([], [source], [], 0.5)[1],
             "back-pressure at the sender")
    assert sender.sent < BIG // 2
    peaks.append(gateway.rss())
    got, size = digest_to_end(drain, lambda: peaks.append(gateway.rss()))
    sender.join(20)
    assert sender.error is None
    assert size == BIG and got == sender.digest.digest()
    assert max(peaks) - before < 8 * MB
    drain.shutdown(socket.SHUT_WR)
    assert wire.read_to_end(source) == b""
    line = gateway.log_line(event="tunnel")
    assert line["bytes_" + direction] >= BIG
    assert line["outcome"] in ("client_closed", "upstream_closed")


def test_stalled_tunnel_does_not_hold_up_another(gateway, open_tunnel):
    stalled = open_tunnel(gateway)
    stalled.listener.close()
    assert fill(stalled.far) > 0
    assert fill(stalled.near) > 0
    other = open_tunnel(gateway)
    other.send_up(os.urandom(MB // 8))
    other.send_down(os.urandom(MB // 8))
    other.finish()
    assert gateway.log_line(event="tunnel")["outcome"] == "client_closed"


def test_both_directions_at_once(gateway, open_tunnel):
    tunnel = open_tunnel(gateway)
    up, down = Sender(tunnel.near, 32 * MB), Sender(tunnel.far, 32 * MB)
    results = {}

    def receive():
        results["up"] = digest_to_end(tunnel.far)

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    results["down"] = digest_to_end(tunnel.near)
    thread.join(60)
    for name, sender in (("up", up), ("down", down)):
        sender.join(20)
        assert results[name] == (sender.digest.digest(), 32 * MB)
    line = gateway.log_line(event="tunnel")
    assert line["bytes_up"] == 32 * MB + len(tunnel.hello)
    assert line["bytes_down"] == 32 * MB


@pytest.mark.parametrize("first", ["client", "upstream"])
def test_half_close_lets_the_other_side_finish(gateway, open_tunnel, first):
    """1 MB after the other side's FIN arrives whole."""
    tunnel = open_tunnel(gateway)
    one, other = (tunnel.near, tunnel.far) if first == "client" else \
        (tunnel.far, tunnel.near)
    one.sendall(b"last words")
    one.shutdown(socket.SHUT_WR)
    assert wire.read_to_end(other) == b"last words"
    sender = Sender(other, MB)
    got, size = digest_to_end(one)
    sender.join(20)
    assert (got, size) == (sender.digest.digest(), MB)
    line = gateway.log_line(event="tunnel")
    assert line["outcome"] == f"{first}_closed"
    assert max(line["bytes_up"], line["bytes_down"]) >= MB


def test_reset_of_the_client_reaches_the_upstream(gateway, open_tunnel):
    tunnel = open_tunnel(gateway)
    tunnel.send_down(b"x")
    wire.reset(tunnel.near)
    with pytest.raises(ConnectionResetError):
        tunnel.far.recv(1)
    assert gateway.log_line(event="tunnel")["outcome"] == "client_reset"


def test_reset_of_the_upstream_reaches_the_client(gateway, open_tunnel):
    tunnel = open_tunnel(gateway)
    wire.reset(tunnel.far)
    with pytest.raises(ConnectionResetError):
        tunnel.near.recv(1)
    assert gateway.log_line(event="tunnel")["outcome"] == "upstream_reset"


@pytest.mark.parametrize("who", ["client", "upstream"])
def test_reset_under_back_pressure_frees_the_tunnel(gateway, open_tunnel,
                                                    who):
    tunnel = open_tunnel(gateway)
    reader, writer = (tunnel.near, tunnel.far) if who == "client" else \
        (tunnel.far, tunnel.near)
    writer.settimeout(None)
    sender = Sender(writer, BIG)
    wait_for(lambda: sender.sent > 0 and
             not select.select([], [writer], [], 0.5)[1],
             "back-pressure at the sender")
    wire.reset(reader)
    sender.join(20)
    assert isinstance(sender.error, (ConnectionResetError, BrokenPipeError))
    assert gateway.log_line(event="tunnel")["outcome"] == f"{who}_reset"


def test_reset_after_half_close_is_passed_on(gateway, open_tunnel):
    tunnel = open_tunnel(gateway)
    tunnel.near.shutdown(socket.SHUT_WR)
    assert wire.read_to_end(tunnel.far) == b""
    wire.reset(tunnel.far)
    with pytest.raises(ConnectionResetError):
        tunnel.near.recv(1)
    assert gateway.log_line(event="tunnel")["outcome"] == "upstream_reset"


def test_idle_tunnel_stays_and_goes_on(gateway, open_tunnel):
    """Others come and go; this one says a byte at the end of it."""
    quiet = open_tunnel(gateway)
    for _ in range(50):
        with gateway.connect() as sock:
            assert wire.http_connect(sock, "example.com").status == 403
    gateway.log_lines(50, event="refused")
    quiet.send_up(b"still here")
    quiet.send_down(b"so am I")


def test_many_small_messages_keep_their_order(gateway, open_tunnel):
    tunnel = open_tunnel(gateway)
    for i in range(2000):
        tunnel.send_up(b"%d," % i)
        tunnel.send_down(b"%d;" % i)


def test_a_closed_tunnel_leaves_no_socket_behind(gateway, open_tunnel):
    before = gateway.sockets()
    for _ in range(20):
        tunnel = open_tunnel(gateway)
        tunnel.send_up(b"x" * 3000)
        tunnel.finish()
    gateway.log_lines(20, event="tunnel")
    wait_for(lambda: gateway.sockets() == before, "sockets to be closed")


@pytest.mark.gateway({"gateway.workers": "2"})
def test_two_workers_share_the_load_without_mixing_tunnels(gateway, lab):
    with lab.internet.listen(facts.RAW_ADDRESS, 443, backlog=256) as listener:
        pairs = []
        for i in range(64):
            near = gateway.connect()
            assert wire.http_connect(near, facts.RAW_HOST).status == 200
            far, _ = listener.accept()
            far.settimeout(20)
            pairs.append((near, far, wire.client_hello(facts.RAW_HOST)))
        for near, _, hello in pairs:
            near.sendall(hello)
        for near, far, hello in pairs:
            assert wire.read_exact(far, len(hello)) == hello
            near.close()
            far.close()
    gateway.log_lines(64, event="tunnel")


def test_reset_that_meets_a_fin(gateway, open_tunnel):
    """The service's FIN cannot be passed on to a client that has reset, and
    that is the reset, no error of its own."""
    tunnel = open_tunnel(gateway)
    with gateway.frozen():
        tunnel.far.shutdown(socket.SHUT_WR)
        wire.reset(tunnel.near)
    line = gateway.log_line(event="tunnel")
    assert line["outcome"] == "client_reset" and "detail" not in line
