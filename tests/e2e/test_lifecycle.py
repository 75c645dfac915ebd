# SPDX-License-Identifier: Apache-2.0
"""Start, signals and the end."""

import os
import signal

import pytest
from lab import facts, wire
from lab.lab import wait_for

RAW = facts.RAW_HOST


def test_ready_line_says_what_is_served(gateway):
    words = dict(w.partition("=")[::2] for w in gateway.ready.split())
    assert words["event"] == "ready"
    assert f"{gateway.address}:{gateway.port}" in words["listeners"]
    assert words["regions"] == "us-1"
    assert int(words["endpoints"]) == 9 + len(facts.EXTRA_HOSTS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_at_once_without_tunnels(gateway, number):
    gateway.signal(number)
    assert gateway.wait_exit() == 0


@pytest.mark.gateway({"shutdown.drain": "60s"})
def test_drain_lets_tunnels_finish_and_refuses_new_ones(gateway,
                                                        open_tunnel):
    tunnel = open_tunnel(gateway)
    head = wire.connect_request(RAW)
    early = gateway.connect()  # in the middle of its request at the signal
    early.sendall(head[:20])
    wait_for(lambda: gateway.unread() == 0, "the gateway to read")
    gateway.signal(signal.SIGTERM)
    drains(gateway)
    early.sendall(head[20:])
    with gateway.connect() as late:
        late.sendall(head)
        for sock in (early, late):
            answer = wire.read_answer(sock)
            assert answer.status == 503
            assert answer.error == "connection_limit_reached"
            assert "retry-after" in answer.headers
    early.close()
    assert gateway.log_lines(2, host=RAW, event="refused")[1]["outcome"] == \
        "draining"
    tunnel.send_up(b"x" * 100000)
    tunnel.send_down(b"y" * 100000)
    assert gateway.process.poll() is None
    tunnel.finish()
    assert gateway.wait_exit() == 0
    assert gateway.log_line(event="tunnel")["outcome"] == "client_closed"


def drains(gateway):
    """Waits until a new client is told so."""
    def told():
        with gateway.connect() as sock:
            return wire.http_connect(sock, "example.com").status == 503
    return wait_for(told, "the drain")


@pytest.mark.gateway({"shutdown.drain": "60s", "gateway.workers": "2"})
def test_drain_answers_everyone_when_a_worker_is_done_already(gateway,
                                                              open_tunnel):
    """One worker has the tunnel, the other has nothing left to do."""
    tunnel = open_tunnel(gateway)
    gateway.signal(signal.SIGTERM)
    drains(gateway)
    for _ in range(30):
        with gateway.connect() as sock:
            assert wire.http_connect(sock, RAW).status == 503
    tunnel.finish()
    assert gateway.wait_exit() == 0


@pytest.mark.gateway({"shutdown.drain": "300ms"})
def test_drain_has_an_end(gateway, open_tunnel):
    tunnel = open_tunnel(gateway)
    gateway.signal(signal.SIGTERM)
    for sock in (tunnel.near, tunnel.far):
        try:
            assert wire.read_to_end(sock) == b""
        except ConnectionResetError:
            pass  # an end as well
    assert gateway.wait_exit() == 0
    assert gateway.log_line(event="tunnel")["outcome"] == "drained"


@pytest.mark.gateway({"shutdown.drain": "60s"})
def test_second_signal_cuts_the_drain_short(gateway, open_tunnel):
    open_tunnel(gateway)
    gateway.signal(signal.SIGTERM)
    drains(gateway)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    assert gateway.log_line(event="tunnel")["outcome"] in ("shutdown",
                                                           "drained")


def test_usr1_opens_the_log_anew_and_no_line_is_lost(start_gateway, lab):
    path = os.path.join(lab.new_folder("log"), "access.log")
    gateway = start_gateway({"log.access": path})

    def refused(host):
        with gateway.connect() as sock:
            assert wire.http_connect(sock, host).status == 403

    refused("one.example")
    gateway.log_lines(path=path, host="one.example")
    os.rename(path, path + ".1")
    refused("two.example")
    gateway.log_lines(path=path + ".1", host="two.example")
    gateway.signal(signal.SIGUSR1)
    wait_for(lambda: os.path.exists(path), "the new file")
    refused("three.example")
    gateway.log_lines(path=path, host="three.example")
    with open(path + ".1", encoding="utf-8") as f:
        assert len(f.readlines()) == 2


def test_log_is_complete_when_the_process_has_ended(start_gateway, lab):
    path = os.path.join(lab.new_folder("log"), "access.log")
    gateway = start_gateway({"log.access": path})
    for i in range(200):
        with gateway.connect() as sock:
            assert wire.http_connect(sock, f"h{i}.example").status == 403
    gateway.stop()
    lines = gateway.log_lines(200, path=path, event="refused")
    assert {x["host"] for x in lines} == {f"h{i}.example"
                                          for i in range(200)}


def test_log_reader_that_stops_holds_up_no_client(start_gateway, lab):
    """A pipe holds 64 KiB; what comes then is dropped, not waited for."""
    path = os.path.join(lab.new_folder("log"), "access.fifo")
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)  # there to be written to, never read
    try:
        gateway = start_gateway({"log.access": path})
        for i in range(600):
            with gateway.connect() as sock:
                host = f"{'long' * 15}.{i}.example"
                assert wire.http_connect(sock, host).status == 403
        gateway.stop()
    finally:
        os.close(pipe)


@pytest.mark.gateway({"log.format": "logfmt"})
def test_logfmt(gateway):
    with gateway.connect() as sock:
        assert wire.http_connect(sock, "example.com").status == 403
    line = gateway.output_line("outcome=denied_host")
    assert "host=example.com" in line and "event=refused" in line
