# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: made, entered and removed.

A thread enters a namespace only for the moment of socket(2): a socket belongs
for ever to the namespace it was made in. So tests hold plain Python sockets
whose two ends live in different worlds.
"""

import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass

_CLONE_NEWNET = 0x40000000
_IPV6_FREEBIND = 78  # linux/in6.h; Python does not name it
_NAME = re.compile(r"^sekisho-(\d+)-[a-z]+$")
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab itself cannot do what was asked; never a finding about the
    gateway."""


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        err = ctypes.get_errno()
        raise LabError(f"setns: {os.strerror(err)}")


def ip(*lines, namespace=None):
    """Runs lines of ip(8) in one process; the first that fails ends it."""
    argv = ["ip"]
    if namespace:
        argv += ["-n", namespace]
    done = subprocess.run(argv + ["-batch", "-"], input="\n".join(lines),
                          text=True, capture_output=True, timeout=30,
                          check=False)
    if done.returncode != 0:
        raise LabError("ip: " + (done.stderr.strip() or "failed") +
                       " (needs root, network namespaces and veth)")


def ip6(namespace, line):
    """Runs one line of ip -6, which has no place in a batch of ip."""
    done = subprocess.run(["ip", "-6", "-n", namespace, *line.split()],
                          capture_output=True, text=True, timeout=30,
                          check=False)
    if done.returncode != 0:
        raise LabError(f"ip -6 {line}: {done.stderr.strip()}")


def require_privileges():
    """Raises LabError unless namespaces can be made here."""
    for tool in ("ip", "nft", "setpriv"):
        if not shutil.which(tool):
            raise LabError(f"{tool} is missing: install the packages that "
                           "the repository lists (iproute2, nftables, "
                           "util-linux)")
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces: run it as root "
                       "(inside a container: with CAP_SYS_ADMIN and "
                       "CAP_NET_ADMIN)")


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
            # A zombie makes no use of its lab any more.
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def remove_stale():
    """Removes what labs of processes that are gone have left behind."""
    listing = subprocess.run(["ip", "netns", "list"], text=True,
                             capture_output=True, timeout=30, check=False)
    for line in listing.stdout.splitlines():
        name = line.split()[0] if line else ""
        match = _NAME.match(name)
        if match and not _is_alive(match.group(1)):
            Namespace(name).remove()
    for path in glob.glob(f"{tempfile.gettempdir()}/sekisho-lab-*-*"):
        if not _is_alive(path.split("-")[-2]):
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class TcpSocket:
    """One row of /proc/net/tcp."""

    local_port: int
    remote_port: int
    state: int  # 1: established, 10: listening (tcp_states.h)
    send_queue: int
    receive_queue: int


class Namespace:
    """One network namespace by its name under /run/netns."""

    def __init__(self, name):
        self.name = name
        self._has_rules = False

    def __repr__(self):
        return f"Namespace({self.name})"

    def remove(self):
        """Ends what still runs inside and removes the namespace."""
        pids = subprocess.run(["ip", "netns", "pids", self.name], text=True,
                              capture_output=True, timeout=30, check=False)
        for pid in pids.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                if int(pid) != os.getpid():
                    os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", self.name], timeout=30,
                       capture_output=True, check=False)
        shutil.rmtree(f"/etc/netns/{self.name}", ignore_errors=True)

    def set_resolvers(self, *addresses):
        """Gives programs run inside a resolv.conf of their own."""
        folder = f"/etc/netns/{self.name}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/resolv.conf", "w", encoding="ascii") as f:
            # A search list and ndots as pods have them: the gateway must
            # ask absolute names all the same.
            f.write("search trendmicro-system.svc.cluster.local lab.example\n"
                    "options ndots:5\n")
            f.writelines(f"nameserver {a}\n" for a in addresses)

    def set_hosts(self, pairs):
        """Gives programs run inside a hosts file of their own, of pairs
        (address, name); none: takes it back."""
        path = f"/etc/netns/{self.name}/hosts"
        lines = [f"{address} {name}\n" for address, name in pairs]
        if not lines:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.writelines(["127.0.0.1 localhost\n", *lines])

    # Programs

    def command(self, argv):
        """argv so that it runs inside, and dies with this process."""
        return ["setpriv", "--pdeathsig", "KILL", "--", "ip", "netns", "exec",
                self.name, *map(str, argv)]

    def popen(self, argv, **kw):
        """Starts a program inside; the pid is the program's own."""
        return subprocess.Popen(self.command(argv), **kw)

    def run(self, argv, **kw):
        """Runs a program inside to its end; output is captured as text."""
        kw.setdefault("capture_output", True)
        kw.setdefault("text", True)
        kw.setdefault("timeout", 60)
        return subprocess.run(self.command(argv), check=False, **kw)

    def nft(self, *lines):
        """Feeds lines to nft(8) inside, all or nothing."""
        self._has_rules = True
        done = self.run(["nft", "-f", "-"], input="\n".join(lines) + "\n")
        if done.returncode != 0:
            raise LabError(f"nft: {done.stderr.strip()}")

    def clear_rules(self):
        """Takes back all that nft() was told."""
        if self._has_rules:
            self.nft("flush ruleset")
            self._has_rules = False

    # Sockets

    @contextlib.contextmanager
    def inside(self):
        """This thread is inside while the block runs. Start no thread and no
        program in it."""
        with contextlib.ExitStack() as stack:
            home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            stack.callback(os.close, home)
            there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            stack.callback(os.close, there)
            _setns(there)
            stack.callback(_setns, home)
            yield

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        """A socket that lives inside."""
        with self.inside():
            sock = socket.socket(family, kind)
        sock.settimeout(20)  # a hang becomes a failure
        return sock

    def listen(self, address, port, backlog=128, rcvbuf=None):
        """A listening socket inside."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = self.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # bind(2) knows IPv4 addresses by a local route, not IPv6 ones.
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.bind((address, port))
        sock.listen(backlog)
        return sock

    def connect(self, address, port, rcvbuf=None):
        """A connected socket inside."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = self.socket(family)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((address, port))
        return sock

    # What the kernel says

    def tcp_table(self):
        """All TCP sockets inside; of a listening one, receive_queue is the
        number of connections that wait to be accepted."""
        rows = []
        with self.inside():
            for name in ("tcp", "tcp6"):
                with open(f"/proc/thread-self/net/{name}",
                          encoding="ascii") as f:
                    rows += f.read().splitlines()[1:]
        found = []
        for row in rows:
            _, local, remote, state, queues = row.split()[:5]
            send, _, receive = queues.partition(":")
            found.append(TcpSocket(
                int(local.rpartition(":")[2], 16),
                int(remote.rpartition(":")[2], 16), int(state, 16),
                int(send, 16), int(receive, 16)))
        return found

    def counters(self):
        """The kernel's own counts of this namespace (RFC 1213), as
        {"Tcp.ActiveOpens": n, "Udp.OutDatagrams": n, "Ip6...": n}."""
        with self.inside():
            # thread-self: /proc/net is the first thread's, not this one's.
            with open("/proc/thread-self/net/snmp", encoding="ascii") as f:
                lines = f.read().splitlines()
            with open("/proc/thread-self/net/snmp6", encoding="ascii") as f:
                lines6 = f.read().splitlines()
        found = {}
        for names, values in zip(lines[::2], lines[1::2]):
            group, _, names = names.partition(":")
            values = values.partition(":")[2]
            for key, value in zip(names.split(), values.split()):
                found[f"{group}.{key}"] = int(value)
        for line in lines6:
            key, value = line.split()
            found[key] = int(value)
        return found
