# SPDX-License-Identifier: Apache-2.0
"""The denied table: what clients asked for and did not get."""

import os

import pytest
from lab import facts, see, wire

pytestmark = pytest.mark.gateway(see.SETTINGS)


def ask(gateway, host, port=443):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host, port)


def by_target(page):
    return {(e["host"], e["port"]): e for e in page["denied"]}


def test_refusals_are_kept_with_the_nearest_rule(gateway):
    ask(gateway, "example.com")
    ask(gateway, "EXAMPLE.com.")
    ask(gateway, "example.com", 8443)
    ask(gateway, facts.host("jp-1", "container"))
    ask(gateway, "192.0.2.1")
    assert ask(gateway, facts.host("us-1", "container")).status == 200
    page = see.denied(gateway)
    found = by_target(page)
    assert set(found) == {
        ("example.com", 443), ("example.com", 8443), ("192.0.2.1", 443),
        (facts.host("jp-1", "container"), 443)}
    plain = found["example.com", 443]
    assert plain["count"] == 2 and plain["outcome"] == "denied_host"
    assert plain["clients"] == [facts.CLIENT_ADDRESS]
    assert plain["client_count"] == 1 and plain["client_count_is_exact"]
    assert plain["first"] < plain["last"] <= page["time"]
    assert plain["rule"] is None and plain["line"] == "host = example.com"
    other = found[facts.host("jp-1", "container"), 443]
    assert other["near"] == "region"
    assert other["rule"].startswith("cloudone/jp-1.ini:")
    assert "gateway.regions = us-1, jp-1" in other["advice"]
    literal = found["192.0.2.1", 443]
    assert literal["outcome"] == "denied_address_literal"
    assert literal["line"] is None and "NO_PROXY" in literal["advice"]
    # The latest comes first.
    assert page["denied"][0] == literal
    assert len(see.denied(gateway, "?limit=1")["denied"]) == 1


def test_socks5_refusals_are_kept_too(gateway):
    name = b"socks.example"
    with gateway.connect() as sock:
        sock.sendall(b"\x05\x01\x00")
        assert wire.read_exact(sock, 2) == b"\x05\x00"
        sock.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name +
                     b"\x01\xbb")
        assert wire.read_exact(sock, 2) == b"\x05\x02"
    assert by_target(see.denied(gateway))["socks.example", 443]["count"] == 1


def test_layers_of_the_registry_are_named_with_the_mend(gateway):
    ask(gateway, facts.REGISTRY_CDN)
    entry, = see.denied(gateway)["denied"]
    assert entry["about"] == "image layers of public.ecr.aws"
    assert entry["rule"].startswith("sets/registry-cdn.ini:")
    assert "gateway.sets = registry-cdn" in entry["advice"]


def test_ini_is_a_list_that_admits_them(gateway):
    """The way from a refusal to a reviewed file, whole."""
    hosts = ["example.com", "new.lab.example", facts.REGISTRY_CDN,
             facts.host("jp-1", "container")]
    for host in hosts:
        assert ask(gateway, host).status == 403
    assert ask(gateway, "new.lab.example", 8443).status == 403
    page = see.get(gateway, "/api/denied?format=ini")
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    path = os.path.join(gateway.folder, "reviewed.ini")
    with open(path, "w", encoding="ascii") as f:
        f.write(page.text)
    gateway.reload({"gateway.extra": path})
    for host, port in [(h, 443) for h in hosts] + [("new.lab.example", 8443)]:
        assert ask(gateway, host, port).status != 403, host
    for entry in see.denied(gateway)["denied"]:
        assert entry["admitted_now"] and entry["line"] is None
        assert entry["rule"].startswith(path)
    again = see.get(gateway, "/api/denied?format=ini").text
    assert "\nhost = " not in again


def test_strangers_leave_nothing(start_gateway):
    """Their names are not judged, so they are not denied ones."""
    gateway = start_gateway({**see.SETTINGS, "listener.clients": "192.0.2.0/24"})
    assert ask(gateway, "example.com").status == 403
    assert see.denied(gateway)["denied"] == []


@pytest.mark.parametrize("query", ["?format=xml", "?limit=", "?limit=x",
                                   "?limit=-1", "?unknown=1"])
def test_queries_that_mean_nothing_are_refused(gateway, query):
    assert see.get(gateway, "/api/denied" + query).status == 400
