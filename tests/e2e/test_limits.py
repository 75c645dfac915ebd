# SPDX-License-Identifier: Apache-2.0
"""Too much of everything: said politely, and over when it is over."""

import pytest
from lab import dns, facts, wire
from lab.lab import wait_for

RAW = facts.RAW_HOST


def ask(gateway, host=RAW):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host)


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


def test_dials_to_nowhere_leave_descriptors_to_refuse_with(start_gateway,
                                                           lab):
    """Eight addresses that do not answer are not eight sockets a client."""
    gateway = start_gateway({"upstream.attempt_delay": "10ms",
                             "upstream.connect_timeout": "60s"},
                            wrap=["prlimit", "--nofile=64:64"])
    lab.dns.script(RAW, dns.addresses(*(f"52.95.9.{i}" for i in range(1, 9))))
    opened = lab.gateway.counters()["Tcp.ActiveOpens"]
    socks = [gateway.connect() for _ in range(8)]
    for sock in socks:
        sock.sendall(wire.connect_request(RAW))
    wait_for(lambda: lab.gateway.counters()["Tcp.ActiveOpens"] >=
             opened + len(socks) + 1, "the dials")
    for _ in range(100):  # the dials have time for all their addresses
        assert ask(gateway, "example.com").status == 403
    for sock in socks:
        sock.close()
    assert "accept_paused" not in gateway.transcript()


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
