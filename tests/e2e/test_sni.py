# SPDX-License-Identifier: Apache-2.0
"""The front door for clients that know of no proxy: TLS that a redirect or a
DNS record has sent here is routed by its server name, or refused by an alert."""

import os
import re
import socket
import struct

import drivers
import pytest
from lab import dns, facts, netns, wire
from lab.lab import wait_for

CONTAINER = facts.BY_HOST[facts.host("us-1", "container")]
RAW = facts.RAW_HOST
SNI = {"listener.protocols": "sni"}
ACCESS_DENIED, UNRECOGNIZED_NAME, INTERNAL_ERROR = 49, 112, 80
UNEXPECTED_MESSAGE, RECORD_OVERFLOW, USER_CANCELED = 10, 22, 90

pytestmark = pytest.mark.gateway(SNI)


@pytest.fixture
def redirect(lab):
    """The client's connections to port 443 anywhere end at the gateway."""
    with lab.redirected(3128):
        yield


def connect(gateway, host=RAW):
    """A connection of the client to where it believes host to be."""
    address = facts.RAW_ADDRESS if host == RAW else facts.BY_HOST[host].ipv4
    return gateway.lab.client.connect(address, 443)


def assert_alert(sock, description):
    """One fatal alert and the end, and nothing else: no word of HTTP."""
    assert wire.read_to_end(sock) == bytes([21, 3, 3, 0, 2, 2, description])


def refused(gateway, outcome, **wanted):
    line = gateway.log_line(event="refused", **wanted)
    assert line["outcome"] == outcome and line["protocol"] == "sni", line
    assert "status" not in line
    return line


# Real clients

@pytest.mark.parametrize("fetch", [
    drivers.curl, drivers.openssl, drivers.urllib, drivers.node, drivers.go],
    ids=lambda f: f.__name__)
def test_clients_with_nothing_configured(gateway, redirect, fetch):
    for e in facts.of_region("us-1"):
        result = fetch(gateway, f"https://{e.host}/", drivers.DIRECT)
        assert result.status is not None, (e.host, result.text)
        line = gateway.log_line(host=e.host)
        assert line["event"] == "tunnel" and line["protocol"] == "sni"
        assert line["sni"] == e.host and line["category"] == e.category
        assert line["port"] == 443 and "status" not in line
        assert line["detail"] in (f"sent to {e.ipv4}:443",
                                  f"sent to [{e.ipv6}]:443")
        assert line["upstream"].endswith(":443")


@pytest.mark.parametrize("fetch, says", [
    (drivers.curl, "alert access denied"),
    (drivers.openssl, "alert access denied"),
    (drivers.urllib, "ACCESS_DENIED"),
    (drivers.node, "alert access denied"),
    (drivers.go, "access denied")],
    ids=["curl", "openssl", "urllib", "node", "go"])
def test_clients_are_refused_what_is_not_on_the_list(
        gateway, redirect, untouched, fetch, says):
    result = fetch(gateway, "https://example.com/", drivers.DIRECT)
    assert result.status is None and says in result.text, result.text
    line = refused(gateway, "denied_host")
    assert line["host"] == line["sni"] == "example.com"
    address = facts.BY_HOST["example.com"].ipv4
    assert line["detail"].endswith(f"; sent to {address}:443")
    assert untouched()


@pytest.mark.parametrize("listen", ["[fd00:5ec:c::1]:3128", "[::]:3128"])
def test_ipv6(start_gateway, redirect, listen):
    gateway = start_gateway({**SNI, "listener.address": listen})
    sock = gateway.lab.client.connect(CONTAINER.ipv6, 443)
    with sock:
        sock.sendall(wire.client_hello("example.com"))
        assert_alert(sock, ACCESS_DENIED)
    line = refused(gateway, "denied_host")
    assert line["detail"].endswith(f"; sent to [{CONTAINER.ipv6}]:443")
    assert line["client"].startswith(f"[{facts.CLIENT_ADDRESS6}]:")


def test_ipv4_at_a_listener_for_both(start_gateway, redirect):
    gateway = start_gateway({**SNI, "listener.address": "[::]:3128"})
    with connect(gateway) as sock:
        sock.sendall(wire.client_hello("example.com"))
        assert_alert(sock, ACCESS_DENIED)
    line = refused(gateway, "denied_host")
    assert line["detail"].endswith(f"; sent to {facts.RAW_ADDRESS}:443")


@pytest.fixture
def tproxy(lab):
    """The same by TPROXY, which changes no address."""
    name = lab.gateway.name
    netns.ip("rule add fwmark 1 lookup 100",
             "route add local default dev lo table 100", namespace=name)
    lab.gateway.nft(
        "table inet sent {", "chain in {",
        "type filter hook prerouting priority mangle;",
        'iifname "lan" tcp dport 443 tproxy ip to :3128 meta mark set 1',
        "}", "}")
    with lab.route(f"default via {facts.GATEWAY_INSIDE}", lab.client):
        yield
    netns.ip("route del local default dev lo table 100",
             "rule del fwmark 1 lookup 100", namespace=name)


def test_tproxy(start_gateway, tproxy):
    activate = os.path.join(os.path.dirname(netns.__file__), "activate.py")
    gateway = start_gateway(SNI, wrap=[
        "/usr/bin/python3", activate,
        f"lab=transparent:{facts.GATEWAY_INSIDE}:3128", "--"])
    with connect(gateway, CONTAINER.host) as sock:
        sock.sendall(wire.client_hello(CONTAINER.host))
        assert wire.read_exact(sock, 3) == b"\x16\x03\x03"
    line = gateway.log_line(event="tunnel")
    assert line["detail"] == f"sent to {CONTAINER.ipv4}:443"
    assert line["host"] == CONTAINER.host


def test_name_decides_and_not_the_address(gateway, redirect, lab):
    """Bound for one host's address, with another one's name."""
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            connect(gateway, CONTAINER.host) as sock:
        sock.sendall(wire.client_hello(RAW))
        listener.accept()[0].close()
    line = gateway.log_line(event="tunnel")
    assert line["host"] == RAW
    assert line["upstream"] == f"{facts.RAW_ADDRESS}:443"
    assert line["detail"] == f"sent to {CONTAINER.ipv4}:443"


def test_dns_record_that_points_here(start_gateway):
    """No redirect: the client's DNS gives the gateway's address."""
    gateway = start_gateway({
        **SNI, "listener.address": f"{facts.GATEWAY_INSIDE}:443"})
    with gateway.connect() as sock:
        sock.sendall(wire.client_hello(CONTAINER.host))
        assert wire.read_exact(sock, 3) == b"\x16\x03\x03"  # a ServerHello
    line = gateway.log_line(event="tunnel")
    assert line["host"] == CONTAINER.host and "detail" not in line


# The hello

def grease_hello(name):
    """With GREASE (RFC 8701) and what looks like an encrypted inner hello, as
    browsers send it to everybody."""
    ech = b"\0\0\x01\0\x01\x07" + struct.pack("!H", 32) + os.urandom(32) + \
        struct.pack("!H", 144) + os.urandom(144)
    message = bytearray(wire.hello_message(name))
    more = wire.extension(0x0a0a, b"") + wire.extension(0xfe0d, ech) + \
        wire.extension(0x1a1a, b"\0")
    # The extensions' length stands behind compression: 01 00.
    at = 4 + 2 + 32 + 33 + 4 + 2
    size = struct.unpack_from("!H", message, at)[0]
    struct.pack_into("!H", message, at, size + len(more))
    message += more
    message[1:4] = (len(message) - 4).to_bytes(3, "big")
    return wire.records(bytes(message))


HELLOS = {
    "plain": wire.client_hello(RAW),
    "upper-case": wire.client_hello(RAW.upper()),
    "16000-bytes": wire.client_hello(RAW, size=16000),
    "1-byte-records": wire.records(wire.hello_message(RAW), step=1),
    "7-byte-records": wire.records(wire.hello_message(RAW), step=7),
    "grease": grease_hello(RAW),
    "early-data": wire.client_hello(RAW) + b"\x17\x03\x03\0\x03abc" * 500,
}


@pytest.mark.parametrize("step", [1, 5, 1 << 20])
@pytest.mark.parametrize("hello", HELLOS.values(), ids=HELLOS)
def test_hello_goes_on_untouched_and_once(gateway, redirect, lab, hello,
                                          step):
    if len(hello) > 2000 and step == 1:
        step = 97  # as telling, with fewer packets
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            connect(gateway) as sock:
        for at in range(0, len(hello), step):
            sock.sendall(hello[at:at + step])
        far, _ = listener.accept()
        with far:
            far.settimeout(20)
            assert wire.read_exact(far, len(hello)) == hello
            sock.sendall(b"up")
            assert wire.read_exact(far, 2) == b"up"
            far.sendall(b"down")
            assert wire.read_exact(sock, 4) == b"down"
            sock.shutdown(socket.SHUT_WR)
            assert wire.read_to_end(far) == b""
            far.sendall(b"late")
        assert wire.read_to_end(sock) == b"late"
    line = gateway.log_line(event="tunnel")
    assert line["outcome"] == "client_closed" and line["sni"] == RAW
    assert (line["bytes_up"], line["bytes_down"]) == (len(hello) + 2, 8)


@pytest.mark.parametrize("data, outcome, alert", [
    (wire.client_hello(), "sni_missing", UNRECOGNIZED_NAME),
    (wire.client_hello(RAW, "example.com"), "sni_mismatch", ACCESS_DENIED),
    (wire.client_hello("52.94.1.10"), "sni_mismatch", ACCESS_DENIED),
    (wire.client_hello(RAW + "."), "sni_mismatch", ACCESS_DENIED),
    (wire.client_hello(b"a\0.lab.example"), "sni_mismatch", ACCESS_DENIED),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "not_tls", UNEXPECTED_MESSAGE),
    (wire.connect_request(RAW), "not_tls", UNEXPECTED_MESSAGE),
    (b"\x05\x01\x00", "not_tls", UNEXPECTED_MESSAGE),
    (b"SSH-2.0-x\r\n", "not_tls", UNEXPECTED_MESSAGE),
    (b"\x16\x03\x01\0\0", "not_tls", UNEXPECTED_MESSAGE),
    (b"\x16\x03\x01\x40\0\x02", "not_tls", UNEXPECTED_MESSAGE),
    (b"\x16\x03\x01\x40\0\x01\x7f\xff\xff", "hello_too_large",
     RECORD_OVERFLOW),
])
def test_hellos_that_are_refused(gateway, redirect, untouched, data, outcome,
                                 alert):
    with connect(gateway) as sock:
        sock.sendall(data)
        assert_alert(sock, alert)
    line = refused(gateway, outcome)
    assert f"sent to {facts.RAW_ADDRESS}:443" in line["detail"]
    assert untouched()


@pytest.mark.gateway({**SNI, "tunnel.hello_timeout": "200ms"})
@pytest.mark.parametrize("part", [b"", b"\x16", wire.client_hello(RAW)[:-1]])
def test_hello_that_never_ends(gateway, redirect, part):
    """Nothing at all counts too: it may wait for a service to speak first."""
    with connect(gateway) as sock:
        sock.sendall(part)
        assert_alert(sock, USER_CANCELED)
    refused(gateway, "hello_timeout")


@pytest.mark.parametrize("part", [b"", wire.client_hello(RAW)[:-1]])
def test_client_that_goes(gateway, redirect, part):
    with connect(gateway) as sock:
        sock.sendall(part)
        sock.shutdown(socket.SHUT_WR)
        assert wire.read_to_end(sock) == b""
    with connect(gateway) as sock:
        sock.sendall(wire.client_hello("example.com"))
        assert_alert(sock, ACCESS_DENIED)
    refused(gateway, "denied_host", host="example.com")
    assert [line["outcome"] for line in gateway.logged()][:-1] == \
        (["client_closed"] if part else [])


# Policy, names, addresses, limits: as with CONNECT

@pytest.mark.parametrize("reply, outcome, alert", [
    (dns.nxdomain(), "dns_nxdomain", UNRECOGNIZED_NAME),
    (dns.addresses(facts.REFUSING_ADDRESS), "connect_refused",
     INTERNAL_ERROR),
    (dns.addresses("10.9.9.9"), "denied_resolved_address", ACCESS_DENIED),
])
def test_upstream_failures(gateway, redirect, lab, reply, outcome, alert):
    lab.dns.script(RAW, reply)
    with connect(gateway) as sock:
        sock.sendall(wire.client_hello(RAW))
        assert_alert(sock, alert)
    assert refused(gateway, outcome)["host"] == RAW


@pytest.mark.gateway({**SNI, "listener.clients": "192.0.2.0/24"})
@pytest.mark.parametrize("data", [wire.client_hello(RAW), b"GET /"])
def test_strangers(gateway, redirect, untouched, data):
    with connect(gateway) as sock:
        sock.sendall(data)
        assert_alert(sock, ACCESS_DENIED)
    refused(gateway, "denied_client")
    assert untouched()


@pytest.mark.gateway({**SNI, "limits.tunnels_per_client": "1"})
def test_limit_of_one_client(gateway, redirect, lab):
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            connect(gateway) as first, connect(gateway) as second:
        first.sendall(wire.client_hello(RAW))
        with listener.accept()[0]:
            second.sendall(wire.client_hello(RAW))
            assert_alert(second, INTERNAL_ERROR)
    refused(gateway, "rate_limited")


def test_parent_proxy(start_gateway, redirect, lab):
    with lab.parent() as parent:
        gateway = start_gateway({
            **SNI, "upstream.parent":
            f"http://{facts.GATEWAY_INSIDE}:{parent.port}"})
        result = drivers.curl(gateway, f"https://{CONTAINER.host}/",
                              drivers.DIRECT)
        assert result.status is not None, result.text
    line = gateway.log_line(event="tunnel")
    assert line["protocol"] == "sni" and "parent" in line


@pytest.mark.gateway({**SNI, "gateway.mode": "report"})
def test_report_mode(gateway, redirect, lab):
    """What the list would deny goes through, by its name too."""
    off = "off.lab.example"
    lab.dns.script(off, dns.addresses(facts.RAW_ADDRESS))
    hello = wire.client_hello(off)
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            connect(gateway) as sock:
        sock.sendall(hello)
        with listener.accept()[0] as far:
            assert wire.read_exact(far, len(hello)) == hello
    line = gateway.log_line(event="tunnel")
    assert line["host"] == line["sni"] == off
    assert line["detail"].startswith("report mode: denied_host: ")
    assert line["detail"].endswith(f"sent to {facts.RAW_ADDRESS}:443")


@pytest.mark.gateway({**SNI, "upstream.warm": "1",
                      "admin.address": f"{facts.GATEWAY_INSIDE}:3129"})
def test_spare_connection(gateway, redirect):
    def fetch():
        with connect(gateway, CONTAINER.host) as sock:
            sock.sendall(wire.client_hello(CONTAINER.host))
            return wire.read_exact(sock, 1)

    def is_ready():
        with gateway.lab.client.connect(gateway.address, 3129) as sock:
            sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            page = wire.read_to_end(sock).decode("utf-8")
        return 'sekisho_warm_connections{state="ready"} 1\n' in page

    assert fetch() == b"\x16"
    wait_for(is_ready, "a spare connection")
    assert fetch() == b"\x16"
    details = [line["detail"]
               for line in gateway.log_lines(2, event="tunnel")]
    assert details == [f"sent to {CONTAINER.ipv4}:443",
                       f"warm; sent to {CONTAINER.ipv4}:443"]


@pytest.mark.gateway({**SNI, "listener.proxy_protocol": "on"})
def test_behind_a_load_balancer(gateway):
    with gateway.connect() as sock:
        sock.sendall(b"PROXY TCP4 192.0.2.7 198.51.100.2 51000 443\r\n" +
                     wire.client_hello("example.com"))
        assert_alert(sock, ACCESS_DENIED)
    assert refused(gateway, "denied_host")["client"] == "192.0.2.7:51000"


def test_no_descriptor_left_is_told_by_an_alert(start_gateway, redirect, lab):
    gateway = start_gateway(SNI, wrap=["prlimit", "--nofile=64:64"])
    with lab.internet.listen(facts.RAW_ADDRESS, 443, backlog=256):
        socks = [connect(gateway) for _ in range(120)]
        for sock in socks:
            sock.sendall(wire.client_hello(RAW))
        refused(gateway, "limit_reached")
        wait_for(lambda: gateway.unread() == 0, "all to be accepted")
        said = set()
        for sock in socks:
            sock.setblocking(False)
            try:
                said.add(sock.recv(4096))
            except BlockingIOError:
                pass  # a tunnel
            sock.close()
    assert said == {bytes([21, 3, 3, 0, 2, 2, INTERNAL_ERROR])}


# Loops

OPEN = {**SNI, "listener.address": "0.0.0.0:3128",
        "listener.clients": f"10.0.0.0/8, {facts.GATEWAY_OUTSIDE}"}


@pytest.mark.gateway(OPEN)
def test_own_connections_that_are_redirected(gateway, lab):
    """Without the exemption, the gateway meets its own hello: once."""
    with lab.redirected(3128, exempt=""):
        with connect(gateway) as sock:
            sock.sendall(wire.client_hello(RAW))
            assert_alert(sock, INTERNAL_ERROR)
        line = refused(gateway, "loop")
        assert line["client"].startswith(facts.GATEWAY_OUTSIDE + ":")
        assert line["host"] == RAW and "redirect" in line["detail"]
        assert gateway.log_line(event="tunnel")["host"] == RAW
    assert len(gateway.logged()) == 2
    with lab.redirected(3128):
        result = drivers.curl(gateway, f"https://{CONTAINER.host}/",
                              drivers.DIRECT)
        assert result.status is not None, result.text


@pytest.mark.gateway({**OPEN, "gateway.user": "65534"})
def test_own_connections_that_are_exempt(gateway, lab):
    """The rule that the manual page gives."""
    with lab.redirected(3128, exempt="meta skuid != 65534"):
        result = drivers.curl(gateway, f"https://{CONTAINER.host}/",
                              drivers.DIRECT)
        assert result.status is not None, result.text
    assert gateway.log_line(event="tunnel")["host"] == CONTAINER.host


@pytest.mark.gateway({**SNI, "listener.address":
                      f"{facts.GATEWAY_INSIDE}:443"})
def test_name_that_leads_here_for_the_gateway_too(gateway, lab):
    lab.dns.script(RAW, dns.addresses(facts.GATEWAY_INSIDE))
    with gateway.connect() as sock:
        sock.sendall(wire.client_hello(RAW))
        assert_alert(sock, INTERNAL_ERROR)
    assert refused(gateway, "loop")["host"] == RAW


def test_alerts_are_those_of_the_manual_page():
    """What the tests above expect stands in sekisho-proxy(8) too."""
    page = os.path.join(os.path.dirname(__file__), "../../proxy",
                        "sekisho-proxy.8")
    with open(page, encoding="utf-8") as f:
        text = f.read()
    table = text[text.index(".Ss Redirected TLS"):]
    found = re.findall(r"^\.It Cm (\w+) \((\d+)\)$", table, re.M)
    assert {int(n) for _, n in found} == {
        ACCESS_DENIED, UNRECOGNIZED_NAME, INTERNAL_ERROR, UNEXPECTED_MESSAGE,
        RECORD_OVERFLOW, USER_CANCELED}
