# SPDX-License-Identifier: Apache-2.0
"""/metrics of a gateway at work: each metric moves by what it is about, names
of clients never become series, and Prometheus' own tool reads it."""

import os
import random
import subprocess
import threading

import pytest
from lab import dns, facts, see, wire
from lab.lab import wait_for

RAW = facts.RAW_HOST
CONTAINER = facts.host("us-1", "container")
LABELS = f'host="{RAW}",region="-",category="lab"'
pytestmark = pytest.mark.gateway(see.SETTINGS)
PAGE_MAX = 100_000  # bytes


def ask(gateway, host, port=443):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host, port).status


def requests(page, outcome):
    return page[f'sekisho_requests_total{{outcome="{outcome}"}}']


def count(page, histogram):
    return page[f"sekisho_{histogram}_seconds_count"]


def until(gateway, series, value):
    """Waits until the series has the value; returns the page."""
    def look():
        page = see.metrics(gateway)
        return page if page[series] == value else None
    return wait_for(look, f"{series} to be {value}")


def test_promtool_reads_it(gateway):
    ask(gateway, CONTAINER)
    ask(gateway, "example.com")
    text = see.get(gateway, "/metrics").text
    done = subprocess.run(["promtool", "check", "metrics"], input=text,
                          capture_output=True, text=True, timeout=60,
                          check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_tunnel_moves_its_metrics(gateway, open_tunnel):
    active = 'sekisho_tunnels_active{listener="lab"}'
    success = "sekisho_endpoint_last_success_timestamp_seconds{" + LABELS + "}"
    before = see.metrics(gateway)
    assert before[active] == before[success] == 0
    tunnel = open_tunnel(gateway)
    during = see.metrics(gateway)
    assert during[active] == 1
    assert during[success] > before["process_start_time_seconds"]
    for histogram in ("dns", "connect", "setup"):
        assert count(during, histogram) == 1, histogram
        assert during[f"sekisho_{histogram}_seconds_sum"] > 0
        assert during[f'sekisho_{histogram}_seconds_bucket{{le="+Inf"}}'] == 1
    assert count(during, "tunnel_duration") == 0
    tunnel.send_down(b"d" * 5000)
    tunnel.finish()
    gateway.log_line(event="tunnel")
    after = until(gateway, active, 0)
    assert after['sekisho_bytes_total{direction="down"}'] == 5000
    assert after['sekisho_bytes_total{direction="up"}'] == len(tunnel.hello)
    assert requests(after, "client_closed") == 1
    assert after["sekisho_endpoint_tunnels_total{" + LABELS +
                 ',outcome="client_closed"}'] == 1
    assert count(after, "tunnel_duration") == 1
    assert after["sekisho_tunnel_duration_seconds_sum"] > 0


def test_refusals_move_their_metrics(gateway):
    ask(gateway, "example.com")
    ask(gateway, CONTAINER, 8443)
    ask(gateway, "192.0.2.1")
    page = see.metrics(gateway)
    assert page["sekisho_denied_hosts_total"] == 2
    for outcome in ("denied_host", "denied_port", "denied_address_literal"):
        assert requests(page, outcome) == 1


def test_dns_metrics(start_gateway, lab):
    gateway = start_gateway({**see.SETTINGS, "dns.negative_ttl": "1h"})
    cache = 'sekisho_dns_cache{{result="{}"}}'.format
    lab.dns.script("raw2.lab.example", dns.nxdomain())
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        for _ in range(2):
            assert ask(gateway, RAW) == 200
        for _ in range(2):
            assert ask(gateway, "raw2.lab.example") == 502
    gateway.log_lines(4)
    page = see.metrics(gateway)
    assert page[cache("miss")] == 2
    assert page[cache("hit")] == page[cache("negative")] == 1
    assert requests(page, "dns_nxdomain") == 2
    assert page["sekisho_dns_prefetches_total"] == 0


def test_warm_metrics(start_gateway, lab):
    gateway = start_gateway({**see.SETTINGS, "upstream.warm": "1"})
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        for _ in range(2):
            with gateway.connect() as sock:
                assert wire.http_connect(sock, RAW).status == 200
                listener.accept()[0].close()
        gateway.log_lines(2, event="tunnel")
        page = see.metrics(gateway)
    total = 'sekisho_warm_total{{result="{}"}}'.format
    assert page[total("missed")] + page[total("taken")] == 2
    assert page['sekisho_warm_connections{state="ready"}'] + \
        page['sekisho_warm_connections{state="connecting"}'] <= 1


def test_spare_that_is_ready_is_a_gauge(start_gateway, lab):
    gateway = start_gateway({**see.SETTINGS, "upstream.warm": "1"})
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        with gateway.connect() as sock:
            assert wire.http_connect(sock, RAW).status == 200
            near, spare = listener.accept()[0], listener.accept()[0]
        near.close()
        gateway.log_line(event="tunnel")

        def ready():
            ask(gateway, "example.com")  # an end makes counts visible
            return see.metrics(gateway)[
                'sekisho_warm_connections{state="ready"}'] == 1
        wait_for(ready, "the spare")
        spare.close()


def test_reload_metrics(gateway):
    total = 'sekisho_config_reloads_total{{result="{}"}}'.format
    when = "sekisho_config_last_reload_success_timestamp_seconds"
    before = see.metrics(gateway)
    assert before[total("ok")] == before[total("failed")] == 0
    assert before[when] > 0
    gateway.reload({"gateway.regions": "jp-1"})
    after = see.metrics(gateway)
    assert after[total("ok")] == 1 and after[when] > before[when]
    gateway.rewrite({"gateway.regions": "nowhere"})
    gateway.process.send_signal(1)
    gateway.error_line("event=reload_refused")
    last = see.metrics(gateway)
    assert last[total("failed")] == 1 and last[when] == after[when]


def test_log_that_nobody_reads_is_counted(start_gateway, lab):
    path = os.path.join(lab.new_folder("log"), "access.fifo")
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)  # there to be written to, never read
    try:
        gateway = start_gateway({**see.SETTINGS, "log.access": path})

        def lost():
            for _ in range(100):
                ask(gateway, "long" * 15 + ".example")
            return see.metrics(gateway)["sekisho_log_dropped_total"] > 0
        wait_for(lost, "a line to be lost")
        assert "log_lines_lost" in see.get(gateway, "/api/status").text
        gateway.stop()
    finally:
        os.close(pipe)


def test_process_and_build(gateway):
    page = see.metrics(gateway)
    builds = [name for name in page if name.startswith("sekisho_build_info{")]
    assert [page[name] for name in builds] == [1]
    assert page["process_resident_memory_bytes"] > 1 << 20
    assert page["process_threads"] >= 3
    fds = page["process_open_fds"]
    with gateway.connect() as one, gateway.connect() as two:
        for sock in (one, two):
            sock.sendall(b"CONN")
        wait_for(lambda: see.metrics(gateway)["process_open_fds"] >= fds + 2,
                 "two more descriptors")
    seconds = page["process_cpu_seconds_total"]

    def spent():
        for _ in range(50):
            ask(gateway, "example.com")
        return see.metrics(gateway)["process_cpu_seconds_total"] > seconds
    wait_for(spent, "CPU time to be spent")


def test_names_of_clients_are_no_series(start_gateway, monkeypatch):
    """3,000 random names from four sides at once, with a scrape now and then:
    the page does not grow, the table is full and no fuller, memory is
    bounded. (tests/bench/flood.py does this for a minute, and measures.)"""
    names, each = 3000, 750
    # What is freed shall be free, also under AddressSanitizer.
    monkeypatch.setenv("ASAN_OPTIONS", "quarantine_size_mb=0")
    gateway = start_gateway(see.SETTINGS)
    before = see.metrics(gateway)

    def flood(seed):
        for i in range(each):
            some = random.Random(seed * names + i)
            name = "".join(some.choices("abcdefghij", k=60))
            assert ask(gateway, f"{name}.{seed}.example") == 403

    flood(99)
    warm = gateway.rss()
    threads = [threading.Thread(target=flood, args=(n,))
               for n in range(names // each)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        see.get(gateway, "/metrics")
    for thread in threads:
        thread.join()
    after = see.metrics(gateway)
    assert set(after) == set(before)
    assert len(see.get(gateway, "/metrics").body) < PAGE_MAX
    assert after["sekisho_denied_hosts_total"] == names + each
    table = see.denied(gateway)
    assert table["kept"] == len(table["denied"]) == 1000
    assert table["forgotten"] == names + each - 1000
    grown = gateway.rss() - warm
    print(f"{grown} bytes more")
    assert grown < 16 << 20
