# SPDX-License-Identifier: Apache-2.0
"""The lab's nodes that misbehave, each seen from a plain socket: what the
tests of the diagnosis rely on."""

import socket
import ssl
import struct

import pytest
from cryptography import x509

from lab import ca, dns, facts, inspector, netns, parent, peers, wire
from lab.origins import Response
from test_lab import CONTAINER, answers, ask, get, rcode, tls

ADDRESS = facts.BY_HOST[CONTAINER].ipv4


def hello(lab, host=CONTAINER, size=0):
    """A connection that has sent a ClientHello."""
    sock = lab.gateway.connect(facts.BY_HOST[host].ipv4, 443)
    sock.sendall(wire.client_hello(host, size=size))
    return sock


def trusting(lab, host=CONTAINER, ca_file=None, **kw):
    """A TLS connection that trusts ca_file, or anybody."""
    context = ssl.create_default_context(cafile=ca_file)
    if not ca_file:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    for protocols in kw.values():
        context.set_alpn_protocols(protocols)
    return context.wrap_socket(
        lab.gateway.connect(facts.BY_HOST[host].ipv4, 443),
        server_hostname=host)


def leaf(sock):
    return x509.load_der_x509_certificate(sock.getpeercert(True))


# Certificates


def test_certificates_look_like_a_public_ca_s(lab):
    with tls(lab, CONTAINER) as sock:
        cert = leaf(sock)
    assert cert.issuer.rfc4514_string() == "CN=Amazon RSA 2048 M02,O=Amazon"
    found = cert.extensions.get_extension_for_class(
        x509.PrecertificateSignedCertificateTimestamps)
    assert [s.version.name for s in found.value] == ["v1", "v1"]


@pytest.mark.parametrize("how, said", [
    ({"until": -1, "since": -9}, "certificate has expired"),
    ({"since": 2}, "certificate is not yet valid"),
    ({"self_signed": True}, "self.signed certificate"),
    ({"leaf_only": True}, "unable to get local issuer certificate")])
def test_faulty_certificates(lab, how, said):
    lab.origins.show(CONTAINER,
                     lab.authority.server_context(CONTAINER, **how))
    with pytest.raises(ssl.SSLCertVerificationError, match=said):
        tls(lab, CONTAINER)


def test_imitator_has_the_names_but_no_timestamps(lab):
    other = ca.Authority(lab.new_folder("ca"), "imitator", ca.IMITATOR)
    lab.origins.show(CONTAINER, other.server_context(CONTAINER))
    with trusting(lab, ca_file=other.ca_file) as sock:
        cert = leaf(sock)
    assert "O=Amazon" in cert.issuer.rfc4514_string()
    with pytest.raises(x509.ExtensionNotFound):
        cert.extensions.get_extension_for_class(
            x509.PrecertificateSignedCertificateTimestamps)


# Peers


@pytest.mark.parametrize("act, end", [
    (peers.reset, ConnectionResetError), (peers.close, b""),
    (peers.say(peers.alert(40)), b"\x15\x03\x03\x00\x02\x02\x28"),
    (peers.say(b"HTTP/1.1 403 no\r\n\r\n"), b"HTTP/1.1 403 no\r\n\r\n")])
def test_after_the_hello(lab, act, end):
    lab.origins.take(CONTAINER, peers.on_hello(act))
    with hello(lab) as sock:
        if isinstance(end, bytes):
            assert wire.read_to_end(sock) == end
        else:
            with pytest.raises(end):
                sock.recv(1)


def test_silence_after_the_hello(lab):
    lab.origins.take(CONTAINER, peers.on_hello(peers.silence))
    with hello(lab) as sock:
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_only_the_named_and_the_big_are_hit(lab):
    other = facts.host("us-1", "artifactscan")
    lab.origins.take(None, peers.on_hello(peers.close, names=[CONTAINER]))
    with hello(lab) as sock:
        assert wire.read_to_end(sock) == b""
    assert get(lab, other)[0] == 401
    lab.origins.take(None, peers.on_hello(peers.close, above=1400))
    assert get(lab, CONTAINER)[0] == 401
    with hello(lab, size=1500) as sock:
        assert wire.read_to_end(sock) == b""


def test_http2_that_breaks(lab):
    http1 = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    lab.origins.take(CONTAINER, peers.breaks_h2(
        lab.authority.server_context(CONTAINER, ("h2", "http/1.1")), http1))
    with trusting(lab, alpn=["h2", "http/1.1"]) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert sock.recv(9)[:3] == b"\xff\xff\xff"
    with trusting(lab, alpn=["http/1.1"]) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 401")


def test_client_certificate_is_demanded_late(lab):
    context = lab.authority.server_context(CONTAINER)
    context.load_verify_locations(lab.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    lab.origins.take(CONTAINER, peers.on_request(context, peers.hold))
    with trusting(lab) as sock, pytest.raises(ssl.SSLError, match="alert"):
        sock.recv(1)  # TLS 1.3: the handshake itself seems good


def test_answers_are_overridden_for_one_or_all(lab):
    lab.origins.respond(None, Response(429, b"", {"Retry-After": "7"}))
    lab.origins.respond(CONTAINER, lambda endpoint, request: Response(
        503, request.target.encode()))
    status, _, body = get(lab, CONTAINER, "/x")
    assert (status, body) == (503, b"/x")
    assert get(lab, facts.host("us-1", "sensor"))[0] == 429


# The inspector


def test_inspector_opens_and_passes_on(lab):
    with lab.inspector() as device:
        with trusting(lab, ca_file=device.ca_file) as sock:
            assert "Zscaler" in leaf(sock).issuer.rfc4514_string()
            sock.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n"
                         b"Host: x\r\n\r\n")
            assert b"x-amzn-RequestId" in wire.read_to_end(sock)
    assert lab.origins.connections(CONTAINER) == 1
    assert get(lab, CONTAINER)[0] == 401  # it has gone


def test_inspector_shows_its_page(lab):
    pages = {CONTAINER: inspector.page("Blocked by policy")}
    with lab.inspector(pages=pages) as device:
        with trusting(lab, ca_file=device.ca_file) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"<title>Blocked by policy</title>" in \
                wire.read_to_end(sock)
    assert not lab.origins.connections(CONTAINER)


def test_inspector_takes_ipv6_too(lab):
    with lab.inspector() as device:
        context = ssl.create_default_context(cafile=device.ca_file)
        sock = lab.gateway.connect(facts.BY_HOST[CONTAINER].ipv6, 443)
        with context.wrap_socket(sock, server_hostname=CONTAINER) as up:
            up.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            assert wire.read_to_end(up).startswith(b"HTTP/1.1 401")


# The corporate proxy


def through(lab, proxy, host=CONTAINER, headers="", port=443):
    sock = lab.client.connect(proxy.address, proxy.port)
    sock.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\n"
                 f"{headers}\r\n".encode())
    return sock


def test_parent_tunnels(lab):
    with lab.parent() as proxy, through(lab, proxy) as sock:
        assert wire.read_answer(sock).status == 200
        context = ssl.create_default_context(cafile=lab.ca_file)
        with context.wrap_socket(sock, server_hostname=CONTAINER) as up:
            up.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            assert wire.read_to_end(up).startswith(b"HTTP/1.1 401")
        assert [w.host for w in proxy.wishes] == [CONTAINER]


@pytest.mark.parametrize("temper, status", [
    (parent.wants("u", "p"), 407),
    (parent.always(parent.answer(403, "Forbidden", Via="1.1 px")), 403),
    (parent.for_hosts([CONTAINER], parent.answer(502, "Bad")), 502)])
def test_parent_refuses(lab, temper, status):
    with lab.parent(temper) as proxy, through(lab, proxy) as sock:
        assert wire.read_answer(sock).status == status


def test_parent_lets_the_right_credentials_through(lab):
    with lab.parent(parent.wants("u", "p")) as proxy, \
            through(lab, proxy, headers="Proxy-Authorization: Basic "
                    "dTpw\r\n") as sock:
        assert wire.read_answer(sock).status == 200


@pytest.mark.parametrize("what, end", [
    (parent.CLOSE, b""), (parent.RESET, ConnectionResetError),
    (parent.SILENCE, TimeoutError), (b"<html>", b"<html>")])
def test_parent_ends(lab, what, end):
    with lab.parent(parent.always(what)) as proxy, \
            through(lab, proxy) as sock:
        sock.settimeout(0.5)
        if isinstance(end, bytes):
            assert wire.read_to_end(sock) == end
        else:
            with pytest.raises(end):
                sock.recv(1)


def test_parent_speaks_inside_the_tunnel(lab):
    temper = parent.always(parent.Inside(b"<html>denied"))
    with lab.parent(temper) as proxy, through(lab, proxy) as sock:
        assert wire.read_answer(sock).status == 200
        sock.sendall(wire.client_hello(CONTAINER))
        assert wire.read_to_end(sock) == b"<html>denied"


def test_parent_over_tls(lab):
    context = lab.authority.server_context("px.lab.example")
    with lab.parent(protocol="https", context=context) as proxy:
        client = ssl.create_default_context(cafile=lab.ca_file)
        with client.wrap_socket(
                lab.client.connect(proxy.address, proxy.port),
                server_hostname="px.lab.example") as sock:
            assert wire.http_connect(sock, CONTAINER).status == 200


@pytest.mark.parametrize("credentials", [None, ("u", "p")])
def test_parent_speaks_socks5(lab, credentials):
    with lab.parent(protocol="socks5", credentials=credentials) as proxy, \
            lab.client.connect(proxy.address, proxy.port) as sock:
        sock.sendall(b"\x05\x02\x00\x02")
        assert wire.read_exact(sock, 2) == (b"\x05\x02" if credentials else
                                            b"\x05\x00")
        if credentials:
            sock.sendall(b"\x01\x01u\x01p")
            assert wire.read_exact(sock, 2) == b"\x01\x00"
        name = CONTAINER.encode()
        sock.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name +
                     struct.pack("!H", 443))
        assert wire.read_exact(sock, 10)[1] == 0


# Routes, queues, the path


@pytest.mark.parametrize("kind, error", [
    ("prohibit", PermissionError), ("blackhole", OSError),
    ("unreachable", OSError)])
def test_routes_that_say_no(lab, kind, error):
    with lab.route(f"{kind} {ADDRESS}"), pytest.raises(error):
        lab.gateway.connect(ADDRESS, 443)
    lab.gateway.connect(ADDRESS, 443).close()


def test_ipv6_without_a_route(lab):
    with lab.route("unreachable 2600:1f18::/32", family=6), \
            pytest.raises(OSError):
        lab.gateway.connect(facts.BY_HOST[CONTAINER].ipv6, 443)
    lab.gateway.connect(facts.BY_HOST[CONTAINER].ipv6, 443).close()


def test_full_queue_drops_a_syn(lab):
    with lab.full_queue(facts.RAW_ADDRESS):
        sock = lab.gateway.socket()
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            sock.connect((facts.RAW_ADDRESS, 443))
        sock.close()


@pytest.mark.parametrize("way, ask_for", [("up", bytes(3000)),
                                          ("down", b"3000\n")])
def test_router_swallows_one_way(lab, way, ask_for):
    """Big packets up, or a small question with a big answer."""
    with lab.router() as path:
        setattr(path, f"swallow_{way}", 1000)
        sock = lab.gateway.connect(
            facts.BY_HOST["source.lab.example"].ipv4, 443)
        sock.settimeout(1)
        sock.sendall(wire.client_hello("source.lab.example") + ask_for)
        with pytest.raises(TimeoutError):
            wire.read_exact(sock, 1000)
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        unacked = struct.unpack("I", info[24:28])[0]
        assert (unacked == 0) == (way == "down")
        sock.close()


# DNS


def test_hijacked_dns_answers_where_no_server_is(lab):
    with lab.hijacked_dns():
        assert answers(ask(lab, CONTAINER, server="192.0.2.1")) == 1
    with pytest.raises(TimeoutError):
        query(lab, "192.0.2.1")


def query(lab, server):
    with lab.gateway.socket(kind=socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        sock.sendto(struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) +
                    dns.encode_name(CONTAINER) + b"\0\1\0\1", (server, 53))
        return sock.recv(4096)


def test_dns_wildcard(lab):
    lab.dns.script("*.lab.example", dns.addresses("52.94.7.7"))
    assert answers(ask(lab, "any.thing.lab.example")) == 1
    assert rcode(ask(lab, "lab.example")) == 3


def test_dns_edns_and_checking(lab):
    fine = dns.addresses("52.94.7.7")
    lab.dns.script(CONTAINER, dns.Reply(
        rcode=dns.SERVFAIL, with_cd=fine, ede=(9, "DNSKEY missing")))
    plain = dns.parse_query(b"\0\1\1\0\0\1\0\0\0\0\0\0" +
                            dns.encode_name(CONTAINER) + b"\0\1\0\1")
    reply = dns.Reply(rcode=dns.SERVFAIL, with_cd=fine, ede=(9, "DNSKEY"))
    assert dns.choose(reply, 0x0110, False) is fine
    assert dns.choose(reply, 0x0100, True) is reply
    packet = dns.build_answer(plain, reply, True, has_edns=True)
    assert packet.endswith(b"DNSKEY") and packet[11] == 1
    assert rcode(ask(lab, CONTAINER)) == dns.SERVFAIL


def test_dns_rotation_of_one(lab):
    lab.dns.script(CONTAINER, dns.addresses(
        "52.94.7.7", "52.94.7.8", rotate=True, only_first=True))
    first, second = ask(lab, CONTAINER), ask(lab, CONTAINER)
    assert answers(first) == answers(second) == 1
    assert first[-4:] != second[-4:]


def test_routes_are_taken_back_after_a_failure(lab):
    with pytest.raises(netns.LabError):
        with lab.route("nonsense"):
            pass
    lab.gateway.connect(ADDRESS, 443).close()
