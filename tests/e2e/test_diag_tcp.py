# SPDX-License-Identifier: Apache-2.0
"""Connecting: what firewalls, routes and this machine itself do to a SYN."""

import contextlib
import re

import pytest
from faults import (ADDRESS, ALL, CONTAINER, IOT, REGISTRY, SENSOR, Fault,
                    ids, run)

from lab import dns, facts, peers

RAW = facts.RAW_ADDRESS
V6 = facts.BY_HOST[CONTAINER].ipv6
# The endpoints of the region that have an IPv6 address.
DUAL = [e.host for e in facts.of_region("us-1") if e.ipv6]


def at(*addresses):
    """The container host has these addresses."""
    def addressed(world):
        world.lab.dns.script(CONTAINER, dns.addresses(*addresses))
    return addressed


def rule(line):
    """A firewall rule on the way out."""
    def firewall(world):
        world.rules(line)
    return firewall


def full_queue(world):
    at(RAW)(world)
    world.enter(world.lab.full_queue(RAW))


def routes(kind):
    """A route of this kind, for both families."""
    def route(world):
        world.enter(world.lab.route(f"{kind} {ADDRESS}"))
        world.enter(world.lab.route(f"{kind} {V6}", family=6))
    return route


def ipv6_without_a_way(world):
    world.enter(world.lab.route("unreachable 2600:1f18::/32", family=6))


def ipv6_black_hole(world):
    world.rules("ip6 daddr 2600:1f18::/32 tcp dport 443 drop")


def no_ports_left(world):
    """Every local port is in use towards that address; DNS has them all."""
    lab, name = world.lab, "net.ipv4.ip_local_port_range"
    at(RAW)(world)
    lab.gateway.run(["sysctl", "-qw", f"{name}=40000 40127"])
    world.enter(contextlib.closing(_Restore(lab.gateway)))
    world.enter(lab.internet.listen(RAW, 443, backlog=256))
    for _ in range(128):
        world.enter(lab.gateway.connect(RAW, 443))


class _Restore:
    def __init__(self, namespace):
        self._namespace = namespace

    def close(self):
        self._namespace.run(["sysctl", "-qw",
                             "net.ipv4.ip_local_port_range=32768 60999"])


def accepts_and_closes(world):
    world.lab.origins.take(CONTAINER, peers.close)


FAULTS = [
    Fault("TCP-REFUSED", at(facts.REFUSING_ADDRESS), evidence={
        "addr": f"{facts.REFUSING_ADDRESS}:443", "port": "443",
        "errno": re.compile("ECONNREFUSED"),
        "source": facts.GATEWAY_OUTSIDE}, name="closed"),
    Fault("TCP-REFUSED", rule("tcp dport 443 reject with tcp reset"),
          hosts=ALL, evidence={"n": "9"}, name="firewall"),
    Fault("TCP-DROP", at(facts.SILENT_ADDRESS), evidence={
        "addr": f"{facts.SILENT_ADDRESS}:443", "retransmits": "1",
        "source": facts.GATEWAY_OUTSIDE}, name="black-hole"),
    Fault("TCP-DROP", rule("tcp dport 443 drop"), hosts=ALL,
          evidence={"n": "9", "total": "9"}, name="firewall"),
    Fault("TCP-DROP", full_queue, evidence={"addr": f"{RAW}:443"}),
    Fault("TCP-UNREACH", routes("unreachable"), evidence={
        "errno": re.compile("EHOSTUNREACH")}),
    Fault("TCP-UNREACH", rule("tcp dport 443 reject with icmpx type "
                              "admin-prohibited"), hosts=ALL,
          evidence={"errno": re.compile("EHOSTUNREACH|EACCES")},
          name="icmp"),
    Fault("TCP-LOCALDENY", routes("prohibit"), evidence={
        "errno": re.compile("EACCES"), "addr_only": True}, name="prohibit"),
    Fault("TCP-LOCALDENY", routes("blackhole"), evidence={
        "errno": re.compile("EINVAL")}, name="blackhole"),
    Fault("TCP-V6", ipv6_without_a_way, hosts=DUAL, severity="warning",
          status=0, reached=9, evidence={
              "addr": re.compile(r"^\[2600:1f18:"),
              "errno": re.compile("EHOSTUNREACH")}),
    Fault("TCP-V6", ipv6_black_hole, hosts=DUAL, severity="warning",
          status=0, reached=9),
    Fault("TCP-EPHEMERAL", no_ports_left, evidence={
        "errno": re.compile("EADDRNOTAVAIL")}),
    Fault("TCP-EOF0", accepts_and_closes, evidence={
        "bisect": "yes", "received": "0"}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=ids(FAULTS))
def test_tcp(world, fault):
    run(world, fault)


def test_one_bad_address_of_two_is_no_cause(world):
    """The next address works, as every program finds out."""
    at(facts.REFUSING_ADDRESS, ADDRESS)(world)
    report = world.check()
    assert report.status == 0 and not report.ids("error")


def test_two_causes_are_both_found(world):
    """And each has its own endpoints."""
    at(facts.REFUSING_ADDRESS)(world)
    world.lab.dns.script(SENSOR, dns.nxdomain())
    world.lab.dns.script(REGISTRY, dns.nxdomain())
    report = world.check()
    assert report.status == 1
    assert report.ids("error") == ["DNS-NX", "TCP-REFUSED"]
    assert not report.ids("warning")
    assert report.finding("TCP-REFUSED")["endpoints"] == [f"{CONTAINER}:443"]
    assert sorted(report.finding("DNS-NX")["endpoints"]) == sorted(
        [f"{SENSOR}:443", f"{REGISTRY}:443"])
    assert report.json["counts"]["reachable"] == 6
    assert "2 causes, 3 of 9 hosts" in report.json["headline"]


def test_a_consequence_is_not_red_beside_its_cause(world):
    at(facts.REFUSING_ADDRESS)(world)
    end = world.check().endpoint(CONTAINER)
    assert end["dns"]["state"] == "ok" and end["tcp"]["state"] == "bad", end
    assert end["tls"]["state"] == end["http"]["state"] == "skipped", end


def test_ipv4_alone_asks_for_nothing_else(world):
    ipv6_without_a_way(world)
    world.arguments.append("--ipv4")
    report = world.check()
    assert report.status == 0 and not report.ids("warning")
    assert not world.lab.dns.queries(IOT, "AAAA")
