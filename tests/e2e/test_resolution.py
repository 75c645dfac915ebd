# SPDX-License-Identifier: Apache-2.0
"""From name to address: lies of DNS, and addresses that are never dialled."""

import pytest
from lab import dns, facts, wire
from lab.lab import wait_for

RAW = facts.RAW_HOST
FORBIDDEN = [
    "127.0.0.1", "127.255.255.254", "169.254.169.254", "10.0.0.1",
    "172.16.0.1", "172.31.255.254", "192.168.0.1", "100.64.0.1", "0.0.0.0",
    "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "fd00::1", "fd00:ec2::254",
    "fe80::1", "ff02::1", "2001:db8::1", "2002:a00:1::1", "2002:7f00:1::1",
    "2001::1", "100::1", "fec0::1",
]


def ask(gateway, host=RAW):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_forbidden_address_is_not_dialled(gateway, lab, address):
    opened = lab.gateway.counters()["Tcp.ActiveOpens"]
    lab.dns.script(RAW, dns.addresses(address))
    answer = ask(gateway)
    assert answer.status == 502
    assert answer.error == "destination_ip_prohibited"
    line = gateway.log_line(event="refused")
    assert line["outcome"] == "denied_resolved_address"
    assert line["host"] == RAW
    assert lab.gateway.counters()["Tcp.ActiveOpens"] == opened


def test_gateways_own_services_are_out_of_reach(gateway, lab):
    """Loopback is refused even where something would answer."""
    lab.dns.script(RAW, dns.addresses("127.0.0.1"))
    with lab.gateway.listen("127.0.0.1", 443) as listener:
        listener.setblocking(False)
        assert ask(gateway).status == 502
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert gateway.log_line()["outcome"] == "denied_resolved_address"


@pytest.mark.gateway({"upstream.allow_addresses": "10.77.0.0/16"})
def test_exempted_private_prefix_is_dialled(gateway, lab):
    with lab.private_prefix("10.77.0.0/16"):
        lab.dns.script(RAW, dns.addresses("10.77.0.5"))
        with lab.internet.listen("10.77.0.5", 443) as listener:
            answer = ask(gateway)
            assert answer.status == 200
            listener.accept()[0].close()
    assert gateway.log_line(event="tunnel")["upstream"] == "10.77.0.5:443"


@pytest.mark.gateway({"upstream.deny_addresses": facts.RAW_ADDRESS + "/32"})
def test_denied_public_address_is_not_dialled(gateway, lab):
    opened = lab.gateway.counters()["Tcp.ActiveOpens"]
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway).error == "destination_ip_prohibited"
    assert gateway.log_line()["outcome"] == "denied_resolved_address"
    assert lab.gateway.counters()["Tcp.ActiveOpens"] == opened


def test_only_the_public_one_of_mixed_addresses_is_dialled(gateway, lab):
    opened = lab.gateway.counters()["Tcp.ActiveOpens"]
    lab.dns.script(RAW, dns.addresses("10.0.0.1", "127.0.0.1", "::1",
                                      "fd00::1", facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        assert ask(gateway).status == 200
        listener.accept()[0].close()
    assert lab.gateway.counters()["Tcp.ActiveOpens"] == opened + 1
    line = gateway.log_line(event="tunnel")
    assert line["upstream"] == f"{facts.RAW_ADDRESS}:443"


@pytest.mark.gateway({"dns.min_ttl": "0s", "dns.prefetch": "off"})
def test_name_that_turns_private_is_cut_off(gateway, lab):
    """Rebinding: the first answer is fine, the next one is not."""
    lab.dns.script(RAW, dns.addresses(facts.RAW_ADDRESS, ttl=0),
                   dns.addresses("10.0.0.1", ttl=0))
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        assert ask(gateway).status == 200
        listener.accept()[0].close()
        gateway.log_line(event="tunnel")
        assert ask(gateway).status == 502
    assert gateway.log_line(event="refused")["outcome"] == \
        "denied_resolved_address"


@pytest.mark.parametrize("reply, status, error, outcome", [
    (dns.nxdomain(), 502, "dns_error", "dns_nxdomain"),
    (dns.servfail(), 502, "dns_error", "dns_error"),
    (dns.refused(), 502, "dns_error", "dns_error"),
    (dns.nodata(), 502, "dns_error", "dns_error"),
    (dns.silence(), 504, "dns_timeout", "dns_timeout"),
])
@pytest.mark.gateway({"dns.timeout": "150ms", "dns.attempts": "2"})
def test_failed_lookup_is_told_apart(gateway, lab, reply, status, error,
                                     outcome):
    opened = lab.gateway.counters()["Tcp.ActiveOpens"]
    lab.dns.script(RAW, reply)
    answer = ask(gateway)
    assert (answer.status, answer.error) == (status, error)
    line = gateway.log_line(event="refused")
    assert (line["outcome"], line["host"]) == (outcome, RAW)
    assert lab.gateway.counters()["Tcp.ActiveOpens"] == opened


@pytest.mark.gateway({"dns.timeout": "150ms", "dns.attempts": "2"})
def test_garbage_instead_of_an_answer_ends_the_lookup(gateway, lab):
    lab.dns.script(RAW, dns.garbage())
    answer = ask(gateway)
    assert answer.error in ("dns_error", "dns_timeout")
    assert gateway.log_line(event="refused")["outcome"] in (
        "dns_error", "dns_timeout")


@pytest.mark.gateway({"dns.timeout": "150ms", "dns.attempts": "1"})
def test_answer_with_a_foreign_id_is_not_believed(gateway, lab):
    lab.dns.script(RAW, dns.Reply(addresses=(facts.RAW_ADDRESS,),
                                  wrong_id=True))
    assert ask(gateway).error == "dns_timeout"
    assert gateway.log_line(event="refused")["outcome"] == "dns_timeout"


def test_truncated_answer_is_asked_again_over_tcp(gateway, lab):
    lab.dns.script(RAW, dns.truncated(dns.addresses(facts.RAW_ADDRESS)))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway).status == 200
    assert lab.dns.queries(RAW, transport="tcp") > 0
    gateway.log_line(event="tunnel")


def test_chain_of_canonical_names_is_followed(gateway, lab):
    lab.dns.script(RAW, dns.addresses(
        facts.RAW_ADDRESS, chain=("a.cdn.example", "b.cdn.example")))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway).status == 200
    assert gateway.log_line(event="tunnel")["host"] == RAW


def test_names_are_asked_as_they_are_in_spite_of_a_search_list(gateway, lab):
    """resolv.conf of the lab has a search list and ndots:5, as pods have."""
    lab.dns.script(RAW, dns.nxdomain())
    assert ask(gateway).status == 502
    assert lab.dns.names() == {RAW}


def test_second_connect_is_answered_from_the_cache(gateway, lab):
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway).status == 200
        asked = lab.dns.queries(RAW)
        assert ask(gateway).status == 200
        assert lab.dns.queries(RAW) == asked > 0
    gateway.log_lines(2, event="tunnel")


def test_failure_is_remembered_for_a_while(gateway, lab):
    lab.dns.script(RAW, dns.nxdomain())
    assert ask(gateway).status == 502
    asked = lab.dns.queries(RAW)
    assert ask(gateway).status == 502
    assert lab.dns.queries(RAW) == asked > 0
    gateway.log_lines(2, outcome="dns_nxdomain")


def test_lookups_of_the_same_name_are_one(gateway, lab):
    lab.dns.script(RAW, dns.held(dns.addresses(facts.RAW_ADDRESS)))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        socks = [gateway.connect() for _ in range(10)]
        for sock in socks:
            sock.sendall(wire.connect_request(RAW))
        wait_for(lambda: lab.dns.queries(RAW, "A"), "the query")
        # All ten are in the gateway's hands when it has read all ten.
        wait_for(lambda: gateway.unread() == 0, "the gateway to read")
        lab.dns.script(RAW, dns.addresses(facts.RAW_ADDRESS))
        lab.dns.release()
        for sock in socks:
            assert wire.read_answer(sock).status == 200
            sock.close()
    assert lab.dns.queries(RAW, "A") == 1
    gateway.log_lines(10, event="tunnel")


def test_client_that_leaves_during_the_lookup(gateway, lab):
    lab.dns.script(RAW, dns.held(dns.addresses(facts.RAW_ADDRESS)))
    sock = gateway.connect()
    sock.sendall(wire.connect_request(RAW))
    wait_for(lambda: lab.dns.queries(RAW, "A"), "the query")
    wire.reset(sock)
    line = gateway.log_line(host=RAW)
    assert line["outcome"] in ("client_reset", "client_closed")
    lab.dns.release()
    assert ask(gateway, "example.com").status == 403


@pytest.mark.gateway({"dns.servers": facts.DNS_ADDRESS2})
def test_configured_server_replaces_resolv_conf(gateway, lab):
    lab.gateway.nft("table inet lab {", "chain out {",
                    "type filter hook output priority 0;",
                    f"ip daddr {facts.DNS_ADDRESS} drop", "}", "}")
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway).status == 200
    gateway.log_line(event="tunnel")


@pytest.mark.gateway({"dns.timeout": "150ms"})
def test_second_server_is_asked_when_the_first_is_silent(gateway, lab):
    lab.gateway.nft("table inet lab {", "chain out {",
                    "type filter hook output priority 0;",
                    f"ip daddr {facts.DNS_ADDRESS} drop", "}", "}")
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway).status == 200
    gateway.log_line(event="tunnel")
