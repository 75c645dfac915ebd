#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time from CONNECT to the 200 across 50 ms of round trip to DNS and origins,
in the lab: first use of a name, name known, and with spare connections. Peers
that are installed stand beside it."""
import argparse
import contextlib
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from lab import facts, wire  # noqa: E402
from lab.lab import Lab, wait_for  # noqa: E402

RTT = 0.05
PORT = 3199
SYN_SENT = 2  # tcp_states.h
HOSTS = [e.host for e in facts.of_region("us-1")]

SQUID = """
http_port {address}:{port}
acl all_tls port 443
http_access allow all_tls
http_access deny all
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
cache deny all
dns_nameservers {dns}
shutdown_lifetime 0 seconds
connect_timeout 10 seconds
"""

TINYPROXY = """
Listen {address}
Port {port}
Timeout 60
LogFile "{folder}/log"
PidFile "{folder}/pid"
MaxClients 100
ConnectPort 443
"""


def set_up_time(sock, host):
    begin = time.monotonic()
    answer = wire.http_connect(sock, host)
    took = time.monotonic() - begin
    if answer.status != 200:
        raise SystemExit(f"{host}: {answer.status} {answer.reason}")
    return took


def show(name, cold, warm, spare=None):
    def cell(times):
        if not times:
            return f"{'-':>14}"
        ms = 1000 * statistics.median(times)
        return f"{ms:8.1f} ({ms / 1000 / RTT:.2f})"

    print(f"{name:12} {cell(cold)} {cell(warm)} {cell(spare)}", flush=True)


def measure(connect, hosts):
    """(first uses, second uses): seconds to the 200, one of each a host."""
    first, second = [], []
    for host in hosts:
        for times in (first, second):
            with connect() as sock:
                times.append(set_up_time(sock, host))
    return first, second


def gateway_times(lab, binary, hosts):
    gateway = lab.start_gateway(binary)
    first, second = measure(gateway.connect, hosts)
    gateway.stop()
    return first, second, [spare_time(lab, binary, host) for host in hosts]


def spare_time(lab, binary, host):
    gateway = lab.start_gateway(binary, {"upstream.warm": "2"})
    idle = gateway.sockets()
    with gateway.connect() as sock:
        set_up_time(sock, host)
        # The client's, the origin's and at least one spare.
        wait_for(lambda: gateway.sockets() >= idle + 3, "a spare")
        spare_ready(lab)
        with gateway.connect() as again:
            took = set_up_time(again, host)
    gateway.stop()
    return took


def spare_ready(lab):
    """Until no connection of the gateway is still being made."""
    wait_for(lambda: all(row.state != SYN_SENT
                         for row in lab.gateway.tcp_table()),
             "the end of connections under way")


@contextlib.contextmanager
def peer(lab, program, template, arguments):
    folder = lab.new_folder(pathlib.Path(program).name)
    for path, mode in ((lab.folder, 0o755), (folder, 0o777)):
        pathlib.Path(path).chmod(mode)  # Squid logs as a user of its own
    conf = pathlib.Path(folder, "conf")
    conf.write_text(template.format(
        address=facts.GATEWAY_INSIDE, port=PORT, folder=folder,
        dns=facts.DNS_ADDRESS))
    process = lab.gateway.popen(
        [program, *arguments, str(conf)], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        def connect():
            return lab.client.connect(facts.GATEWAY_INSIDE, PORT)

        def up():
            with contextlib.suppress(OSError):
                connect().close()
                return True
            return False

        wait_for(up, f"{program} to listen")
        yield connect
    finally:
        process.terminate()  # Squid leaves shared memory behind otherwise
        process.wait(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="path of sekisho-proxy")
    args = parser.parse_args()
    with Lab() as lab, lab.router() as path:
        path.delay = RTT / 2
        hosts = HOSTS
        print(f"{'':12} {'first use':>14} {'name known':>14} "
              f"{'with spares':>14}   ms (round trips)")
        show("sekisho", *gateway_times(lab, args.binary, hosts))
        for name, template, arguments in (
                ("squid", SQUID, ["-N", "-f"]),
                ("tinyproxy", TINYPROXY, ["-d", "-c"])):
            program = shutil.which(name, path="/usr/sbin:/usr/bin")
            if program is None:
                print(f"{name:12} not installed")
                continue
            with peer(lab, program, template, arguments) as connect:
                show(name, *measure(connect, hosts))


if __name__ == "__main__":
    main()
