#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The lab as one object, and as a command for people: lab.py up."""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))))

from lab import dns, facts, netns
from lab.ca import Authority
from lab.dns import DnsServer
from lab.inspector import Inspector
from lab.gateway import Gateway, wait_for
from lab.netns import LabError, Namespace
from lab.origins import Origins
from lab.parent import ParentProxy
from lab.router import Router

__all__ = ["Lab", "LabError", "wait_for"]


class Lab:
    """Three namespaces in a row: client, gateway, internet.

    The client reaches nothing but the gateway; the gateway reaches the
    internet, which is all there is. Use it as a context manager.
    """

    def __init__(self):
        netns.require_privileges()
        netns.remove_stale()
        prefix = f"sekisho-{os.getpid()}"
        self.client = Namespace(f"{prefix}-client")
        self.gateway = Namespace(f"{prefix}-gateway")
        self.internet = Namespace(f"{prefix}-internet")
        self.namespaces = (self.client, self.gateway, self.internet)
        self.folder = tempfile.mkdtemp(prefix=f"sekisho-lab-{os.getpid()}-")
        self._folders = 0
        self.dns = self.origins = None

    def __enter__(self):
        try:
            self._make_network()
            self.authority = Authority(self.folder)
            self.dns = self._make_dns()
            self.dns.start()
            self.origins = Origins(self.internet, self.authority)
            self.origins.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Removes everything again; may be called at any point."""
        for part in (self.origins, self.dns):
            if part and part.is_alive():
                part.close()
        for namespace in self.namespaces:
            namespace.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def ca_file(self):
        return self.authority.ca_file

    def new_folder(self, name):
        """A new folder that goes with the lab."""
        self._folders += 1
        path = os.path.join(self.folder, f"{name}-{self._folders}")
        os.mkdir(path)
        return path

    def reset(self):
        """Forgets what a test told DNS and origins, and all counts."""
        self.dns.reset()
        self.origins.reset()
        for namespace in self.namespaces:
            namespace.clear_rules()

    @contextlib.contextmanager
    def router(self):
        """While the block runs, a Router carries all packets between gateway
        and internet."""
        with Router(self.gateway, self.internet,
                    (facts.GATEWAY_OUTSIDE, facts.GATEWAY_OUTSIDE6)) as r:
            try:
                yield r
            finally:
                netns.ip(f"route replace default via "
                         f"{facts.INTERNET_ADDRESS}",
                         namespace=self.gateway.name)

    def parent(self, temper=None, port=8080, **kw):
        """A corporate proxy that clients reach at the gateway's inner
        address, and the gateway too; use it as a context manager."""
        if temper:
            kw["temper"] = temper
        return ParentProxy(self.gateway, self.gateway, facts.GATEWAY_INSIDE,
                           port, **kw)

    def inspector(self, **kw):
        """A firewall that opens TLS, on the way out of the gateway's
        namespace; use it as a context manager."""
        return Inspector(self.internet, self.new_folder("inspector"), **kw)

    @contextlib.contextmanager
    def route(self, line, namespace=None, family=4):
        """While the block runs, the gateway's namespace has a route more:
        "prohibit 52.94.0.0/16", "unreachable default" ..."""
        name = (namespace or self.gateway).name
        if family == 6:
            netns.ip6(name, f"route add {line} metric 1")
        else:
            netns.ip(f"route add {line}", namespace=name)
        try:
            yield
        finally:
            if family == 6:
                netns.ip6(name, f"route del {line} metric 1")
            else:
                netns.ip(f"route del {line}", namespace=name)

    @contextlib.contextmanager
    def full_queue(self, address, port=443):
        """While the block runs, a listener that never accepts and whose queue
        is full: the kernel drops every further SYN."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.internet.listen(address, port,
                                                     backlog=0))
            for _ in range(3):
                sock = stack.enter_context(self.gateway.socket())
                sock.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    sock.connect((address, port))
            wait_for(lambda: any(
                row.local_port == port and row.state == 10 and
                row.receive_queue for row in self.internet.tcp_table()),
                "a full queue")
            yield

    @contextlib.contextmanager
    def hijacked_dns(self):
        """While the block runs, every DNS query that leaves is answered by
        the lab's server, whoever it was sent to."""
        self.internet.nft("table inet hijack {", "chain in {",
                          "type nat hook prerouting priority -100;",
                          'iifname { "wan", "path" } udp dport 53 redirect',
                          "}", "}")
        try:
            yield
        finally:
            self.internet.clear_rules()

    @contextlib.contextmanager
    def redirected(self, port, exempt=None):
        """While the block runs, the client's programs know the internet's
        names, its routes lead out through the gateway's namespace, and there
        connections to port 443 end at this port of the gateway.

        exempt: those that this namespace itself makes are redirected too, but
        for what this nft expression matches ("" for none)."""
        known = [(e.ipv4, e.ipv6, e.host) for e in facts.ENDPOINTS]
        known.append((facts.RAW_ADDRESS, facts.RAW_ADDRESS6, facts.RAW_HOST))
        self.client.set_hosts((address, host) for *pair, host in known
                              for address in pair if address)
        rules = [f'iifname "lan" tcp dport 443 redirect to :{port}']
        lines = ["table inet redirected {", "chain in {",
                 "type nat hook prerouting priority -100;", *rules, "}"]
        if exempt is not None:
            lines += ["chain out {", "type nat hook output priority -100;",
                      f"{exempt} tcp dport 443 redirect to :{port}", "}"]
        self.gateway.nft(*lines, "}")
        try:
            with self.route(f"default via {facts.GATEWAY_INSIDE}",
                            self.client), \
                    self.route(f"default via {facts.GATEWAY_INSIDE6}",
                               self.client, family=6):
                yield
        finally:
            self.gateway.clear_rules()
            self.client.set_hosts(())

    @contextlib.contextmanager
    def private_prefix(self, prefix):
        """While the block runs, prefix is served by the internet namespace,
        as a private link of a cloud is."""
        name = self.internet.name
        netns.ip(f"route add local {prefix} dev lo", namespace=name)
        try:
            yield
        finally:
            netns.ip(f"route del local {prefix} dev lo", namespace=name)

    def start_gateway(self, binary, settings=None, **kw):
        return Gateway(self, binary, settings, **kw)

    # Network

    def _make_network(self):
        c, g, i = (n.name for n in self.namespaces)
        netns.ip(*(f"netns add {name}" for name in (c, g, i)))
        netns.ip(f"link add lan netns {c} type veth peer name lan netns {g}",
                 f"link add wan netns {g} type veth peer name wan netns {i}")
        self._configure(self.client, [
            f"addr add {facts.CLIENT_ADDRESS}/24 dev lan",
            f"addr add {facts.CLIENT_ADDRESS6}/64 dev lan nodad"],
            ["lan"], [f"route add {facts.GATEWAY_OUTSIDE} via "
                      f"{facts.GATEWAY_INSIDE}"])
        self._configure(self.gateway, [
            f"addr add {facts.GATEWAY_INSIDE}/24 dev lan",
            f"addr add {facts.GATEWAY_INSIDE6}/64 dev lan nodad",
            f"addr add {facts.GATEWAY_OUTSIDE}/30 dev wan",
            f"addr add {facts.GATEWAY_OUTSIDE6}/64 dev wan nodad"],
            ["lan", "wan"], [
                f"route add default via {facts.INTERNET_ADDRESS}",
                f"-6 route add default via {facts.INTERNET_ADDRESS6}"])
        # A local route makes a whole prefix the namespace's own addresses.
        self._configure(self.internet, [
            f"addr add {facts.INTERNET_ADDRESS}/30 dev wan",
            f"addr add {facts.INTERNET_ADDRESS6}/64 dev wan nodad"],
            ["wan"], [
                f"route add local {facts.INTERNET_PREFIX} dev lo",
                f"-6 route add local {facts.INTERNET_PREFIX6} dev lo"])
        for namespace in self.namespaces:
            # Errors by ICMP are what is tested: none may be held back.
            namespace.run(["sysctl", "-eqw", "net.ipv4.icmp_ratelimit=0",
                           "net.ipv4.icmp_msgs_burst=100000",
                           "net.ipv6.icmp.ratelimit=0"])
        # A client has no DNS server that knows the outside: its gateway
        # asks. Nothing listens there, which the kernel says at once.
        self.client.set_resolvers(facts.GATEWAY_INSIDE)
        self.gateway.set_resolvers(facts.DNS_ADDRESS, facts.DNS_ADDRESS2)
        self.internet.set_resolvers(facts.DNS_ADDRESS)

    @staticmethod
    def _configure(namespace, addresses, links, routes=()):
        plain = [line for line in routes if not line.startswith("-6 ")]
        inet6 = [line[3:] for line in routes if line.startswith("-6 ")]
        netns.ip(*addresses, "link set lo up",
                 *(f"link set {link} up" for link in links), *plain,
                 namespace=namespace.name)
        for line in inet6:
            netns.ip6(namespace.name, line)

    def _make_dns(self):
        udp, tcp = [], []
        for address in (facts.DNS_ADDRESS, facts.DNS_ADDRESS2,
                        facts.INTERNET_ADDRESS):
            sock = self.internet.socket(kind=socket.SOCK_DGRAM)
            sock.bind((address, 53))
            udp.append(sock)
            tcp.append(self.internet.listen(address, 53))
        server = DnsServer(udp, tcp)
        for e in facts.ENDPOINTS:
            server.default(e.host, dns.addresses(
                *filter(None, (e.ipv4, e.ipv6))))
        for host in (facts.RAW_HOST, "raw2.lab.example"):
            server.default(host, dns.addresses(facts.RAW_ADDRESS))
        return server


def _describe(lab, gateway):
    """What a person can type now."""
    enter = f"ip netns exec {lab.client.name}"
    lines = [
        f"the lab is up: {len(facts.PUBLISHED)} endpoints on port 443",
        f"  namespaces   {' '.join(n.name for n in lab.namespaces)}",
        f"  lab CA       {lab.ca_file}",
        f"  API key      {facts.API_KEY} (valid in the lab alone)",
    ]
    if gateway:
        host = facts.host("us-1", "container")
        curl = f"{enter} curl --proxy {gateway.url} --cacert {lab.ca_file}"
        lines += [
            f"  gateway      {gateway.url} (pid {gateway.pid})",
            "try, as a client of the closed network:",
            f"  {curl} https://{host}/api/clusters",
            f"  {curl} https://example.com/",
        ]
    else:
        lines.append(f"a shell of the closed network: {enter} bash")
    lines.append("Ctrl-C removes everything again")
    return "\n".join(lines)


def _up(arguments):
    with Lab() as lab:
        gateway = None
        if arguments.proxy:
            gateway = lab.start_gateway(arguments.proxy, {
                "gateway.regions": arguments.region})
        try:
            print(_describe(lab, gateway), flush=True)
            if arguments.shell:
                # The lab lives as long as the shell; ^C is the shell's.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                subprocess.run(lab.client.command(["bash"]), check=False)
            else:
                signal.pause()
        finally:
            if gateway:
                gateway.stop()


def main(argv):
    parser = argparse.ArgumentParser(
        prog="lab.py", description="A small internet in namespaces.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the lab up until Ctrl-C")
    up.add_argument("--shell", action="store_true",
                    help="a shell in the client's namespace instead")
    up.add_argument("--proxy", metavar="BINARY",
                    help="run this sekisho-proxy in the lab as well")
    up.add_argument("--region", default="us-1")
    arguments = parser.parse_args(argv)
    # An ordered end for a plain kill, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _up(arguments)
    except LabError as e:
        print(f"lab.py: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
