# SPDX-License-Identifier: Apache-2.0
"""The handshake and the certificate: filters by server name, paths that
cannot carry it, inspectors, impostors, and clocks."""

import re
import ssl

import pytest
from faults import ALL, CONTAINER, IOT, Fault, ids, run

from lab import ca, facts, inspector, peers


def takes(peer, host=CONTAINER):
    """Connections of host get this peer."""
    def device(world):
        world.lab.origins.take(host, peer)
    return device


def by_name(act):
    """A filter that reads the whole hello and acts on one name."""
    return takes(peers.on_hello(act, names=[CONTAINER]))


def packet_filter(world):
    """A filter that reads single packets, on the path."""
    path = world.enter(world.lab.router())
    path.reset_names.add(CONTAINER)


def mtu_on_the_way_up(world):
    path = world.enter(world.lab.router())
    path.swallow_up = 1000


def mtu_on_the_way_down(world):
    path = world.enter(world.lab.router())
    path.swallow_down = 1000


def silent_behind_the_proxy(world):
    world.lab.origins.take(CONTAINER, peers.on_hello(peers.silence))
    world.parent()


def shows(host=CONTAINER, **how):
    """A certificate of the right authority that is wrong otherwise."""
    def certificate(world):
        name = how.pop("name", host)
        world.lab.origins.show(host, world.lab.authority.server_context(
            name, ("http/1.1",), **how))
    return certificate


def inspected(world):
    world.enter(world.lab.inspector())


def _trust(world, *files):
    """A bundle of these roots."""
    data = b""
    for path in files:
        with open(path, "rb") as f:
            data += f.read()
    world.ca_file = world.file("bundle.pem", data)


def trusted_inspector(world):
    device = world.enter(world.lab.inspector())
    _trust(world, world.lab.ca_file, device.ca_file)


def imitator(world):
    """A trusted root of another's name, and no log has seen the leaf."""
    other = ca.Authority(world.lab.new_folder("ca"), "imitator", ca.IMITATOR)
    world.lab.origins.show(CONTAINER, other.server_context(
        CONTAINER, ("http/1.1",)))
    _trust(world, world.lab.ca_file, other.ca_file)


def expired_root(world):
    old = ca.Authority(world.lab.new_folder("ca"), "old", root_days=-1)
    world.lab.origins.show(CONTAINER, old.server_context(
        CONTAINER, ("http/1.1",)))
    _trust(world, world.lab.ca_file, old.ca_file)


def clock_is_behind(world):
    """Seen from a clock that is behind, every certificate is of the
    future."""
    for host in ALL:
        shows(host, since=2)(world)


def other_bundle(world):
    """A bundle in which the root is missing, as in an old image."""
    other = ca.Authority(world.lab.new_folder("ca"), "other", ca.INSPECTOR)
    world.ca_file = other.ca_file


def empty_bundle(world):
    world.env["SSL_CERT_FILE"] = world.file("empty.pem", b"")
    world.ca_file = None


def missing_bundle(world):
    world.env["SSL_CERT_FILE"] = "/nowhere/ca-certificates.crt"
    world.ca_file = None


def demands_a_client_certificate(world):
    context = world.lab.authority.server_context(CONTAINER, ("http/1.1",))
    context.load_verify_locations(world.lab.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    world.lab.origins.take(CONTAINER, peers.on_request(context, peers.hold))


def no_alpn(world):
    world.lab.origins.show(IOT, world.lab.authority.server_context(IOT))


# A handshake record that holds a ServerHello of no known version.
BROKEN = b"\x16\x03\x03\x00\x2c\x02\x00\x00\x28\x09\x09" + bytes(38)

FAULTS = [
    Fault("TLS-RST", by_name(peers.reset), name="by-name", evidence={
        "by_name": "yes", "neutral": "passed", "small": "failed",
        "sni": CONTAINER}),
    Fault("TLS-RST", takes(peers.on_hello(peers.reset)), name="always",
          evidence={"by_name": False, "neutral": "failed"}),
    # The one name ends in the other: such filters look for any part.
    Fault("TLS-RST", packet_filter, hosts=(CONTAINER, IOT), evidence={
        "by_name": "yes", "split": "passed"}),
    Fault("TLS-EOF", by_name(peers.close), name="by-name", evidence={
        "by_name": "yes", "neutral": "passed"}),
    Fault("TLS-SILENT-UP", by_name(peers.silence), name="by-name", evidence={
        "by_name": "yes", "neutral": "passed"}),
    Fault("TLS-SILENT-UP", mtu_on_the_way_up, hosts=ALL, evidence={
        "unacked": re.compile("^[1-9]"), "retransmits": re.compile("^[1-9]"),
        "by_name": False, "small": "passed"}),
    Fault("TLS-BIGHELLO", takes(peers.on_hello(peers.reset, above=1400)),
          name="reset", evidence={
              "small_bytes": re.compile(r"^\d{3}$"),
              "hello": re.compile(r"^1\d{3}$"), "what": "reset"}),
    Fault("TLS-BIGHELLO", takes(peers.on_hello(peers.silence, above=1400)),
          name="silence", evidence={"what": "silent"}),
    Fault("TLS-PMTU-DOWN", mtu_on_the_way_down, hosts=ALL, evidence={
        "unacked": "0", "received": "0", "mss": True, "interface": True}),
    Fault("TLS-SILENT", silent_behind_the_proxy, evidence={
        "received": "0", "via_proxy": True}),
    Fault("TLS-PLAIN", takes(peers.on_hello(peers.say(
        b"HTTP/1.1 403 Forbidden\r\n\r\n<html>"))), name="http",
        evidence={"bytes": re.compile("^HTTP/1.1 403 Forbidden")}),
    *(Fault("TLS-ALERT", takes(peers.on_hello(peers.say(
        peers.alert(number)))), name=str(number), evidence={
            "alert": str(number), "alert_name": name, f"a{number}": "yes"})
      for number, name in ((40, "handshake_failure"),
                           (49, "access_denied"),
                           (70, "protocol_version"),
                           (112, "unrecognized_name"))),
    Fault("TLS-MITM", inspected, hosts=ALL, evidence={
        "vendor": "Zscaler", "code": re.compile("^(19|20|21)$"),
        "issuer": re.compile("^Zscaler"), "file": True, "n": "9"}),
    Fault("TLS-MITM-OK", trusted_inspector, hosts=ALL, severity="warning",
          status=5, others={"TLS-ALPN": "warning"}, evidence={
              "vendor": "Zscaler", "root": re.compile("Zscaler Root")}),
    Fault("TLS-MITM-OK", imitator, severity="warning", status=5,
          evidence={"claimed": "yes", "issuer": "Amazon RSA 2048 M02"}),
    Fault("TLS-NOINTER", shows(leaf_only=True), name="leaf-only", evidence={
        "chain_count": "1", "code": re.compile("^(20|21)$"),
        "aia": "http://crt.lab.example/issuing.cer"}),
    Fault("TLS-SELF", shows(self_signed=True), name="self-signed",
          evidence={"code": "18", "subject": re.compile(CONTAINER)}),
    Fault("TLS-NAME", shows(name="elsewhere.lab.example"), name="other-name",
          evidence={"cert": "elsewhere.lab.example"}),
    Fault("TLS-EXPIRED", shows(since=-9, until=-1), name="leaf", evidence={
        "leaf": "yes", "code": "10", "not_after": True, "now": True}),
    Fault("TLS-EXPIRED", expired_root, evidence={
        "leaf": False, "code": "10", "depth": re.compile("^[1-9]$")}),
    Fault("TLS-NOTYET", clock_is_behind, hosts=ALL, evidence={
        "code": "9", "not_before": True}),
    Fault("TLS-CABUNDLE", other_bundle, hosts=ALL, evidence={
        "roots": "1", "failed": "9", "finished": "9",
        "bundle": re.compile(r"other\.pem")}),
    Fault("TLS-CABUNDLE", empty_bundle, hosts=ALL, evidence={
        "roots": "0", "bundle": re.compile(r"empty\.pem.*SSL_CERT_FILE")}),
    Fault("TLS-CABUNDLE", missing_bundle, hosts=ALL, evidence={
        "roots": "0", "bundle": re.compile("/nowhere/")}),
    Fault("TLS-CLIENT", demands_a_client_certificate, evidence={
        "alert": "116", "alert_name": True}),
    Fault("TLS-ALPN", no_alpn, hosts=(IOT,), severity="warning", status=0,
          reached=9, evidence={"offered": re.compile("x-amzn-mqtt-ca")}),
    Fault("TLS-ALPN", takes(peers.on_hello(peers.say(peers.alert(120))),
                            IOT), hosts=(IOT,), name="alert",
          evidence={"alert": "120"}),
    Fault("TLS-BROKEN", takes(peers.on_hello(peers.say(BROKEN))),
          name="server-hello", evidence={"reason": True}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=ids(FAULTS))
def test_tls(world, fault):
    run(world, fault)


def test_presented_chain_is_kept(world):
    """What the inspector showed can be given to whoever owns it."""
    folder = world.lab.new_folder("chains")
    world.arguments += ["--chain-dir", folder]
    inspected(world)
    report = world.check()
    with open(report.finding("TLS-MITM")["evidence"]["file"],
              encoding="ascii") as f:
        assert f.read().count("BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("trusted", [False, True])
def test_block_page_behind_an_inspector_is_never_the_service(world, trusted):
    """401 with JSON from a device is no proof of the service."""
    body = b'{"message":"Unauthorized"}'
    page = (b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json"
            b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" %
            (len(body), body))
    device = world.enter(world.lab.inspector(pages={
        CONTAINER: page, None: inspector.page("Blocked")}))
    if trusted:
        _trust(world, world.lab.ca_file, device.ca_file)
    report = world.check()
    assert report.status == (5 if trusted else 1)
    assert report.json["counts"]["reachable"] == 0
    assert "HTTP-401-NOKEY" not in report.ids()


def test_key_is_never_sent_to_an_inspector(world):
    got = []

    def listens(tls, request):
        got.append(request)
        peers.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(
            tls, request)

    other = ca.Authority(world.lab.new_folder("ca"), "other", ca.INSPECTOR)
    world.lab.origins.take(CONTAINER, peers.on_request(
        other.server_context(CONTAINER, ("http/1.1",)), listens))
    world.env["C1_API_KEY"] = facts.API_KEY
    report = world.check()
    assert report.ids("error") == ["TLS-MITM"]
    assert got and facts.API_KEY.encode() not in b"".join(got)
