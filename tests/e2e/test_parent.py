# SPDX-License-Identifier: Apache-2.0
"""upstream.parent: the way through a corporate proxy, and its refusals in
words."""

import os
import subprocess

import drivers
import pytest
from lab import dns, facts, parent, wire
from lab.gateway import wait_for

CONTAINER = facts.host("us-1", "container")
URL = f"https://{CONTAINER}/"
HERE = f"{facts.GATEWAY_INSIDE}:8080"
BINARY = os.environ.get("SEKISHO_PROXY", "build/dev/sekisho-proxy")


@pytest.fixture
def chain(lab, start_gateway):
    """chain(temper, settings): a parent of this temper, and a gateway behind
    it."""
    opened = []

    def make(temper=None, settings=None, url=f"http://{HERE}", **kw):
        proxy = lab.parent(temper, **kw)
        proxy.__enter__()
        opened.append(proxy)
        gateway = start_gateway({"upstream.parent": url, **(settings or {})})
        return proxy, gateway

    yield make
    for proxy in opened:
        proxy.__exit__(None, None, None)


def test_every_endpoint_through_it(chain, lab):
    """The parent resolves: the gateway asks no name, and dials nothing but
    the parent."""
    proxy, gateway = chain()
    before = lab.dns.queries()
    for e in facts.of_region("us-1"):
        result = drivers.curl(gateway, f"https://{e.host}/")
        assert result.status is not None, result.text
        line = gateway.log_line(host=e.host)
        assert line["parent"] == HERE and line["upstream"] == HERE
        assert line["sni"] == e.host
    assert lab.dns.queries() == before
    assert [w.host for w in proxy.wishes] == \
        [e.host for e in facts.of_region("us-1")]
    assert all(w.headers == {"host": f"{w.host}:443"} for w in proxy.wishes)


@pytest.mark.parametrize("fetch", [drivers.go, drivers.node, drivers.urllib],
                         ids=lambda f: f.__name__)
def test_clients(chain, fetch):
    _, gateway = chain()
    assert fetch(gateway, URL).status is not None


def test_socks5_in_connect_out(chain):
    _, gateway = chain()
    assert drivers.curl(gateway, URL, drivers.socks_url(gateway)).status


def test_by_name(chain, lab):
    """The parent's own name is looked up, and may have a private address."""
    lab.dns.script("proxy.corp.lab.example", dns.addresses(
        facts.GATEWAY_INSIDE))
    _, gateway = chain(url="http://proxy.corp.lab.example:8080")
    assert drivers.curl(gateway, URL).status
    line = gateway.log_line(host=CONTAINER)
    assert line["parent"] == "proxy.corp.lab.example:8080"
    assert line["upstream"] == HERE


def test_policy_stays_in_force(chain, untouched):
    proxy, gateway = chain()
    assert drivers.curl(gateway, "https://example.com/").status is None
    assert gateway.log_line(outcome="denied_host")
    assert not proxy.wishes and untouched()


def test_server_name_is_still_verified(chain):
    _, gateway = chain()
    with gateway.connect() as sock:
        assert wire.http_connect(sock, CONTAINER).status == 200
        sock.sendall(wire.client_hello("example.com"))
        assert wire.read_to_end(sock)[:1] == b"\x15"
    assert gateway.log_line(event="tunnel")["outcome"] == "sni_mismatch"


PASSWORD = "p@ss:w/rd #1%"


@pytest.mark.parametrize("url, file", [
    (f"http://u:p%40ss:w%2Frd%20%231%25@{HERE}", None),
    (f"HTTP://u:p%40ss%3aw%2frd%20%231%25@{HERE}/", None),
    (f"http://u@{HERE}", PASSWORD + "\nsecond line\n"),
])
def test_credentials(chain, lab, url, file):
    settings = {}
    if file:
        path = f"{lab.new_folder('secret')}/password"
        with open(path, "w", encoding="utf-8") as f:
            f.write(file)
        settings["upstream.parent_password_file"] = path
    proxy, gateway = chain(parent.wants("u", PASSWORD), settings, url)
    assert drivers.curl(gateway, URL).status, gateway.transcript()
    assert proxy.wishes[0].password == PASSWORD
    assert PASSWORD not in gateway.transcript()


def refusal(gateway):
    """The answer to a CONNECT, with its body as rest."""
    with gateway.connect() as sock:
        sock.sendall(wire.connect_request(CONTAINER))
        return wire.parse_answer(wire.read_to_end(sock))


@pytest.mark.parametrize("says, reason, advice", [
    (parent.answer(407, "Proxy Authentication Required"),
     f"parent proxy refused: {HERE} answered 407 Proxy Authentication "
     "Required", "upstream.parent_password_file"),
    (parent.answer(403, "Forbidden by policy 7"),
     f"parent proxy refused: {HERE} answered 403 Forbidden by policy 7",
     "ask its owner"),
    (parent.answer(503, "Service Unavailable"),
     f"parent proxy refused: {HERE} answered 503 Service Unavailable",
     "owner of the parent"),
    (b"HTTP/1.1 302\r\nLocation: http://portal.example/\r\n\r\n",
     f"parent proxy refused: {HERE} answered 302", "owner of the parent"),
    (b"HTTP/1.1 403 a\x1b[31mb\xe9\r\n\r\n",
     f"parent proxy refused: {HERE} answered 403 a?[31mb?", "ask its owner"),
])
def test_its_refusals_are_passed_on(chain, says, reason, advice):
    _, gateway = chain(parent.always(says))
    answer = refusal(gateway)
    assert answer.status == 502 and answer.reason == reason
    assert advice in answer.rest.decode()
    assert "proxy-authenticate" not in answer.headers
    line = gateway.log_line(event="refused")
    assert line["outcome"] == "parent_refused" and line["parent"] == HERE
    assert reason.split(": ", 1)[1][:20] in line["detail"]


@pytest.mark.parametrize("temper, says", [
    (parent.CLOSE, "it closed without an answer"),
    (parent.RESET, "it closed without an answer (Connection reset by peer)"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "what it says is no HTTP/1.1 answer"),
    (b"HTTP/1.1 200 OK\r\nX: y\r\n", "it closed amid its answer"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4000, "its answer has no end"),
])
def test_its_failures_are_told(chain, temper, says):
    _, gateway = chain(parent.always(temper))
    answer = refusal(gateway)
    assert answer.status == 502
    assert answer.reason == f"parent proxy failed: {HERE}: {says}"
    assert gateway.log_line(event="refused")["outcome"] == "parent_failed"


def test_a_silent_parent(chain):
    _, gateway = chain(parent.always(parent.SILENCE),
                       {"upstream.connect_timeout": "300ms"})
    assert refusal(gateway).reason == \
        f"parent proxy failed: {HERE}: no answer within " \
        "upstream.connect_timeout"


@pytest.mark.parametrize("url, says", [
    (f"http://{facts.REFUSING_ADDRESS}:8080",
     "connection refused by upstream"),
    ("http://gone.lab.example:8080", "name does not exist"),
])
def test_a_parent_that_is_not_there(start_gateway, lab, url, says):
    lab.dns.script("gone.lab.example", dns.nxdomain())
    gateway = start_gateway({"upstream.parent": url})
    answer = refusal(gateway)
    assert answer.status == 502 and says in answer.reason
    assert answer.reason.startswith(f"parent proxy failed: {url[7:]}: ")
    assert gateway.log_line(event="refused")["outcome"] == "parent_failed"


def test_the_gateway_as_its_own_parent(start_gateway):
    gateway = start_gateway(
        {"upstream.parent": f"http://{facts.GATEWAY_INSIDE}:3128"})
    answer = refusal(gateway)
    assert answer.status == 502
    assert gateway.log_line(event="refused")["outcome"] == "loop"


def test_interim_answers_and_early_bytes(chain, lab):
    """What the far end says right behind the parent's answer comes through
    once, in order, though both came in one piece."""
    _, gateway = chain(parent.always(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: px\r\n\r\n"
        b"early words"), {"tunnel.sni": "off"})
    with gateway.connect() as sock:
        sock.sendall(f"CONNECT {CONTAINER}:443 HTTP/1.1\r\nHost: x\r\n\r\n"
                     .encode())
        head, _, rest = wire.read_to_end(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 Connection established\r\n")
    assert rest == b"early words"
    assert gateway.log_line(event="tunnel")["bytes_down"] == len(rest)


def test_interim_answers_without_an_end(chain):
    _, gateway = chain(parent.always(b"HTTP/1.1 100 Go\r\n\r\n" * 9))
    answer = refusal(gateway)
    assert answer.status == 502
    assert "interim answers without an end" in answer.reason
    assert gateway.log_line(event="refused")["outcome"] == "parent_failed"


def test_clients_that_leave_meanwhile(chain):
    proxy, gateway = chain(parent.always(parent.SILENCE))
    with gateway.connect() as sock:
        sock.sendall(f"CONNECT {CONTAINER}:443 HTTP/1.1\r\nHost: x\r\n\r\n"
                     .encode())
        wait_for(lambda: proxy.wishes, "the parent to be asked")
        wire.reset(sock)
    assert gateway.log_line(event="refused")["outcome"] == "client_reset"


@pytest.mark.parametrize("settings, says", [
    (["upstream.parent=ftp://px:8080"], "upstream.parent: expected none, "),
    (["upstream.parent=https://"], "upstream.parent: expected none, "),
    (["upstream.parent=http://px:8080",
      "upstream.parent_ca_file=/x/y"], "is not used without"),
    (["upstream.parent=https://px:8080",
      "upstream.parent_ca_file=/no/file"], "/no/file: cannot read: "),
    (["upstream.parent=http://px"], "upstream.parent: expected none, "),
    (["upstream.parent=http://u:sesame@px:0"], "expected none, or http:// or https://"),
    (["upstream.parent=http://u:%zz@px:1"], "expected none, or http://"),
    (["upstream.parent=http://px:1/path"], "expected none, or http://"),
    (["upstream.parent=http://px:8080", "upstream.warm=2"],
     "does not go with upstream.parent"),
    (["upstream.parent=http://px:8080",
      "upstream.parent_password_file=/x/y"], "has no user"),
    (["upstream.parent=http://u:sesame@px:8080",
      "upstream.parent_password_file=/x/y"], "has a password already"),
    (["upstream.parent=http://u@px:8080",
      "upstream.parent_password_file=/no/file"], "/no/file"),
])
def test_check(settings, says):
    argv = [BINARY, "--region", "us-1", "--check"]
    for s in settings:
        argv += ["--set", s]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert "sesame" not in done.stderr


def test_dump_masks_secrets():
    done = subprocess.run(
        [BINARY, "--region", "us-1", "--dump-config", "--set",
         "upstream.parent=http://corp-user:sesame@px.example:8080"],
        capture_output=True, text=True, check=True)
    assert "\nparent = http://****:****@px.example:8080\n" in done.stdout
    assert "sesame" not in done.stdout and "corp-user" not in done.stdout
