# SPDX-License-Identifier: Apache-2.0
"""sekisho-proxy --healthcheck: a running gateway's readiness as an exit
status, for containers that have no other program in them."""

import re
import signal
import socket
import subprocess
import threading

import pytest
from conftest import binary_from


def run(*argv):
    binary = binary_from("SEKISHO_PROXY", "build/dev/sekisho-proxy")
    return subprocess.run([binary, "--healthcheck", *argv], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL,
                          timeout=60, check=False)


@pytest.fixture
def start(tmp_path):
    """Starts a gateway; its address for --admin, and the process."""
    started = []

    def start_one(admin, *settings):
        binary = binary_from("SEKISHO_PROXY", "build/dev/sekisho-proxy")
        process = subprocess.Popen(
            [binary, "--region", "us-1", "--listen", f"unix:{tmp_path}/s",
             "--admin", f"{admin}:0", *settings], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        started.append(process)
        ready = process.stdout.readline()
        port = re.search(r"admin=\S+:(\d+)", ready)[1]
        return f"{admin}:{port}", process

    yield start_one
    for process in started:
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 0


@pytest.fixture
def answer():
    """Starts a server that answers the first one who comes, or never."""
    opened = []

    def serve(reply):
        server = socket.create_server(("127.0.0.1", 0))
        opened.append(server)

        def talk():
            peer, _ = server.accept()
            opened.append(peer)
            if reply is not None:
                peer.recv(4096)
                peer.sendall(reply)
                peer.close()

        threading.Thread(target=talk, daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield serve
    for sock in opened:
        sock.close()


@pytest.mark.parametrize("admin, asked", [
    ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]")])
def test_a_ready_gateway_is_healthy(start, admin, asked):
    address, _ = start(admin)
    done = run("--admin", address)  # without regions: they are not its own
    port = address.rpartition(":")[2]
    assert done.stdout == f"http://{asked}:{port}/readyz: 200 ready\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_the_address_may_come_from_a_file(start, tmp_path):
    address, _ = start("127.0.0.1")
    file = tmp_path / "sekisho.conf"
    file.write_text(f"[admin]\naddress = {address}\n", encoding="ascii")
    assert run("-c", str(file)).returncode == 0
    file.write_text(f"[admin]\nadress = {address}\n", encoding="ascii")
    done = run("-c", str(file))
    assert done.returncode == 2 and f"{file}:2: " in done.stderr


def test_a_draining_gateway_is_not(start, tmp_path):
    address, process = start("127.0.0.1", "--set", "shutdown.drain=1h",
                             "--set", "tunnel.sni=off")
    with socket.socket(socket.AF_UNIX) as client:  # keeps it from its end
        client.connect(f"{tmp_path}/s")
        client.sendall(b"CONNECT ")
        process.send_signal(signal.SIGTERM)
        done = run("--admin", address)
        while done.returncode == 0:  # the signal is still on its way
            done = run("--admin", address)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == (f"sekisho-proxy: --healthcheck: http://{address}"
                           "/readyz: 503 draining\n")


def test_nobody_there():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # bound, and never listening
        address = "127.0.0.1:%d" % holder.getsockname()[1]
        done = run("--admin", address)
    assert done.returncode == 1 and done.stdout == ""
    assert f"{address}/readyz: Connection refused; " in done.stderr


def test_nobody_to_ask():
    done = run("--admin", "off")
    assert done.returncode == 1
    assert "admin.address is off" in done.stderr


@pytest.mark.parametrize("reply, said", [
    (None, "Connection timed out"),
    (b"", "no HTTP answer"),
    (b"SSH-2.0-\x1b[31m\r\n", "no HTTP answer"),
    (b"HTTP/1.1 404 Not Found\r\n\r\nno \x1b[31m\xff\r\n", "404 no ?[31m??"),
    (b"HTTP/1.1 503 No\r\n\r\n" + b"x" * 5000, "503 " + "x" * 120 + "\n"),
    (b"HTTP/1.1 503 No\r\n\r\n", "503 \n"),
])
def test_another_program_there(answer, reply, said):
    done = run("--admin", answer(reply))
    assert done.returncode == 1 and done.stdout == ""
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert done.stderr.isprintable() or done.stderr[:-1].isprintable()
