#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What 100,000 names of an operator's own cost: CPU time of the start, and
instructions per tunnel beside those with the published list alone."""
import argparse
import pathlib
import resource
import statistics
import subprocess
import tempfile

import instructions

NAMES = 100_000
ROUNDS = 5


def write_names(path, count):
    lines = ["[list]\n", "source = tests/bench\n", "[many]\n"]
    lines += [f"host = h{i:06d}.many.bench.test:443\n" for i in range(count)]
    pathlib.Path(path).write_text("".join(lines))


def load_ms(binary, extra):
    """CPU time of reading everything, as --check does it, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([binary, "--check", "--region", "us-1", *extra],
                       check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(1000 * (after.ru_utime + after.ru_stime -
                             before.ru_utime - before.ru_stime))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="path of sekisho-proxy")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sekisho-names-") as folder:
        path = f"{folder}/many.ini"
        write_names(path, NAMES)
        few = load_ms(args.binary, [])
        many = load_ms(args.binary, ["--set", f"gateway.extra={path}"])
        print(f"{few:9.1f} ms of CPU to load the published list")
        print(f"{many:9.1f} ms of CPU to load {NAMES} names beside it")
        base = instructions.per_act(args.binary, instructions.tunnel)
        full = instructions.per_act(
            args.binary, instructions.tunnel, (f"gateway.extra={path}",))
        print(f"{base:9.0f} instructions per tunnel with few names")
        print(f"{full:9.0f} with {NAMES}: {full / base:.3f} x")


if __name__ == "__main__":
    main()
