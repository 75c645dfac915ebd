# SPDX-License-Identifier: Apache-2.0
"""Careless surroundings: closed standard streams, hasty signals. The listener
is a Unix socket, so that the process can be asked without a word from it."""

import os
import signal
import socket
import subprocess

import pytest
from conftest import binary_from
from lab.lab import wait_for


def answers(path):
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(path)
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return sock.recv(9) == b"HTTP/1.1 "
        except OSError:
            return False


@pytest.fixture
def start(tmp_path):
    started = []

    def start_one(closed=(), settings=()):
        path = str(tmp_path / "s")

        def close_streams():
            for fd in closed:
                os.close(fd)

        binary = binary_from("SEKISHO_PROXY", "build/dev/sekisho-proxy")
        process = subprocess.Popen(
            [binary, "--region", "us-1", "--listen", f"unix:{path}",
             "--admin", "off", *settings],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=close_streams)
        started.append(process)
        wait_for(lambda: answers(path) or process.poll() is not None,
                 "an answer")
        return process

    yield start_one
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(20)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams_become_no_socket(start, closed):
    process = start(closed, ["--set", "log.access=off"])
    for fd in (0, 1, 2):
        assert os.readlink(f"/proc/{process.pid}/fd/{fd}") == "/dev/null"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_log_to_a_closed_stdout_is_refused(start):
    assert start([1]).wait(20) == 1


def test_every_signal_until_the_end_is_taken(start):
    process = start()
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
    assert process.returncode == 0
