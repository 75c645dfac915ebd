# SPDX-License-Identifier: Apache-2.0
"""A bare Debian 12, made by debootstrap and kept in build/bare so that only the
first run needs the network; and a machine that runs in a copy of it."""

import os
import pathlib
import shutil
import signal
import subprocess

from conftest import BUILD, ROOT, run
from lab.gateway import wait_for

KEEP = BUILD / "bare"
BOOT = pathlib.Path(__file__).with_name("boot.sh")
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"


def packages(section):
    """What a section of container/packages.txt lists."""
    found, name = [], None
    for line in (ROOT / "container/packages.txt").read_text().splitlines():
        if line.startswith("["):
            name = line.strip("[]")
        elif name == section and line and not line.startswith("#"):
            found.append(line)
    return found


def base():
    """The smallest Debian with systemd, and with the libraries that the
    programs need, so that dpkg alone can install ours."""
    wanted = ",".join([*packages("run"), "systemd", "logrotate"])
    root, done = KEEP / "base", KEEP / "base.done"
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(KEEP, ignore_errors=True)
        KEEP.mkdir(parents=True)
        run("debootstrap", "--variant=minbase", f"--include={wanted}",
            "bookworm", root)
        shutil.rmtree(root / "var/cache/apt")
        done.write_text(wanted)
    return root


class Machine:
    """Debian, booted in a copy of base() at folder: systemd is its process 1,
    and it has a network of its own, with nothing but a loopback."""

    def __init__(self, folder):
        self.root = folder
        run("cp", "-a", base(), folder)
        self._booter = self._group = None

    def __enter__(self):
        top = "/sys/fs/cgroup"
        if os.path.isdir(f"{top}/systemd"):
            top += "/systemd"
        self._group = pathlib.Path(top, f"sekisho-test-{os.getpid()}")
        self._booter = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", BOOT, self.root, self._group],
            stdin=subprocess.DEVNULL)
        try:
            wait_for(lambda: self._pid() and self.run(
                "systemctl", "is-system-running", check=False).stdout.strip()
                in ("running", "degraded"), "systemd", 120)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _pid(self):
        """systemd's, or None before it runs."""
        children = f"/proc/{self._booter.pid}/task/{self._booter.pid}/children"
        with open(children, encoding="ascii") as f:
            pids = f.read().split()
        if not pids:
            return None
        with open(f"/proc/{pids[0]}/comm", encoding="ascii") as f:
            return pids[0] if f.read().strip() == "systemd" else None

    def enter(self, *argv):
        """A command with argv of the machine's own programs, in it."""
        pid = self._pid()
        return ["nsenter", f"--target={pid}", "--mount", "--pid", "--net",
                "--uts", "--ipc", "--cgroup", "--root",
                "--wd=/", "/usr/bin/env", "-i", "LANG=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive", PATH, *argv]

    def run(self, *argv, **kw):
        return run(*self.enter(*argv), **kw)

    def run_outer(self, *argv, **kw):
        """One of this host's programs, in the machine's network."""
        return run("nsenter", f"--target={self._pid()}", "--net", *argv, **kw)

    def __exit__(self, *_):
        pid = self._pid()
        if pid:
            os.kill(int(pid), signal.SIGKILL)  # and all of its namespace
        self._booter.kill()
        self._booter.wait()
        for folder, _, _ in os.walk(self._group, topdown=False):
            wait_for(lambda f=folder: _removed(f), f"{folder} to be empty")


def _removed(folder):
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True
