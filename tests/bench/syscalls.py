#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""System calls per short tunnel, by name: 200 tunnels one after the other under
strace -c, less those of start and stop. Free of noise, but for the log's
writer, whose calls are shared by many tunnels when there are many."""
import argparse
import collections
import tempfile

import rig

TUNNELS = 200


def count(path):
    calls = collections.Counter()
    with open(path, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if len(words) >= 5 and words[0][:1].isdigit():
                calls[words[-1]] += int(words[3])
    calls.pop("total", None)
    return calls


def run(binary, tunnels):
    origin = rig.Origin()
    with tempfile.NamedTemporaryFile(prefix="sekisho-strace-") as out:
        gateway = rig.Gateway(
            binary, origin, ["strace", "-f", "-c", "-qq", "-o", out.name])
        hello = rig.client_hello()
        for _ in range(tunnels):
            rig.open_tunnel(gateway.port, origin.port, hello).close()
        gateway.stop()
        origin.close()
        return count(out.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="path of sekisho-proxy")
    parser.add_argument("--most", type=float,
                        help="fail when a tunnel takes more than this")
    args = parser.parse_args()
    calls = run(args.binary, TUNNELS + 1)
    calls.subtract(run(args.binary, 1))
    total = 0
    for name, n in sorted(calls.items(), key=lambda item: -item[1]):
        if n / TUNNELS >= 0.01:
            print(f"{n / TUNNELS:7.2f} {name}")
            total += n / TUNNELS
    print(f"{total:7.2f} in all")
    if args.most and total > args.most:
        raise SystemExit(f"more than {args.most}")


if __name__ == "__main__":
    main()
