# SPDX-License-Identifier: Apache-2.0
"""The run as a whole: interrupted, cut short, compared with an earlier one,
in a pod, slow, and many regions at once."""

import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest
from faults import ADDRESS, ALL, CONTAINER, SENSOR, Fault, ids, judge, run

from lab import dns, facts, peers
from lab.lab import wait_for


def in_a_pod(world):
    world.env.update(KUBERNETES_SERVICE_HOST="10.96.0.1", HOSTNAME="ac-0")
    world.lab.dns.script(CONTAINER, dns.addresses(facts.SILENT_ADDRESS))


def slow_answers(world):
    """Three seconds and more from the connection to the first byte."""
    never = threading.Event()

    def slow(conn, endpoint):
        never.wait(3.2)
        return peers.PASS

    world.lab.origins.take(CONTAINER, slow)
    world.timeout = "8s"
    world.arguments.append("--deep")


def deadline(world):
    world.lab.origins.take(CONTAINER, peers.on_hello(peers.silence))
    world.timeout = "20s"
    world.arguments += ["--deadline", "3s"]


def no_descriptors(world):
    """Fewer than one endpoint needs."""
    command = world.diag.command
    world.diag.command = lambda *a, **kw: [
        "prlimit", "--nofile=12:12", *command(*a, **kw)]


FAULTS = [
    Fault("K8S-NETPOL", in_a_pod, severity="info", status=1, reached=8,
          others={"TCP-DROP": "error"},
          evidence={"id": "TCP-DROP", "pod": "ac-0", "out_port": "443"}),
    Fault("RTT-SLOW", slow_answers, severity="warning", status=0, reached=9,
          others={"HTTP-CDN": "warning"},
          evidence={"p95": re.compile(r"^3\d{3}$"), "count": True}),
    Fault("RUN-CUT", deadline, severity="warning", status=5, evidence={
        "phase": "tls", "interrupted": False}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=ids(FAULTS))
def test_run(world, fault):
    run(world, fault)


def test_without_descriptors_nothing_is_said(world):
    no_descriptors(world)
    report = world.check()
    assert report.status == 5 and not report.ids("error")
    assert report.ids("warning") == ["RUN-START"]
    assert "ulimit -n" in report.finding("RUN-START")["do"]


def test_what_changed_since_the_baseline(world):
    path = f"{world.lab.new_folder('baseline')}/base.json"
    world.arguments += ["--baseline", path, "--ipv4"]
    first = world.check()
    assert first.status == 0 and "BASE-CHANGED" not in first.ids()
    assert os.path.getsize(path) > 0
    world.enter(world.lab.origins.also_at("52.94.2.7", CONTAINER))
    world.lab.dns.script(CONTAINER, dns.addresses("52.94.2.7"))
    second = world.check()
    judge(second, Fault("BASE-CHANGED", None, hosts=(), severity="info",
                        status=0, reached=9, evidence={
                            "host": CONTAINER, "before": ADDRESS,
                            "after": "52.94.2.7"}))
    assert "BASE-CHANGED" not in world.check().ids()


def _all_begun(world, process):
    """Every endpoint but the silent one has been connected to."""
    wait_for(lambda: process.poll() is not None or all(
        world.lab.origins.connections(h) for h in ALL), "connections")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_tells_what_it_knows(world, number):
    world.lab.origins.take(CONTAINER, peers.on_hello(peers.silence))
    world.timeout = "60s"
    process = world.start()
    _all_begun(world, process)
    wait_for(lambda: world.lab.origins.connections(SENSOR) >= 2, "HTTP")
    process.send_signal(number)
    report = world.diag.finish(process)
    assert report.status == 130
    assert report.json["verdict"] == "interrupted"
    assert report.json["run"] == "interrupted"
    assert not report.ids("error")
    found = report.finding("RUN-CUT")
    assert f"{CONTAINER}:443" in found["endpoints"]
    assert found["evidence"]["interrupted"] == "yes"


def _catches_signals(process):
    """Whether Ctrl-C is the program's own to handle by now. Connections alone
    do not tell: one of the run before may be counted late."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        blocked = re.search(r"^SigBlk:\s*([0-9a-f]+)", f.read(), re.M)
    return bool(int(blocked[1], 16) >> (signal.SIGINT - 1) & 1)


def _first_connection(world, process):
    wait_for(lambda: _catches_signals(process) and
             world.lab.origins.connections() > 0, "a connection")


def test_interrupted_as_text_and_at_once(world):
    """The partial report is written whatever its form, however early."""
    world.lab.origins.take(None, peers.on_hello(peers.silence))
    world.timeout = "60s"
    argv = ["text" if word == "json" else word for word in world.command()]
    process = world.diag.start(world.namespace, argv)
    _first_connection(world, process)
    process.send_signal(signal.SIGINT)
    report = world.diag.finish(process)
    assert report.status == 130 and CONTAINER in report.out


def test_a_second_interrupt_does_no_harm(world):
    world.lab.origins.take(None, peers.on_hello(peers.silence))
    world.timeout = "60s"
    process = world.start()
    _first_connection(world, process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert world.diag.finish(process).status == 130


def test_strict_makes_a_warning_count(world):
    world.enter(world.lab.route("unreachable 2600:1f18::/32", family=6))
    world.arguments.append("--strict")
    report = world.check()
    assert report.status == 3 and report.ids("warning") == ["TCP-V6"]


def _curl_loop(world, hosts):
    """One request after the other, as one would by hand; seconds."""
    start = time.monotonic()
    for host in hosts:
        done = world.namespace.run([
            "curl", "-sS", "-o", "/dev/null", "--max-time", "2", "--cacert",
            world.ca_file, f"https://{host}/"])
        assert done.returncode in (0, 28), done.stderr
    return time.monotonic() - start


def test_all_regions_at_once_with_one_dead_host(world, capsys):
    """51 hosts behind 60 ms each way; the run is as long as its slowest. The
    figures are printed, not judged: this machine is not alone."""
    dead = facts.host("sg-1", "container")
    path = world.enter(world.lab.router())
    path.delay = 0.06
    world.lab.dns.script(dead, dns.addresses(facts.SILENT_ADDRESS))
    world.targets = ["--region", "all"]
    start = time.monotonic()
    report = world.check()
    took = time.monotonic() - start
    loop = _curl_loop(world, [e.host for e in facts.PUBLISHED])
    with capsys.disabled():
        print(f"\n  51 hosts, one dead, --timeout {world.timeout}: "
              f"{took:.1f} s; curl, one after the other: {loop:.1f} s; the "
              f"run says {report.json['timings']['total_ms'] / 1000:.1f} s")
    assert len(report.json["endpoints"]) == 51
    judge(report, Fault("TCP-DROP", None, hosts=(dead,)))


def test_report_goes_to_a_file_as_well(world):
    path = f"{world.lab.new_folder('out')}/report.json"
    world.arguments += ["-o", path]
    report = world.check()
    assert report.status == 0 and not report.out
    with open(path, encoding="utf-8") as f:
        assert json.load(f)["verdict"] == "ready"


def test_suspect_chains_go_where_they_are_wanted(world):
    folder = world.lab.new_folder("chains")
    world.enter(world.lab.inspector())
    world.arguments += ["--chain-dir", folder]
    report = world.check()
    saved = report.finding("TLS-MITM")["evidence"]["file"]
    assert os.path.dirname(saved) == folder and os.path.getsize(saved) > 500


@pytest.mark.parametrize("argv, said", [
    (["--region", "mars-1"], "mars-1"),
    (["--region", "us-1", "--timeout", "soon"], "--timeout"),
    ([], "--region"), (["--region", "us-1", "--proxy", "ftp://x"],
                       "--proxy")])
def test_usage_errors_are_one_line(diag, argv, said):
    done = subprocess.run([diag.binary, "check", *argv], text=True,
                          capture_output=True, timeout=20, check=False,
                          env=diag.environment())
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1 and said in done.stderr
