#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A minute of 2,000 connects a second for random names that are denied: the
gateway's memory, the size of /metrics, and what a scrape a second costs those
who have tunnels: p99 of their set-up during the flood without and with it, in
turns."""
import argparse
import http.client
import multiprocessing
import os
import random
import socket
import statistics
import threading
import time

import rig

RATE, CLIENTS = 2000, 2
SECONDS = 60
TURN_S = 5  # without and with a scrape, one after the other
TUNNEL_EVERY_S = 0.01
PAGE_MAX = 100_000


def flood(port, number, made, over):
    """Every CLIENTS-th request of a fixed schedule, each for a new name."""
    begin, names, sent = time.monotonic(), random.Random(number), 0
    while not over.is_set():
        due = begin + (sent * CLIENTS + number) / RATE
        if (early := due - time.monotonic()) > 0:
            over.wait(early)
        name = f"{names.randrange(1 << 60):x}.{number}.flood.example:443"
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n"
                         .encode())
            if not sock.recv(64).startswith(b"HTTP/1.1 403 "):
                raise SystemExit("not refused")
            while sock.recv(4096):
                pass
        sent += 1
        with made.get_lock():
            made.value += 1


class Scraper(threading.Thread):
    """Reads /metrics once a second as long as it is told to."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.on, self.over = port, False, threading.Event()
        self.sizes, self.took = [], []
        self.start()

    def run(self):
        while not self.over.wait(1):
            if self.on:
                self.scrape()

    def scrape(self):
        begin = time.monotonic()
        call = http.client.HTTPConnection("127.0.0.1", self.port)
        call.request("GET", "/metrics")
        self.sizes.append(len(call.getresponse().read()))
        call.close()
        self.took.append(time.monotonic() - begin)


def rss(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def p99(values):
    return statistics.quantiles(values, n=100)[98]


def measure(gateway, origin, scraper, seconds):
    """Set-up times of tunnels, without and with scrapes in turns."""
    hello = rig.client_hello()
    times = {False: [], True: []}
    begin, peak = time.monotonic(), 0
    pid = gateway.pid()
    pause = threading.Event()
    while (now := time.monotonic() - begin) < seconds:
        scraper.on = int(now / TURN_S) % 2 == 1
        start = time.monotonic()
        rig.open_tunnel(gateway.port, origin.port, hello).close()
        times[scraper.on].append(time.monotonic() - start)
        peak = max(peak, rss(pid))
        pause.wait(TUNNEL_EVERY_S)
    return times, peak


def run(binary, seconds):
    origin = rig.Origin()
    gateway = rig.Gateway(binary, origin)
    scraper = Scraper(gateway.admin_port)
    scraper.scrape()
    before = rss(gateway.pid())
    made, over = multiprocessing.Value("Q", 0), multiprocessing.Event()
    clients = [multiprocessing.Process(
        target=flood, args=(gateway.port, n, made, over))
        for n in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        times, peak = measure(gateway, origin, scraper, seconds)
    finally:
        over.set()
        for client in clients:
            client.join(rig.PATIENCE)
    scraper.over.set()
    scraper.join(rig.PATIENCE)
    gateway.stop()
    origin.close()
    return {"made": made.value, "before": before, "peak": peak,
            "times": times, "scraper": scraper}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="path of sekisho-proxy")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    args = parser.parse_args()
    seen = run(args.binary, args.seconds)
    scraper, times = seen["scraper"], seen["times"]
    without, with_scrapes = p99(times[False]), p99(times[True])
    print(f"{seen['made']:9} names denied, {seen['made'] / args.seconds:.0f} "
          "a second")
    print(f"{seen['before'] / 1e6:9.1f} MB resident before")
    print(f"{seen['peak'] / 1e6:9.1f} MB resident at most")
    print(f"{max(scraper.sizes):9} bytes of /metrics at most, of "
          f"{len(scraper.sizes)} scrapes; {max(scraper.took) * 1e3:.1f} ms")
    print(f"{without * 1e3:9.2f} ms p99 of {len(times[False])} tunnels "
          "without scrapes")
    print(f"{with_scrapes * 1e3:9.2f} ms p99 of {len(times[True])} tunnels "
          "with a scrape a second")
    print(f"{with_scrapes / without:9.2f} times")
    if max(scraper.sizes) >= PAGE_MAX:
        raise SystemExit(f"/metrics: more than {PAGE_MAX} bytes")


if __name__ == "__main__":
    main()
