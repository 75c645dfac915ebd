#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""User-space instructions per short tunnel and per refusal, under callgrind:
many less few, so that start and stop do not count. Free of noise."""
import argparse
import pathlib
import re
import socket
import tempfile

import rig

FEW, MANY = 20, 220


def tunnel(gateway, origin, hello):
    rig.open_tunnel(gateway.port, origin.port, hello).close()


def refusal(gateway, _origin, _hello):
    target = "denied.bench.test:443"
    with socket.create_connection(
            ("127.0.0.1", gateway.port), rig.PATIENCE) as sock:
        sock.sendall(f"CONNECT {target} HTTP/1.1\r\n"
                     f"Host: {target}\r\n\r\n".encode())
        answer = b""
        while piece := sock.recv(4096):
            answer += piece
    if not answer.startswith(b"HTTP/1.1 403 "):
        raise SystemExit(f"not refused: {answer!r}")


def total(binary, act, times, extra=()):
    """Instructions of one whole life of the gateway with so many acts."""
    origin = rig.Origin()
    with tempfile.TemporaryDirectory(prefix="sekisho-callgrind-") as folder:
        gateway = rig.Gateway(
            binary, origin,
            ["valgrind", "-q", "--tool=callgrind",
             f"--callgrind-out-file={folder}/out"], extra,
            # valgrind makes memory executable, inside the program.
            options=["--no-sandbox"])
        hello = rig.client_hello()
        for _ in range(times):
            act(gateway, origin, hello)
        gateway.stop()
        origin.close()
        text = pathlib.Path(folder, "out").read_text()
    return int(re.search(r"^(?:summary|totals): (\d+)", text, re.M).group(1))


def per_act(binary, act, extra=()):
    return (total(binary, act, MANY, extra) -
            total(binary, act, FEW, extra)) / (MANY - FEW)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="path of sekisho-proxy")
    parser.add_argument("--most", type=float,
                        help="fail when a tunnel takes more than this")
    args = parser.parse_args()
    tunnels = per_act(args.binary, tunnel)
    print(f"{tunnels:9.0f} instructions per tunnel")
    print(f"{per_act(args.binary, refusal):9.0f} instructions per refusal")
    if args.most and tunnels > args.most:
        raise SystemExit(f"more than {args.most:.0f}")


if __name__ == "__main__":
    main()
