# SPDX-License-Identifier: Apache-2.0
"""An access log that cannot be written: clients are served all the same, what
is lost is counted and said, and what comes later is whole."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading

import pytest
from lab import see, wire
from lab.gateway import wait_for

# A line of some 800 bytes: a mebibyte of memory is soon full.
HOST = ".".join(["long" * 15] * 4) + ".example"
DROPPED = "sekisho_log_dropped_total"


class Asker:
    """Asks for what is refused, and counts the lines that this makes."""

    def __init__(self, gateway):
        self.gateway, self.lines = gateway, 0

    def ask(self, count=1, host=HOST):
        for _ in range(count):
            with self.gateway.connect() as sock:
                assert wire.http_connect(sock, host).status == 403
        self.lines += count

    def ask_until_lines_are_lost(self):
        for _ in range(100):
            self.ask(100)
            if self.dropped() > 0:
                return
        pytest.fail(f"{self.lines} lines, and none is lost")

    def dropped(self):
        return see.metrics(self.gateway)[DROPPED]


def whole_lines(text):
    """How many lines of the access log; each of them must be one."""
    lines = text.splitlines()
    for line in lines:
        assert json.loads(line)["event"] in ("refused", "tunnel"), line
    return len(lines)


def recovered(gateway):
    """What the gateway says it has lost."""
    line = gateway.error_line("event=access_log_recovered")
    return int(re.search(r"dropped=(\d+)", line).group(1))


class FifoReader(threading.Thread):
    """Reads until a text comes; the rest is the test's."""

    def __init__(self, fd, until):
        super().__init__(daemon=True)
        self._fd, self._until, self.text = fd, until, b""
        self.start()

    def run(self):
        while self._until not in self.text.rpartition(b"\n")[0]:
            self.text += os.read(self._fd, 1 << 16)


def test_a_pipe_that_nobody_reads(start_gateway, open_tunnel, lab):
    path = os.path.join(lab.new_folder("log"), "access.fifo")
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    try:
        gateway = start_gateway({**see.SETTINGS, "log.access": path})
        tunnel = open_tunnel(gateway)
        asker = Asker(gateway)
        asker.ask_until_lines_are_lost()
        assert "the output is not being read" in \
            gateway.error_line("level=warn event=access_log_dropped")
        tunnel.send_up(b"up" * 50000)
        tunnel.send_down(b"down" * 50000)
        asker.ask()
        reader = FifoReader(pipe, b'"host":"last.example"')
        lost = recovered(gateway)
        asker.ask(host="last.example")
        reader.join(20)
        assert not reader.is_alive()
        assert lost == asker.dropped() > 0
        assert whole_lines(reader.text.decode()) == asker.lines - lost
    finally:
        os.close(pipe)


@pytest.fixture
def small_disk(lab):
    """A file system of 4 MiB."""
    folder = lab.new_folder("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "sekisho",
                    folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk(small_disk, start_gateway, open_tunnel):
    path = os.path.join(small_disk, "access.log")
    gateway = start_gateway({**see.SETTINGS, "log.access": path})
    tunnel = open_tunnel(gateway)
    filler = os.path.join(small_disk, "filler")
    with pytest.raises(OSError), open(filler, "wb", buffering=0) as f:
        while f.write(bytes(4096)):
            pass
    asker = Asker(gateway)
    asker.ask_until_lines_are_lost()
    said = gateway.error_line("level=error event=access_log_failed")
    assert path in said and "No space left on device" in said
    assert "make room" in said
    assert "No space left on device" in \
        gateway.error_line("level=warn event=access_log_dropped")
    assert len(gateway.error_lines("event=access_log_failed")) == 1
    tunnel.send_up(b"up" * 50000)
    tunnel.send_down(b"down" * 50000)
    os.truncate(filler, 0)
    lost = recovered(gateway)
    asker.ask(host="last.example")
    gateway.log_lines(path=path, host="last.example")
    assert lost == asker.dropped() > 0
    with open(path, encoding="utf-8") as f:
        assert whole_lines(f.read()) == asker.lines - lost


def test_a_file_that_is_gone(start_gateway, open_tunnel, lab):
    """Lines go to the file that was opened, until USR1 makes another."""
    folder = lab.new_folder("log")
    path = os.path.join(folder, "access.log")
    # The sandbox is closed around the folder itself, not one in its place.
    gateway = start_gateway({**see.SETTINGS, "log.access": path},
                            options=["--no-sandbox"])
    tunnel, asker = open_tunnel(gateway), Asker(gateway)
    asker.ask(host="one.example")
    gateway.log_lines(path=path, host="one.example")
    os.unlink(path)
    asker.ask(host="two.example")
    gateway.signal(signal.SIGUSR1)
    wait_for(lambda: os.path.exists(path), "a new file")
    asker.ask(host="three.example")
    gateway.log_lines(path=path, host="three.example")
    # A folder that is gone is said; the open file stays in use.
    shutil.rmtree(folder)
    gateway.signal(signal.SIGUSR1)
    said = gateway.error_line("event=access_log_open")
    assert path in said and "No such file or directory" in said
    asker.ask(host="four.example")
    tunnel.send_up(b"up")
    tunnel.send_down(b"down")
    os.mkdir(folder)
    gateway.signal(signal.SIGUSR1)
    wait_for(lambda: os.path.exists(path), "the file in the new folder")
    asker.ask(host="five.example")
    gateway.log_lines(path=path, host="five.example")
    assert asker.dropped() == 0
