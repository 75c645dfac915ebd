# SPDX-License-Identifier: Apache-2.0
"""TLS to the parent proxy: who it must prove to be, and what is said when it
does not."""

import ctypes
import os
import socket
import ssl

import drivers
import pytest
import secure
from lab import dns, facts, parent, wire
from lab.ca import INSPECTOR, Authority
from lab.gateway import wait_for
from secure import HERE
from tunnels import MB

CONTAINER = facts.host("us-1", "container")
URL = f"https://{CONTAINER}/"
NAME = "proxy.corp.lab.example"
PIDFD_GETFD = 438  # pidfd_getfd(2), the same on every architecture


def shows(certificate, **how):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    for key, value in how.items():
        setattr(context, key, value)
    return context


@pytest.fixture
def chain(lab, start_gateway, files):
    """chain(context, temper, settings, url): a parent that shows the
    certificate of context, and a gateway that trusts files.corp."""
    opened = []

    def make(context=None, temper=None, settings=None,
             url=f"https://{HERE}:8080"):
        proxy = lab.parent(temper, protocol="https", context=context or
                           shows(files.corp.issue(HERE)))
        proxy.__enter__()
        opened.append(proxy)
        return proxy, start_gateway({
            "upstream.parent": url, "upstream.parent_ca_file": files.ca_file,
            **(settings or {})})

    yield make
    for proxy in opened:
        proxy.__exit__(None, None, None)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_every_endpoint_through_it(chain, files, version):
    proxy, gateway = chain(shows(files.corp.issue(HERE),
                                 maximum_version=version))
    for e in facts.of_region("us-1"):
        assert drivers.curl(gateway, f"https://{e.host}/").status is not None
        line = gateway.log_line(host=e.host)
        assert line["parent"] == f"{HERE}:8080" and line["sni"] == e.host
    assert len(proxy.wishes) == len(facts.of_region("us-1"))


def test_by_name_with_credentials(chain, files, lab):
    lab.dns.script(NAME, dns.addresses(HERE))
    context = shows(files.corp.issue(NAME))
    names = []
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    proxy, gateway = chain(context, parent.wants("u", "sesame"),
                           url=f"https://u:sesame@{NAME}:8080")
    assert drivers.curl(gateway, URL).status is not None
    assert names == [NAME]
    assert proxy.wishes[0].password == "sesame"
    assert "sesame" not in gateway.transcript()


def test_tls_at_both_ends(chain, files, lab):
    _, gateway = chain(settings=files.settings())
    assert secure.curl(gateway, files, URL).status is not None


def refusal(gateway):
    with gateway.connect() as sock:
        sock.sendall(wire.connect_request(CONTAINER))
        answer = wire.parse_answer(wire.read_to_end(sock))
    line = gateway.log_line(event="refused")
    assert answer.status == 502 and line["outcome"] == "parent_failed"
    return answer.reason.removeprefix(
        "parent proxy failed: "), answer.rest.decode()


@pytest.mark.parametrize("host, how, says", [
    (HERE, {"since": -9, "until": -0.5}, "it has expired"),
    (HERE, {"since": 1}, "certificate is not yet valid"),
    ("10.200.0.9", {}, "it is for another name"),
    (NAME, {}, "it is for another name"),
    (HERE, {"self_signed": True}, "it is of an unknown authority"),
    (HERE, {"client": True}, "unsuitable certificate purpose"),
])
def test_certificates_that_are_refused(chain, files, host, how, says):
    proxy, gateway = chain(shows(files.corp.issue(host, **how)))
    reason, advice = refusal(gateway)
    assert reason == f"{HERE}:8080: its certificate is refused ({says})"
    assert "upstream.parent_ca_file" in advice
    assert not proxy.wishes  # nothing was sent, credentials least of all


def test_the_system_does_not_know_the_authority(chain):
    proxy, gateway = chain(settings={"upstream.parent_ca_file": None})
    reason, _ = refusal(gateway)
    assert reason == f"{HERE}:8080: its certificate is refused (it is of an " \
        "unknown authority)"
    assert not proxy.wishes
    gateway.reload()  # reads the system's authorities anew


def test_another_authority_by_the_same_name(chain, files, lab):
    other = Authority(lab.new_folder("other"), "other", INSPECTOR)
    _, gateway = chain(shows(other.issue(HERE)))
    assert "its certificate is refused (" in refusal(gateway)[0]


def test_a_parent_that_speaks_in_clear(lab, start_gateway, files):
    with lab.parent():
        gateway = start_gateway({
            "upstream.parent": f"https://{HERE}:8080",
            "upstream.parent_ca_file": files.ca_file})
        assert refusal(gateway)[0] == f"{HERE}:8080: the TLS handshake " \
            "failed (what the peer says is no TLS)"


def test_http_to_a_parent_that_speaks_tls(chain):
    _, gateway = chain(settings={"upstream.parent_ca_file": None},
                       url=f"http://{HERE}:8080")
    assert refusal(gateway)[0].startswith(f"{HERE}:8080: ")


def test_old_versions_are_refused(chain, files):
    context = shows(files.corp.issue(HERE))
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    _, gateway = chain(context)
    assert "the TLS handshake failed (" in refusal(gateway)[0]


@pytest.mark.parametrize("temper, says", [
    (parent.CLOSE, "it closed without an answer"),
    (parent.RESET, "it closed without an answer ("),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "what it says is no HTTP/1.1 answer"),
    (b"HTTP/1.1 200 OK\r\nX: y\r\n", "it closed amid its answer"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4000, "its answer has no end"),
    (b"HTTP/1.1 100 Go on\r\n\r\n" * 100, "interim answers without an end"),
])
def test_its_failures_are_told(chain, temper, says):
    _, gateway = chain(temper=parent.always(temper))
    assert says in refusal(gateway)[0]


def test_its_refusals_are_passed_on(chain):
    _, gateway = chain(temper=parent.always(
        parent.answer(403, "Forbidden by policy 7")))
    with gateway.connect() as sock:
        sock.sendall(wire.connect_request(CONTAINER))
        answer = wire.parse_answer(wire.read_to_end(sock))
    assert answer.reason == f"parent proxy refused: {HERE}:8080 answered 403 " \
        "Forbidden by policy 7"
    assert gateway.log_line(event="refused")["outcome"] == "parent_refused"


@pytest.mark.parametrize("stage", ["handshake", "answer"])
def test_a_silent_parent(chain, lab, start_gateway, files, stage):
    settings = {"upstream.connect_timeout": "300ms",
                "upstream.parent": f"https://{HERE}:8081",
                "upstream.parent_ca_file": files.ca_file}
    if stage == "answer":
        _, gateway = chain(temper=parent.always(parent.SILENCE),
                           settings={"upstream.connect_timeout": "300ms"})
        assert "no answer within" in refusal(gateway)[0]
        return
    with lab.gateway.listen(HERE, 8081):
        assert "no answer within" in refusal(start_gateway(settings))[0]


def by_hand(lab, files, *records):
    """A parent that says these things, one record each, and then echoes."""
    context = shows(files.corp.issue(HERE))

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for record in records:
            writer.write(record)
            await writer.drain()
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    node = parent.Node("lab-by-hand")
    node.add(lab.gateway.listen(HERE, 8080), serve, context)
    return node


@pytest.mark.parametrize("cut", ["bytes", "whole", "two"])
def test_answers_in_pieces_and_early_bytes(chain, lab, start_gateway, files,
                                           cut):
    """However the answer is cut into records, what stands behind it comes
    through once, in order."""
    text = (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: px\r\n"
            b"\r\nearly words")
    pieces = {"bytes": [text[i:i + 1] for i in range(len(text))],
              "whole": [text], "two": [text[:40], text[40:]]}[cut]
    with by_hand(lab, files, *pieces):
        gateway = start_gateway({
            "upstream.parent": f"https://{HERE}:8080", "tunnel.sni": "off",
            "upstream.parent_ca_file": files.ca_file})
        with gateway.connect() as sock:
            assert wire.http_connect(sock, CONTAINER).status == 200
            assert wire.read_exact(sock, 11) == b"early words"
            data = os.urandom(MB)
            sock.sendall(data[:MB // 16])
            assert wire.read_exact(sock, MB // 16) == data[:MB // 16]
        assert gateway.log_line(event="tunnel")["bytes_down"] == \
            11 + MB // 16


def socket_to(gateway, port):
    """The gateway's own socket to this port, of a peer in the lab."""
    libc, folder = ctypes.CDLL(None), f"/proc/{gateway.pid}/fd"
    pidfd = os.pidfd_open(gateway.pid)
    try:
        for name in os.listdir(folder):
            if not os.readlink(f"{folder}/{name}").startswith("socket:"):
                continue
            sock = socket.socket(
                fileno=libc.syscall(PIDFD_GETFD, pidfd, int(name), 0))
            try:
                if sock.getpeername()[1] == port:
                    return sock
            except OSError:
                pass  # it listens
            sock.close()
    finally:
        os.close(pidfd)
    raise AssertionError(f"no socket to port {port}")


def test_the_request_does_not_wait_for_an_acknowledgement(chain):
    """It follows the last words of the handshake, which the parent may take its
    time to acknowledge (RFC 9293 section 3.7.4)."""
    proxy, gateway = chain(temper=parent.always(parent.SILENCE))
    with gateway.connect() as sock:
        sock.sendall(wire.connect_request(CONTAINER))
        wait_for(lambda: proxy.wishes, "the request")
        with socket_to(gateway, 8080) as up:
            assert up.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_clients_that_leave_meanwhile(chain):
    proxy, gateway = chain(temper=parent.always(parent.SILENCE))
    before = gateway.sockets()
    for _ in range(10):
        with gateway.connect() as sock:
            sock.sendall(wire.connect_request(CONTAINER))
            wire.reset(sock)
    wait_for(lambda: gateway.sockets() == before, "the sessions to end")


def test_a_renewed_authority(chain, files, lab, start_gateway):
    """parent_ca_file is read anew at a reload."""
    other = Authority(lab.new_folder("other"), "other", INSPECTOR)
    proxy, gateway = chain(shows(other.issue(HERE)))
    assert "certificate is refused" in refusal(gateway)[0]
    files.write("corp.pem", files.read(other.ca_file))
    gateway.reload()
    assert drivers.curl(gateway, URL).status is not None
