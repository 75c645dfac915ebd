# SPDX-License-Identifier: Apache-2.0
"""gateway.mode = report: what the list would deny is let through, and said to
be. Nothing else is."""

import os

import pytest
from lab import dns, facts, parent, see, wire

REPORT = {**see.SETTINGS, "gateway.mode": "report"}
OFF = "off.lab.example"  # on no list
WOULD = f"report mode: denied_host: host not on allowlist: {OFF}"


@pytest.fixture
def off(lab):
    """An origin of a name on no list."""
    lab.dns.script(OFF, dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        yield listener


def ask(gateway, host, port=443):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host, port)


def let_through(gateway, kind):
    return see.metrics(gateway)[
        f'sekisho_let_through_total{{outcome="{kind}"}}']


def test_a_host_on_no_list(start_gateway, off):
    gateway = start_gateway(REPORT)
    assert let_through(gateway, "denied_host") == 0
    hello = wire.client_hello(OFF)
    with gateway.connect() as sock:
        assert wire.http_connect(sock, OFF).status == 200
        sock.sendall(hello)
        far, _ = off.accept()
        with far:
            assert wire.read_exact(far, len(hello)) == hello
    line = gateway.log_line(event="tunnel", host=OFF)
    assert line["detail"] == WOULD
    assert line["outcome"] in ("client_closed", "upstream_closed",
                               "client_reset")
    assert line["port"] == 443 and line["sni"] == OFF
    assert not {"rule", "region", "category"} & set(line)
    assert let_through(gateway, "denied_host") == 1
    page = see.get(gateway, "/metrics").text
    assert OFF not in page  # what clients ask for makes no series
    assert see.metrics(gateway)[
        'sekisho_requests_total{outcome="denied_host"}'] == 0
    entry, = see.denied(gateway)["denied"]
    assert (entry["host"], entry["count"], entry["let_through"]) == (OFF, 1, 1)
    status = see.get(gateway, "/api/status").json
    assert status["mode"] == "report" and status["totals"]["let_through"] == 1
    assert "let_through" in [note["id"] for note in status["notes"]]


def test_a_port_on_no_list(start_gateway, lab):
    gateway = start_gateway(REPORT)
    lab.dns.script(facts.RAW_HOST, dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 8443):
        assert ask(gateway, facts.RAW_HOST, 8443).status == 200
    line = gateway.log_line(event="tunnel", port=8443)
    assert line["detail"].startswith("report mode: denied_port: ")
    assert let_through(gateway, "denied_port") == 1
    assert let_through(gateway, "denied_host") == 0


def test_listed_hosts_are_as_ever(start_gateway, lab):
    gateway = start_gateway({**REPORT, "upstream.warm": "1"})
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway, facts.RAW_HOST).status == 200
    assert "detail" not in gateway.log_line(host=facts.RAW_HOST)
    assert see.denied(gateway)["denied"] == []


def test_socks5(start_gateway, off):
    gateway = start_gateway(REPORT)
    name = OFF.encode()
    with gateway.connect() as sock:
        sock.sendall(b"\x05\x01\x00")
        assert wire.read_exact(sock, 2) == b"\x05\x00"
        sock.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name +
                     b"\x01\xbb")
        assert wire.read_exact(sock, 2) == b"\x05\x00"
    assert gateway.log_line(host=OFF)["detail"].startswith(WOULD)


def test_clients_that_were_redirected(start_gateway, off):
    gateway = start_gateway({**REPORT, "listener.protocols": "sni"})
    hello = wire.client_hello(OFF)
    with gateway.connect() as sock:
        sock.sendall(hello)
        far, _ = off.accept()
        with far:
            assert wire.read_exact(far, len(hello)) == hello
    line = gateway.log_line(host=OFF)
    assert line["protocol"] == "sni" and line["detail"].startswith(WOULD)
    assert let_through(gateway, "denied_host") == 1


def test_through_a_parent(start_gateway, lab):
    with lab.parent(parent.always(b"HTTP/1.1 403 Never\r\n\r\n")) as proxy:
        gateway = start_gateway({**REPORT, "upstream.parent": proxy.url})
        answer = ask(gateway, OFF)
        assert answer.status == 502
        assert "answered 403 Never" in answer.reason
    line = gateway.log_line(host=OFF)
    assert line["outcome"] == "parent_refused"
    assert line["detail"].startswith(WOULD + "; parent proxy refused")


def test_the_hello_must_name_the_host_all_the_same(start_gateway, off):
    gateway = start_gateway(REPORT)
    with gateway.connect() as sock:
        assert wire.http_connect(sock, OFF).status == 200
        sock.sendall(wire.client_hello("else.example"))
        assert wire.read_to_end(sock)[:1] == b"\x15"  # a TLS alert
    line = gateway.log_line(event="tunnel", host=OFF)
    assert line["outcome"] == "sni_mismatch" and line["detail"] == WOULD


@pytest.mark.parametrize("address", [
    facts.CLIENT_ADDRESS, "127.0.0.1", "169.254.169.254", "::1"])
def test_forbidden_addresses_are_never_dialled(start_gateway, lab, address):
    gateway = start_gateway(REPORT)
    lab.dns.script(OFF, dns.addresses(address))
    before = lab.gateway.counters()["Tcp.ActiveOpens"]
    assert ask(gateway, OFF).status == 502
    line = gateway.log_line(host=OFF)
    assert line["outcome"] == "denied_resolved_address"
    assert line["detail"].startswith(WOULD + "; ")
    assert lab.gateway.counters()["Tcp.ActiveOpens"] == before


def test_what_is_not_of_the_list_is_refused(start_gateway, untouched):
    gateway = start_gateway({**REPORT, "gateway.workers": "1"})
    untouched()
    for request, status, outcome in (
            (b"CONNECT 52.94.2.1:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403,
             "denied_address_literal"),
            (b"CONNECT off..example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400,
             "bad_request"),
            (b"GET http://off.lab.example/ HTTP/1.1\r\nHost: x\r\n\r\n", 405,
             "method_not_allowed")):
        with gateway.connect() as sock:
            sock.sendall(request)
            assert wire.read_answer(sock).status == status
        assert gateway.log_line(outcome=outcome)
    assert untouched()


def test_strangers_and_limits(start_gateway, off):
    gateway = start_gateway({**REPORT, "listener.clients": "192.0.2.0/24"})
    assert ask(gateway, OFF).status == 403
    assert gateway.log_line()["outcome"] == "denied_client"
    assert see.denied(gateway)["denied"] == []
    users = os.path.join(gateway.folder, "htpasswd")
    with open(users, "w", encoding="ascii") as f:
        f.write("bob:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8"
                "WIrW\n")
    gateway.reload({"listener.clients": None, "listener.auth": "basic",
                    "listener.credentials": users})
    assert ask(gateway, OFF).status == 407
    assert see.denied(gateway)["denied"] == []


def test_it_is_said_loudly(start_gateway):
    gateway = start_gateway(REPORT)
    assert gateway.ready.endswith(" mode=report")
    assert "names and ports that are on no list are let through" in \
        gateway.error_line("level=warn event=not_enforced")
    assert see.metrics(gateway)["sekisho_report_mode"] == 1
    gateway.reload({"gateway.mode": "enforce"})
    assert see.metrics(gateway)["sekisho_report_mode"] == 0
    assert len(gateway.error_lines("event=not_enforced")) == 1
    gateway.reload({})
    assert len(gateway.error_lines("event=not_enforced")) == 2


def test_it_ends_in_lines_to_review(start_gateway, lab, off):
    """Report, take the lines, enforce: the same hosts go on, others do not."""
    gateway = start_gateway(REPORT)
    hosts = [(OFF, 443), ("more.lab.example", 443), (facts.RAW_HOST, 8443)]
    lab.dns.script("more.lab.example", dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 8443):
        for host, port in hosts:
            assert ask(gateway, host, port).status == 200
        path = os.path.join(gateway.folder, "reviewed.ini")
        with open(path, "w", encoding="ascii") as f:
            f.write(see.get(gateway, "/api/denied?format=ini").text)
        gateway.reload({
            "gateway.mode": "enforce",
            "gateway.extra": f"{path}, {gateway.folder}/lab.ini"})
        for host, port in hosts:
            assert ask(gateway, host, port).status == 200
        lines = gateway.log_lines(6, event="tunnel", status=200)
        assert ["detail" in line for line in lines] == [True] * 3 + [False] * 3
        assert ask(gateway, "other.lab.example").status == 403
        assert ask(gateway, OFF, 8443).status == 403
