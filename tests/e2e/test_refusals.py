# SPDX-License-Identifier: Apache-2.0
"""What the gateway says no to, byte by byte, and that a no costs nothing."""

import contextlib
import socket

import pytest
from lab import facts, wire
from lab.lab import wait_for

CONTAINER = facts.host("us-1", "container")


def exchange(gateway, request):
    """Sends raw bytes; the answer with its body, after the gateway's FIN."""
    with gateway.connect() as sock:
        sock.sendall(request)
        return wire.parse_answer(wire.read_to_end(sock))


@pytest.mark.parametrize("authority, outcome, said", [
    ("example.com:443", "denied_host", "host not on allowlist: example.com"),
    (f"{facts.host('jp-1', 'container')}:443", "denied_host", "jp-1"),
    (f"x{CONTAINER}:443", "denied_host", "host not on allowlist"),
    ("cloudone.trendmicro.com:443", "denied_host", "host not on allowlist"),
    (f"{facts.REGISTRY_CDN}:443", "denied_host", "registry-cdn"),
    ("scan-manager.trendmicro-system.svc:443", "denied_host", "NO_PROXY"),
    (f"{CONTAINER}:80", "denied_port", "80"),
    (f"{CONTAINER}:4433", "denied_port", "4433"),
    ("52.94.1.10:443", "denied_address_literal", ""),
    ("[2600:1f18:1::10]:443", "denied_address_literal", ""),
    ("[::1]:443", "denied_address_literal", ""),
    ("0x7f.1:443", "denied_address_literal", ""),
    ("2130706433:443", "denied_address_literal", ""),
    ("0177.0.0.1:443", "denied_address_literal", ""),
])
def test_by_name_asks_nobody_and_opens_nothing(gateway, untouched, authority,
                                               outcome, said):
    answer = exchange(gateway, f"CONNECT {authority} HTTP/1.1\r\n"
                      f"Host: {authority}\r\n\r\n".encode())
    assert answer.status == 403
    assert said in answer.reason
    assert answer.error == "http_request_denied"
    assert answer.headers["proxy-status"].startswith("sekisho;")
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"].startswith("text/plain")
    assert int(answer.headers["content-length"]) == len(answer.rest) > 0
    line = gateway.log_line(event="refused")
    assert line["outcome"] == outcome and line["status"] == 403
    assert answer.reason == line["detail"]
    assert "upstream" not in line
    assert untouched()


@pytest.mark.parametrize("request_, outcome, status", [
    (b"CONNECT example.com HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request", 400),
    (b"CONNECT u@example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
     "bad_request", 400),
    (b"CONNECT a%2eb.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
     "bad_request", 400),
    (b"CONNECT example.com:0443 HTTP/1.1\r\n\r\n", "bad_request", 400),
    (b"CONNECT example.com:443 HTTP/1.1\r\n\r\n", "bad_request", 400),
    (b"CONNECT example.com:443 HTTP/1.1\nHost: x\n\n", "bad_request", 400),
    (b"CONNECT example.com:443 HTTP/2.0\r\nHost: x\r\n\r\n",
     "bad_request", 400),
    (b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
     "bad_request", 400),
    (b"CONNECT example.com:443 HTTP/1.1\r\nHost : x\r\n\r\n",
     "bad_request", 400),
    (b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
     "bad_request", 400),
    (b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n"
     b"Content-Length: 5\r\n\r\nhello", "bad_request", 400),
    (b"CONNECT b\xc3\xbccher.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
     "bad_request", 400),
    (b"\x16\x03\x01\x00\x05hello\r\n\r\n", "bad_request", 400),
    (b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
     "method_not_allowed", 405),
    (b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "method_not_allowed",
     405),
    (b"POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\n"
     b"Content-Length: 2\r\n\r\nhi", "method_not_allowed", 405),
    (b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 +
     b"\r\n\r\n", "header_too_large", 431),
])
def test_malformed_requests(gateway, untouched, request_, outcome, status):
    answer = exchange(gateway, request_)
    assert answer.status == status
    assert answer.error == "http_request_error"
    if status == 405:
        assert answer.headers["allow"] == "CONNECT"
    line = gateway.log_line(event="refused")
    assert (line["outcome"], line["status"]) == (outcome, status)
    assert untouched()


def test_head_request_gets_no_body(gateway):
    answer = exchange(gateway, b"HEAD http://a.example/ HTTP/1.1\r\n"
                      b"Host: a.example\r\n\r\n")
    assert (answer.status, answer.rest) == (405, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("target, host, port", [
    ("10.96.0.1:443", "10.96.0.1", 443),
    ("[fd00::1]:6443", "[fd00::1]", 6443),
    ("no_name:80", "no_name", 80),
    ("example.com", "example.com", None),
])
def test_log_parts_host_and_port_of_what_is_no_name(gateway, target, host,
                                                    port):
    exchange(gateway, f"CONNECT {target} HTTP/1.1\r\n"
             f"Host: {target}\r\n\r\n".encode())
    line = gateway.log_line(event="refused")
    assert (line["host"], line.get("port")) == (host, port)


@pytest.mark.gateway({"log.level": "debug"})
def test_tunnels_have_a_line_at_their_start_too(gateway):
    with gateway.connect() as sock:
        assert wire.http_connect(sock, CONTAINER).status == 200
        first = gateway.log_line(event="tunnel")
        assert (first["outcome"], first["host"]) == ("ok", CONTAINER)
        assert "upstream" in first
        assert not {"duration_ms", "bytes_up", "bytes_down"} & first.keys()
    assert gateway.log_lines(2, event="tunnel")[1]["outcome"] != "ok"


def test_bytes_behind_a_refusal_are_never_read_as_a_request(gateway, lab):
    """RFC 9931: the second request in the same packet must not be served."""
    answer = exchange(gateway, wire.connect_request("example.com") +
                      wire.connect_request(CONTAINER))
    assert answer.status == 403
    assert answer.rest.count(b"HTTP/1.") == 0
    gateway.log_line(outcome="denied_host")
    with gateway.connect() as sock:  # one more, so that all before is logged
        wire.http_connect(sock, "other.example")
    assert [x["host"] for x in gateway.log_lines(2, event="refused")] == \
        ["example.com", "other.example"]
    assert lab.dns.queries() == 0


@pytest.mark.parametrize("size", [200000, 8 << 20])
def test_answer_is_not_lost_when_the_client_is_still_sending(gateway, size):
    """The gateway lingers: a reset would throw the answer away."""
    with gateway.connect() as sock:
        sock.sendall(wire.connect_request("example.com") + bytes(size))
        sock.shutdown(socket.SHUT_WR)
        answer = wire.parse_answer(wire.read_to_end(sock))
    assert answer.status == 403
    assert int(answer.headers["content-length"]) == len(answer.rest)
    assert gateway.log_line(event="refused")["outcome"] == "denied_host"


@pytest.mark.gateway({"listener.clients": "192.168.7.0/24"})
def test_client_outside_the_prefixes(gateway, untouched):
    answer = exchange(gateway, wire.connect_request(CONTAINER))
    assert answer.status == 403 and answer.error == "http_request_denied"
    assert gateway.log_line(event="refused")["outcome"] == "denied_client"
    assert untouched()


def test_head_in_single_bytes(gateway):
    with gateway.connect() as sock:
        for byte in wire.connect_request("example.com"):
            sock.sendall(bytes([byte]))
        assert wire.read_answer(sock).status == 403
    assert gateway.log_line(event="refused")["host"] == "example.com"


@pytest.mark.parametrize("spelling", [CONTAINER.upper(), CONTAINER + "."])
def test_other_spellings_of_an_allowed_name_are_the_same_name(gateway,
                                                              spelling):
    with gateway.connect() as sock:
        answer = wire.http_connect(sock, spelling)
        assert answer.status == 200
        assert answer.headers.keys() == {"proxy-status"}
        assert "next-hop=" in answer.headers["proxy-status"]
    assert gateway.log_line(event="tunnel")["host"] == CONTAINER


def test_http_1_0_without_host_line(gateway):
    with gateway.connect() as sock:
        sock.sendall(f"CONNECT {CONTAINER}:443 HTTP/1.0\r\n\r\n".encode())
        assert wire.read_answer(sock).status == 200
    assert gateway.log_line(event="tunnel")["host"] == CONTAINER


@pytest.mark.gateway({"limits.header_timeout": "5m"})
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 20])
def test_client_that_leaves_in_mid_request(gateway, cut, at_once):
    """Noticed at once, whether bytes and FIN come together or not."""
    with gateway.connect() as sock:
        with gateway.frozen() if at_once else contextlib.nullcontext():
            sock.sendall(wire.connect_request("example.com")[:cut])
            if not at_once:
                wait_for(lambda: gateway.unread() == 0, "the gateway to read")
            sock.shutdown(socket.SHUT_WR)
        assert wire.read_to_end(sock) == b""
    assert exchange(gateway,
                    wire.connect_request("example.com")).status == 403


@pytest.mark.gateway({"limits.header_timeout": "5m"})
@pytest.mark.parametrize("cut", [0, 1, 20])
def test_client_that_resets_in_mid_request(gateway, cut):
    before = gateway.sockets()
    sock = gateway.connect()
    sock.sendall(wire.connect_request("example.com")[:cut])
    wire.reset(sock)
    assert exchange(gateway,
                    wire.connect_request("example.com")).status == 403
    wait_for(lambda: gateway.sockets() == before, "the socket to be closed")


def test_log_line_has_the_keys_in_their_order(gateway):
    order = ("time event outcome status client user listener protocol host "
             "port region category rule sni upstream parent dns_ms "
             "connect_ms first_byte_ms duration_ms bytes_up bytes_down "
             "detail").split()
    with gateway.connect() as sock:
        client = "%s:%d" % sock.getsockname()
        assert wire.http_connect(sock, "example.com").status == 403
    line = gateway.log_line(event="refused")
    assert list(line) == [k for k in order if k in line]
    assert line["client"] == client and line["listener"] == "lab"
    assert (line["host"], line["port"]) == ("example.com", 443)
    assert line["protocol"] == "connect" and line["time"].endswith("Z")
