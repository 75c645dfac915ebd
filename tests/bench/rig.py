# SPDX-License-Identifier: Apache-2.0
"""What the bench programs share: a gateway on loopback with one allowed name,
an origin for it, and tunnels through both with a real ClientHello."""
import contextlib
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

HOST = "origin.bench.test"
ORIGIN = "127.1.0.1"
PATIENCE = 30  # seconds; nothing here takes so long


def client_hello(name=HOST):
    """The first flight of a TLS client, made by OpenSSL."""
    tls = ssl.create_default_context()
    out = ssl.MemoryBIO()
    side = tls.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        side.do_handshake()
    return out.read()


class Origin:
    """Answers the first flight with one byte and holds until the end."""

    def __init__(self):
        self.listener = socket.create_server((ORIGIN, 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self.listener.accept()
                threading.Thread(
                    target=self._serve, args=(conn,), daemon=True).start()

    @staticmethod
    def _serve(conn):
        with conn, contextlib.suppress(OSError):
            conn.recv(65536)
            conn.sendall(b"+")
            conn.recv(65536)

    def close(self):
        self.listener.close()


class Gateway:
    """The gateway under test, with wrapper (a list of words) before it."""

    def __init__(self, binary, origin, wrapper=(), settings=(), options=()):
        self.dir = tempfile.TemporaryDirectory(prefix="sekisho-bench-")
        path = pathlib.Path(self.dir.name)
        (path / "hosts").write_text(f"{ORIGIN} {HOST}\n")
        (path / "extra.ini").write_text(
            f"[bench]\nhost = {HOST}:{origin.port}\n")
        command = [*wrapper, binary, "--region", "us-1",
                   "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                   *options]
        for setting in (f"gateway.extra={path}/extra.ini",
                        "gateway.workers=1",
                        "upstream.allow_addresses=127.0.0.0/8",
                        f"log.access={path}/access.log", *settings):
            command += ["--set", setting]
        # A mount namespace of its own gives the name to the hosts file.
        script = f'mount --bind {path}/hosts /etc/hosts && exec "$@"'
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "sh", *command],
            stdout=subprocess.PIPE, text=True)
        self.port, self.admin_port = self._ready()

    def _ready(self):
        for line in self.process.stdout:
            if line.startswith("event=ready"):
                words = dict(w.partition("=")[::2] for w in line.split())
                return [int(words[name].rsplit(":", 1)[1])
                        for name in ("listeners", "admin")]
        raise SystemExit("the gateway did not start")

    def pid(self):
        """Of the gateway itself, below its wrappers: the last of the line."""
        pid = self.process.pid
        while children := pathlib.Path(
                f"/proc/{pid}/task/{pid}/children").read_text().split():
            pid = int(children[0])
        return pid

    def stop(self):
        os.kill(self.pid(), signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.dir.cleanup()


def open_tunnel(port, origin_port, hello, context=None):
    """A tunnel up to the origin's first byte, inside TLS with a context; the
    caller closes it."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context:
        sock = context.wrap_socket(sock, server_hostname="127.0.0.1")
    target = f"{HOST}:{origin_port}"
    sock.sendall(
        f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = sock.recv(4096)
        if not piece:
            raise SystemExit(f"no answer: {head!r}")
        head += piece
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"refused: {head!r}")
    sock.sendall(hello)
    if sock.recv(1) != b"+":
        raise SystemExit("the origin did not answer")
    return sock
