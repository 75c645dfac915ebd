# SPDX-License-Identifier: Apache-2.0
"""What single names have of their own: [host NAME]."""

import pytest
from lab import dns, facts, wire
from lab.lab import wait_for

RAW, RAW2 = facts.RAW_HOST, "raw2.lab.example"
OWN = f"host {RAW}"
PRIVATE = facts.CLIENT_ADDRESS  # the only private network there is


def ask(gateway, host=RAW):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host)


@pytest.mark.parametrize("address, upstream", [
    (facts.RAW_ADDRESS, f"{facts.RAW_ADDRESS}:443"),
    (facts.RAW_ADDRESS6, f"[{facts.RAW_ADDRESS6}]:443"),
])
def test_fixed_addresses_ask_no_dns_server(start_gateway, lab, address,
                                           upstream):
    gateway = start_gateway({f"{OWN}.addresses": address})
    lab.dns.script(RAW, dns.nxdomain())
    with lab.internet.listen(address, 443):
        assert ask(gateway).status == 200
    line = gateway.log_line(event="tunnel")
    assert line["upstream"] == upstream
    assert "dns_ms" not in line
    assert lab.dns.queries(RAW) == 0
    assert ask(gateway, RAW2).status == 502  # nobody listens: DNS was asked
    assert lab.dns.queries(RAW2) > 0


@pytest.mark.parametrize("first", [facts.REFUSING_ADDRESS,
                                   facts.SILENT_ADDRESS, PRIVATE])
def test_next_fixed_address_is_tried(start_gateway, lab, first):
    gateway = start_gateway(
        {f"{OWN}.addresses": f"{first}, {facts.RAW_ADDRESS}"})
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway).status == 200
    assert gateway.log_line(event="tunnel")["upstream"] == \
        f"{facts.RAW_ADDRESS}:443"


def test_private_endpoint_for_one_name_only(start_gateway, lab):
    gateway = start_gateway({f"{OWN}.addresses": PRIVATE})
    lab.dns.script(RAW2, dns.addresses(PRIVATE))
    with lab.client.listen(PRIVATE, 443):
        answer = ask(gateway)
        assert (answer.status, answer.error) == (
            502, "destination_ip_prohibited")
        assert gateway.log_line(host=RAW)["outcome"] == \
            "denied_resolved_address"
        gateway.reload({f"{OWN}.allow_addresses": "10.200.0.0/16"})
        assert ask(gateway).status == 200
        assert ask(gateway, RAW2).status == 502
    assert gateway.log_line(host=RAW2)["outcome"] == "denied_resolved_address"


def test_private_answers_of_dns_for_one_name_only(start_gateway, lab):
    gateway = start_gateway({f"{OWN}.allow_addresses": PRIVATE})
    for name in (RAW, RAW2):
        lab.dns.script(name, dns.addresses(PRIVATE))
    with lab.client.listen(PRIVATE, 443):
        assert ask(gateway).status == 200
        assert ask(gateway, RAW2).status == 502


def test_denied_addresses_win(start_gateway):
    gateway = start_gateway({
        f"{OWN}.addresses": facts.RAW_ADDRESS,
        f"{OWN}.allow_addresses": "52.94.0.0/16",
        "upstream.deny_addresses": facts.RAW_ADDRESS})
    assert ask(gateway).status == 502
    line = gateway.log_line(host=RAW)
    assert line["outcome"] == "denied_resolved_address"
    assert "upstream.deny_addresses" in line["detail"]


def say(gateway, host, data):
    """A tunnel in which the client says data; its end of it."""
    sock = gateway.connect()
    assert wire.http_connect(sock, host).status == 200
    sock.sendall(data)
    return sock


def test_server_names_of_one_host(start_gateway, lab):
    gateway = start_gateway({f"{OWN}.sni": "off"})
    lab.dns.script(RAW2, dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        with say(gateway, RAW, b"not TLS at all") as sock:
            far, _ = listener.accept()
            with far:
                assert wire.read_exact(far, 14) == b"not TLS at all"
        say(gateway, RAW2, b"not TLS at all").close()
        assert gateway.log_line(host=RAW2)["outcome"] == "not_tls"
        gateway.reload({"tunnel.sni": "off", f"{OWN}.sni": "verify"})
        say(gateway, RAW, wire.client_hello("else.example")).close()
        assert gateway.log_line(host=RAW, outcome="sni_mismatch")


def test_idle_time_of_one_host(start_gateway, lab):
    gateway = start_gateway({f"{OWN}.idle_timeout": "100ms",
                             "tunnel.sni": "off"})
    lab.dns.script(RAW2, dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        with say(gateway, RAW2, b"x") as other:
            far, _ = listener.accept()
            with say(gateway, RAW, b"x") as sock:
                assert wire.read_to_end(sock) == b""
            assert gateway.log_line(host=RAW)["outcome"] == "idle_timeout"
            other.sendall(b"goes on")
            with far:
                assert wire.read_exact(far, 8) == b"xgoes on"
    assert gateway.log_line(host=RAW2)["outcome"] != "idle_timeout"


def test_spares_go_to_fixed_addresses(start_gateway, lab):
    gateway = start_gateway({
        f"{OWN}.addresses": PRIVATE, f"{OWN}.allow_addresses": PRIVATE,
        "upstream.warm": "1"})
    with lab.client.listen(PRIVATE, 443) as listener:
        with say(gateway, RAW, wire.client_hello(RAW)):
            for _ in range(2):  # this one, and the spare for the next
                listener.accept()[0].close()
    wait_for(lambda: gateway.log_line(host=RAW), "the tunnel's end")
    assert lab.dns.queries(RAW) == 0


def test_clients_that_were_redirected(start_gateway, lab):
    gateway = start_gateway({"listener.protocols": "sni",
                             f"{OWN}.addresses": PRIVATE,
                             f"{OWN}.allow_addresses": PRIVATE})
    hello = wire.client_hello(RAW)
    with lab.client.listen(PRIVATE, 443) as listener, \
            gateway.connect() as sock:
        sock.sendall(hello)
        far, _ = listener.accept()
        with far:
            assert wire.read_exact(far, len(hello)) == hello
    assert gateway.log_line(host=RAW)["protocol"] == "sni"
    assert lab.dns.queries(RAW) == 0


def test_names_below_a_suffix(start_gateway, lab):
    gateway = start_gateway()
    name = "a.below.example"
    gateway.allow("lab", "*.below.example")
    gateway.reload({f"host {name}.addresses": facts.RAW_ADDRESS})
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway, name).status == 200
    assert ask(gateway, "b.below.example").status == 502
    assert lab.dns.queries(name) == 0
    assert lab.dns.queries("b.below.example") > 0


def test_from_dns_to_fixed_and_back(start_gateway, lab):
    gateway = start_gateway()
    lab.dns.script(RAW, dns.addresses(facts.RAW_ADDRESS))
    fixed = "52.94.2.9"
    with lab.internet.listen(facts.RAW_ADDRESS, 443), \
            lab.internet.listen(fixed, 443):
        for settings, address in (({}, facts.RAW_ADDRESS),
                                  ({f"{OWN}.addresses": fixed}, fixed),
                                  ({}, facts.RAW_ADDRESS)):
            gateway.reload(settings)
            answer = ask(gateway)
            assert answer.status == 200
            assert f'next-hop="{address}"' in \
                answer.headers["proxy-status"]


@pytest.mark.parametrize("name, says", [
    ("raw3.lab.example", "did you mean raw.lab.example?"),
    (facts.host("jp-1", "container"), "is of region jp-1"),
])
def test_a_name_that_is_not_listed_changes_nothing(start_gateway, name, says):
    gateway = start_gateway()
    gateway.rewrite({f"host {name}.sni": "off"})
    gateway.signal(1)
    gateway.error_line("event=reload_refused")
    line = gateway.error_line("event=reload_failed")
    assert f"[host {name}]: host not on allowlist: {name}" in line
    assert says in line
    assert gateway.config_file + ":" in line
