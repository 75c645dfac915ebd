# SPDX-License-Identifier: Apache-2.0
"""The second front door, SOCKS5: real clients through it, and every malformed
message has its answer."""

import drivers
import pytest
from lab import facts, wire

CONTAINER = facts.host("us-1", "container")
RAW = facts.RAW_HOST
HELLO = b"\x05\x01\x00"
CHOSEN = b"\x05\x00"
ZEROS = b"\x00\x01" + bytes(6)


def request(host, port=443):
    name = host.encode("latin-1")
    return b"\x05\x01\x00\x03" + bytes([len(name)]) + name + \
        port.to_bytes(2, "big")


def replied(code):
    return b"\x05" + bytes([code]) + ZEROS


def curl(gateway, url):
    return drivers.curl(gateway, url, drivers.socks_url(gateway))


def go(gateway, url):
    # Go's own name for it: it never resolves before a SOCKS5 proxy.
    return drivers.go(gateway, url, gateway.url.replace("http:", "socks5:"))


@pytest.mark.parametrize("fetch", [curl, go], ids=lambda f: f.__name__)
def test_clients_reach_what_is_on_the_list(gateway, fetch):
    for e in facts.of_region("us-1"):
        result = fetch(gateway, f"https://{e.host}/")
        assert result.status is not None, (e.host, result.text)
        line = gateway.log_line(host=e.host)
        assert line["event"] == "tunnel" and line["protocol"] == "socks5"
        assert line["sni"] == e.host and line["category"] == e.category


@pytest.mark.parametrize("fetch", [curl, go], ids=lambda f: f.__name__)
def test_clients_are_refused_what_is_not(gateway, untouched, fetch):
    result = fetch(gateway, "https://example.com/")
    assert result.status is None
    line = gateway.log_line(outcome="denied_host")
    assert line["protocol"] == "socks5" and line["host"] == "example.com"
    assert untouched()


def exchange(gateway, *pieces):
    """Sends each piece when the answer to the one before has come; all that was
    answered, after the gateway's FIN."""
    answer = b""
    with gateway.connect() as sock:
        for piece in pieces[:-1]:
            sock.sendall(piece)
            answer += wire.read_exact(sock, 2)
        sock.sendall(pieces[-1])
        return answer + wire.read_to_end(sock)


@pytest.mark.parametrize("message, answer, outcome", [
    (b"\x05\x00", b"\x05\xff", "bad_request"),
    (b"\x05\x01\x02", b"\x05\xff", "bad_request"),
    (b"\x05\x02\x01\x02", b"\x05\xff", "bad_request"),
], ids=["no-method", "password-only", "gssapi"])
def test_greetings_that_are_refused(gateway, untouched, message, answer,
                                    outcome):
    assert exchange(gateway, message) == answer
    line = gateway.log_line(event="refused")
    assert line["outcome"] == outcome and line["protocol"] == "socks5"
    assert untouched()


@pytest.mark.parametrize("message, code, outcome", [
    (request("example.com"), 2, "denied_host"),
    (request(CONTAINER, 80), 2, "denied_port"),
    (request("52.94.1.10"), 2, "denied_address_literal"),
    (request("0x7f.1"), 2, "denied_address_literal"),
    (b"\x05\x01\x00\x01\x34\x5e\x01\x0a\x01\xbb", 2,
     "denied_address_literal"),
    (b"\x05\x01\x00\x04" + bytes(18), 2, "denied_address_literal"),
    (b"\x05\x02\x00\x01" + bytes(6), 7, "method_not_allowed"),
    (b"\x05\x03\x00\x01" + bytes(6), 7, "method_not_allowed"),
    (b"\x05\x01\x00\x02", 8, "bad_request"),
    (b"\x05\x01\x07\x03", 1, "bad_request"),
    (b"\x04\x01\x00\x03", 1, "bad_request"),
    (request(CONTAINER, 0), 1, "bad_request"),
    (request("a b"), 1, "bad_request"),
    (request(""), 1, "bad_request"),
    (request("x" * 255), 1, "bad_request"),
])
def test_requests_that_are_refused(gateway, untouched, message, code,
                                   outcome):
    assert exchange(gateway, HELLO, message) == CHOSEN + replied(code)
    line = gateway.log_line(event="refused")
    assert line["outcome"] == outcome and line["protocol"] == "socks5"
    assert untouched()


@pytest.mark.parametrize("host, code, outcome", [
    ("gone.lab.example", 4, "dns_nxdomain"),
    (facts.REFUSING_ADDRESS, 5, "connect_refused"),
])
def test_upstream_failures_have_their_reply(start_gateway, lab, host, code,
                                            outcome):
    from lab import dns
    lab.dns.script(RAW, dns.nxdomain() if code == 4 else
                   dns.addresses(host))
    gateway = start_gateway()
    assert exchange(gateway, HELLO, request(RAW)) == CHOSEN + replied(code)
    assert gateway.log_line(event="refused")["outcome"] == outcome


@pytest.mark.parametrize("step", [1, 2, 7])
def test_pieces_and_early_bytes_make_one_tunnel(gateway, lab, step):
    """Greeting, request and hello in one stream, cut anywhere."""
    hello = wire.client_hello(RAW)
    stream = HELLO + request(RAW) + hello
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            gateway.connect() as sock:
        for at in range(0, len(stream), step):
            sock.sendall(stream[at:at + step])
        far, _ = listener.accept()
        with far:
            assert wire.read_exact(sock, 12) == CHOSEN + replied(0)
            assert wire.read_exact(far, len(hello)) == hello
            far.sendall(b"down")
            assert wire.read_exact(sock, 4) == b"down"
    line = gateway.log_line(event="tunnel")
    assert line["protocol"] == "socks5" and line["bytes_up"] == len(hello)


def test_server_name_is_verified_here_too(gateway, lab):
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            gateway.connect() as sock:
        sock.sendall(HELLO + request(RAW) + wire.client_hello("example.com"))
        far, _ = listener.accept()
        with far:
            assert wire.read_exact(sock, 12) == CHOSEN + replied(0)
            assert wire.read_to_end(sock)[:1] == b"\x15"  # a TLS alert
            assert wire.read_to_end(far) == b""
    assert gateway.log_line(event="tunnel")["outcome"] == "sni_mismatch"


@pytest.mark.gateway({"limits.header_timeout": "200ms"})
@pytest.mark.parametrize("said, answer", [
    (b"\x05", b"\x05\xff"), (HELLO, CHOSEN + replied(1)),
    (HELLO + b"\x05\x01", CHOSEN + replied(1))])
def test_silent_clients_are_sent_away(gateway, said, answer):
    assert exchange(gateway, said) == answer
    assert gateway.log_line(event="refused")["outcome"] == "header_timeout"


@pytest.mark.gateway({"listener.protocols": "connect"})
def test_listener_without_socks5(gateway):
    assert exchange(gateway, HELLO).startswith(b"HTTP/1.1 400 ")
    assert gateway.log_line(event="refused")["protocol"] == "connect"


@pytest.mark.gateway({"listener.protocols": "socks5"})
def test_listener_without_connect(gateway, untouched):
    with gateway.connect() as sock:
        assert wire.http_connect(sock, CONTAINER).status == 405
    assert "SOCKS5" in gateway.log_line(event="refused")["detail"]
    assert untouched()


@pytest.mark.gateway({"listener.clients": "192.0.2.0/24"})
def test_strangers_learn_nothing(gateway, untouched):
    assert exchange(gateway, HELLO + request(CONTAINER)) == \
        CHOSEN + replied(2)
    assert gateway.log_line(event="refused")["outcome"] == "denied_client"
    assert untouched()
