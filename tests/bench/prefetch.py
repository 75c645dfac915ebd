#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tunnels that waited on DNS: 1,000 a second to nine hosts whose addresses live
for 5 s and take the DNS server 50 ms, counted from the access log."""
import argparse
import concurrent.futures
import datetime
import json
import multiprocessing
import pathlib
import selectors
import socket
import sys
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from lab import dns, facts, wire  # noqa: E402
from lab.lab import Lab, wait_for  # noqa: E402

HOSTS = [f"busy{i}.lab.example" for i in range(9)]
TTL, DELAY = 5, 0.05
RATE, SECONDS = 1000, 16
CLIENTS = 4


def serve(listener):
    """Takes a first flight, answers one byte, closes after the client."""
    with selectors.DefaultSelector() as ready:
        listener.setblocking(False)
        ready.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is listener:
                    conn, _ = listener.accept()
                    ready.register(conn, selectors.EVENT_READ)
                elif key.fileobj.recv(65536):
                    key.fileobj.sendall(b"+")
                else:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()


def tunnel(lab, host, hello):
    with lab.client.connect(facts.GATEWAY_INSIDE, 3128) as sock:
        answer = wire.http_connect(sock, host)
        if answer.status != 200:
            raise SystemExit(f"{host}: {answer.status} {answer.reason}")
        sock.sendall(hello)
        wire.read_exact(sock, 1)


def client(lab, number, hellos, begin):
    """Every CLIENTS-th tunnel of a fixed schedule; returns how many."""
    made, pause = 0, threading.Event()
    while (now := time.monotonic() - begin) < SECONDS:
        due = (made * CLIENTS + number) / RATE
        if now < due:
            pause.wait(due - now)  # the schedule itself is what is made here
        host = HOSTS[(made * CLIENTS + number) % len(HOSTS)]
        tunnel(lab, host, hellos[host])
        made += 1
    return made


def load(lab):
    """(tunnels, tunnels a second)."""
    hellos = {host: wire.client_hello(host) for host in HOSTS}
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        counts = [pool.submit(client, lab, i, hellos, begin)
                  for i in range(CLIENTS)]
        made = sum(count.result() for count in counts)
    return made, made / (time.monotonic() - begin)


def report(path, made):
    with open(path, encoding="utf-8") as log:
        entries = [json.loads(line) for line in log]
    if len(entries) != made:
        raise SystemExit(f"{len(entries)} of {made} tunnels in the log")
    waited = [e for e in entries if e.get("dns_ms", 0) > 0]
    # Nobody finds more than the name's first lookup to wait for.
    begin = datetime.datetime.fromisoformat(entries[0]["time"][:-1])
    late = [e for e in waited if datetime.datetime.fromisoformat(
        e["time"][:-1]) - begin > datetime.timedelta(seconds=1)]
    print(f"{len(waited)} tunnels waited on DNS, all for the first lookups "
          f"of {len(HOSTS)} hosts but {len(late)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="path of sekisho-proxy")
    args = parser.parse_args()
    with Lab() as lab, \
            lab.internet.listen(facts.RAW_ADDRESS, 443, 4096) as listener:
        for host in HOSTS:
            lab.dns.default(host, dns.delayed(
                dns.addresses(facts.RAW_ADDRESS, ttl=TTL), DELAY))
        origin = multiprocessing.get_context("fork").Process(
            target=serve, args=(listener,), daemon=True)
        origin.start()
        folder = lab.new_folder("busy")
        extra = pathlib.Path(folder, "busy.ini")
        extra.write_text("[busy]\n" + "".join(
            f"host = {host}:443\n" for host in HOSTS))
        log = pathlib.Path(folder, "access.log")
        gateway = lab.start_gateway(args.binary, {
            "gateway.extra": str(extra), "log.access": str(log)})
        before = lab.dns.queries()
        made, rate = load(lab)
        print(f"{made} tunnels, {rate:.0f} a second, "
              f"{lab.dns.queries() - before} DNS queries")
        gateway.stop()
        origin.terminate()
        origin.join(10)
        report(log, made)


if __name__ == "__main__":
    main()
