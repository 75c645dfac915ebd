# SPDX-License-Identifier: Apache-2.0
"""The proxy: settings that are wrong, proxies of every temper, and that
nothing is said about endpoints of which nothing is known."""

import re

import pytest
from faults import ALL, CONTAINER, SENSOR, UPLOAD, Fault, host, ids, run

from lab import dns, facts, parent, wire

BUCKETS = (SENSOR, UPLOAD, host("asaas-vuln"))
PROXY = f"{facts.GATEWAY_INSIDE}:8080"
HOOK = f"{facts.RAW_HOST}:8443"


def a(temper, **kw):
    """A parent proxy of this temper."""
    def proxy(world):
        world.parent(temper, **kw)
    return proxy


def answers(status, reason, **fields):
    """A parent proxy that gives this answer to every CONNECT."""
    return a(parent.always(parent.answer(status, reason, **fields)))


def unknown_name(world):
    world.arguments += ["--proxy", "http://px.corp.example:3128"]


def nobody_listens(world):
    world.through(f"http://{PROXY}")


def silence(world):
    """A firewall between here and the proxy."""
    world.through(f"http://{PROXY}")
    world.lab.gateway.nft("table inet fault {", "chain in {",
                          "type filter hook input priority 0;",
                          "tcp dport 8080 drop", "}", "}")


def wrong_password(world):
    proxy = world.parent(parent.wants("tcs", "right"))
    world.arguments[-1] = proxy.url.replace("://", "://tcs:z9quux@")


def windows_only(world):
    proxy = world.parent(parent.wants("tcs", "x", ("Negotiate", "NTLM")))
    world.arguments[-1] = proxy.url.replace("://", "://tcs:secret@")


def socks_password(world):
    world.parent(protocol="socks5", credentials=("u", "p"))


def socks_wrong_password(world):
    proxy = world.parent(protocol="socks5", credentials=("u", "p"))
    world.arguments[-1] = proxy.url.replace("://", "://u:wrong@")


def our_gateway_denies(world):
    """sekisho-proxy for another region: it says so itself."""
    world.gateway({"gateway.regions": "jp-1"})


def our_gateway_is_full(world):
    gateway = world.gateway({"limits.tunnels": "1"})
    holder = world.enter(gateway.connect())
    assert wire.http_connect(holder, CONTAINER).status == 200


def ssl_ports_only(world):
    world.parent(parent.for_other_ports(parent.answer(403, "Forbidden")))
    world.arguments += ["--host", HOOK]


def https_to_a_plain_one(world):
    proxy = world.parent()
    world.arguments[-1] = proxy.url.replace("http:", "https:")


def http_to_one_that_drops(world):
    """It wants TLS, and closes when it gets none."""
    proxy = world.parent(protocol="https", context=_certificate(world))
    world.arguments[-1] = proxy.url.replace("https:", "http:")


def _certificate(world, **how):
    return world.lab.authority.server_context("px.lab.example", **how)


def proxy_with_another_name(world):
    world.parent(protocol="https", context=_certificate(world))


def proxy_with_an_expired_certificate(world):
    world.lab.dns.script("px.lab.example",
                         dns.addresses(facts.GATEWAY_INSIDE))
    world.parent(protocol="https", context=_certificate(
        world, since=-9, until=-1))
    world.arguments[-1] = "https://px.lab.example:8080"
    world.namespace = world.lab.gateway  # where the name is known


def special_characters(world):
    """Not percent-encoded, and read as it was meant all the same."""
    world.enter(world.lab.parent(parent.wants("tcs", "a@S3cret")))
    world.inside()
    world.env["HTTPS_PROXY"] = f"http://tcs:a@S3cret@{PROXY}"


def only_http_proxy(world):
    """The variable that HTTPS does not look at."""
    world.env["HTTP_PROXY"] = f"http://{PROXY}"


def buckets_past_the_proxy(world):
    world.enter(world.lab.parent())
    world.inside()
    world.env.update(HTTPS_PROXY=f"http://{PROXY}",
                     NO_PROXY=".svc,.amazonaws.com")


def brackets(world):
    """A YAML list where the chart wants a string."""
    world.enter(world.lab.parent())
    world.inside()
    world.env.update(HTTPS_PROXY=f"http://{PROXY}",
                     NO_PROXY="[.svc 10.0.0.0/8]")


HTML = "<html><title>Access denied</title></html>"
INSIDE = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>"
WEB = ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
       f"{len(HTML)}\r\n\r\n{HTML}").encode()


def every(finding, break_, name="", **evidence):
    """A fault of the proxy that concerns all endpoints."""
    return Fault(finding, break_, hosts=ALL, name=name,
                 evidence={"proxy": PROXY, **evidence})


FAULTS = [
    Fault("PX-NAME", unknown_name, hosts=ALL, evidence={
        "proxy_host": "px.corp.example", "status": "nxdomain",
        "setting": "--proxy", "server": f"{facts.DNS_ADDRESS}:53"}),
    every("PX-CONN", nobody_listens, what=re.compile("ECONNREFUSED"),
          proxy_port="8080", setting="--proxy"),
    every("PX-CONN", silence, what=re.compile("ETIMEDOUT")),
    every("PX-407", a(parent.wants("u", "p")), "no-credentials",
          status="407", schemes=re.compile("Basic"), user=False),
    every("PX-407", wrong_password, user="tcs", status="407"),
    every("PX-407", windows_only, nobasic="yes",
          schemes=re.compile("Negotiate.*NTLM")),
    every("PX-407", socks_password),
    every("PX-407", socks_wrong_password, user="u"),
    Fault("PX-403", a(parent.for_hosts([CONTAINER], parent.answer(
        403, "Forbidden", HTML, Via="1.1 px.corp.example (squid/5.7)",
        X_Squid_Error="ERR_ACCESS_DENIED 0"))), name="squid", evidence={
            "status": "403", "reason": "Forbidden",
            "squid": "ERR_ACCESS_DENIED 0", "sekisho": False,
            "via": "1.1 px.corp.example (squid/5.7)"}),
    Fault("PX-403", our_gateway_denies, hosts=[
        h for h in ALL if facts.BY_HOST[h].region == "us-1"], evidence={
            "sekisho": "yes", "proxy_status": re.compile("http_request_de"),
            "reason": re.compile("not on allowlist")}),
    Fault("PX-403", a(parent.for_hosts([CONTAINER], 2), protocol="socks5"),
          name="socks", evidence={"status": "SOCKS5 reply 2"}),
    Fault("PX-PORT", ssl_ports_only, hosts=(HOOK,), reached=9,
          evidence={"port": "8443", "status": "403"}),
    every("PX-401", answers(401, "Unauthorized",
                            WWW_Authenticate='Basic realm="px"'),
          "challenge", challenge="yes", reason="Unauthorized"),
    every("PX-BUSY", answers(429, "Too Many Requests", Retry_After="7"),
          "429", status="429", retry="7"),
    every("PX-5XX", answers(502, "Bad Gateway", X_Request_Id="r-1"), "502",
          status="502", request_id="r-1"),
    every("PX-5XX", answers(503, "Service Unavailable",
                            X_Squid_Error="ERR_CONNECT_FAIL 110"), "503",
          squid="ERR_CONNECT_FAIL 110"),
    every("PX-5XX", answers(504, "Gateway Timeout"), "504", status="504"),
    Fault("PX-5XX", a(parent.for_hosts([CONTAINER], 5), protocol="socks5"),
          name="socks", evidence={"status": "SOCKS5 reply 5"}),
    every("PX-NOTUNNEL", answers(405, "Not Allowed", body=HTML,
                                 Server="nginx"), "405",
          server="nginx", type="text/html"),
    every("PX-NOTUNNEL", answers(501, "Not Implemented"), "501"),
    every("PX-NOTUNNEL", a(parent.always(WEB)), "web-page"),
    every("PX-NOTUNNEL", a(parent.always(b"SSH-2.0-OpenSSH_9.2\r\n")), "ssh",
          bytes=re.compile("^SSH-2.0")),
    every("PX-ABORT", a(parent.always(parent.CLOSE)), "close", reset=False),
    every("PX-ABORT", a(parent.always(parent.RESET)), "reset", reset="yes"),
    every("PX-SILENT", a(parent.always(parent.SILENCE)), "silence"),
    every("PX-SCHEME", https_to_a_plain_one, plain="yes", scheme="https",
          other_scheme="http"),
    every("PX-SCHEME", a(parent.always(b"\x15\x03\x01\0\x02\x02\x46")),
          "alert", scheme="http", plain=False, other_scheme="https"),
    every("PX-ABORT", http_to_one_that_drops, other_scheme="https"),
    every("PX-TLS", proxy_with_another_name, cert="px.lab.example",
          what="certificate for another name"),
    Fault("PX-TLS", proxy_with_an_expired_certificate, hosts=ALL,
          evidence={"what": re.compile("expired")}),
    every("PX-PAGE", a(parent.always(parent.Inside(INSIDE))), "inside",
          bytes=re.compile("^HTTP/1.1 403")),
    Fault("PX-URL", special_characters, hosts=(), severity="warning",
          status=0, evidence={"l_password": "yes", "variable": "HTTPS_PROXY",
                              "detail": re.compile("^password: 8 bytes")}),
    Fault("PX-URL", only_http_proxy, hosts=(), severity="warning", status=0,
          evidence={"l_http": "yes", "variable": "HTTP_PROXY"}),
    Fault("PX-BYPASS", buckets_past_the_proxy, hosts=BUCKETS, evidence={
        "variable": "NO_PROXY", "token": ".amazonaws.com",
        "what": re.compile("DNS-"), "corrected": ".svc"}),
    Fault("PX-BYPASS", brackets, hosts=(), severity="warning", status=0,
          evidence={"l_brackets": "yes", "variable": "NO_PROXY"}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=ids(FAULTS))
def test_proxy(world, fault):
    run(world, fault)


def test_gateway_that_is_full(world):
    """Some endpoints get the one tunnel, others the 503 with Retry-After."""
    our_gateway_is_full(world)
    report = world.check()
    assert report.ids("error") == ["PX-BUSY"]
    found = report.finding("PX-BUSY")
    assert found["evidence"]["sekisho"] == "yes"
    assert found["evidence"]["retry"]


def test_proxy_down_says_nothing_about_endpoints(world):
    nobody_listens(world)
    report = world.check()
    assert report.ids("error") == ["PX-CONN"]
    assert report.json["counts"]["reachable"] == 0
    for end in report.json["endpoints"]:
        assert end["tls"]["state"] == end["http"]["state"] == "skipped", end
        assert end["proxy"]["state"] == "skipped", end
    assert "Nothing is known about the endpoints" in \
        report.finding("PX-CONN")["means"]


def test_one_cause_on_nine_hosts_is_one_finding(world):
    world.parent(parent.always(parent.answer(403, "Forbidden")))
    report = world.check()
    assert report.ids("error") == ["PX-403"]
    assert len(report.finding("PX-403")["endpoints"]) == 9
    assert "1 cause, 9 of 9 hosts" in report.json["headline"]


def test_password_is_in_no_report(world):
    wrong_password(world)
    for form in ("json", "text", "html", "junit", "prometheus"):
        argv = [form if word == "json" else word for word in world.command()]
        report = world.diag.finish(world.diag.start(world.namespace,
                                                    [*argv, "-v"]))
        assert "z9quux" not in report.out + report.err, form


def test_compare_both_ways(world):
    """The direct way is closed, as it should be, and decides nothing."""
    world.gateway()
    world.arguments.append("--compare")
    report = world.check()
    assert report.status == 0 and not report.ids("error")
    assert len(report.json["endpoints"]) == 18


def test_only_the_names_of_the_list_are_asked_of_the_proxy(world):
    proxy = world.parent()
    assert world.check().status == 0
    assert {w.host for w in proxy.wishes} == set(ALL)
    assert {w.port for w in proxy.wishes} == {443}
