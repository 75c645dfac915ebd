# SPDX-License-Identifier: Apache-2.0
"""The first bytes in the tunnel: passed on unchanged, or refused by a TLS
alert with nothing leaking upstream."""

import contextlib
import os
import socket
import threading

import pytest
from lab import dns, facts, wire
from lab.lab import wait_for
from lab.wire import hello_message, records

RAW = facts.RAW_HOST
ALERTS = {"sni_mismatch": {112, 49}, "sni_missing": {109, 112, 49},
          "not_tls": {10, 49}, "hello_timeout": {90, 49, 80, 0},
          "hello_too_large": {22, 50, 47, 49}}


def assert_refused(tunnel, outcome):
    """near got one fatal alert record and FIN; far got a FIN and no byte."""
    got = wire.read_to_end(tunnel.near)
    assert len(got) == 7 and got[0] == 0x15 and got[1] == 3, got
    assert got[3:6] == b"\x00\x02\x02", got  # length 2, fatal
    assert got[6] in ALERTS[outcome], got
    try:
        assert wire.read_to_end(tunnel.far) == b""
    except ConnectionResetError:
        pass  # as good as a FIN here: no byte came
    line = tunnel.gateway.log_line(event="tunnel")
    assert line["outcome"] == outcome
    assert line["status"] == 200 and line["bytes_up"] == 0


@pytest.mark.parametrize("hello", [
    wire.client_hello(RAW),
    wire.client_hello(RAW, size=1800),
    wire.client_hello(RAW, size=16000),
    wire.client_hello(RAW.upper()),
    records(hello_message(RAW), step=1),
    records(hello_message(RAW, size=1800), step=1),
    records(hello_message(RAW), step=7),
    wire.client_hello(RAW) + b"\x17\x03\x03\x00\x03abc" * 1000,
], ids=["plain", "1800-bytes", "16000-bytes", "upper-case",
        "1-byte-records", "1800-in-1-byte-records", "7-byte-records",
        "early-data-behind"])
def test_passes_unchanged(gateway, open_tunnel, hello):
    tunnel = open_tunnel(gateway, hello=None)
    tunnel.send_up(hello)
    tunnel.send_down(b"answer")
    tunnel.finish()
    line = gateway.log_line(event="tunnel")
    assert line["outcome"] == "client_closed" and line["sni"] == RAW
    assert line["bytes_up"] == len(hello) and line["bytes_down"] == 6


@pytest.mark.parametrize("hello", [
    wire.client_hello(RAW), wire.client_hello(RAW, size=1800),
    records(hello_message(RAW), step=1)],
    ids=["plain", "1800-bytes", "1-byte-records"])
def test_passes_in_single_byte_segments(gateway, open_tunnel, hello):
    tunnel = open_tunnel(gateway, hello=None)
    for byte in hello:  # TCP_NODELAY: each leaves on its own
        tunnel.near.send(bytes([byte]))
    assert wire.read_exact(tunnel.far, len(hello)) == hello
    tunnel.finish()
    assert gateway.log_line(event="tunnel")["outcome"] == "client_closed"


def test_sent_behind_the_connect_in_one_segment(gateway, lab):
    hello = wire.client_hello(RAW)
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            gateway.connect() as near:
        near.sendall(wire.connect_request(RAW) + hello + b"more")
        assert wire.read_answer(near).status == 200
        far, _ = listener.accept()
        far.settimeout(20)
        assert wire.read_exact(far, len(hello) + 4) == hello + b"more"
        far.sendall(b"back")
        assert wire.read_exact(near, 4) == b"back"
        far.close()
    assert gateway.log_line(event="tunnel")["bytes_up"] == len(hello) + 4


def test_megabyte_sent_before_the_200_arrives_once_and_in_order(gateway,
                                                                lab):
    """The client does not wait for the answer; the name takes its time."""
    lab.dns.script(RAW, dns.held(dns.addresses(facts.RAW_ADDRESS)))
    data = wire.client_hello(RAW) + os.urandom(1 << 20)
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            gateway.connect() as near:
        sender = threading.Thread(target=near.sendall, daemon=True, args=(
            wire.connect_request(RAW) + data,))
        sender.start()
        wait_for(lambda: lab.dns.queries(RAW, "A"), "the query")
        lab.dns.release()
        far, _ = listener.accept()
        far.settimeout(20)
        assert wire.read_exact(far, len(data)) == data
        sender.join(20)
        assert wire.read_answer(near).status == 200
        near.shutdown(socket.SHUT_WR)
        assert wire.read_to_end(far) == b""
        far.close()
    assert gateway.log_line(event="tunnel")["bytes_up"] == len(data)


@pytest.mark.parametrize("end", ["fin", "reset"])
def test_upstream_that_leaves_before_it(gateway, open_tunnel, end):
    tunnel = open_tunnel(gateway, hello=None)
    if end == "reset":
        wire.reset(tunnel.far)
        with pytest.raises(ConnectionResetError):
            wire.read_exact(tunnel.near, 1)
    else:
        tunnel.far.shutdown(socket.SHUT_WR)
        tunnel.send_up(wire.client_hello(RAW))
        assert wire.read_to_end(tunnel.near) == b""
        tunnel.close()
    assert gateway.log_line(event="tunnel")["outcome"] == (
        "upstream_reset" if end == "reset" else "upstream_closed")


@pytest.mark.parametrize("hello, outcome", [
    (wire.client_hello("example.com"), "sni_mismatch"),
    (wire.client_hello("x" + RAW), "sni_mismatch"),
    (wire.client_hello(facts.host("us-1", "container")), "sni_mismatch"),
    (wire.client_hello(RAW, RAW), "sni_mismatch"),
    (wire.client_hello(RAW, "example.com"), "sni_mismatch"),
    (wire.client_hello(RAW.encode() + b"\0.example.com"), "sni_mismatch"),
    (wire.client_hello(b"52.94.2.1"), "sni_mismatch"),
    (wire.client_hello(), "sni_missing"),
    (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "not_tls"),
    (b"GET / HTTP/1.1\r\nHost: raw.lab.example\r\n\r\n", "not_tls"),
    (b"\x15\x03\x01\x00\x02\x02\x28", "not_tls"),
    (b"\x17\x03\x03\x00\x05hello", "not_tls"),
    (records(b"\x02" + hello_message(RAW)[1:]), "not_tls"),
    (b"\x80\x2e\x01\x03\x01" + bytes(64), "not_tls"),
    (b"\x16\x03\x01\x40\x00\x01\x00\x50\x00" + bytes(0x3ffc),
     "hello_too_large"),
], ids=["foreign", "longer", "sibling", "same-twice", "two", "nul",
        "address", "none", "ssh", "http", "alert", "data", "server-hello",
        "sslv2", "too-large"])
def test_is_refused_and_leaks_nothing(gateway, open_tunnel, hello, outcome):
    tunnel = open_tunnel(gateway, hello=None)
    tunnel.near.sendall(hello)
    assert_refused(tunnel, outcome)


def test_foreign_name_in_single_byte_segments(gateway, open_tunnel):
    tunnel = open_tunnel(gateway, hello=None)
    for byte in wire.client_hello("example.com"):
        tunnel.near.send(bytes([byte]))
    assert_refused(tunnel, "sni_mismatch")


def test_foreign_name_in_single_byte_records(gateway, open_tunnel):
    tunnel = open_tunnel(gateway, hello=None)
    tunnel.near.sendall(records(hello_message("example.com"), step=1))
    assert_refused(tunnel, "sni_mismatch")


@pytest.mark.gateway({"tunnel.hello_timeout": "300ms"})
@pytest.mark.parametrize("part", [0, 1, 5, 60])
def test_that_never_ends_times_out(gateway, open_tunnel, part):
    tunnel = open_tunnel(gateway, hello=None)
    tunnel.near.sendall(wire.client_hello(RAW)[:part])
    assert_refused(tunnel, "hello_timeout")


@pytest.mark.gateway({"tunnel.hello_timeout": "5m"})
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("part", [0, 1, 60])
def test_client_that_leaves_before_its_end(gateway, open_tunnel, part,
                                           at_once):
    """Noticed at once, whether bytes and FIN come together or not."""
    tunnel = open_tunnel(gateway, hello=None)
    with gateway.frozen() if at_once else contextlib.nullcontext():
        tunnel.near.sendall(wire.client_hello(RAW)[:part])
        if not at_once:
            wait_for(lambda: gateway.unread() == 0, "the gateway to read")
        tunnel.near.shutdown(socket.SHUT_WR)
    try:
        assert wire.read_to_end(tunnel.far) == b""
    except ConnectionResetError:
        pass  # no byte came
    line = gateway.log_line(event="tunnel")
    assert line["outcome"] in ("client_closed", "not_tls")
    assert line["bytes_up"] == 0


@pytest.mark.gateway({"tunnel.hello_timeout": "5m"})
@pytest.mark.parametrize("at_once", [False, True])
def test_reset_before_its_end(gateway, open_tunnel, at_once):
    tunnel = open_tunnel(gateway, hello=None)
    with gateway.frozen() if at_once else contextlib.nullcontext():
        tunnel.near.sendall(wire.client_hello(RAW)[:60])
        if not at_once:
            wait_for(lambda: gateway.unread() == 0, "the gateway to read")
        wire.reset(tunnel.near)
    try:
        assert wire.read_to_end(tunnel.far) == b""
    except ConnectionResetError:
        pass  # no byte came
    assert gateway.log_line(event="tunnel")["outcome"] == "client_reset"


@pytest.mark.gateway({"tunnel.sni": "require-tls"})
def test_require_tls_takes_any_name_but_only_tls(gateway, open_tunnel):
    for hello in (wire.client_hello("example.com"), wire.client_hello()):
        tunnel = open_tunnel(gateway, hello=None)
        tunnel.send_up(hello)
        tunnel.finish()
    tunnel = open_tunnel(gateway, hello=None)
    tunnel.near.sendall(b"SSH-2.0-x\r\n")
    assert wire.read_to_end(tunnel.near)[:1] == b"\x15"
    assert gateway.log_line(outcome="not_tls")["bytes_up"] == 0


@pytest.mark.gateway({"tunnel.sni": "off"})
def test_off_takes_anything_also_a_server_that_speaks_first(gateway,
                                                            open_tunnel):
    tunnel = open_tunnel(gateway, hello=None)
    tunnel.send_down(b"220 smtp.example\r\n")
    tunnel.send_up(b"EHLO x\r\n")
    tunnel.finish()
    assert gateway.log_line(event="tunnel")["outcome"] == "client_closed"
