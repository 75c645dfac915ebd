# SPDX-License-Identifier: Apache-2.0
"""Credentials: real clients with right, wrong and no user and password, by
CONNECT and by SOCKS5; what is refused, how soon, and what is never told."""

import base64
import os
import socket
import struct
import subprocess
from urllib.parse import quote

import drivers
import pytest
from lab import facts, wire
from lab.gateway import wait_for

CONTAINER = facts.host("us-1", "container")
URL = f"https://{CONTAINER}/"
PASSWORDS = ["secret", "p@ss:w/rd #1 100%", "%40%3a", "  blanks  ",
             "関所", "x" * 255]


def entry(gateway_binary, user, password):
    """A line of a htpasswd file, made as an operator makes it."""
    done = subprocess.run(
        [gateway_binary, f"--hash-password={user}"], input=password + "\n",
        capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"{user}:$y$"), done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """A file of users u0, u1 ... with PASSWORDS, and bcrypt and SHA-512."""
    binary = os.environ.get("SEKISHO_PROXY", "build/dev/sekisho-proxy")
    path = tmp_path_factory.mktemp("users") / "htpasswd"
    lines = [entry(binary, f"u{i}", p) for i, p in enumerate(PASSWORDS)]
    # Of "secret", at the least cost.
    lines.append("bcrypt:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4Up"
                 "FFP8WIrW\n")
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"],
                          input="secret\n", capture_output=True, text=True,
                          check=True)
    lines.append(f"sha512:{done.stdout}")
    path.write_text("# users\n" + "".join(lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def guarded(start_gateway, users):
    return start_gateway({"listener.auth": "basic",
                          "listener.credentials": users})


def with_user(gateway, scheme, user, password):
    return (f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@"
            f"{gateway.address}:{gateway.port}")


def curl_http(gateway, user, password):
    return drivers.curl(gateway, URL,
                        with_user(gateway, "http", user, password))


def curl_socks(gateway, user, password):
    return drivers.curl(gateway, URL,
                        with_user(gateway, "socks5h", user, password))


def go_http(gateway, user, password):
    return drivers.go(gateway, URL,
                      with_user(gateway, "http", user, password))


def go_socks(gateway, user, password):
    return drivers.go(gateway, URL,
                      with_user(gateway, "socks5", user, password))


def python_http(gateway, user, password):
    return drivers.urllib(gateway, URL,
                          with_user(gateway, "http", user, password))


def node_http(gateway, user, password):
    return drivers.node(gateway, URL,
                        with_user(gateway, "http", user, password))


CLIENTS = [curl_http, curl_socks, go_http, go_socks, python_http, node_http]
BY_CONNECT = [c for c in CLIENTS if not c.__name__.endswith("socks")]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda c: c.__name__)
def test_right_credentials(guarded, users, client):
    for i, password in enumerate(PASSWORDS):
        result = client(guarded, f"u{i}", password)
        assert result.status is not None, (password, result.text)
        assert guarded.log_line(event="tunnel", user=f"u{i}")
    text = guarded.transcript()
    for password in PASSWORDS[1:]:
        assert password not in text


@pytest.mark.parametrize("user", ["bcrypt", "sha512"])
def test_other_hashes(guarded, user):
    assert curl_http(guarded, user, "secret").status is not None
    assert curl_http(guarded, user, "Secret").status is None


@pytest.mark.parametrize("client", CLIENTS, ids=lambda c: c.__name__)
def test_wrong_credentials(guarded, untouched, client):
    result = client(guarded, "u0", "wrong")
    assert result.status is None
    if client in BY_CONNECT:
        assert "407" in result.text or \
            "proxy credentials refused" in result.text, result.text
    line = guarded.log_line(outcome="auth_failed")
    assert "user" not in line and line["status"] == 407
    assert "wrong" not in guarded.transcript()
    assert untouched()


def test_no_credentials(guarded, untouched):
    for fetch in (drivers.curl, drivers.go, drivers.urllib, drivers.node):
        result = fetch(guarded, URL)
        assert result.status is None
        assert "407" in result.text or \
            "proxy credentials required" in result.text, result.text
    assert drivers.curl(guarded, URL, drivers.socks_url(guarded)).status is None
    assert guarded.log_line(outcome="auth_required", protocol="socks5")
    assert untouched()


def test_all_proxy_by_socks(guarded):
    """ALL_PROXY, as charts set it for what speaks SOCKS5 alone."""
    url = with_user(guarded, "socks5h", "u1", PASSWORDS[1])
    done = guarded.lab.client.run(
        ["curl", "-sS", "--cacert", guarded.lab.ca_file, "-o", "/dev/null",
         "-w", "%{http_code}", URL],
        env={"PATH": os.environ["PATH"], "ALL_PROXY": url})
    assert done.stdout not in ("", "000"), done.stderr
    assert guarded.log_line(event="tunnel", user="u1", protocol="socks5")


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def ask(gateway, value, host=CONTAINER):
    """The answer to a CONNECT with this Proxy-Authorization."""
    with gateway.connect() as sock:
        sock.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n"
                     f"Proxy-Authorization: {value}\r\n\r\n".encode("latin-1"))
        return wire.read_to_end(sock).decode("latin-1")


def test_strangers_cannot_probe_the_list(guarded, untouched):
    """Judged before policy: the answer does not depend on the host."""
    on, off = (ask(guarded, basic("u0:no"), h).split("\r\n")[0]
               for h in (CONTAINER, "example.com"))
    assert on == off == "HTTP/1.1 407 proxy credentials refused"
    assert untouched()


def test_policy_comes_then(guarded, untouched):
    answer = ask(guarded, basic("u0:secret"), "example.com")
    assert answer.startswith("HTTP/1.1 403 host not on allowlist: ")
    assert guarded.log_line(outcome="denied_host")["user"] == "u0"
    assert untouched()


@pytest.mark.parametrize("value, says", [
    ("Bearer abc", "only Basic credentials are taken here"),
    ("Negotiate YII=", "only Basic credentials are taken here"),
    ("Basic", "only Basic credentials are taken here"),
    ("Basic !!!!", "Basic credentials are not base64"),
    ("Basic YWI=", "no colon in the Basic credentials"),
    (basic(":secret"), "the user is empty"),
    (basic("u0:sec\x00ret"), "control character in the user or the password"),
    (basic("u0:" + "x" * 256), "user or password of more than 255 bytes"),
])
def test_malformed_credentials(guarded, untouched, value, says):
    answer = ask(guarded, value)
    assert answer.startswith(f"HTTP/1.1 407 {says}\r\n"), answer
    assert 'Proxy-Authenticate: Basic realm="sekisho"' in answer
    assert "Connection: close" in answer
    assert guarded.log_line(event="refused")["outcome"] == "auth_failed"
    assert untouched()


def test_two_lines_of_credentials(guarded):
    answer = ask(guarded, basic("u0:no") + "\r\nProxy-Authorization: " +
                 basic("u0:secret"))
    assert answer.startswith("HTTP/1.1 400 ")


HELLO = b"\x05\x02\x00\x02"
CHOSEN = b"\x05\x02"


def login(user, password):
    return b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + \
        password


def request(host, port=443):
    return b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + \
        port.to_bytes(2, "big")


@pytest.mark.parametrize("message, answer, outcome", [
    (b"\x05\x01\x00", b"\x05\xff", "auth_required"),
    (b"\x05\x02\x00\x01", b"\x05\xff", "auth_required"),
    (HELLO + login(b"", b"x"), CHOSEN + b"\x01\x01", "bad_request"),
    (HELLO + b"\x05\x01\x00", CHOSEN + b"\x01\x01", "bad_request"),
    (HELLO + login(b"u0", b""), CHOSEN + b"\x01\x01", "auth_failed"),
    (HELLO + login(b"u0", b"wrong"), CHOSEN + b"\x01\x01", "auth_failed"),
    (HELLO + login(b"u0", b"a\x00b"), CHOSEN + b"\x01\x01", "auth_failed"),
    (HELLO + login(b"\xff" * 255, b"\xff" * 255), CHOSEN + b"\x01\x01",
     "auth_failed"),
    (HELLO + login(b"u0", b"secret") + request("example.com"),
     CHOSEN + b"\x01\x00\x05\x02\x00\x01" + bytes(6), "denied_host"),
])
def test_socks5_logins(guarded, untouched, message, answer, outcome):
    with guarded.connect() as sock:
        sock.sendall(message)
        assert wire.read_to_end(sock) == answer
    line = guarded.log_line(event="refused")
    assert line["outcome"] == outcome and line["protocol"] == "socks5"
    assert untouched()


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_early_bytes_are_kept_while_hashes_are_made(guarded, lab, step):
    """Everything in one stream, cut anywhere: the hash takes its time, and what
    stands behind the login is delivered once, in order."""
    hello = wire.client_hello(facts.RAW_HOST)
    stream = HELLO + login(b"u0", b"secret") + request(facts.RAW_HOST) + hello
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            guarded.connect() as sock:
        for at in range(0, len(stream), step):
            sock.sendall(stream[at:at + step])
        far, _ = listener.accept()
        with far:
            assert wire.read_exact(far, len(hello)) == hello
    assert guarded.log_line(event="tunnel")["bytes_up"] == len(hello)


def test_early_bytes_behind_a_connect(guarded, lab):
    hello = wire.client_hello(facts.RAW_HOST)
    head = (f"CONNECT {facts.RAW_HOST}:443 HTTP/1.1\r\nHost: x\r\n"
            f"Proxy-Authorization: {basic('u0:secret')}\r\n\r\n").encode()
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener, \
            guarded.connect() as sock:
        sock.sendall(head + hello)
        far, _ = listener.accept()
        with far:
            assert wire.read_exact(far, len(hello)) == hello
            # The credentials are the gateway's alone.
            far.setblocking(False)
            with pytest.raises(BlockingIOError):
                far.recv(1)
    assert guarded.log_line(event="tunnel")["user"] == "u0"


def memory_of(pid):
    """All bytes that the process can write to."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            start, end = (int(at, 16) for at in span.split("-"))
            # A sanitizer's shadow is of terabytes, and no memory.
            if not rights.startswith("rw") or end - start > 1 << 30:
                continue
            mem.seek(start)
            yield mem.read(end - start)


@pytest.mark.parametrize("step", [1, 1 << 16])
def test_socks5_passwords_are_wiped(guarded, step):
    """From the buffers, as soon as they have been judged."""
    password = os.urandom(12).hex().encode()
    with guarded.connect() as sock:
        stream = HELLO + login(b"u0", password)
        for at in range(0, len(stream), step):
            sock.sendall(stream[at:at + step])
        assert wire.read_exact(sock, 4) == CHOSEN + b"\x01\x01"
        assert not any(password in part for part in memory_of(guarded.pid))


def test_clients_that_leave_meanwhile(guarded):
    before = guarded.sockets()
    for i in range(20):
        with guarded.connect() as sock:
            sock.sendall(HELLO + login(b"u0", b"no%d" % i))
            assert wire.read_exact(sock, 2) == CHOSEN
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
    wait_for(lambda: guarded.sockets() == before, "the sessions to end")
    assert curl_http(guarded, "u0", "secret").status is not None


def test_guessing_is_slowed_and_others_are_not(guarded):
    """Forty guesses at once: some wait, the rest is sent away, and who has the
    right password is served meanwhile."""
    assert curl_http(guarded, "u1", PASSWORDS[1]).status is not None
    socks = [guarded.connect() for _ in range(40)]
    for i, sock in enumerate(socks):
        sock.sendall(HELLO + login(b"u0", b"guess %d" % i))
    assert curl_http(guarded, "u1", PASSWORDS[1]).status is not None
    for sock in socks:
        assert wire.read_to_end(sock) == CHOSEN + b"\x01\x01"
        sock.close()
    outcomes = {line["outcome"]
                for line in guarded.log_lines(40, event="refused")}
    assert "auth_failed" in outcomes
    assert outcomes <= {"auth_failed", "rate_limited"}


def test_guesses_behind_a_load_balancer(start_gateway, users):
    """It is the client of the PROXY header who waits, not all behind it."""
    gateway = start_gateway({"listener.auth": "basic",
                             "listener.credentials": users,
                             "listener.proxy_protocol": "on"})

    def guess(client, password):
        sock = gateway.connect()
        sock.sendall(f"PROXY TCP4 {client} 192.0.2.1 1024 443\r\n".encode() +
                     HELLO + login(b"u0", password))
        return sock

    socks = [guess("192.0.2.7", b"guess %d" % i) for i in range(40)]
    gateway.log_line(outcome="rate_limited", client="192.0.2.7:1024")
    with guess("192.0.2.8", b"a guess") as sock:
        assert wire.read_to_end(sock) == CHOSEN + b"\x01\x01"
    assert gateway.log_line(client="192.0.2.8:1024")["outcome"] == \
        "auth_failed"
    with guess("192.0.2.8", b"secret") as sock:
        assert wire.read_exact(sock, 4) == CHOSEN + b"\x01\x00"
    for sock in socks:
        assert wire.read_to_end(sock) == CHOSEN + b"\x01\x01"
        sock.close()


@pytest.mark.parametrize("text, says", [
    ("", "holds no user"),
    ("a\n", "1: expected user:hash"),
    ("a:secret\n", "1: not a bcrypt ($2y$), yescrypt ($y$) or SHA-512"),
])
def test_check_reads_the_file(tmp_path, text, says):
    binary = os.environ.get("SEKISHO_PROXY", "build/dev/sekisho-proxy")
    path = tmp_path / "htpasswd"
    path.write_text(text)
    argv = [binary, "--region", "us-1", "--check", "--set",
            "listener main.auth=basic", "--set"]
    done = subprocess.run([*argv, f"listener main.credentials={path}"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and f"{path}:" in done.stderr
    assert says in done.stderr and "secret" not in done.stderr
    done = subprocess.run([*argv, "listener main.credentials=/no/file"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "/no/file" in done.stderr
    # Who only asks for the list need not be able to read secrets.
    argv[3] = "--print-allowlist"
    done = subprocess.run([*argv, "listener main.credentials=/no/file"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("argv, text, says", [
    (["--hash-password"], "", "no password on standard input"),
    (["--hash-password"], "\n", "the password is empty"),
    (["--hash-password"], "x" * 256 + "\n", "more than 255 bytes"),
    (["--hash-password"], "a\tb\n", "control character"),
    (["--hash-password=a:b"], "x\n", "holds a colon"),
    (["--hash-password="], "x\n", "the user is empty"),
    (["--hash-password", "a", "b"], "x\n", "unexpected argument"),
])
def test_hash_password_refuses(argv, text, says):
    binary = os.environ.get("SEKISHO_PROXY", "build/dev/sekisho-proxy")
    done = subprocess.run([binary, *argv], input=text, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert says in done.stderr and done.stderr.count("\n") == 1


def test_hash_password_on_a_terminal():
    """Asked for twice, not shown, and the terminal is as before."""
    binary = os.environ.get("SEKISHO_PROXY", "build/dev/sekisho-proxy")
    master, slave = os.openpty()
    with subprocess.Popen([binary, "--hash-password", "u"], stdin=slave,
                          stdout=subprocess.PIPE, stderr=slave) as process:
        shown = b""
        for prompt in (b"Password: ", b"Once more: "):
            while not shown.endswith(prompt):
                shown += os.read(master, 100)
            os.write(master, b"secret\n")
        assert process.stdout.read().startswith(b"u:$y$")
    assert process.returncode == 0
    assert b"secret" not in shown
    os.close(slave)
    os.close(master)
