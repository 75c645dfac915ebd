# SPDX-License-Identifier: Apache-2.0
"""Runs sekisho-proxy inside the lab and watches what it says."""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time

from . import facts
from .netns import LabError

_SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|"
                        r"MemorySanitizer|ThreadSanitizer")
DEADLINE = 20  # seconds until a wait becomes a failure


def wait_for(condition, what, deadline=DEADLINE):
    """Returns condition() as soon as it is true; TimeoutError names what was
    waited for."""
    end = time.monotonic() + deadline
    pause, never = 0.001, threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline} s for {what}")
        never.wait(pause)  # between two looks; the condition decides
        pause = min(pause * 2, 0.02)


class _Lines(threading.Thread):
    """Collects the lines of a pipe; others wait for one that fits."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self._pipe = pipe
        self._changed = threading.Condition()
        self._lines, self._ended = [], False
        self.start()

    def run(self):
        for line in self._pipe:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def all(self):
        with self._changed:
            return list(self._lines)

    def wait(self, fits, count=1, deadline=DEADLINE):
        """The first count lines that fit, or None when they do not come."""
        found = []

        def enough():
            found[:] = [line for line in self._lines if fits(line)]
            return len(found) >= count or self._ended

        with self._changed:
            self._changed.wait_for(enough, deadline)
        return found[:count] if len(found) >= count else None


class Gateway:
    """One running sekisho-proxy.

    settings maps "section.key" to a value; a key "listener.x" belongs to the
    one listener. None removes a default of the lab. wrap is put before the
    command, e.g. ["prlimit", "--nofile=64"], and options behind it.
    Without wait, wait_ready() is to be called.
    """

    def __init__(self, lab, binary, settings=None, wrap=(), options=(),
                 wait=True):
        self.lab, self.binary = lab, binary
        settings = self._settings = settings or {}
        address, _, port = settings.get(
            "listener.address", f"{facts.GATEWAY_INSIDE}:3128").rpartition(
                ":")
        self.address, self.port = address.strip("[]"), int(port)
        self.folder = lab.new_folder("gateway")
        self.config_file = os.path.join(self.folder, "sekisho.conf")
        self.allow("lab", *facts.EXTRA_HOSTS)
        self._write_config(settings)
        self._stopped = False
        env = dict(os.environ)
        # Leaks count as findings too; the exit status tells them apart.
        env["ASAN_OPTIONS"] = "exitcode=99:detect_leaks=1:" \
            "abort_on_error=0:" + env.get("ASAN_OPTIONS", "")
        env["UBSAN_OPTIONS"] = "print_stacktrace=1:exitcode=99:" + \
            env.get("UBSAN_OPTIONS", "")
        self.process = lab.gateway.popen(
            [*wrap, binary, "-c", self.config_file, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="backslashreplace", env=env)
        self._out = _Lines(self.process.stdout)
        self._err = _Lines(self.process.stderr)
        self.ready = self.wait_ready() if wait else None

    # Start

    def allow(self, name, *hosts):
        """Writes an operator's allowlist file of the lab's own names."""
        path = os.path.join(self.folder, f"{name}.ini")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"[list]\nsource = lab\n\n[{name}]\n")
            f.writelines(f"host = {h}\n" for h in hosts)
        return path

    def rewrite(self, settings):
        """Puts another configuration in the old one's place, in one step:
        that of the start with these settings changed."""
        self._write_config({**self._settings, **settings})

    def reload(self, settings=None):
        """The same, and HUP; waits until it is in force."""
        if settings is not None:
            self.rewrite(settings)
        before = len(self.error_lines("event=reloaded"))
        self.signal(signal.SIGHUP)
        wait_for(lambda: len(self.error_lines("event=reloaded")) > before,
                 "the reload")

    def error_lines(self, text):
        """Lines on stderr that contain text, so far."""
        return [line for line in self._err.all() if text in line]

    def error_line(self, text):
        """Waits for a line on stderr that contains text."""
        return self.error_line_number(1, text)

    def error_line_number(self, count, text):
        """Waits for count of them; returns the last."""
        found = self._err.wait(lambda line: text in line, count)
        if not found:
            raise TimeoutError(f"no {count} lines with {text!r}; the gateway "
                               "said:\n" + self.transcript())
        return found[-1]

    def _write_config(self, settings):
        values = {
            "gateway.regions": "us-1",
            "gateway.workers": "1",
            "gateway.extra": os.path.join(self.folder, "lab.ini"),
            "listener.address": f"{facts.GATEWAY_INSIDE}:3128",
            "admin.address": "off",
            "log.access": "stdout",
            "shutdown.drain": "2s",
        }
        values.update(settings)
        sections = {}
        for key, value in values.items():
            if value is None:
                continue
            section, _, name = key.rpartition(".")
            section = "listener lab" if section == "listener" else section
            sections.setdefault(section, []).append(f"{name} = {value}\n")
        with open(self.config_file + ".new", "w", encoding="ascii") as f:
            for section, lines in sections.items():
                f.write(f"[{section}]\n" + "".join(lines) + "\n")
        os.rename(self.config_file + ".new", self.config_file)

    def wait_ready(self):
        """Returns its ready line."""
        def fits(line):
            return "event=ready" in line

        found = self._out.wait(fits)
        if not found:
            self.process.kill()
            self.process.wait(DEADLINE)
            raise LabError(f"{self.binary} printed no event=ready line:\n" +
                           self.transcript())
        return found[0]

    # While it runs

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def connect(self, rcvbuf=None):
        """A TCP connection from the client's namespace."""
        return self.lab.client.connect(self.address, self.port, rcvbuf)

    def signal(self, number):
        self.process.send_signal(number)

    def _stands_still(self):
        """Whether every thread is stopped: the signal itself takes a moment."""
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/stat",
                      encoding="latin-1") as f:
                if f.read().rpartition(")")[2].split()[0] != "T":
                    return False
        return True

    @contextlib.contextmanager
    def frozen(self):
        """The process stands still while the block runs: what is sent to it
        meanwhile arrives in one piece, and with its FIN or RST."""
        self.signal(signal.SIGSTOP)
        try:
            wait_for(self._stands_still, "the process to stand still")
            yield
        finally:
            self.signal(signal.SIGCONT)

    def rss(self):
        """Resident bytes now."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def sockets(self):
        """How many descriptors are open that are sockets."""
        folder, found = f"/proc/{self.pid}/fd", 0
        for name in os.listdir(folder):
            try:
                found += os.readlink(f"{folder}/{name}").startswith("socket:")
            except FileNotFoundError:
                pass  # closed since
        return found

    def unread(self):
        """Connections and bytes of clients that the kernel holds for it: zero
        when it has accepted and read everything."""
        total = 0
        for row in self.lab.gateway.tcp_table():
            if row.local_port == self.port:
                total += row.receive_queue
        return total

    def log_lines(self, count=1, path=None, **wanted):
        """Waits for count access log lines whose keys have these values and
        returns them all as dictionaries."""
        def parse(line):
            return json.loads(line) if line.startswith("{") else {}

        def fits(line):
            values = parse(line)
            return bool(values) and all(values.get(k) == v
                                        for k, v in wanted.items())

        if path:
            def look():
                with open(path, encoding="utf-8") as f:
                    found = [line for line in f if line.endswith("\n") and
                             fits(line)]
                return found[:count] if len(found) >= count else None

            found = wait_for(look, f"{count} lines with {wanted} in {path}")
        else:
            found = self._out.wait(fits, count)
        if not found:
            raise TimeoutError(f"no {count} access log lines with {wanted}; "
                               "the gateway said:\n" + self.transcript())
        return [parse(line) for line in found]

    def log_line(self, **wanted):
        """The first access log line whose keys have these values."""
        return self.log_lines(1, **wanted)[0]

    def logged(self):
        """All access log lines so far."""
        return [json.loads(line) for line in self._out.all()
                if line.startswith("{")]

    def output_line(self, text):
        """Waits for a line on stdout that contains text."""
        found = self._out.wait(lambda line: text in line)
        if not found:
            raise TimeoutError(f"no line with {text!r}; the gateway said:\n"
                               + self.transcript())
        return found[0]

    def transcript(self):
        """All it printed, for messages of failed tests."""
        return "\n".join(["--- stdout", *self._out.all(), "--- stderr",
                          *self._err.all()])

    # End

    def wait_exit(self):
        """Waits for the end of the process and returns its status."""
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(DEADLINE)
            status = "still running after its drain time; killed"
        self._stopped = True
        self._out.join(DEADLINE)
        self._err.join(DEADLINE)
        return status

    def stop(self):
        """Ends it in order and raises AssertionError when it did not end
        well, or a sanitizer has reported anything."""
        if not self._stopped:
            if self.process.poll() is None:
                self.signal(signal.SIGTERM)
            self.wait_exit()
        status = self.process.returncode
        assert not _SANITIZER.search(self.transcript()), self.transcript()
        assert status == 0, f"exit status {status}\n{self.transcript()}"

    def kill(self):
        """Ends it at once, without a verdict."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait_exit()
