# SPDX-License-Identifier: Apache-2.0
"""What the gateway cannot do any more once it serves. unit.sandbox tries the
system calls one by one; here is the real process."""

import os
import pathlib
import re
import signal

import pytest
from lab import facts, wire

LINE = re.compile(r'event=sandbox no_new_privs=on capabilities=dropped '
                  r'seccomp="on\(\d+ syscalls\)" landlock="on\(abi \d+\)"$')


def ask(gateway, host="no.example", port=None):
    with gateway.lab.client.connect(gateway.address,
                                    port or gateway.port) as sock:
        return wire.http_connect(sock, host).status


def states(gateway):
    """The status of each thread, as the kernel has it."""
    for path in pathlib.Path(f"/proc/{gateway.pid}/task").glob("*/status"):
        lines = path.read_text(encoding="ascii", errors="replace")
        yield dict(line.split(":\t", 1) for line in lines.splitlines()
                   if ":\t" in line)


@pytest.mark.parametrize("user", [None, "nobody"])
def test_every_thread_is_inside(start_gateway, user):
    gateway = start_gateway({"gateway.workers": "2", "gateway.user": user})
    assert LINE.search(gateway.error_line("event=sandbox"))
    threads = list(states(gateway))
    assert len(threads) >= 4  # main, writer, two workers
    for state in threads:
        assert state["NoNewPrivs"] == "1"
        assert state["Seccomp"] == "2"
        for which in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
            assert int(state[f"Cap{which}"], 16) == 0, which


def test_threads_of_a_reload_are_inside(start_gateway):
    """The first listener with credentials brings threads for hashes."""
    gateway = start_gateway()
    before = len(list(states(gateway)))
    path = os.path.join(gateway.folder, "htpasswd")
    with open(path, "w", encoding="ascii") as f:
        f.write("bob:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8"
                "WIrW\n")
    gateway.reload({"listener.auth": "basic", "listener.credentials": path})
    threads = list(states(gateway))
    assert len(threads) > before
    assert all(t["Seccomp"] == "2" and int(t["CapPrm"], 16) == 0
               for t in threads)


def test_without(start_gateway):
    gateway = start_gateway(options=["--no-sandbox"])
    line = gateway.error_line("event=sandbox")
    assert "seccomp=off" in line and "level=warn" in line
    assert "--no-sandbox" in line
    assert all(t["Seccomp"] == "0" for t in states(gateway))
    assert all(t["NoNewPrivs"] == "1" for t in states(gateway))
    assert ask(gateway) == 403


@pytest.mark.parametrize("key, name, text", [
    ("gateway.extra", "own.ini", "[list]\nsource = lab\n[own]\nhost = a.b\n"),
    ("listener b.address", "sock", None),
])
def test_files_elsewhere_take_a_restart(start_gateway, lab, key, name, text):
    """And a reload that needs them changes nothing."""
    path = os.path.join(lab.new_folder("elsewhere"), name)
    value = path if text else f"unix:{path}"
    if text:
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    gateway = start_gateway()
    gateway.rewrite({key: value, "listener c.address":
                     f"{gateway.address}:3144"})
    gateway.signal(signal.SIGHUP)
    line = gateway.error_line("event=reload_failed")
    assert f'key="{key}" path="{path}"' in line
    assert "sandbox" in line and 'do="restart' in line
    gateway.error_line("event=reload_refused")
    with pytest.raises(ConnectionRefusedError):
        ask(gateway, port=3144)
    gateway.stop()
    settings = {key: value}
    assert ask(start_gateway(settings)) == 403


def test_file_that_only_a_capability_could_read_is_named(start_gateway, lab):
    """Root reads it at the start; without capabilities, nobody can again."""
    gateway = start_gateway()
    path = gateway.allow("own", "own.lab.example")
    os.chmod(path, 0)
    other = start_gateway({"gateway.extra": path, "listener.address":
                           f"{facts.GATEWAY_INSIDE}:3145"})
    line = other.error_line("event=reload_impossible")
    assert f'key="gateway.extra" path="{path}"' in line
    os.chmod(path, 0o600)
