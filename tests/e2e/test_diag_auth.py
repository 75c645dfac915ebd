# SPDX-License-Identifier: Apache-2.0
"""`sekisho-diag auth`: each cause of a 401 is made and told apart, and the key
is found nowhere but in the request to the proven service."""

import base64
import email.utils
import json
import pathlib
import re
import subprocess
import threading
import time

import pytest
from faults import CONTAINER, REGION, TIMEOUT, Fault, ids, run

from lab import dns, facts, inspector, parent
from lab.origins import Response, usual
from lab.parent import ParentProxy

KEY = facts.API_KEY
WRONG = KEY[:-6] + "zzzzzz"
OTHER = facts.host("jp-1", "container")
LEGACY = "2:vJC6lckDygB6FYURIvR0WK2ZTAhIY8rb0Amy9UMn4mo="


def reply(status, body="{}", **fields):
    """JSON, as the service sends it."""
    return Response(status, body.encode(), {
        "Content-Type": "application/json", "x-amzn-RequestId": "lab-auth",
        **{k.replace("_", "-"): v for k, v in fields.items()}})


def keyed(answer, *hosts):
    """What these hosts answer to a request with a key; a function gets it."""
    def one(_, request):
        if "authorization" not in request.headers:
            return None
        return answer(request) if callable(answer) else answer

    def respond(world):
        for host in hosts or (CONTAINER,):
            world.lab.origins.respond(host, one)
    return respond


def key(value=KEY, then=None):
    """This key in a file."""
    def put(world):
        data = value if isinstance(value, bytes) else value.encode()
        world.arguments += ["--api-key-file", world.file("api.key", data)]
        if then:
            then(world)
    return put


def secret(value, **more):
    """The key in a Secret, as kubectl prints it."""
    data = {"api.key": base64.b64encode(value).decode(), **more}
    return key(json.dumps({"apiVersion": "v1", "kind": "Secret",
                           "data": data}))


def variable(world):
    world.env["C1_API_KEY"] = KEY


def of_another_region(world):
    """Known in Japan alone; told by --try-regions."""
    keyed(reply(401, '{"message":"Unauthorized"}'), *[
        facts.host(r, "container") for r in facts.REGIONS if r != "jp-1"])(
            world)
    world.arguments.append("--try-regions")


def of_no_region(world):
    world.arguments.append("--try-regions")


def locked(words):
    """To the address that the gateway's network had before: requests now come
    from behind a proxy."""
    def answer(request):
        if request.client == facts.GATEWAY_OUTSIDE:
            return None
        return words

    def then(world):
        keyed(answer)(world)
        world.through(world.enter(ParentProxy(
            world.lab.gateway, world.lab.internet, facts.GATEWAY_INSIDE,
            8080)))
    return then


def clock_off(answer):
    def dated(endpoint, request):
        response = answer or usual(endpoint, request)
        response.headers["Date"] = email.utils.formatdate(
            time.time() - 900, usegmt=True)
        return response

    def then(world):
        world.lab.origins.respond(CONTAINER, dated)
    return then


def proxy_says(what):
    def then(world):
        world.parent(parent.always(what))
    return then


def page_inside(world):
    """A trusted device whose page is a 401."""
    device = world.enter(world.lab.inspector(pages={
        None: inspector.page("Sign in", "401 Unauthorized")}))
    bundle = b"".join(pathlib.Path(f).read_bytes() for f in (
        world.lab.ca_file, device.ca_file))
    world.ca_file = world.file("bundle.pem", bundle)


def trusted_inspector(world):
    """It passes everything on: the answer is the service's."""
    device = world.enter(world.lab.inspector())
    bundle = b"".join(pathlib.Path(f).read_bytes() for f in (
        world.lab.ca_file, device.ca_file))
    world.ca_file = world.file("bundle.pem", bundle)


def inspector_in_between(world):
    world.enter(world.lab.inspector())


def page_of_a_device(world):
    """Behind the service's own certificate, by whatever means."""
    world.lab.origins.respond(CONTAINER, Response(
        401, b"<title>Log in</title>", {"Content-Type": "text/html"}))


def no_dns(world):
    world.lab.dns.script(CONTAINER, dns.nxdomain())


def lint(name, data, **evidence):
    return Fault("HTTP-KEYFMT", data if callable(data) else key(data),
                 hosts=(), status=4, reached=1, name=name, evidence=evidence)


def fine(name, how):
    return Fault("HTTP-KEY-OK", how, severity="info", status=0, reached=1,
                 name=name, evidence={"status": "200", "bare": "401"})


REFUSED = {"status": 4, "reached": 1}
FAULTS = [
    fine("file", key()),
    fine("variable", variable),
    fine("secret", secret(KEY.encode(), other="eA==")),
    Fault("HTTP-401-KEY", key(WRONG), **REFUSED, name="wrong", evidence={
        "message": "Unauthorized", "unusual": False, "us1": "yes",
        "key_length": str(len(WRONG)), "legacy": False, "tried": False}),
    Fault("HTTP-401-KEY", key(LEGACY), **REFUSED, name="legacy",
          evidence={"legacy": "yes", "unusual": "yes"}),
    Fault("HTTP-401-KEY", key("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln"),
          **REFUSED, name="vision-one", evidence={"token": "yes"}),
    Fault("HTTP-401-KEY", key("one-of-a-cluster"), **REFUSED, name="cluster",
          evidence={"unusual": "yes", "token": False, "legacy": False}),
    Fault("HTTP-401-KEY", key(WRONG, of_no_region), **REFUSED,
          name="nowhere", evidence={"tried": "yes"}),
    Fault("HTTP-401-REGION", key(KEY, of_another_region), **REFUSED,
          name="japan", evidence={"other_region": "jp-1", "other_host": OTHER,
                    "region": "us-1"}),
    Fault("HTTP-403-KEY", key(KEY, keyed(reply(
        403, '{"message":"the role has no right to this"}'))), **REFUSED,
        name="role", evidence={"message": re.compile("role"),
                               "bare": "401"}),
    Fault("HTTP-401-IP", key(KEY, locked(reply(
        403, '{"message":"source IP address is not allowed"}'))), **REFUSED,
        name="told", evidence={"message": re.compile("source IP")}),
    Fault("HTTP-401-KEY", key(KEY, locked(reply(401))), **REFUSED,
          name="address-untold", evidence={
              "via_proxy": True, "proxy": f"{facts.GATEWAY_INSIDE}:8080"}),
    Fault("HTTP-SKEW", key(KEY, clock_off(None)), severity="warning",
          status=0, reached=1, name="accepted", evidence={
              "skew": re.compile("^(89|90)[0-9]$")}),
    Fault("HTTP-SKEW", key(WRONG, clock_off(None)), severity="warning",
          status=4, reached=1, others={"HTTP-401-KEY": "error"},
          name="refused"),
    Fault("HTTP-KEY-ODD", key(KEY, keyed(reply(404))), severity="warning",
          status=5, reached=1, evidence={"status": "404", "bare": "401"}),
    Fault("HTTP-429", key(KEY, keyed(reply(429, Retry_After="9"))),
          severity="warning", status=5, reached=1, name="keyed",
          evidence={"retry": "9"}),
    Fault("HTTP-5XX", key(KEY, keyed(reply(500))), name="keyed",
          evidence={"status": "500"}),
    Fault("PX-401", key(KEY, proxy_says(parent.answer(
        401, "Unauthorized", WWW_Authenticate="Basic"))), name="auth"),
    Fault("PX-407", key(KEY, proxy_says(parent.answer(
        407, "Proxy Authentication Required",
        Proxy_Authenticate="Basic realm=\"corp\""))), name="auth"),
    Fault("PX-403", key(KEY, proxy_says(parent.answer(403, "Forbidden"))),
          name="auth"),
    Fault("TLS-MITM", key(KEY, inspector_in_between), name="auth"),
    Fault("TLS-MITM-OK", key(KEY, trusted_inspector), severity="warning",
          status=5, reached=0, name="auth"),
    Fault("HTTP-KEY-HELD", key(KEY, trusted_inspector), severity="info",
          status=5, reached=0, others={"TLS-MITM-OK": "warning"},
          evidence={"key_source": True}),
    Fault("TLS-MITM-OK", key(KEY, page_inside), severity="warning", status=5,
          reached=0, name="auth-page"),
    Fault("HTTP-403-MID", key(KEY, page_of_a_device), name="auth",
          evidence={"status": "401", "title": "Log in"}),
    Fault("DNS-NX", key(KEY, no_dns), name="auth"),
    lint("line-feed", KEY + "\n", k_blank="yes", position=str(len(KEY))),
    lint("carriage-return", KEY + "\r\n", k_blank="yes",
         **{"class": "carriage return"}),
    lint("blank", " " + KEY, k_blank="yes", position="0"),
    lint("quotes", f'"{KEY}"', k_quoted="yes"),
    lint("prefix", f"ApiKey {KEY}", k_prefixed="yes"),
    lint("base64", base64.b64encode(KEY.encode()), k_base64="yes"),
    lint("base64-twice", secret(base64.b64encode(KEY.encode())),
         k_base64="yes"),
    lint("secret-with-line-feed", secret(KEY.encode() + b"\n"),
         k_blank="yes"),
    lint("bytes", KEY + "\u3000", k_bytes="yes"),
    lint("empty", "", k_empty="yes"),
]
# The key may go to the service in these alone.
SENT = {"HTTP-KEY-OK", "HTTP-401-KEY", "HTTP-401-REGION", "HTTP-403-KEY",
        "HTTP-401-IP", "HTTP-SKEW", "HTTP-KEY-ODD", "HTTP-429", "HTTP-5XX"}


@pytest.fixture
def auth(world):
    """The world, from which `auth` looks; .seen is who got a key."""
    world.command_name = "auth"
    world.seen = {}
    origins = world.lab.origins
    respond = origins.respond

    def noting(host, answer):
        def one(endpoint, request):
            value = request.headers.get("authorization")
            if value:
                world.seen.setdefault(endpoint.host, []).append(value)
            return answer(endpoint, request) if callable(answer) else answer
        respond(host, one)

    noting(None, None)
    origins.respond = noting
    yield world
    del origins.respond


def parts(secret_text):
    """The key, and its halves: none may be seen."""
    return [secret_text, *[p for p in secret_text.split(":") if len(p) > 8]]


@pytest.mark.parametrize("fault", FAULTS, ids=ids(FAULTS))
def test_cause_is_told(auth, fault):
    run(auth, fault)
    assert bool(auth.seen) == (fault.finding in SENT), auth.seen
    if "--try-regions" not in auth.arguments:
        assert auth.seen in ({}, {CONTAINER: auth.seen.get(CONTAINER)})
        assert len(auth.seen.get(CONTAINER, ())) <= 1


def test_other_regions_see_no_key_unless_asked_to(auth):
    """And not even then when the key's own region takes it."""
    key(WRONG)(auth)
    assert auth.check().status == 4
    assert set(auth.seen) == {CONTAINER}
    auth.seen.clear()
    auth.arguments.clear()
    key()(auth)
    auth.arguments.append("--try-regions")
    assert auth.check().status == 0
    assert set(auth.seen) == {CONTAINER}
    auth.seen.clear()
    auth.arguments.clear()
    key(WRONG, of_no_region)(auth)
    assert auth.check().status == 4
    assert set(auth.seen) == {facts.host(r, "container")
                              for r in facts.REGIONS}


def test_mounted_secret_is_read(auth):
    """A directory, as a volume of a Secret is mounted."""
    folder = pathlib.Path(auth.lab.new_folder("secret"))
    (folder / "..data").mkdir()
    (folder / "..data" / "api.key").write_text(KEY, encoding="ascii")
    (folder / "api.key").symlink_to("..data/api.key")
    auth.arguments += ["--api-key-file", str(folder)]
    report = auth.check()
    assert report.status == 0
    source = report.finding("HTTP-KEY-OK")["evidence"]["key_source"]
    assert source == f"{folder}/api.key"


@pytest.mark.parametrize("form", ["text", "json", "html", "junit",
                                  "prometheus"])
@pytest.mark.parametrize("value", [KEY, WRONG, KEY + "\n"],
                         ids=["right", "wrong", "malformed"])
def test_key_is_in_no_report(auth, form, value):
    """Not even when the service sends it back, and what it opens is no part
    of a report either."""
    def echo(request):
        sent = request.headers["authorization"]
        if sent == f"ApiKey {KEY}":
            return reply(200, '{"clusters":[{"name":"private-name"}]}')
        return reply(401, json.dumps({"message": f"unknown {sent}"}),
                     Server=sent)

    key(value, keyed(echo))(auth)
    path = auth.lab.new_folder("report") + "/report"
    argv = [form if word == "json" else word for word in auth.command()]
    done = auth.diag.finish(auth.diag.start(
        auth.namespace, [*argv, "-v", "-o", path], auth.env))
    whole = done.out + done.err + pathlib.Path(path).read_text("utf-8")
    for part in parts(value.strip()) + ["private-name"]:
        assert part not in whole


def test_key_is_not_in_the_process_for_others_to_see(auth):
    """While the request is under way: not in argv, not in the environment,
    and no core is dumped."""
    started, seen = threading.Event(), {}

    def look(_):
        assert started.wait(60)
        for name in ("cmdline", "environ", "limits"):
            path = pathlib.Path(f"/proc/{seen['pid']}/{name}")
            seen[name] = path.read_bytes()

    keyed(look)(auth)
    variable(auth)
    process = auth.start()
    seen["pid"] = process.pid
    started.set()
    assert auth.diag.finish(process).status == 0
    for name in ("cmdline", "environ"):
        assert seen[name]
        for part in parts(KEY):
            assert part.encode() not in seen[name], name
    assert b"sekisho-diag" in seen["cmdline"]
    assert re.search(rb"Max core file size +0 +0 ", seen["limits"])


@pytest.mark.parametrize("lang, said", [
    ("en", "the service accepts the API key"), ("ja", "API キーを受け付けました")])
def test_first_line_is_about_the_key(auth, lang, said):
    key()(auth)
    argv = [word for word in auth.command() if word not in ("--format",
                                                            "json")]
    done = auth.diag.finish(auth.diag.start(
        auth.namespace, [*argv, "--lang", lang], auth.env))
    assert done.status == 0 and said in done.out.splitlines()[0]


@pytest.mark.parametrize("argv, said", [
    (["--api-key-file", "/k"], "--region"),
    (["--region", "all", "--api-key-file", "/k"], "--region all"),
    (["--region", "us-1,jp-1", "--api-key-file", "/k"], "one region code"),
    (["--region", REGION], "--api-key-file"),
    (["--region", "mars-1", "--api-key-file", "/dev/null"], "mars-1"),
    (["--region", REGION, "--api-key-file", "/nowhere/key"],
     "/nowhere/key: cannot read"),
    (["--region", REGION, "--api-key-file", "/dev/null", "--deep"],
     "--deep")])
def test_usage_errors_are_one_line(diag, argv, said):
    done = subprocess.run([diag.binary, "auth", *argv], text=True,
                          capture_output=True, timeout=60, check=False,
                          env=diag.environment())
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1 and said in done.stderr


@pytest.mark.parametrize("argv", [
    ["--api-key-file", KEY], ["--api-key", KEY], ["--api-key-file=" + LEGACY],
    ["--api-key-file", "Z" * 48], [KEY]])
def test_a_key_in_the_wrong_place_is_not_quoted(diag, argv):
    """It stands in argv then; that it gets into a log is prevented."""
    done = subprocess.run([diag.binary, "auth", "--region", REGION, *argv],
                          text=True, capture_output=True, timeout=60,
                          check=False, env=diag.environment())
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1 and "key" in done.stderr
    for shown in (KEY[:12], KEY[-12:], LEGACY[:12], "ZZZZ"):
        assert shown not in done.stderr


def test_a_variable_longer_than_a_key_is_told(diag):
    """And no part of it is sent."""
    done = subprocess.run(
        [diag.binary, "auth", "--region", REGION], text=True,
        capture_output=True, timeout=60, check=False,
        env=diag.environment({"C1_API_KEY": "k" * 4096}))
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == ("sekisho-diag: C1_API_KEY: 4096 bytes or more: no "
                           "key is that long\n")


def test_check_holds_to_the_same(auth):
    """`check --api-key-file` too sends nothing to a page."""
    auth.command_name, auth.timeout = "check", TIMEOUT
    key(KEY, page_of_a_device)(auth)
    report = auth.check()
    assert report.status == 1 and not auth.seen
    assert "HTTP-KEY-HELD" in report.ids("info")
