#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""demo.py GATEWAY [--region R]: what the gateway does, shown in the lab.

Runs real commands in the closed network, prints each with its output, and
fails when one does not end as it should. On a terminal the lab stays up until
Ctrl-C, so that a person can go on typing; otherwise it ends after showing.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import facts  # noqa: E402
from lab.lab import Lab, LabError  # noqa: E402


class Unexpected(Exception):
    """A shown command did not end as the demo says it does."""


def curl(gateway, url):
    return ["curl", "-sS", "-i", "--max-time", "20", "--proxy", gateway.url,
            "--cacert", gateway.lab.ca_file, url]


def show(run, title, argv, want):
    """Runs argv, prints it like a session, and looks for a text in it."""
    print(f"\n# {title}\n$ {shlex.join(argv)}", flush=True)
    done = run(argv, stdin=subprocess.DEVNULL)
    text = done.stdout + done.stderr
    print(text.rstrip().replace("\r", ""), flush=True)
    if want not in text:
        raise Unexpected(f"{argv[0]}: exit status {done.returncode}, and "
                         f"nowhere {want!r}")


def run_here(argv, **kw):
    return subprocess.run(argv, capture_output=True, text=True, timeout=20,
                          check=False, **kw)


def tour(lab, gateway, region):
    allowed = facts.host(region, "container")
    print(f"\n{gateway.ready}")
    show(lab.client.run, "An endpoint of the region: the tunnel is open, and "
         "the service itself answers (401: it wants a key).",
         curl(gateway, f"https://{allowed}/api/clusters"), "HTTP/1.1 401")
    show(lab.client.run, "Any other host: refused, and the reason is in the "
         "status line.",
         curl(gateway, "https://example.com/"), "host not on allowlist")
    show(run_here, "Why, in full.",
         [gateway.binary, "--region", region, "--explain", "example.com:443"],
         "example.com")
    show(run_here, "And which rule admits the first one.",
         [gateway.binary, "--region", region, "--explain", allowed], allowed)
    print("\n# What the access log says about them.")
    for line in gateway.log_lines(2):
        print(json.dumps(line, separators=(",", ":")))


def stay(lab, gateway):
    enter = f"ip netns exec {lab.client.name}"
    print(f"""
The lab stays up. In another terminal, as root, inside the closed network:
  {enter} curl -x {gateway.url} --cacert {lab.ca_file} https://HOST/
  {enter} bash
Ctrl-C ends it and removes everything again.""", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def main(argv):
    parser = argparse.ArgumentParser(prog="container/run.sh --demo")
    parser.add_argument("gateway")
    parser.add_argument("--region", default="us-1", choices=facts.REGIONS)
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with Lab() as lab:
            gateway = lab.start_gateway(
                arguments.gateway, {"gateway.regions": arguments.region})
            try:
                tour(lab, gateway, arguments.region)
                if sys.stdin.isatty() and sys.stdout.isatty():
                    stay(lab, gateway)
            finally:
                gateway.stop()
    except (LabError, Unexpected) as e:
        print(f"demo: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
