#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What TLS to the gateway costs, beside a plain listener in the same run: the
gateway's memory per idle tunnel, and its CPU time per tunnel and per gigabyte.
The clients' own cost is not in it."""
import argparse
import os
import pathlib
import resource
import socket
import ssl
import subprocess
import tempfile

import idle
import rig

GIB = 1 << 30


def make_certificate(folder):
    """Of EC P-256, as ACME clients and cert-manager make them."""
    path = f"{folder}/gateway.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", path, "-out",
         f"{folder}/crt", "-days", "30", "-subj", "/CN=gateway", "-addext",
         "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    with open(path, "a", encoding="ascii") as f:
        f.write(pathlib.Path(f"{folder}/crt").read_text(encoding="ascii"))
    return path


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Source(idle.Holder):
    """Sends what fill() says on the tunnel that opened last."""

    def fill(self, size):
        block, conn = bytes(1 << 20), self.open[-1]
        for _ in range(size // len(block)):
            conn.sendall(block)
        conn.shutdown(socket.SHUT_WR)


class Side:
    """A gateway, and how to reach it: plainly or by TLS."""

    def __init__(self, binary, certificate):
        self.origin = Source()
        settings = [f"listener main.tls_certificate={certificate}"] \
            if certificate else []
        self.gateway = rig.Gateway(binary, self.origin, settings=settings)
        self.pid, self.hello = self.gateway.pid(), rig.client_hello()
        self.context = ssl.create_default_context(cafile=certificate) \
            if certificate else None
        self.open().close()  # what any traffic touches

    def open(self):
        return rig.open_tunnel(self.gateway.port, self.origin.port,
                               self.hello, self.context)

    def idle_kib(self, count):
        before = idle.memory_kib(self.pid)
        tunnels = [self.open() for _ in range(count)]
        after = idle.memory_kib(self.pid)
        for tunnel in tunnels:
            tunnel.close()
        return (after - before) / count

    def tunnel_ms(self, count):
        before = cpu_s(self.pid)
        for _ in range(count):
            self.open().close()
        return (cpu_s(self.pid) - before) * 1000 / count

    def gib_s(self, size):
        tunnel = self.open()
        reader, before = os.fork(), cpu_s(self.pid)
        if reader == 0:
            buffer = bytearray(1 << 20)
            while tunnel.recv_into(buffer):
                pass
            os._exit(0)
        self.origin.fill(size)
        os.waitpid(reader, 0)
        return (cpu_s(self.pid) - before) * GIB / size

    def stop(self):
        self.gateway.stop()
        self.origin.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="path of sekisho-proxy")
    parser.add_argument("--tunnels", type=int, default=1000)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder:
        certificate = make_certificate(folder)
        print("        KiB/idle  CPU ms/tunnel  CPU s/GiB down")
        for name, how in (("plain", None), ("TLS", certificate)):
            side = Side(args.binary, how)
            print(f"{name:6}  {side.idle_kib(args.tunnels):8.2f}  "
                  f"{side.tunnel_ms(args.tunnels):13.3f}  "
                  f"{side.gib_s(2 * GIB):14.2f}", flush=True)
            side.stop()


if __name__ == "__main__":
    main()
