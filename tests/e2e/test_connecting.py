# SPDX-License-Identifier: Apache-2.0
"""From address to connection: every way it fails, and how others help out."""

import pytest
from lab import dns, facts, wire
from lab.lab import wait_for

RAW = facts.RAW_HOST


def ask(gateway, host=RAW):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host)


def reject(lab, address, how):
    lab.internet.nft("table inet lab {", "chain in {",
                     "type filter hook input priority 0;",
                     f"ip daddr {address} tcp dport 443 reject with {how}",
                     "}", "}")


def test_refused(gateway, lab):
    lab.dns.script(RAW, dns.addresses(facts.REFUSING_ADDRESS))
    answer = ask(gateway)
    assert (answer.status, answer.error) == (502, "connection_refused")
    line = gateway.log_line(event="refused")
    assert line["outcome"] == "connect_refused"
    assert line["upstream"] == f"{facts.REFUSING_ADDRESS}:443"


@pytest.mark.parametrize("code", ["host-unreachable", "net-unreachable",
                                  "admin-prohibited"])
def test_unreachable(gateway, lab, code):
    reject(lab, facts.RAW_ADDRESS, f"icmp {code}")
    answer = ask(gateway)
    assert (answer.status, answer.error) == (502,
                                             "destination_ip_unroutable")
    assert gateway.log_line(event="refused")["outcome"] == \
        "connect_unreachable"


@pytest.mark.gateway({"upstream.connect_timeout": "300ms"})
def test_silence(gateway, lab):
    lab.dns.script(RAW, dns.addresses(facts.SILENT_ADDRESS))
    answer = ask(gateway)
    assert (answer.status, answer.error) == (504, "connection_timeout")
    assert gateway.log_line(event="refused")["outcome"] == "connect_timeout"


@pytest.mark.parametrize("first", [facts.REFUSING_ADDRESS,
                                   facts.SILENT_ADDRESS, "10.0.0.1"])
def test_next_address_is_tried(gateway, lab, first):
    lab.dns.script(RAW, dns.addresses(first, facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway).status == 200
    assert gateway.log_line(event="tunnel")["upstream"] == \
        f"{facts.RAW_ADDRESS}:443"


def test_broken_ipv6_falls_back_to_ipv4(gateway, lab):
    """RFC 8305: a black hole in one family costs an attempt, not the dial."""
    lab.internet.nft("table inet lab {", "chain in {",
                     "type filter hook input priority 0;",
                     f"ip6 daddr {facts.RAW_ADDRESS6} drop", "}", "}")
    lab.dns.script(RAW, dns.addresses(facts.RAW_ADDRESS6, facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway).status == 200
    assert gateway.log_line(event="tunnel")["upstream"] == \
        f"{facts.RAW_ADDRESS}:443"


@pytest.mark.parametrize("family, expected", [
    ("ipv4", f"{facts.RAW_ADDRESS}:443"),
    ("ipv6", f"[{facts.RAW_ADDRESS6}]:443")])
def test_configured_family_alone_is_used(start_gateway, lab, family,
                                         expected):
    gateway = start_gateway({"upstream.family": family})
    lab.dns.script(RAW, dns.addresses(facts.RAW_ADDRESS6, facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443), \
            lab.internet.listen(facts.RAW_ADDRESS6, 443):
        assert ask(gateway).status == 200
    assert gateway.log_line(event="tunnel")["upstream"] == expected


def test_200_is_not_said_before_the_upstream_is_connected(gateway, lab):
    lab.internet.nft("table inet lab {", "chain in {",
                     "type filter hook input priority 0;",
                     f"ip daddr {facts.RAW_ADDRESS} counter drop", "}", "}")
    opened = lab.gateway.counters()["Tcp.ActiveOpens"]
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            gateway.connect() as sock:
        sock.sendall(wire.connect_request(RAW))
        wait_for(lambda: lab.gateway.counters()["Tcp.ActiveOpens"] > opened,
                 "a dial")
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        lab.internet.clear_rules()  # the repeated SYN gets through
        sock.settimeout(20)
        assert wire.read_answer(sock).status == 200
        listener.accept()[0].close()
    gateway.log_line(event="tunnel")


@pytest.mark.gateway({"upstream.connect_timeout": "30s"})
def test_client_that_leaves_during_the_dial(gateway, lab):
    opened = lab.gateway.counters()["Tcp.ActiveOpens"]
    lab.dns.script(RAW, dns.addresses(facts.SILENT_ADDRESS))
    sock = gateway.connect()
    sock.sendall(wire.connect_request(RAW))
    wait_for(lambda: lab.gateway.counters()["Tcp.ActiveOpens"] > opened,
             "a dial")
    wire.reset(sock)
    assert gateway.log_line(host=RAW)["outcome"] in ("client_reset",
                                                     "client_closed")


def test_gateway_does_not_call_itself(start_gateway, lab):
    gateway = start_gateway({
        "listener.address": f"{facts.GATEWAY_OUTSIDE}:443",
        "listener.clients": "0.0.0.0/0"})
    lab.dns.script(RAW, dns.addresses(facts.GATEWAY_OUTSIDE))
    answer = ask(gateway)
    assert (answer.status, answer.error) == (502, "proxy_loop_detected")
    assert gateway.log_line(event="refused")["outcome"] == "loop"
