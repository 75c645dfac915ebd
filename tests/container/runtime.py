# SPDX-License-Identifier: Apache-2.0
"""What a container runtime does with an image, as far as the image can tell:
unpacks its layers, and starts a program in them as the image's user, with a
read-only root, no capability and no new privileges.

Run as a program (runtime.py UID:GID FOLDER PROGRAM ARGUMENT...) it becomes that
program, in a mount namespace of its own; it stays in the caller's network.
"""

import ctypes
import json
import os
import sys
import tarfile

_CLONE_NEWNS = 0x20000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND = 1, 32, 4096
_MS_REC, _MS_PRIVATE = 16384, 1 << 18
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *args):
    if getattr(_libc, name)(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{args}: {os.strerror(number)}")


def unpack(archive, folder):
    """Unpacks a docker-archive; returns the image's configuration. What every
    runtime mounts into a container has its place in the root afterwards."""
    with tarfile.open(archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))[0]
        config = json.load(outer.extractfile(manifest["Config"]))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=outer.extractfile(layer)) as inner:
                inner.extractall(folder)
    for name in ("etc/resolv.conf", "etc/hosts"):
        with open(os.path.join(folder, name), "w", encoding="ascii"):
            pass
    return config


def _bind(source, target, flags=0):
    _call("mount", source.encode(), target.encode(), None,
          _MS_BIND | _MS_REC, None)
    if flags:
        _call("mount", None, target.encode(), None,
              _MS_REMOUNT | _MS_BIND | flags, None)


def _enter(folder):
    """Makes folder, read-only, the root; / is the working directory."""
    _call("unshare", _CLONE_NEWNS)
    _call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    _bind(folder, folder, _MS_RDONLY)
    for name in ("etc/resolv.conf", "etc/hosts"):
        _bind(f"/{name}", os.path.join(folder, name))
    _call("mount", b"proc", f"{folder}/proc".encode(), b"proc", 0, None)
    _bind("/dev", f"{folder}/dev")
    os.chroot(folder)
    os.chdir("/")


def _become(user, capabilities):
    uid, _, gid = user.partition(":")
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for number in range(capabilities):
        _call("prctl", _PR_CAPBSET_DROP, number, 0, 0, 0)
    os.setgroups([])
    os.setresgid(int(gid), int(gid), int(gid))
    os.setresuid(int(uid), int(uid), int(uid))


def main(user, folder, *command):
    # Python finds nothing of its own in there: all is read before.
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as f:
        capabilities = int(f.read()) + 1
    _enter(os.path.abspath(folder))
    _become(user, capabilities)
    os.execve(command[0], command, {"PATH": "/usr/sbin:/usr/bin"})


if __name__ == "__main__":
    main(*sys.argv[1:])
