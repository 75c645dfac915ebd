# SPDX-License-Identifier: Apache-2.0
"""Too much of everything: said politely, and over when it is over."""

import pytest
from lab import facts, wire

RAW = facts.RAW_HOST


def ask(gateway):
    with gateway.connect() as sock:
        return wire.http_connect(sock, RAW)


@pytest.mark.gateway({"limits.tunnels": "2"})
def test_tunnels_of_the_process(gateway, open_tunnel):
    first, second = open_tunnel(gateway), None
    first.listener.close()
    second = open_tunnel(gateway)
    answer = ask(gateway)
    assert (answer.status, answer.error) == (503, "connection_limit_reached")
    assert int(answer.headers["retry-after"]) >= 1
    assert gateway.log_line(event="refused")["outcome"] == "limit_reached"
    second.send_up(b"still fine")
    first.finish()
    gateway.log_line(event="tunnel")
    second.listener.close()
    open_tunnel(gateway).send_up(b"room again")


@pytest.mark.gateway({"limits.tunnels_per_client": "1"})
def test_tunnels_of_one_client(gateway, open_tunnel):
    tunnel = open_tunnel(gateway)
    answer = ask(gateway)
    assert (answer.status, answer.error) == (429, "connection_limit_reached")
    assert int(answer.headers["retry-after"]) >= 1
    assert gateway.log_line(event="refused")["outcome"] == "rate_limited"
    tunnel.send_up(b"still fine")


@pytest.mark.gateway({"limits.connects_per_client": "1"})
def test_connects_of_one_client(gateway):
    """The bucket holds two; asked at once, most of thirty are told to wait."""
    socks = [gateway.connect() for _ in range(30)]
    for sock in socks:
        sock.sendall(wire.connect_request("example.com"))
    statuses = []
    for sock in socks:
        statuses.append(wire.read_answer(sock).status)
        sock.close()
    assert set(statuses) == {403, 429}
    line = gateway.log_line(status=429)
    assert line["outcome"] == "rate_limited"


def test_descriptors_run_out_and_every_client_gets_an_answer(start_gateway,
                                                             lab):
    gateway = start_gateway(wrap=["prlimit", "--nofile=64:64"])
    with lab.internet.listen(facts.RAW_ADDRESS, 443, backlog=256):
        socks = [gateway.connect() for _ in range(120)]
        for sock in socks:
            sock.sendall(wire.connect_request(RAW))
        statuses = [wire.read_answer(sock).status for sock in socks]
        assert set(statuses) == {200, 503}
        for sock in socks:
            sock.close()
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        gateway.log_lines(statuses.count(200), event="tunnel")
        assert ask(gateway).status == 200
    assert gateway.log_line(event="refused")["outcome"] == "limit_reached"
