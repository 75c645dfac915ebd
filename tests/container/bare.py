# SPDX-License-Identifier: Apache-2.0
"""Bare Debian 12 roots by debootstrap. They are kept in build/bare, so that only
the first run needs the network; a test works in a copy."""

import os
import shutil

from conftest import BUILD, run

KEEP = BUILD / "bare"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def command(root, *argv):
    """argv inside root, with /proc, /sys and /dev, in a mount and PID namespace
    of its own: nothing stays mounted or runs on."""
    script = ('mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && '
              'mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/run" && '
              'exec chroot "$0" /usr/bin/env -i HOME=/ LANG=C.UTF-8 '
              f'DEBIAN_FRONTEND=noninteractive PATH={_PATH} "$@"')
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child",
            "--propagation", "private", "sh", "-c", script, str(root),
            *map(str, argv)]


def inside(root, *argv, **kw):
    return run(*command(root, *argv), **kw)


def _kept(name, make):
    """The root KEEP/name, made once."""
    root, done = KEEP / name, KEEP / f"{name}.done"
    if not done.exists():
        shutil.rmtree(root, ignore_errors=True)
        KEEP.mkdir(parents=True, exist_ok=True)
        make(root)
        done.touch()
    return root


def base():
    """Debian's smallest root, with the index of packages."""
    def make(root):
        run("debootstrap", "--variant=minbase", "bookworm", root)
        # Packages are installed in there, and no services are started.
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        _fresh_network(root)
        inside(root, "apt-get", "-qq", "update")
        inside(root, "apt-get", "clean")

    return _kept("base", make)


def _fresh_network(root):
    shutil.copy(os.path.realpath("/etc/resolv.conf"), root / "etc/resolv.conf")


def copy(source, target):
    """A copy of a root, with this machine's resolv.conf."""
    run("cp", "-a", "--reflink=auto", source, target)
    _fresh_network(target)
    return target
