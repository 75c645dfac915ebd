# SPDX-License-Identifier: Apache-2.0
"""A listener that speaks TLS: who gets in, and what is said to those who do
not."""

import json
import os
import socket
import ssl

import drivers
import pytest
import secure
from lab import facts, wire
from lab.gateway import wait_for
from lab.tls import TlsClient
from secure import HERE

CONTAINER = facts.host("us-1", "container")
URL = f"https://{CONTAINER}/"
RAW = facts.RAW_HOST


@pytest.fixture
def mutual(start_gateway, files):
    """One that wants certificates, too."""
    return start_gateway(files.settings(tls_client_ca=files.ca_file))


# --- who gets in ------------------------------------------------------------

def test_curl(guarded, files):
    assert secure.curl(guarded, files, URL).status is not None
    line = guarded.log_line(event="tunnel", host=CONTAINER)
    assert line["protocol"] == "connect" and "user" not in line
    assert line["sni"] == CONTAINER


def test_curl_does_not_trust_just_anybody(guarded, lab):
    result = drivers.curl(guarded, URL, secure.url_of(guarded),
                          ["--proxy-cacert", lab.ca_file])
    assert result.status is None and "certificate" in result.text
    line = guarded.log_line(event="refused")
    assert line["outcome"] == "bad_request"
    assert "does not know the authority" in line["detail"]


def test_socks5_inside(guarded, files, lab):
    hello = wire.client_hello(RAW)
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            secure.dial(guarded, files) as near:
        near.sendall(b"\x05\x01\x00")
        assert wire.read_exact(near, 2) == b"\x05\x00"
        near.sendall(b"\x05\x01\x00\x03" + bytes([len(RAW)]) + RAW.encode() +
                     b"\x01\xbb" + hello)
        assert wire.read_exact(near, 10)[:2] == b"\x05\x00"
        far, _ = listener.accept()
        with far:
            assert wire.read_exact(far, len(hello)) == hello
    assert guarded.log_line(event="tunnel")["protocol"] == "socks5"


@pytest.mark.parametrize("client", ["asyncio", "node", "go"])
@pytest.mark.parametrize("known", [True, False], ids=["cert", "none"])
def test_programs(mutual, files, client, known):
    certificate = files.client() if known else None
    result = getattr(drivers, client)(
        mutual, URL, proxy=secure.url_of(mutual), ca_file=files.both,
        certificate=certificate)
    assert (result.status is not None) == known, result.text
    if known:
        assert mutual.log_line(event="tunnel")["user"] == "CN=scanner"
    else:
        line = mutual.log_line(event="refused")
        assert line["outcome"] == "bad_request"
        assert "shows no certificate" in line["detail"]


def test_curl_with_a_certificate(mutual, files):
    mine = files.client()
    assert secure.curl(mutual, files, URL, "--proxy-cert", mine, "--proxy-key",
                mine).status is not None
    line = mutual.log_line(event="tunnel")
    assert line["user"] == "CN=scanner"


@pytest.mark.parametrize("how, says", [
    ({"until": -0.5}, "client certificate refused: it has expired"),
    ({"self_signed": True},
     "client certificate refused: it is of an unknown authority"),
    ({"client": False}, "client certificate refused: "),
])
def test_wrong_client_certificates(mutual, files, how, says):
    mine = files.corp.issue("scanner", **{"client": True, **how})
    result = secure.curl(mutual, files, URL, "--proxy-cert", mine, "--proxy-key", mine)
    assert result.status is None and "alert" in result.text, result.text
    line = mutual.log_line(event="refused")
    assert line["outcome"] == "bad_request" and "user" not in line
    assert line["detail"].startswith(says)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_versions(mutual, files, version):
    context = files.context(files.client())
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with secure.dial(mutual, files, context=context) as near:
        assert near.tls.selected_alpn_protocol() == "http/1.1"
        assert wire.http_connect(near, "example.com").status == 403
    assert mutual.log_line(event="refused")["user"] == "CN=scanner"


def test_old_versions_are_refused(guarded, files):
    context = files.context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        secure.dial(guarded, files, context=context)
    assert "no TLS version in common" in \
        guarded.log_line(outcome="bad_request")["detail"]


def test_other_application_protocols_are_refused(guarded, files):
    context = files.context()
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        secure.dial(guarded, files, context=context)
    assert guarded.log_line(outcome="bad_request")


def test_strangers_get_an_alert_and_no_handshake(start_gateway, files):
    gateway = start_gateway(files.settings(clients="192.0.2.0/24"))
    result = secure.curl(gateway, files, URL)
    assert result.status is None and "access denied" in result.text
    line = gateway.log_line(outcome="denied_client")
    assert line["status"] == 403 and "client address not allowed" in \
        line["detail"]


def test_a_subject_from_the_alternative_name(start_gateway, files):
    """Workload identities have no subject."""
    key, certificate = (os.path.join(files.folder, n)
                        for n in ("spiffe.key", "spiffe.crt"))
    secure.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
            certificate, "-days", "2", "-subj", "/", "-addext",
            "subjectAltName=critical,URI:spiffe://lab.example/scan\u00e9r",
            "-addext", "extendedKeyUsage=clientAuth")
    mine = files.write("spiffe.pem", files.read(certificate) +
                       files.read(key))
    gateway = start_gateway(files.settings(tls_client_ca=certificate))
    with secure.dial(gateway, files, mine) as near:
        assert wire.http_connect(near, "example.com").status == 403
    assert gateway.log_line(event="refused")["user"].startswith(
        "URI:spiffe://lab.example/scan")


# --- credentials inside ------------------------------------------------------

def test_credentials_inside(start_gateway, files):
    """With both, the user is the one of the credentials."""
    users = files.write("users", "bcrypt:$2b$04$abcdefghijklmnopqrstuu2r9OfJnf"
                        "CsdneAXAGHnS4UpFFP8WIrW\n")
    gateway = start_gateway(files.settings(
        tls_client_ca=files.ca_file, auth="basic", credentials=users))
    mine = files.client()
    options = ["--proxy-cert", mine, "--proxy-key", mine]
    good, bad = (["--proxy-user", f"bcrypt:{p}"] for p in ("secret", "no"))
    assert secure.curl(gateway, files, URL, *options, *good).status is not None
    assert gateway.log_line(event="tunnel")["user"] == "bcrypt"
    result = secure.curl(gateway, files, URL, *options, *bad)
    assert result.status is None and "407" in result.text
    line = gateway.log_line(outcome="auth_failed")
    assert line["user"] == "CN=scanner"
    # A certificate takes the place of no password.
    result = secure.curl(gateway, files, URL, *options)
    assert result.status is None and "407" in result.text
    assert gateway.log_line(outcome="auth_required")["user"] == "CN=scanner"


# --- what is said to others ---------------------------------------------------

@pytest.mark.parametrize("url", [URL, "http://example.com/"])
def test_http_in_clear_is_told_why(guarded, files, url):
    with guarded.connect() as sock:
        sock.sendall(wire.connect_request(CONTAINER) if url == URL else
                     b"GET http://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = wire.parse_answer(wire.read_to_end(sock))
    assert answer.status == 400
    assert answer.reason == "this port speaks TLS, and the request came in " \
        "clear"
    assert b"https://" in answer.rest
    result = secure.curl(guarded, files, url, scheme="http")
    assert "400" in result.text
    line = guarded.log_line(outcome="bad_request")
    assert line["detail"] == answer.reason and line["status"] == 400


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize("data", [
    b"\x05\x01\x00", b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00\x05hello",
    b"\x80\x2e\x01\x03\x01" + bytes(43), b"\x00" * 64, b"OPTIONS * HTTP/1.1\r\n\r\n"])
def test_garbage_gets_an_alert(guarded, data, step):
    with guarded.connect() as sock:
        for at in range(0, len(data), step):
            sock.sendall(data[at:at + step])
        if len(data) < 5:  # a record's head has five bytes
            sock.shutdown(socket.SHUT_WR)
        answer = wire.read_to_end(sock)
        assert answer[:1] == b"\x15" and answer[5] == 2
    line = guarded.log_line(event="refused")
    assert line["outcome"] == ("client_closed" if len(data) < 5 else
                               "bad_request")
    assert line["detail"]


@pytest.mark.parametrize("part", ["hello", "half", "handshake"])
def test_slow_clients_run_out_of_time(start_gateway, files, part):
    gateway = start_gateway({**files.settings(),
                             "limits.header_timeout": "300ms"})
    with gateway.connect() as sock:
        hello = wire.client_hello(HERE)
        if part == "handshake":  # ours is out, theirs does not come
            client = TlsClient(sock, files.context(), HERE, handshake=False)
            with pytest.raises(ssl.SSLWantReadError):
                client.tls.do_handshake()
            client.flush()
            answer = wire.read_to_end(sock)
            assert answer[:1] == b"\x16"
        else:
            sock.sendall(hello[:1] if part == "hello" else hello[:100])
            answer = wire.read_to_end(sock)
            assert answer == b"\x15\x03\x03\0\x02\x02\x5a"  # user_canceled
    line = gateway.log_line(event="refused")
    assert line["outcome"] == "header_timeout"
    assert "TLS handshake" in line["detail"]


def test_slow_heads_inside_get_408(start_gateway, files):
    gateway = start_gateway({**files.settings(),
                             "limits.header_timeout": "1s"})
    with secure.dial(gateway, files) as near:
        near.sendall(b"CONNECT ")
        assert wire.read_answer(near).status == 408
    assert gateway.log_line(event="refused")["outcome"] == "header_timeout"


def test_port_checks_are_silent(guarded, files):
    guarded.connect().close()
    with secure.dial(guarded, files) as near:  # a handshake, and nothing else
        near.shutdown()
    with secure.dial(guarded, files) as near:
        assert wire.http_connect(near, "example.com").status == 403
    guarded.log_line(event="refused")
    assert len(guarded.logged()) == 1


def test_refusals_are_readable(guarded, files):
    result = secure.curl(guarded, files, "https://example.com/", "-v")
    assert result.status is None
    assert "403 host not on allowlist: example.com" in result.text


def test_a_handshake_that_stalls_holds_up_nobody(guarded, files):
    stalled = [guarded.connect() for _ in range(50)]
    for sock in stalled:
        sock.sendall(wire.client_hello(HERE)[:50])
    assert secure.curl(guarded, files, URL).status is not None
    for sock in stalled:
        sock.close()


def test_no_descriptor_left(start_gateway, files, lab):
    """Tunnels until there is no place: who has none is told, in TLS or by an
    alert, and there is place again when they have gone."""
    gateway = start_gateway(files.settings(),
                            wrap=["prlimit", "--nofile=64:64"])
    context, told, opened = files.context(), [], []
    with lab.internet.listen(facts.RAW_ADDRESS, 443, backlog=256):
        for _ in range(100):
            opened.append(gateway.connect())
            try:
                near = TlsClient(opened[-1], context, HERE)
                told.append(wire.http_connect(near, RAW).status)
            except ssl.SSLError as e:
                assert "alert internal error" in str(e)
                told.append("alert")
        assert told[0] == 200 and told[-1] in (503, "alert")
        assert set(told) <= {200, 503, "alert"}
        for sock in opened:
            sock.close()
        gateway.log_lines(told.count(200), event="tunnel")
        assert secure.curl(gateway, files, URL).status is not None
    assert gateway.log_line(event="refused")["outcome"] == "limit_reached"


# --- coming back -------------------------------------------------------------

def come_back(gateway, files, context, session=None):
    """A connection that offers to resume a session. Whether it was taken, and
    what the next one may offer."""
    with secure.dial(gateway, files, context=context,
                     session=session) as near:
        assert wire.http_connect(near, "example.com").status == 403
        return near.tls.session_reused, near.tls.session


def test_sessions_are_resumed(guarded, files):
    context = files.context()
    _, session = come_back(guarded, files, context)
    taken, session = come_back(guarded, files, context, session)
    assert taken
    guarded.reload()  # with new keys; the client is served all the same
    taken, session = come_back(guarded, files, context, session)
    assert not taken
    assert come_back(guarded, files, context, session)[0]


def test_certificates_are_shown_each_time(mutual, files):
    context = files.context(files.client())
    _, session = come_back(mutual, files, context)
    assert not come_back(mutual, files, context, session)[0]
    assert [line["user"] for line in mutual.log_lines(2)] == \
        ["CN=scanner"] * 2


def test_hasty_clients(guarded, files, lab):
    """They reset their connections at every stage; nothing is left behind."""
    before, hello = guarded.sockets(), wire.client_hello(RAW)
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        for i in range(60):
            sock, stage = guarded.connect(), i % 6
            if stage == 1:
                sock.sendall(wire.client_hello(HERE)[:70])
            elif stage == 2:
                near = TlsClient(sock, files.context(), HERE, handshake=False)
                with pytest.raises(ssl.SSLWantReadError):
                    near.tls.do_handshake()
                near.flush()
                sock.recv(1)
            elif stage > 2:
                near = TlsClient(sock, files.context(), HERE)
                if stage > 3:
                    assert wire.http_connect(near, RAW).status == 200
                    far, _ = listener.accept()
                    far.close()
                if stage > 4:
                    near.sendall(hello)
            wire.reset(sock)
    wait_for(lambda: guarded.sockets() == before, "the sessions to end")
    assert secure.curl(guarded, files, URL).status is not None


# --- diagnosis through it ------------------------------------------------------

def test_the_diagnosis_through_it(guarded, files, diag, lab):
    """Our own tool takes an https:// proxy."""
    done = lab.client.run([
        diag.binary, "check", "--region", "us-1", "--proxy",
        secure.url_of(guarded), "--ca-file", files.both, "--format", "json"])
    report = json.loads(done.stdout)
    assert done.returncode == 0, report["findings"]


def test_behind_a_load_balancer(start_gateway, files):
    """The PROXY header comes in clear, and TLS behind it."""
    gateway = start_gateway(files.settings(proxy_protocol="on"))
    sock = gateway.connect()
    sock.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n")
    with TlsClient(sock, files.context(), HERE) as near:
        assert wire.http_connect(near, "example.com").status == 403
    assert gateway.log_line(event="refused")["client"] == "192.0.2.7:4711"


def test_in_clear_behind_a_load_balancer(start_gateway, files):
    gateway = start_gateway(files.settings(proxy_protocol="on"))
    with gateway.connect() as sock:
        sock.sendall(b"PROXY UNKNOWN\r\n" + wire.connect_request(CONTAINER))
        assert wire.read_answer(sock).status == 400
