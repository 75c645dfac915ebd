# SPDX-License-Identifier: Apache-2.0
"""A network in which nothing is wrong: every way through it is ready, nine of
nine, and what looks odd but is healthy is said to be so."""

import pytest
from faults import ALL, CONTAINER, IOT, SENSOR, UPLOAD, host

from lab import dns, facts


def direct(world):
    pass


def over_connect(world):
    world.gateway()


def over_connect_and_a_parent(world):
    proxy = world.enter(world.lab.parent())
    world.gateway({"upstream.parent": proxy.url})


def over_a_parent(world):
    world.parent()


def over_a_parent_with_tls(world):
    context = world.lab.authority.server_context("px.lab.example")
    world.parent(protocol="https", context=context)
    world.arguments[-1] = "https://px.lab.example:8080"
    world.namespace = world.lab.gateway
    world.lab.dns.script("px.lab.example",
                         dns.addresses(facts.GATEWAY_INSIDE))


def over_socks5(world):
    world.parent(protocol="socks5")


def over_socks5_with_a_password(world):
    proxy = world.parent(protocol="socks5", credentials=("u", "p w"))
    world.arguments[-1] = proxy.url.replace("://", "://u:p%20w@")


def over_our_own_socks5(world):
    gateway = world.gateway()
    world.arguments[-1] = gateway.url.replace("http://", "socks5h://")


WAYS = [direct, over_connect, over_connect_and_a_parent, over_our_own_socks5,
        over_a_parent, over_a_parent_with_tls, over_socks5,
        over_socks5_with_a_password]


def assert_ready(report):
    assert report.status == 0
    assert not report.ids("error") and not report.ids("warning")
    assert report.json["verdict"] == "ready"
    assert report.json["counts"]["reachable"] == 9
    assert sorted(e["host"] for e in report.json["endpoints"]) == sorted(ALL)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_ready(world, way):
    way(world)
    assert_ready(world.check())


def test_healthy_though_odd(world):
    report = world.check()
    assert_ready(report)

    def hosts(name):
        return sorted(report.finding(name)["endpoints"])

    assert hosts("HTTP-401-NOKEY") == sorted(
        f"{h}:443" for h in (CONTAINER, host("artifactscan")))
    assert hosts("HTTP-403-S3") == sorted(
        f"{h}:443" for h in (SENSOR, UPLOAD, host("asaas-vuln")))
    assert hosts("DNS-NO-AAAA") == sorted(
        f"{e.host}:443" for e in facts.of_region("us-1") if not e.ipv6)


def test_local_dns_is_not_needed_behind_a_proxy(world):
    world.gateway()
    report = world.check()
    assert_ready(report)
    found = report.finding("DNS-PROXYONLY")
    assert found["severity"] == "info" and len(found["endpoints"]) == 9
    assert found["evidence"]["status"] == "down"


def test_private_endpoint_with_the_real_certificate(world):
    """A VPC endpoint: a private address, and the service behind it."""
    lab = world.lab
    lab.dns.script(UPLOAD, dns.addresses("10.66.0.7"))
    world.enter(lab.private_prefix("10.66.0.0/16"))
    world.enter(lab.origins.also_at("10.66.0.7", UPLOAD))
    report = world.check()
    assert_ready(report)
    found = report.finding("DNS-PRIV")
    assert found["severity"] == "info"
    assert found["endpoints"] == [f"{UPLOAD}:443"]
    assert found["evidence"]["addr"] == "10.66.0.7"
    assert found["evidence"]["fine"] == "yes"


def test_right_key(world):
    world.env["C1_API_KEY"] = facts.API_KEY
    report = world.check()
    assert_ready(report)
    assert report.endpoint(CONTAINER)["http"]["status"] == 200
    text = report.out + report.err
    assert facts.API_KEY not in text and facts.API_KEY[28:] not in text


def test_alpn_of_the_event_channel(world):
    assert world.check().endpoint(IOT)["tls"]["alpn"] == "x-amzn-mqtt-ca"


def test_far_regions_that_are_near(world):
    """In the lab every region is next door, which nature forbids."""
    world.targets = ["--region", "us-1,jp-1", "--feature", "admission"]
    report = world.check()
    assert report.status == 0 and not report.ids("error")
    assert report.finding("RTT-NEAR")["severity"] == "info"
    assert report.finding("RTT-NEAR")["evidence"]["other_region"] == "jp-1"
