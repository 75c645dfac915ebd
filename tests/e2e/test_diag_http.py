# SPDX-License-Identifier: Apache-2.0
"""What answers behind a good handshake: the service, somebody in its place, or
nobody; and the API key."""

import email.utils
import re
import time

import pytest
from faults import (ALL, CONTAINER, REGISTRY, SENSOR, UPLOAD, Fault, host,
                    ids, run)

from lab import facts, peers
from lab.origins import Response, usual

WRONG_KEY = facts.API_KEY[:-6] + "zzzzzz"
CDN = facts.REGISTRY_CDN
AMZ = {"x-amz-request-id": "LAB0000000000002", "Server": "AmazonS3"}
BUCKETS = (SENSOR, UPLOAD, host("asaas-vuln"))


def html(title, status, **fields):
    """A page, as devices send them."""
    return Response(status, f"<html><title>{title}</title></html>".encode(),
                    {"Content-Type": "text/html", **{
                        k.replace("_", "-"): v for k, v in fields.items()}})


def json(status, body, **fields):
    return Response(status, body.encode(), {
        "Content-Type": "application/json", **fields})


def answers(response, *hosts):
    """These hosts answer so; the container host when none is named."""
    def service(world):
        for one in hosts or (CONTAINER,):
            world.lab.origins.respond(one, response)
    return service


def asked(act, alpn=("http/1.1",)):
    """The handshake is fine; act on the request."""
    def service(world):
        context = world.lab.authority.server_context(CONTAINER, alpn)
        world.lab.origins.take(CONTAINER, peers.on_request(context, act))
    return service


def breaks_http2(world):
    context = world.lab.authority.server_context(CONTAINER,
                                                 ("h2", "http/1.1"))
    body = b'{"message":"Unauthorized"}'
    world.lab.origins.take(CONTAINER, peers.breaks_h2(
        context, b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/"
        b"json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)))


def clock_off(seconds):
    """All services say another time than this machine has."""
    def service(world):
        for one in ALL:
            world.lab.origins.respond(one, _dated(seconds))
    return service


def _dated(seconds):
    def answer(endpoint, request):
        response = usual(endpoint, request)
        response.headers["Date"] = email.utils.formatdate(
            time.time() + seconds, usegmt=True)
        return response
    return answer


def with_key(key):
    def credential(world):
        world.env["C1_API_KEY"] = key
    return credential


def key_from_another_address(world):
    """Refused, and the service says why."""
    world.lab.origins.respond(CONTAINER, json(
        403, '{"message":"source IP address is not allowed"}'))
    world.env["C1_API_KEY"] = facts.API_KEY


def key_file(data):
    def credential(world):
        world.arguments += ["--api-key-file", world.file("key", data)]
    return credential


def layers_elsewhere(world):
    """The way of a pull, token, manifest, layer, leads to a host that the way
    out does not allow."""
    world.gateway()
    world.arguments.append("--deep")


def layers_through_an_index(world):
    """The same, where the tag names an index of platforms."""
    world.lab.origins.respond(REGISTRY, _index)
    layers_elsewhere(world)


def _index(endpoint, request):
    if not request.path.endswith("/manifests/latest"):
        return None
    return json(200, '{"schemaVersion": 2, "manifests": [{"digest": '
                     f'"sha256:{"5" * 64}"}}]}}')


def layers_answered(world):
    """No list has the layers' host, and nothing stops it."""
    world.arguments.append("--deep")


def stops_large_bodies(world):
    """What goes up to the bucket is dropped after the first 100 KiB."""
    world.rules(f"ip daddr {facts.BY_HOST[UPLOAD].ipv4} tcp dport 443 "
                "quota over 100 kbytes drop")
    world.arguments.append("--deep")


def limits_uploads(world):
    """Something on the way says 413 to anything large."""
    world.lab.origins.respond(UPLOAD, _limited)
    world.arguments.append("--deep")


def _limited(endpoint, request):
    return html("Too large", 413) if request.body else None


def other_s3_host(world):
    world.lab.origins.respond(SENSOR, Response(307, b"<Error/>", {
        **AMZ, "Location": "https://bucket.s3.us-west-2.amazonaws.com/",
        "x-amz-bucket-region": "us-west-2",
        "Content-Type": "application/xml"}))


def other_s3_host_that_is_closed(world):
    other_s3_host(world)
    world.arguments.append("--deep")


NO_BUCKET = Response(404, b"<Error><Code>NoSuchBucket</Code></Error>",
                     {**AMZ, "Content-Type": "application/xml"})
KEY = facts.API_KEY.encode()


def lint(name, data, **evidence):
    """A key that is malformed: exit 4, whatever the network says."""
    return Fault("HTTP-KEYFMT", key_file(data), hosts=(), status=4, name=name,
                 evidence={"key_length": str(len(data)), **evidence})


# Seen by --deep in a network without a gateway.
CDN_TOO = {"HTTP-CDN": "warning"}

FAULTS = [
    Fault("HTTP-401-KEY", with_key(WRONG_KEY), status=4, reached=9,
          name="wrong", evidence={
              "message": "Unauthorized", "key_source": "C1_API_KEY",
              "region": "us-1", "unusual": False}),
    Fault("HTTP-401-KEY", with_key("legacy-key-of-an-old-kind"), status=4,
          reached=9, name="legacy", evidence={"unusual": "yes"}),
    Fault("HTTP-401-IP", key_from_another_address, status=4, reached=9,
          evidence={"message": re.compile("source IP"),
                    "source": facts.GATEWAY_OUTSIDE}),
    lint("line-feed", KEY + b"\n", k_blank="yes", position=str(len(KEY))),
    lint("quotes", b'"' + KEY + b'"', k_quoted="yes"),
    lint("prefix", b"ApiKey " + KEY, k_prefixed="yes"),
    lint("empty", b"", k_empty="yes"),
    Fault("HTTP-SKEW", clock_off(-420), severity="warning", status=0,
          reached=9, hosts=[h for h in ALL if facts.BY_HOST[h].kind not in
                            ("mqtt", "telemetry")], name="behind",
          evidence={"skew": re.compile("^4[12][0-9]$"), "date": True}),
    Fault("HTTP-403-MID", answers(html("Web filter", 403, Via="1.1 gw.corp",
                                       Server="squid/5.7")),
          name="page", evidence={"title": "Web filter", "status": "403",
                                 "via": "1.1 gw.corp", "server": True}),
    Fault("HTTP-403-MID", answers(json(401, "{}", **{
        "WWW-Authenticate": "NTLM"})), name="ntlm",
        evidence={"status": "401"}),
    Fault("HTTP-404-BUCKET", answers(NO_BUCKET, SENSOR), hosts=(SENSOR,),
          name="nosuchbucket", evidence={"status": "404", "lists": True}),
    Fault("HTTP-307", other_s3_host, hosts=(SENSOR,), severity="warning",
          status=0, reached=9, evidence={
              "target": "bucket.s3.us-west-2.amazonaws.com",
              "bucket_region": "us-west-2", "refusal": False}),
    Fault("HTTP-307", other_s3_host_that_is_closed, hosts=(SENSOR,),
          reached=8, others=CDN_TOO, evidence={"refusal": re.compile("DNS: nxdomain")}),
    Fault("HTTP-CDN", layers_elsewhere, hosts=(REGISTRY,), evidence={
        "target": CDN, "refusal": re.compile("403")}),
    Fault("HTTP-CDN", layers_through_an_index, hosts=(REGISTRY,),
          name="index",
          evidence={"target": CDN, "refusal": re.compile("403")}),
    Fault("HTTP-CDN", layers_answered, hosts=(REGISTRY,), reached=9,
          severity="warning", status=0, name="answered",
          evidence={"target": CDN, "refusal": False}),
    Fault("HTTP-UPLOAD", stops_large_bodies, hosts=(UPLOAD,), others=CDN_TOO,
          evidence={"bytes": str(512 * 1024), "sent": True,
                    "upload_status": False}),
    Fault("HTTP-UPLOAD", limits_uploads, hosts=(UPLOAD,), others=CDN_TOO,
          evidence={"upload_status": "413"}),
    Fault("HTTP-429", answers(json(429, "{}", **{"Retry-After": "30"})),
          severity="warning", status=0, reached=9, name="retry",
          evidence={"status": "429", "retry": "30"}),
    Fault("HTTP-PORTAL", answers(html("Login", 302, Location="https://portal."
                                      "corp.example/login")), name="302",
          evidence={"location": "https://portal.corp.example/login"}),
    Fault("HTTP-PORTAL", answers(html("Welcome", 200), *ALL), hosts=[
        h for h in ALL if facts.BY_HOST[h].kind not in ("mqtt", "telemetry")],
        name="200", evidence={"title": "Welcome"}),
    Fault("HTTP-5XX", answers(html("Bad gateway", 502, Via="1.1 gw.corp")),
          name="on-the-way", evidence={"origin": False, "status": "502"}),
    Fault("HTTP-5XX", answers(Response(500, b"<Error/>", AMZ), SENSOR),
          hosts=(SENSOR,), name="origin", evidence={
              "origin": "yes", "request_id": "LAB0000000000002"}),
    Fault("HTTP-H2", breaks_http2, evidence={"what": True}),
    Fault("HTTP-CUT", asked(peers.hang_up), name="closed"),
    Fault("HTTP-CUT", asked(peers.cut), name="reset"),
    Fault("HTTP-CUT", asked(peers.hold), name="silence",
          evidence={"what": re.compile("[Tt]imeout")}),
    Fault("HTTP-ODD", answers(Response(204, b"", {
        "Content-Type": "text/plain"})), severity="warning", status=5,
        name="204", evidence={"expected": "401 with JSON", "status": "204"}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=ids(FAULTS))
def test_http(world, fault):
    run(world, fault)


def test_layers_of_a_list_in_force_are_fine(world):
    """With the set that holds the layers' host, on both sides."""
    world.gateway({"gateway.sets": "registry-cdn"})
    world.arguments += ["--deep", "--host", CDN]
    report = world.check()
    assert report.status == 0
    assert not report.ids("error") + report.ids("warning")
    assert report.endpoint(REGISTRY)["http"]["redirect"] == {
        "host": CDN, "port": 443, "on_list": "yes", "reached": "yes"}
    assert "lab-token" not in report.out + report.err


def test_key_is_in_no_report(world):
    world.env["C1_API_KEY"] = WRONG_KEY
    for form in ("json", "text", "html", "junit", "prometheus"):
        argv = [form if word == "json" else word for word in world.command()]
        report = world.diag.finish(world.diag.start(
            world.namespace, [*argv, "-v"], world.env))
        for part in (WRONG_KEY, WRONG_KEY[:27], WRONG_KEY[28:]):
            assert part not in report.out + report.err, form


def test_key_goes_to_one_host_alone(world):
    """Nowhere but to the API that it is for."""
    seen = {}

    def note(endpoint, request):
        if "authorization" in request.headers:
            seen[endpoint.host] = request.headers["authorization"]

    world.lab.origins.respond(None, note)
    world.env["C1_API_KEY"] = facts.API_KEY
    assert world.check().status == 0
    assert seen == {CONTAINER: f"ApiKey {facts.API_KEY}"}


def test_block_page_with_200_is_never_ready(world):
    """Every host answers, and nothing is reachable."""
    world.lab.origins.respond(None, html("Blocked", 200))
    report = world.check()
    assert report.status == 1
    kinds = {h: facts.BY_HOST[h].kind for h in ALL}
    told = [h for h in ALL if kinds[h] not in ("mqtt", "telemetry")]
    assert report.json["counts"]["blocked"] == len(told)


@pytest.mark.parametrize("bucket", BUCKETS, ids=["sensor", "upload", "vuln"])
def test_s3_without_its_headers_is_not_s3(world, bucket):
    world.lab.origins.respond(bucket, Response(403, b"<Error/>", {
        "Content-Type": "application/xml"}))
    report = world.check()
    assert report.ids("warning") == ["HTTP-ODD"]
    assert report.status == 5 and not report.ids("error")
