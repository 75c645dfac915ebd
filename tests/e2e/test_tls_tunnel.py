# SPDX-License-Identifier: Apache-2.0
"""What a tunnel inside TLS carries, and how it ends."""

import concurrent.futures
import os
import select
import socket
import ssl
import subprocess

import pytest
import secure
from lab import facts, wire
from lab.gateway import wait_for
from lab.tls import TlsClient
from secure import HERE
from tunnels import MB, Sender, digest_to_end, fill

RAW = facts.RAW_HOST


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_one_byte_segments(guarded, files, open_tunnel, version):
    context = files.context()
    if version == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    tunnel = open_tunnel(guarded, connect=lambda rcvbuf: TlsClient(
        guarded.connect(), context, HERE, step=1))
    tunnel.send_up(os.urandom(3000))
    tunnel.send_down(os.urandom(3000))
    tunnel.finish()
    line = guarded.log_line(event="tunnel")
    assert line["outcome"] == "client_closed"
    assert line["bytes_up"] == 3000 + len(tunnel.hello)
    assert line["bytes_down"] == 3000


def test_early_bytes(guarded, files, lab):
    hello = wire.client_hello(RAW)
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            secure.dial(guarded, files) as near:
        near.sendall(wire.connect_request(RAW) + hello + b"early")
        far, _ = listener.accept()
        with far:
            assert wire.read_exact(far, len(hello) + 5) == hello + b"early"
            assert wire.read_answer(near).status == 200


def test_inner_alerts_come_through(guarded, files, lab):
    """What is wrong in the tunnel is told in the tunnel."""
    with lab.internet.listen(facts.RAW_ADDRESS, 443), \
            secure.dial(guarded, files) as near:
        assert wire.http_connect(near, RAW).status == 200
        near.sendall(wire.client_hello("other.example"))
        assert wire.read_to_end(near) == b"\x15\x03\x03\0\x02\x02\x31"
    assert guarded.log_line(event="tunnel")["outcome"] == "sni_mismatch"


def test_half_close_by_the_client(guarded, tunnel_in):
    tunnel = tunnel_in(guarded)
    tunnel.near.shutdown()
    assert wire.read_to_end(tunnel.far) == b""
    sender = Sender(tunnel.far, 8 * MB)
    # To a close_notify; of a bare FIN recv() would raise.
    got, size = digest_to_end(tunnel.near)
    sender.join(20)
    assert size == 8 * MB and got == sender.digest.digest()
    line = guarded.log_line(event="tunnel")
    assert line["outcome"] == "client_closed" and "detail" not in line


def test_half_close_by_the_upstream(guarded, tunnel_in):
    tunnel = tunnel_in(guarded)
    tunnel.far.sendall(b"last words")
    tunnel.far.shutdown(socket.SHUT_WR)
    assert wire.read_to_end(tunnel.near) == b"last words"
    tunnel.send_up(os.urandom(100000))
    tunnel.near.shutdown()
    assert wire.read_to_end(tunnel.far) == b""
    assert guarded.log_line(event="tunnel")["outcome"] == "upstream_closed"


def test_a_client_that_is_cut(guarded, tunnel_in):
    """A FIN without a close_notify: the TLS in the tunnel tells its own end,
    so it is passed on, and the log says so."""
    tunnel = tunnel_in(guarded)
    tunnel.send_up(b"words")
    tunnel.near.cut(socket.SHUT_WR)
    assert wire.read_to_end(tunnel.far) == b""
    tunnel.far.close()
    line = guarded.log_line(event="tunnel")
    assert line["outcome"] == "client_closed"
    assert line["detail"] == "ended without a close_notify"


@pytest.mark.parametrize("how", ["cut", "reset", "junk"])
def test_a_cut_of_what_has_no_end_of_its_own(start_gateway, files, tunnel_in,
                                             how):
    """With tunnel.sni = off nobody else would notice: a reset."""
    gateway = start_gateway({**files.settings(), "tunnel.sni": "off"})
    tunnel = tunnel_in(gateway)
    tunnel.send_up(b"words")
    if how == "cut":
        tunnel.near.cut(socket.SHUT_WR)
    elif how == "reset":
        wire.reset(tunnel.near.sock)
    else:
        tunnel.near.sock.sendall(b"\x17\x03\x03\0\x20" + b"x" * 32)
    with pytest.raises(ConnectionResetError):
        tunnel.far.recv(1)
    line = gateway.log_line(event="tunnel")
    assert line["outcome"] == "client_reset"
    assert ("detail" in line) == (how != "reset")


def test_a_reset_upstream_is_no_clean_end(guarded, tunnel_in):
    tunnel = tunnel_in(guarded)
    wire.reset(tunnel.far)
    tunnel.far = None
    with pytest.raises((ConnectionResetError, ssl.SSLError)):
        tunnel.near.recv(1)
    assert guarded.log_line(event="tunnel")["outcome"] == "upstream_reset"


def test_both_directions_at_once(guarded, tunnel_in):
    """Tens of megabytes each way, intact."""
    tunnel = tunnel_in(guarded)
    size = 32 * MB
    up, down = Sender(tunnel.near, size), Sender(tunnel.far, size)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        there = pool.submit(digest_to_end, tunnel.far)
        here = digest_to_end(tunnel.near)
        assert there.result(60) == (up.digest.digest(), size)
    assert here == (down.digest.digest(), size)
    assert up.error is None and down.error is None
    line = guarded.log_line(event="tunnel")
    assert line["bytes_up"] == size + len(tunnel.hello)
    assert line["bytes_down"] == size


@pytest.fixture
def measured(monkeypatch, start_gateway, files):
    """A gateway that speaks TLS, of which memory that is freed is free: the
    sanitizer would keep it aside."""
    monkeypatch.setenv("ASAN_OPTIONS", "quarantine_size_mb=1:"
                       "thread_local_quarantine_size_kb=64")
    return start_gateway(files.settings())


@pytest.mark.parametrize("direction", ["up", "down"])
def test_slow_consumers_hold_up_the_sender(measured, tunnel_in, direction):
    tunnel = tunnel_in(measured, rcvbuf=65536)
    source, drain = (tunnel.near, tunnel.far) if direction == "up" else \
        (tunnel.far, tunnel.near)
    source.settimeout(None)
    before, size = measured.rss(), 64 * MB
    sender = Sender(source, size)
    wait_for(lambda: sender.sent > 0 and
             not select.select([], [source], [], 0.5)[1],
             "back-pressure at the sender")
    assert sender.sent < size // 2
    peaks = [measured.rss()]
    got, came = digest_to_end(drain, lambda: peaks.append(measured.rss()))
    sender.join(20)
    assert sender.error is None
    assert came == size and got == sender.digest.digest()
    assert max(peaks) - before < 8 * MB


def test_a_stalled_tunnel_holds_up_no_other(guarded, tunnel_in):
    stalled = tunnel_in(guarded)
    stalled.listener.close()
    assert fill(stalled.far) > 0
    other = tunnel_in(guarded)
    other.send_up(os.urandom(MB))
    other.send_down(os.urandom(MB))
    other.finish()
    assert guarded.log_line(event="tunnel")["outcome"] == "client_closed"


def test_idle_tunnels_are_ended_in_order(start_gateway, files, tunnel_in):
    gateway = start_gateway({**files.settings(),
                             "tunnel.idle_timeout": "300ms"})
    tunnel = tunnel_in(gateway)
    assert tunnel.near.recv(1) == b""  # a close_notify
    assert gateway.log_line(event="tunnel")["outcome"] == "idle_timeout"


def test_many_small_words(guarded, tunnel_in):
    tunnel = tunnel_in(guarded)
    for i in range(500):
        tunnel.send_up(b"%d" % i)
        tunnel.send_down(b"%d" % i)
    tunnel.finish()


def test_key_updates(guarded, files, lab):
    """openssl s_client asks for new keys both ways (RFC 8446, 4.6.3)."""
    client = lab.client.popen(
        ["openssl", "s_client", "-connect", f"{HERE}:{guarded.port}",
         "-CAfile", files.ca_file], stdin=subprocess.PIPE, bufsize=0,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, client:
        hello = wire.client_hello(RAW)
        client.stdin.write(wire.connect_request(RAW))
        far, _ = listener.accept()
        far.settimeout(20)
        client.stdin.write(hello)
        assert wire.read_exact(far, len(hello)) == hello
        for i in range(3):
            client.stdin.write(b"K\n")
            while client.stderr.readline() != b"KEYUPDATE\n":
                pass
            client.stdin.write(b"up%d\n" % i)
            assert wire.read_exact(far, 4) == b"up%d\n" % i
            far.sendall(b"down%d\n" % i)
        far.close()
        assert b"down0\ndown1\ndown2\n" in client.stdout.read()
    assert guarded.log_line(event="tunnel")["bytes_up"] == len(hello) + 12
