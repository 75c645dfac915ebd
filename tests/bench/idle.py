#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""User-space memory of idle tunnels: opens as many as asked for, each one up to
the origin's first byte, and compares the gateway's own memory (Pss of
/proc/PID/smaps_rollup, anonymous part) with what it was before the first."""
import argparse
import pathlib
import resource

import rig


def memory_kib(pid):
    for line in pathlib.Path(
            f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1])
    raise SystemExit("no Rss in smaps_rollup")


class Holder(rig.Origin):
    """An origin without a thread per tunnel: thousands stay open."""

    def __init__(self):
        self.open = []
        super().__init__()

    def _accept(self):
        try:
            while True:
                conn, _ = self.listener.accept()
                conn.recv(65536)
                conn.sendall(b"+")
                self.open.append(conn)
        except OSError:
            pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="path of sekisho-proxy")
    parser.add_argument("--tunnels", type=int, default=9000)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    origin = Holder()
    gateway = rig.Gateway(args.binary, origin)
    hello = rig.client_hello()
    pid = gateway.pid()
    # One tunnel first: code pages and buffers that any traffic touches.
    rig.open_tunnel(gateway.port, origin.port, hello).close()
    before = memory_kib(pid)
    tunnels = [rig.open_tunnel(gateway.port, origin.port, hello)
               for _ in range(args.tunnels)]
    after = memory_kib(pid)
    print(f"{args.tunnels} tunnels: {before} KiB before, {after} KiB with "
          f"them, {(after - before) / args.tunnels:.2f} KiB each")
    for tunnel in tunnels:
        tunnel.close()
    gateway.stop()
    origin.close()


if __name__ == "__main__":
    main()
