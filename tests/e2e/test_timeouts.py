# SPDX-License-Identifier: Apache-2.0
"""Each phase has its own patience; the times are set short here."""

import socket

import pytest
from lab import facts, wire


@pytest.mark.gateway({"limits.header_timeout": "300ms"})
@pytest.mark.parametrize("part", [b"CONNECT exam",
                                  b"CONNECT example.com:443 HTTP/1.1\r\n"])
def test_request_head_that_never_ends(gateway, untouched, part):
    with gateway.connect() as sock:
        sock.sendall(part)
        answer = wire.parse_answer(wire.read_to_end(sock))
    assert (answer.status, answer.error) == (408, "http_request_error")
    assert gateway.log_line(event="refused")["outcome"] == "header_timeout"
    assert untouched()


@pytest.mark.gateway({"limits.header_timeout": "300ms",
                      "listener.clients": "192.168.7.0/24"})
def test_stranger_whose_head_never_ends_is_told_that_he_is_one(gateway):
    with gateway.connect() as sock:
        sock.sendall(b"CONNECT exam")
        answer = wire.parse_answer(wire.read_to_end(sock))
    assert answer.status == 403
    assert gateway.log_line(event="refused")["outcome"] == "denied_client"


@pytest.mark.gateway({"tunnel.idle_timeout": "400ms"})
def test_idle_tunnel_is_closed_on_both_sides(gateway, open_tunnel):
    tunnel = open_tunnel(gateway)
    for sock in (tunnel.near, tunnel.far):
        try:
            assert wire.read_to_end(sock) == b""
        except ConnectionResetError:
            pass  # an end as well
    line = gateway.log_line(event="tunnel")
    assert line["outcome"] == "idle_timeout"
    assert line["bytes_up"] == len(tunnel.hello)


@pytest.mark.gateway({"tunnel.half_close_timeout": "400ms"})
@pytest.mark.parametrize("first", ["client", "upstream"])
def test_half_closed_tunnel_ends(gateway, open_tunnel, first):
    tunnel = open_tunnel(gateway)
    one, other = (tunnel.near, tunnel.far) if first == "client" else \
        (tunnel.far, tunnel.near)
    one.shutdown(socket.SHUT_WR)
    assert wire.read_to_end(other) == b""
    try:
        assert wire.read_to_end(one) == b""
    except ConnectionResetError:
        pass  # an end as well
    assert gateway.log_line(event="tunnel")["outcome"] == \
        "half_close_timeout"


@pytest.mark.gateway({"tunnel.half_close_timeout": "400ms"})
def test_client_that_half_closes_before_the_200(gateway, lab):
    """Its end is met when the tunnel begins, not by an event of the tunnel."""
    hello = wire.client_hello(facts.RAW_HOST)
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            gateway.connect() as near:
        near.sendall(wire.connect_request(facts.RAW_HOST) + hello)
        near.shutdown(socket.SHUT_WR)
        assert wire.read_answer(near).status == 200
        far, _ = listener.accept()
        with far:
            far.settimeout(20)
            assert wire.read_to_end(far) == hello
            line = gateway.log_line(event="tunnel")
    assert line["outcome"] == "half_close_timeout"


@pytest.mark.gateway({"tunnel.idle_timeout": "400ms"})
def test_idle_time_counts_under_back_pressure_too(gateway, open_tunnel):
    """A reader that has stopped for ever does not keep its tunnel."""
    tunnel = open_tunnel(gateway)
    tunnel.near.setblocking(True)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        while True:
            tunnel.near.send(bytes(1 << 20))
    assert gateway.log_line(event="tunnel")["outcome"] == "idle_timeout"
