# SPDX-License-Identifier: Apache-2.0
"""Behind a load balancer: whose connection it is stands in a PROXY header, and
whoever sends none, or a wrong one, is not served."""

import contextlib
import json
import os
import socket
import struct
import subprocess

import drivers
import pytest
from conftest import binary_from
from lab import facts, wire
from lab.gateway import wait_for

CONTAINER = facts.host("us-1", "container")
RAW = facts.RAW_HOST
ON = {"listener.proxy_protocol": "on"}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT, CLIENT6 = "192.0.2.7:51000", "[2001:db8::7]:51000"
SOCKS_HELLO = b"\x05\x01\x00"

pytestmark = pytest.mark.gateway(ON)


def v2(command, family, body):
    return SIGNATURE + bytes([0x20 | command, family]) + \
        struct.pack("!H", len(body)) + body


def addresses(family, client, ports=(51000, 443)):
    return socket.inet_pton(family, client) + bytes(
        4 if family == socket.AF_INET else 16) + struct.pack("!HH", *ports)


def v1(client, port=51000):
    return f"PROXY TCP4 {client} 198.51.100.2 {port} 443\r\n".encode("ascii")


INET = addresses(socket.AF_INET, "192.0.2.7")
INET6 = addresses(socket.AF_INET6, "2001:db8::7")
LOCAL = v2(0, 0, b"")
TLVS = b"\x01\0\x02h2" + b"\xea\0\x05\x01vpce"
VALID = {
    "v1": (v1("192.0.2.7"), CLIENT),
    "v1-ipv6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n", CLIENT6),
    "v1-unknown": (b"PROXY UNKNOWN\r\n", None),
    "v2": (v2(1, 0x11, INET), CLIENT),
    "v2-ipv6": (v2(1, 0x21, INET6), CLIENT6),
    "v2-tlvs": (v2(1, 0x11, INET + TLVS), CLIENT),
    "v2-local": (LOCAL, None),
    "v2-local-with-address": (v2(0, 0x11, INET), None),
    "v2-unspec": (v2(1, 0, b""), None),
    "v2-udp": (v2(1, 0x12, INET), None),
    "v2-unix": (v2(1, 0x31, bytes(216)), None),
}
each_header = pytest.mark.parametrize("header, client", VALID.values(),
                                      ids=VALID)


def peer_of(sock):
    return "%s:%d" % sock.getsockname()


@each_header
def test_connect_behind_a_header(gateway, header, client):
    with gateway.connect() as sock:
        client = client or peer_of(sock)
        sock.sendall(header + wire.connect_request(CONTAINER))
        assert wire.read_answer(sock).status == 200
    assert gateway.log_line(event="tunnel")["client"] == client


@each_header
def test_socks_behind_a_header(gateway, header, client):
    with gateway.connect() as sock:
        client = client or peer_of(sock)
        sock.sendall(header + SOCKS_HELLO)
        assert wire.read_exact(sock, 2) == b"\x05\x00"
        sock.sendall(b"\x05\x01\x00\x03\x0bexample.com\x01\xbb")
        assert wire.read_exact(sock, 10)[:2] == b"\x05\x02"
    line = gateway.log_line(event="refused")
    assert line["client"] == client and line["outcome"] == "denied_host"


@pytest.mark.parametrize("header", ["v1", "v2-tlvs"])
@pytest.mark.parametrize("step", [1, 2, 7])
def test_header_request_and_hello_cut_anywhere(gateway, lab, header, step):
    hello = wire.client_hello(RAW)
    stream = VALID[header][0] + wire.connect_request(RAW) + hello
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            gateway.connect() as sock:
        for at in range(0, len(stream), step):
            sock.sendall(stream[at:at + step])
        far, _ = listener.accept()
        with far:
            assert wire.read_answer(sock).status == 200
            assert wire.read_exact(far, len(hello)) == hello
    line = gateway.log_line(event="tunnel")
    assert line["client"] == CLIENT and line["bytes_up"] == len(hello)


def read_what_there_is(sock):
    """All until the end, be it a FIN or a reset."""
    with contextlib.suppress(ConnectionResetError):
        return wire.read_to_end(sock)
    return b""


@pytest.mark.parametrize("data, says", [
    (wire.connect_request(CONTAINER), "no PROXY header"),
    (SOCKS_HELLO, "no PROXY header"),
    (wire.client_hello(CONTAINER), "no PROXY header"),
    (b"PROXY TCP4 192.0.2.7 198.51.100.2 51000 443\n", "CR LF"),
    (b"PROXY TCP4 192.0.2.7 198.51.100.2 51000 65536\r\n", "malformed"),
    (b"PROXY TCP6 192.0.2.7 198.51.100.2 51000 443\r\n", "malformed"),
    (b"PROXY UNKNOWN" + b" x" * 60, "longer than 107"),
    (SIGNATURE + b"\x11\x11\0\0", "version"),
    (SIGNATURE + b"\x22\x11\0\0", "command"),
    (SIGNATURE + b"\x21\x41\0\0", "family"),
    (SIGNATURE + b"\x21\x11\xff\xff", "longer than 4096"),
    (v2(1, 0x11, INET[:-1]), "too short"),
    (v2(1, 0x11, INET + b"\x01\0\x09h2"), "TLV"),
    (v2(1, 0x11, INET + b"\x03\0\x04\0\0\0\0"), "wrong checksum"),
])
def test_wrong_headers_are_not_answered(gateway, untouched, data, says):
    with gateway.connect() as sock:
        peer = peer_of(sock)
        sock.sendall(data)
        assert read_what_there_is(sock) == b""
    line = gateway.log_line(event="refused")
    assert line["outcome"] == "bad_request" and says in line["detail"]
    assert line["client"] == peer and "status" not in line
    assert untouched()


@pytest.mark.parametrize("part", [b"P", v1("192.0.2.7")[:-1], SIGNATURE,
                                  v2(1, 0x11, INET + TLVS)[:-1]])
def test_header_that_is_cut(gateway, part):
    with gateway.connect() as sock:
        sock.sendall(part)
        sock.shutdown(socket.SHUT_WR)
        assert read_what_there_is(sock) == b""
    line = gateway.log_line(event="refused")
    assert line["outcome"] == "bad_request" and "ends within" in line["detail"]


@pytest.mark.gateway({**ON, "limits.header_timeout": "200ms"})
@pytest.mark.parametrize("part", [b"PROXY TCP4 ", SIGNATURE])
def test_header_that_never_ends(gateway, part):
    with gateway.connect() as sock:
        sock.sendall(part)
        assert read_what_there_is(sock) == b""
    line = gateway.log_line(event="refused")
    assert line["outcome"] == "header_timeout" and "PROXY" in line["detail"]


@pytest.mark.gateway({**ON, "limits.header_timeout": "200ms"})
def test_head_behind_a_header_that_never_ends(gateway):
    with gateway.connect() as sock:
        sock.sendall(v1("192.0.2.7") + b"CONNECT exam")
        assert wire.parse_answer(wire.read_to_end(sock)).status == 408
    assert gateway.log_line(event="refused")["client"] == CLIENT


def test_health_checks_leave_no_line(gateway):
    """A load balancer connects and goes, with LOCAL or without a byte."""
    for said in (b"", LOCAL, b"PROXY UNKNOWN\r\n"):
        with gateway.connect() as sock:
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)
            assert read_what_there_is(sock) == b""
    with gateway.connect() as sock:
        sock.sendall(LOCAL + wire.connect_request("example.com"))
        assert wire.read_answer(sock).status == 403
    gateway.log_line(outcome="denied_host")
    assert len(gateway.logged()) == 1


@pytest.mark.gateway({**ON, "listener.clients": "192.0.2.0/24"})
def test_strangers_are_not_believed(gateway, untouched):
    """The peer is no load balancer of ours, whatever it says of a client."""
    with gateway.connect() as sock:
        peer = peer_of(sock)
        sock.sendall(v1("192.0.2.7") + wire.connect_request(CONTAINER))
        assert wire.read_answer(sock).status == 403
    with gateway.connect() as sock:
        sock.sendall(wire.connect_request(CONTAINER))
        assert read_what_there_is(sock) == b""
    first, second = gateway.log_lines(2, outcome="denied_client")
    assert first["client"] == peer and first["status"] == 403
    assert "status" not in second
    assert untouched()


@pytest.mark.gateway({**ON, "limits.tunnels_per_client": "1"})
def test_limits_are_of_the_client_in_the_header(gateway):
    with contextlib.ExitStack() as open_socks:
        def ask(client):
            sock = open_socks.enter_context(gateway.connect())
            sock.sendall(v1(client) + wire.connect_request(CONTAINER))
            return wire.read_answer(sock).status

        assert [ask("192.0.2.7"), ask("192.0.2.8"), ask("192.0.2.7")] == \
            [200, 200, 429]
    line = gateway.log_line(outcome="rate_limited")
    assert line["client"] == CLIENT


@pytest.mark.gateway({"listener.proxy_protocol": "off"})
def test_header_where_none_is_wanted(gateway):
    with gateway.connect() as sock:
        sock.sendall(v1("192.0.2.7") + wire.connect_request(CONTAINER))
        assert wire.read_answer(sock).status in (400, 405)
    assert gateway.log_line(event="refused")["client"] != CLIENT


def test_unix_socket(tmp_path):
    """A load balancer on the same host: its peer has no address at all."""
    path, log = str(tmp_path / "s"), str(tmp_path / "log")
    process = subprocess.Popen(
        [binary_from("SEKISHO_PROXY", "build/dev/sekisho-proxy"), "--region",
         "us-1", "--listen", f"unix:{path}", "--admin", "off", "--set",
         "listener main.proxy_protocol=on", "--set", f"log.access={log}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout.readline().startswith("event=ready ")
        for header, client in ((VALID["v2"][0], CLIENT), (LOCAL, None)):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(20)
                sock.connect(path)
                sock.sendall(header + wire.connect_request("example.com"))
                assert wire.read_answer(sock).status == 403
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()
    with open(log, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    assert [line.get("client") for line in lines] == [CLIENT, None]


HAPROXY = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 20s
    timeout client 60s
    timeout server 60s
listen gateway
    bind 127.0.0.1:8080
    server one {address}:{port} {options}
"""


@contextlib.contextmanager
def haproxy(lab, gateway, options):
    """A real load balancer on the client's loopback, before the gateway."""
    path = os.path.join(lab.new_folder("haproxy"), "haproxy.cfg")
    with open(path, "w", encoding="ascii") as f:
        f.write(HAPROXY.format(address=gateway.address, port=gateway.port,
                               options=options))
    process = lab.client.popen(["haproxy", "-db", "-f", path],
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: process.poll() is not None or any(
            row.local_port == 8080 and row.state == 10
            for row in lab.client.tcp_table()), "HAProxy")
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("options", [
    "send-proxy", "send-proxy-v2",
    "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_real_load_balancer(gateway, lab, options, scheme):
    with haproxy(lab, gateway, options):
        result = drivers.curl(gateway, f"https://{CONTAINER}/",
                              f"{scheme}://127.0.0.1:8080")
    assert result.status is not None, result.text
    assert gateway.log_line(event="tunnel")["client"].startswith("127.0.0.1:")
