# SPDX-License-Identifier: Apache-2.0
"""Keys of the configuration whose effect no other test would miss; see
tests/lint/key_tests.py."""

import os

import pytest
from lab import dns, facts, see, wire
from lab.lab import wait_for

RAW = facts.RAW_HOST


def ask(gateway, host=RAW):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host).status


@pytest.mark.parametrize("workers", ["1", "4"])
def test_workers_are_threads(start_gateway, workers):
    gateway = start_gateway({"gateway.workers": workers})
    threads = len(os.listdir(f"/proc/{gateway.pid}/task"))
    # Beside them: the main thread, and the access log's.
    assert threads == int(workers) + 2


def test_user_is_dropped_to(start_gateway):
    gateway = start_gateway({"gateway.user": "nobody"})
    with open(f"/proc/{gateway.pid}/status", encoding="ascii") as f:
        fields = dict(line.split(":", 1) for line in f)
    assert set(fields["Uid"].split()) == {"65534"}
    assert int(fields["CapEff"], 16) == 0
    assert ask(gateway, "no.example") == 403


def test_answers_are_kept_no_longer_than_max_ttl(start_gateway, lab):
    gateway = start_gateway({"dns.max_ttl": "1s", "dns.min_ttl": "0",
                             "dns.prefetch": "off"})
    lab.dns.script(RAW, dns.addresses(facts.REFUSING_ADDRESS, ttl=86400))
    wait_for(lambda: ask(gateway) and lab.dns.queries(RAW, "A") >= 2,
             "a second question")


def test_names_in_use_are_asked_again_before_they_expire(start_gateway, lab):
    gateway = start_gateway({**see.SETTINGS, "dns.max_ttl": "1s",
                             "dns.min_ttl": "0"})
    lab.dns.script(RAW, dns.addresses(facts.REFUSING_ADDRESS))
    wait_for(lambda: ask(gateway) and see.metrics(gateway).get(
        "sekisho_dns_prefetches_total", 0) > 0, "a question ahead of time")


@pytest.mark.parametrize("attempts", ["1", "3"])
def test_questions_are_asked_as_often_as_configured(start_gateway, lab,
                                                    attempts):
    gateway = start_gateway({"dns.attempts": attempts, "dns.timeout": "50ms",
                             "upstream.family": "ipv4",
                             "dns.servers": facts.DNS_ADDRESS})
    lab.dns.script(RAW, dns.silence())
    assert ask(gateway) == 504
    # The server reads its queue in order: behind this one there is none left.
    ask(gateway, "echo.lab.example")
    wait_for(lambda: lab.dns.queries("echo.lab.example"), "the last question")
    assert lab.dns.queries(RAW) == int(attempts)


@pytest.mark.parametrize("ttl, again", [("1h", 502), ("0", 200)])
def test_failures_are_remembered_for_negative_ttl(start_gateway, lab, ttl,
                                                  again):
    gateway = start_gateway({"dns.negative_ttl": ttl})
    lab.dns.script(RAW, dns.nxdomain())
    assert ask(gateway) == 502
    lab.dns.script(RAW, dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway) == again


@pytest.mark.parametrize("stale", ["1h", "0"])
def test_expired_answers_serve_when_all_servers_fail(start_gateway, lab,
                                                     stale):
    gateway = start_gateway({
        **see.SETTINGS, "dns.serve_stale": stale, "dns.max_ttl": "1s",
        "dns.min_ttl": "0", "dns.prefetch": "off", "dns.timeout": "50ms",
        "dns.attempts": "1", "dns.negative_ttl": "0"})
    lab.dns.script(RAW, dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway) == 200
        lab.dns.script(RAW, dns.silence())
        if stale == "0":
            wait_for(lambda: ask(gateway) == 504, "the answer to expire")
            return
        wait_for(lambda: ask(gateway) == 200 and see.metrics(gateway)[
            'sekisho_dns_cache{result="stale"}'] > 0, "a stale answer")


def test_attempt_delay_is_waited_for(start_gateway, lab):
    """At the least: how much longer it takes is not ours to say."""
    gateway = start_gateway({"upstream.attempt_delay": "1s"})
    lab.dns.script(RAW, dns.addresses(facts.SILENT_ADDRESS,
                                      facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway) == 200
    assert gateway.log_line(host=RAW)["connect_ms"] >= 1000


@pytest.mark.parametrize("size, status", [("1k", 431), ("8k", 403)])
def test_heads_have_a_greatest_size(start_gateway, size, status):
    gateway = start_gateway({"limits.header_bytes": size})
    with gateway.connect() as sock:
        sock.sendall(b"CONNECT no.example:443 HTTP/1.1\r\nHost: x\r\n"
                     b"X-Long: " + b"x" * 2000 + b"\r\n\r\n")
        assert wire.read_answer(sock).status == status


@pytest.mark.parametrize("level, said", [("error", False), ("info", True)])
def test_messages_have_a_least_level(start_gateway, level, said):
    gateway = start_gateway({**see.SETTINGS, "log.level": level})
    gateway.signal(1)
    wait_for(lambda: see.metrics(gateway)[
        'sekisho_config_reloads_total{result="ok"}'] == 1, "the reload")
    gateway.stop()
    assert bool(gateway.error_lines("level=info")) == said


def test_admin_may_be_off(start_gateway):
    gateway = start_gateway({"admin.address": "off"})
    assert " admin=off " in gateway.ready
    with pytest.raises(ConnectionRefusedError):
        see.get(gateway, "/healthz")
    assert see.get(start_gateway({
        **see.SETTINGS, "listener.address": f"{gateway.address}:3130"}),
        "/healthz").status == 200
