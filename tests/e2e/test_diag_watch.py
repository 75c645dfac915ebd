# SPDX-License-Identifier: Apache-2.0
"""`sekisho-diag watch`: rounds for ever, their pages, the log of changes, and
memory that does not grow."""

import glob
import json
import os
import pathlib
import queue
import re
import signal
import subprocess
import threading

import jsonschema
import pytest
from faults import ALL, CONTAINER, IOT

from lab import peers
from lab.lab import wait_for

SCHEMA = pathlib.Path(__file__).parents[2] / "diag" / "report.schema.json"
WAIT = 120  # seconds until something that must come counts as missing
ROUNDS = 500
# Growth allowed over 450 rounds, in KiB. A leak of one small report (some 40
# KiB each round) would be 18 MiB.
GROWTH = 1024
GROWTH_SANITIZED = 8192


class Watch:
    """A running watch: its lines, and its pages by curl."""

    def __init__(self, world, *arguments, env=None, binary=None):
        argv = [binary or world.diag.binary, "watch", *world.targets,
                "--ca-file", world.ca_file, "--timeout", world.timeout,
                "--listen", "127.0.0.1:0", *arguments]
        self.world = world
        self.process = world.diag.start(world.namespace, argv, env)
        self.lines, self._seen = queue.Queue(), []
        threading.Thread(target=self._read, daemon=True).start()
        self.address = self.line("event=ready")["listen"]

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def line(self, *words):
        """The next line with all these words, as a dictionary."""
        while True:
            line = self.lines.get(timeout=WAIT)
            assert line is not None, (self._seen, self.process.stderr.read())
            self._seen.append(line)
            if all(w in line.split() for w in words):
                return dict(re.findall(r"(\w+)=(\S+)", line))

    def get(self, path, *more):
        """(status, headers, body)"""
        done = self.world.namespace.run(
            ["curl", "-sS", "-i", "--max-time", "30", *more,
             f"http://{self.address}{path}"])
        assert done.returncode == 0, done.stderr
        head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
        return int(head.split()[1]), head.lower(), body

    def metrics(self):
        status, _, body = self.get("/metrics")
        if status != 200:
            return {}
        return {k: float(v) for k, v in re.findall(
            r"^(\w+(?:\{.*\})?) (\S+)$", body, re.M)}

    def rounds(self):
        """Asked by a socket of this process, as it is asked often."""
        host, port = self.address.rsplit(":", 1)
        with self.world.namespace.connect(host, int(port)) as sock:
            sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            page = b"".join(iter(lambda: sock.recv(65536), b""))
        found = re.search(rb"^sekisho_diag_watch_rounds_total (\d+)$", page,
                          re.M)
        return int(found[1]) if found else 0

    def after(self, rounds):
        wait_for(lambda: self.rounds() >= rounds, f"{rounds} rounds",
                 deadline=WAIT * 4)

    def memory(self):
        """RSS in KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as f:
            return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(timeout=WAIT)
        err = self.process.stderr.read()
        assert not re.search(r"Sanitizer|runtime error", err), err
        return status, err


@pytest.fixture
def watch(world):
    """Starts one; it has ended with 0 when the test is over."""
    started = []

    def start(*arguments, **kw):
        started.append(Watch(world, *arguments, **kw))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            status, err = one.end()
            assert status == 0, err


def test_pages(watch):
    one = watch("--interval", "50ms")
    line = one.line("event=verdict")
    assert (line["from"], line["to"]) == ("none", "ready")
    one.after(3)
    status, head, body = one.get("/healthz")
    assert (status, body) == (200, "ok\n") and "nosniff" in head
    status, head, body = one.get("/report.json")
    assert status == 200 and "application/json" in head
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(
        json.loads(body))
    assert json.loads(body)["verdict"] == "ready"
    status, head, body = one.get("/")
    assert status == 200 and "text/html" in head and CONTAINER in body
    history = json.loads(one.get("/history.json")[2])
    assert history["rounds"] >= 3 and history["verdict"]["state"] == "ready"
    assert {e["host"] for e in history["endpoints"]} == set(ALL)
    assert all(e["state"] == "ok" and e["changes_total"] == 1
               for e in history["endpoints"])


def test_metrics_as_prometheus_reads_them(watch):
    one = watch("--interval", "50ms")
    one.after(2)
    body = one.get("/metrics")[2]
    done = subprocess.run(["promtool", "check", "metrics"], input=body,
                          text=True, capture_output=True, timeout=WAIT,
                          check=False)
    assert done.returncode == 0 and not done.stdout, done
    values = one.metrics()
    ok = [v for k, v in values.items()
          if k.startswith("sekisho_diag_watch_endpoint_rounds_total")
          and 'state="ok"' in k]
    assert len(ok) == 9 and all(v >= 2 for v in ok)
    assert values['sekisho_diag_verdict{verdict="ready"}'] == 1
    assert values["sekisho_diag_watch_verdict_changes_total"] == 1


def test_requests_that_are_refused(watch):
    one = watch("--interval", "50ms", "--name", "watch.example")
    one.after(1)
    assert one.get("/nothing")[0] == 404
    status, head, _ = one.get("/metrics", "-X", "POST")
    assert status == 405 and "allow: get, head" in head
    for host, status in (("evil.example", 421), ("localhost:1", 200),
                         ("watch.example", 200), ("[::1]:80", 200)):
        assert one.get("/metrics", "-H", f"Host: {host}")[0] == status
    status, head, body = one.get("/", "--head")
    assert status == 200 and not body
    assert int(re.search(r"content-length: (\d+)", head)[1]) > 1000


def test_before_the_first_round_ends(world, watch):
    world.lab.origins.take(None, peers.on_hello(peers.silence))
    world.timeout = "60s"
    one = watch("--interval", "50ms")
    for path in ("/metrics", "/report.json", "/history.json", "/"):
        status, head, _ = one.get(path)
        assert status == 503 and "retry-after" in head
    assert one.get("/healthz")[0] == 200


def test_changes_are_told_and_kept(world, watch):
    one = watch("--interval", "10ms", "--ipv4")
    one.line("event=verdict", "to=ready")
    for turn in range(10):
        world.lab.origins.take(CONTAINER, peers.on_hello(peers.reset))
        bad = one.line("event=endpoint", f"host={CONTAINER}", "to=bad")
        assert bad["from"] == "ok" and bad["cause"] == "TLS-RST", bad
        assert one.line("event=verdict", "to=not-ready")
        world.lab.origins.take(CONTAINER, None)
        good = one.line("event=endpoint", f"host={CONTAINER}", "to=ok")
        assert good["from"] == "bad" and "cause" not in good, turn
    one.line("event=verdict", "to=ready")
    rounds = one.rounds()
    one.after(rounds + 1)
    history = json.loads(one.get("/history.json")[2])
    kept = {e["host"]: e for e in history["endpoints"]}
    assert kept[CONTAINER]["changes_total"] == 21
    changes = kept[CONTAINER]["changes"]
    assert len(changes) == 16  # the ring's size
    assert [c["to"] for c in changes] == ["bad", "ok"] * 8
    assert changes[-2]["cause"] == "TLS-RST"
    assert changes == sorted(changes, key=lambda c: c["time"])
    assert kept[IOT]["changes_total"] == 1
    assert len(history["verdict"]["changes"]) == 16


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_midst_of_a_round(world, watch, number):
    world.lab.origins.take(CONTAINER, peers.on_hello(peers.silence))
    world.timeout = "60s"
    one = watch("--interval", "50ms")
    wait_for(lambda: world.lab.origins.connections(CONTAINER) > 0,
             "the round")
    assert one.end(number)[0] == 0


def test_a_signal_between_rounds(watch):
    one = watch("--interval", "1h")
    one.line("event=verdict")
    one.after(1)
    assert one.end()[0] == 0


def test_saved_chains_do_not_pile_up(world, watch):
    folder = world.lab.new_folder("chains")
    world.enter(world.lab.inspector())
    one = watch("--interval", "10ms", env={"TMPDIR": folder})
    one.line("event=verdict", "to=not-ready")
    one.after(10)
    assert one.end()[0] == 0
    assert len(glob.glob(f"{folder}/sekisho-chain-*")) <= 2


def test_memory_is_flat(world, watch, capsys):
    """500 rounds: memory and descriptors do not grow. A release build is
    measured when there is one, else the build under test, whose sanitizer also
    looks for leaks at its end."""
    release = os.environ.get("SEKISHO_DIAG_RELEASE")
    # What a busy machine does not finish in time is a finding: memory too.
    world.targets, world.timeout = ["--host", CONTAINER], "100ms"
    one = watch("--interval", "10ms", "--ipv4", binary=release, env={
        "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:quarantine_size_mb=1"})
    one.after(50)
    first, opened = one.memory(), one.descriptors()
    one.after(ROUNDS)
    last, rounds = one.memory(), one.rounds()
    with capsys.disabled():
        print(f"\n  {'release' if release else 'sanitized'} build, RSS after "
              f"50 rounds {first} KiB, after {rounds:.0f} {last} KiB")
    assert last - first <= (GROWTH if release else GROWTH_SANITIZED)
    wait_for(lambda: one.descriptors() <= opened + 2, "descriptors")
    assert one.end()[0] == 0


@pytest.mark.parametrize("argv, words", [
    ([], "--region"), (["--region", "us-1", "--interval", "1ms"], "10ms"),
    (["--region", "us-1", "--listen", "here"], "--listen"),
    (["--region", "us-1", "--format", "json"], "--format")])
def test_usage(diag, argv, words):
    done = subprocess.run([diag.binary, "watch", *argv], text=True,
                          capture_output=True, timeout=60, check=False,
                          env=diag.environment())
    assert done.returncode == 2 and not done.stdout
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_an_address_in_use_is_told(world, watch):
    one = watch("--interval", "1h")
    done = world.namespace.run(
        [world.diag.binary, "watch", "--host", CONTAINER, "--listen",
         one.address], env=world.diag.environment())
    assert done.returncode == 5 and one.address in done.stderr
    assert "--listen" in done.stderr
