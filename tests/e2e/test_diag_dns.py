# SPDX-License-Identifier: Apache-2.0
"""Names: each way in which DNS fails or lies, and its finding."""

import re

import pytest
from faults import (ALL, CONTAINER, IOT, Fault, ids, run)

from lab import dns, facts

FINE = dns.addresses(facts.BY_HOST[CONTAINER].ipv4)


def says(reply, *hosts):
    """The resolver answers so."""
    def resolver(world):
        for host in hosts or (CONTAINER,):
            world.lab.dns.script(host, reply)
    return resolver


def asking(server):
    """A resolver at this address is asked."""
    def resolver(world):
        world.arguments += ["--resolver", server]
    return resolver


def tcp_rejected(world):
    """Truncated over UDP; TCP 53 is refused."""
    world.lab.dns.script(CONTAINER, dns.truncated(FINE))
    world.rules("tcp dport 53 reject with tcp reset")


def refusing_sinkhole(world):
    """A private address on which nothing listens."""
    world.enter(world.lab.private_prefix("10.66.0.0/16"))
    world.lab.dns.script(CONTAINER, dns.addresses("10.66.6.6"))


def sinkhole_with_a_page(world):
    """A private address with a certificate of the appliance's own."""
    refusing_sinkhole(world)
    world.enter(world.lab.origins.also_at("10.66.6.6", CONTAINER))
    world.lab.origins.show(CONTAINER, world.lab.authority.server_context(
        "appliance.corp.example", self_signed=True))


def block_page(world):
    """Two names lead to one public address of somebody else."""
    page = facts.BY_HOST["example.com"]
    for host in (CONTAINER, IOT):
        world.lab.dns.script(host, dns.addresses(page.ipv4))
    world.lab.origins.show(page.host, world.lab.authority.server_context(
        "block.corp.example"))


def hijack(world):
    """DNS is intercepted, and lies."""
    world.enter(world.lab.hijacked_dns())
    world.lab.dns.script(CONTAINER, dns.nxdomain())


def hijack_that_is_honest(world):
    world.enter(world.lab.hijacked_dns())


def wildcard_search_domain(world):
    world.lab.dns.script("*.lab.example", dns.addresses("52.94.7.7"))


def rotating_answers(world):
    # Two questions of one run get two answers that share no address.
    world.lab.dns.script(CONTAINER, dns.addresses(
        facts.BY_HOST[CONTAINER].ipv4, "52.94.2.9", rotate=True,
        only_first=True, ttl=5))
    world.arguments += ["--deep", "--ipv4"]


SERVER = {"server": f"{facts.DNS_ADDRESS}:53"}

FAULTS = [
    Fault("DNS-NX", says(dns.nxdomain()), evidence={
        **SERVER, "host": CONTAINER, "zones": "cloudone.trendmicro.com",
        "server_addr": facts.DNS_ADDRESS, "ms": True}, name="nxdomain"),
    Fault("DNS-NX", says(dns.nxdomain(), *ALL), hosts=ALL,
          evidence={"n": "9", "total": "9"}, name="nine-hosts"),
    Fault("DNS-NODATA", says(dns.nodata()), evidence=SERVER, name="empty"),
    Fault("DNS-NODATA", says(dns.Reply(chain=("gone.example.net",))),
          evidence={"chain": "gone.example.net"}, name="dangling-cname"),
    Fault("DNS-SERVFAIL", says(dns.Reply(
        rcode=dns.SERVFAIL, ede=(9, "DNSKEY missing"), with_cd=FINE)),
        evidence={"cd": "yes", "ede": "9 DNSKEY missing"}, name="dnssec"),
    Fault("DNS-SERVFAIL", says(dns.servfail()), evidence={"cd": False},
          name="forwarder"),
    Fault("DNS-RCODE", says(dns.Reply(rcode=dns.NOTIMP)),
          evidence={"rcode": "4"}, name="notimp"),
    Fault("DNS-REFUSED", says(dns.refused()), evidence=SERVER,
          name="refused"),
    Fault("DNS-TIMEOUT", says(dns.silence()), evidence={
        "servers": f"{facts.DNS_ADDRESS}:53, {facts.DNS_ADDRESS2}:53",
        "tries": re.compile(r"^[2-9]$|^\d\d$")}, name="silence"),
    Fault("DNS-TIMEOUT", asking(facts.SILENT_ADDRESS), hosts=ALL, evidence={
        "servers": f"{facts.SILENT_ADDRESS}:53"}, name="silent-server"),
    Fault("DNS-DOWN", asking(facts.REFUSING_ADDRESS), hosts=ALL, evidence={
        "server": f"{facts.REFUSING_ADDRESS}:53",
        "errno": re.compile("ECONNREFUSED")}, name="closed-port"),
    Fault("DNS-TCP", says(dns.Reply(FINE.addresses, truncated=True,
                                    silent_tcp=True)),
          evidence={**SERVER, "errno": re.compile("ETIMEDOUT")},
          name="tcp-silent"),
    Fault("DNS-TCP", tcp_rejected,
          evidence={**SERVER, "errno": re.compile("ECONNREFUSED")}),
    Fault("DNS-BAD", says(dns.garbage()), evidence={**SERVER, "plain": False},
          name="garbage"),
    Fault("DNS-BAD", says(dns.Reply(FINE.addresses,
                                    with_edns=dns.garbage())),
          evidence={**SERVER, "plain": "yes"}, name="edns-mangled"),
    Fault("DNS-ZERO", says(dns.addresses("0.0.0.0", ttl=3600)),
          evidence={"addr": "0.0.0.0", "ttl": "3600"}, name="ipv4"),
    Fault("DNS-ZERO", says(dns.addresses("::")), evidence={"addr": "::"},
          name="ipv6"),
    Fault("DNS-PRIV", refusing_sinkhole, evidence={
        "addr": "10.66.6.6", "tcp_end": "refused", "range": True,
        "fine": False}),
    Fault("DNS-PRIV", sinkhole_with_a_page, evidence={
        "addr": "10.66.6.6", "cert": "appliance.corp.example",
        "fine": False}),
    Fault("DNS-CNAME", says(dns.addresses(
        facts.REFUSING_ADDRESS, chain=("sinkhole.paloaltonetworks.com",))),
        evidence={"target": "sinkhole.paloaltonetworks.com"},
        name="sinkhole"),
    Fault("DNS-PAGE", block_page, hosts=(CONTAINER, IOT), evidence={
        "shared": "1", "cert": "block.corp.example",
        "addr": facts.BY_HOST["example.com"].ipv4}),
    Fault("DNS-HIJACK", hijack, hosts=(), severity="warning",
          others={"DNS-NX": "error"}, reached=8,
          evidence={"asked": "192.0.2.1:53", "rcode": True}),
    Fault("DNS-HIJACK", hijack_that_is_honest, hosts=(), severity="info",
          status=0, evidence={"asked": "192.0.2.1:53"}),
    # The one name with five dots is asked as it stands: ndots is 5.
    Fault("DNS-SEARCH", wildcard_search_domain,
          hosts=[h for h in ALL if h.count(".") < 5], reached=9,
          severity="warning", status=0, evidence={
              "ndots": "5", "addr": "52.94.7.7",
              "hit": f"{CONTAINER}.lab.example"}),
    Fault("DNS-FLAP", rotating_answers, severity="info", status=0, reached=9,
          others={"HTTP-CDN": "warning"},
          evidence={"addr": True, "again": True, "ttl": "5"}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=ids(FAULTS))
def test_dns(world, fault):
    run(world, fault)


def test_zero_is_never_dialled(world):
    """Whoever listens on the machine itself must not be taken for it."""
    world.lab.dns.script(CONTAINER, dns.addresses("0.0.0.0", "::"))
    with world.lab.gateway.listen("127.0.0.1", 443) as bait:
        report = world.check()
        bait.setblocking(False)
        with pytest.raises(BlockingIOError):
            bait.accept()
    assert report.ids("error") == ["DNS-ZERO"]
