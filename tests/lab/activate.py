#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""activate.py NAME=ADDRESS... -- COMMAND...: opens sockets as systemd does for
its socket units, and becomes COMMAND with them (sd_listen_fds(3)).

ADDRESS is ADDR:PORT, [ADDR]:PORT, unix:/path, transparent:ADDR:PORT (which
takes what TPROXY sends); udp:ADDR:PORT is a datagram socket, and
bound:ADDR:PORT one that does not listen: mistakes.
"""

import os
import socket
import sys

FIRST = 3  # SD_LISTEN_FDS_START


def open_one(address):
    kind, listens = socket.SOCK_STREAM, True
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.bind(address.removeprefix("unix:"))
        sock.listen()
        return sock
    if address.startswith("udp:"):
        kind, listens = socket.SOCK_DGRAM, False
    elif address.startswith("bound:"):
        listens = False
    transparent = address.startswith("transparent:")
    for prefix in ("udp:", "bound:", "transparent:"):
        address = address.removeprefix(prefix)
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if transparent:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TRANSPARENT, 1)
    sock.bind((host, int(port)))
    if listens:
        sock.listen()
    return sock


def main(argv):
    split = argv.index("--")
    words, command = argv[:split], argv[split + 1:]
    names = [w.partition("=")[0] for w in words]
    # Far away first, so that none of them stands where another belongs.
    opened = [open_one(w.partition("=")[2]) for w in words]
    far = [os.dup2(s.fileno(), 100 + i, inheritable=False)
           for i, s in enumerate(opened)]
    for i, fd in enumerate(far):
        os.dup2(fd, FIRST + i, inheritable=True)
    os.environ.update(LISTEN_PID=str(os.getpid()),
                      LISTEN_FDS=str(len(far)),
                      LISTEN_FDNAMES=":".join(names))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
