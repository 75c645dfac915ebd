# SPDX-License-Identifier: Apache-2.0
"""Spare connections (upstream.warm): a CONNECT that waits for no round trip."""
import pytest
from lab import facts, wire
from lab.lab import wait_for

RAW = facts.RAW_HOST
pytestmark = pytest.mark.gateway({"upstream.warm": "2",
                                  "gateway.workers": "1"})


def connect(gateway):
    sock = gateway.connect()
    assert wire.http_connect(sock, RAW).status == 200
    return sock


def test_second_request_is_served_by_a_spare(gateway, lab):
    hello = wire.client_hello(RAW)
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        with connect(gateway) as sock:
            first, _ = listener.accept()
            sock.sendall(hello)
            assert wire.read_exact(first, len(hello)) == hello
        first.close()
        spare, _ = listener.accept()  # opened by nobody's request
        before = lab.gateway.counters()["Tcp.ActiveOpens"]
        with connect(gateway) as sock:
            sock.sendall(hello)
            assert wire.read_exact(spare, len(hello)) == hello
            sock.sendall(b"more")
            assert wire.read_exact(spare, 4) == b"more"
        spare.close()
        # What it opens now is the spare for a third one.
        third, _ = listener.accept()
        third.close()
        assert lab.gateway.counters()["Tcp.ActiveOpens"] - before <= 2
    lines = gateway.log_lines(2, event="tunnel")
    assert [line.get("detail") for line in lines] == [None, "warm"]
    assert lines[1]["connect_ms"] == 0
    assert "dns_ms" not in lines[1]
    assert lines[1]["upstream"] == f"{facts.RAW_ADDRESS}:443"


def test_spare_that_the_server_closed_serves_nobody(gateway, lab):
    idle = gateway.sockets()
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        with connect(gateway):
            first, _ = listener.accept()
            spare, _ = listener.accept()
            spare.close()
        first.close()
        gateway.log_line(event="tunnel")
        # The end of the spare reaches the gateway before the next request.
        wait_for(lambda: gateway.sockets() == idle, "no socket is left")
        with connect(gateway):
            fresh, _ = listener.accept()
            fresh.close()
    lines = gateway.log_lines(2, event="tunnel")
    assert "detail" not in lines[1]
