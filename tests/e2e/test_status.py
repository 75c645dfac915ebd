# SPDX-License-Identifier: Apache-2.0
"""/api/status: what an operator, or the status page, reads."""

import json
import pathlib

import jsonschema
import pytest
from lab import dns, facts, see, wire
from lab.lab import wait_for

SCHEMA = json.loads((pathlib.Path(__file__).parents[2] / "proxy" /
                     "status.schema.json").read_text("utf-8"))
CONTAINER = facts.host("us-1", "container")
IOT = facts.host("us-1", "iot")
RAW = facts.RAW_HOST
pytestmark = pytest.mark.gateway(see.SETTINGS)


def closed(schema):
    """The schema with every object held to what it describes."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    whole = {key: closed(value) for key, value in schema.items()}
    if "properties" in whole:
        whole["additionalProperties"] = False
    return whole


def status(gateway):
    """The status, judged by its schema."""
    page = see.get(gateway, "/api/status")
    assert page.status == 200
    assert page.headers["content-type"] == "application/json"
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(page.json)
    return page.json


def endpoint(gateway, host, port=443):
    found, = [e for e in status(gateway)["endpoints"]
              if (e["host"], e["port"]) == (host, port)]
    return found


def notes(gateway):
    return {note["id"]: note for note in status(gateway)["notes"]}


def ask(gateway, host):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host).status


def test_fresh_gateway(gateway):
    now = status(gateway)
    assert now["ready"] and now["not_ready"] is None
    assert now["policy"]["regions"] == ["us-1"]
    assert now["listeners"] == [{
        "name": "lab", "address": f"{gateway.address}:{gateway.port}",
        "tunnels_active": 0}]
    assert len(now["endpoints"]) == 9 + len(facts.EXTRA_HOSTS)
    assert {e["state"] for e in now["endpoints"]} == {"never_requested"}
    assert now["notes"] == [] and now["totals"]["outcomes"] == {}
    keys = {key["key"]: key for key in now["config"]}
    assert keys["gateway.regions"]["value"] == "us-1"
    assert keys["gateway.regions"]["source"].startswith(gateway.config_file)
    assert keys["tunnel.sni"]["source"] == "default"
    assert keys["listener lab.address"]["value"].endswith(":3128")
    iot = endpoint(gateway, IOT)
    assert iot["without_it"] and iot["features"] == ["admission"]


def test_tunnel_is_told_of(gateway, open_tunnel):
    tunnel = open_tunnel(gateway)
    now = endpoint(gateway, RAW)
    assert now["state"] == "ok" and now["tunnels_active"] == 1
    assert now["tunnels"] == 1 and now["history"]["tunnels"][-1] == 1
    assert now["addresses"] == [facts.RAW_ADDRESS]
    assert now["last_success"] and now["last_failure"] is None
    assert 0 < now["connect_p50_ms"] <= now["connect_p95_ms"]
    assert status(gateway)["listeners"][0]["tunnels_active"] == 1
    tunnel.send_down(b"d" * 1000)
    tunnel.finish()
    gateway.log_line(event="tunnel")
    now = endpoint(gateway, RAW)
    assert now["tunnels_active"] == 0 and now["bytes_down"] == 1000
    assert now["bytes_up"] == len(tunnel.hello)
    assert now["outcomes"] == {"client_closed": 1}
    totals = status(gateway)["totals"]
    assert totals["tunnels"] == 1 and totals["tunnels_active"] == 0
    assert totals["history"]["tunnels"] == [0] * 59 + [1]
    assert totals["history"]["connect_us"][-1] > 0


def test_endpoint_turns_bad_and_good_again(start_gateway, lab):
    gateway = start_gateway({**see.SETTINGS, "dns.negative_ttl": "0"})
    lab.dns.script(RAW, dns.nxdomain())
    assert ask(gateway, RAW) == 502
    now = endpoint(gateway, RAW)
    assert now["state"] == "failing" and now["last_success"] is None
    assert now["last_failure_outcome"] == "dns_nxdomain"
    assert now["last_failure_means"] == "name does not exist"
    assert now["history"]["failures"][-1] == 1
    lab.dns.script(RAW, dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        wait_for(lambda: ask(gateway, RAW) == 200, "the name to be there")
    now = endpoint(gateway, RAW)
    assert now["state"] == "ok"
    assert now["last_success"] > now["last_failure"]


def test_silent_all_proxy_trap_is_named(gateway):
    assert "iot_never_requested" not in notes(gateway)
    assert ask(gateway, CONTAINER) == 200
    note = notes(gateway)["iot_never_requested"]
    assert f"{IOT} never was" in note["seen"]
    assert "proxy.password" in note["do"]
    assert endpoint(gateway, IOT)["state"] == "never_requested"
    assert ask(gateway, IOT) == 200
    assert "iot_never_requested" not in notes(gateway)


def test_what_was_denied_is_told_with_its_mend(gateway):
    ask(gateway, facts.REGISTRY_CDN)
    ask(gateway, "kubernetes.default.svc")
    ask(gateway, "new.xdr.trendmicro.com")
    ask(gateway, "example.com")
    found = notes(gateway)
    assert set(found) == {"registry_layers_denied", "cluster_names_denied",
                          "new_endpoints_denied"}
    layers = found["registry_layers_denied"]
    assert facts.REGISTRY_CDN in layers["seen"]
    assert "gateway.sets = registry-cdn" in layers["do"]
    assert "NO_PROXY" in found["cluster_names_denied"]["do"]
    assert status(gateway)["totals"]["denied_names"] == 4
    gateway.reload({"gateway.sets": "registry-cdn"})
    assert "registry_layers_denied" not in notes(gateway)


def test_reload_is_told_of_and_counters_go_on(gateway):
    assert ask(gateway, CONTAINER) == 200
    gateway.reload({"gateway.regions": "us-1, jp-1"})
    now = status(gateway)
    assert now["policy"]["regions"] == ["jp-1", "us-1"]
    assert now["reloads"] == 1 and now["config_since"] > now["start"]
    assert endpoint(gateway, CONTAINER)["tunnels"] == 1
    assert endpoint(gateway, CONTAINER)["history"]["tunnels"][-1] == 1
    other = endpoint(gateway, facts.host("jp-1", "container"))
    assert other["state"] == "never_requested"
    gateway.reload({"gateway.regions": "jp-1"})
    hosts = [e["host"] for e in status(gateway)["endpoints"]]
    assert CONTAINER not in hosts


def test_draining_is_said(start_gateway, open_tunnel):
    gateway = start_gateway({**see.SETTINGS, "shutdown.drain": "60s"})
    tunnel = open_tunnel(gateway)
    gateway.process.terminate()
    wait_for(lambda: not status(gateway)["ready"], "the drain")
    assert status(gateway)["not_ready"] == "draining"
    tunnel.finish()
    assert gateway.wait_exit() == 0


def test_secrets_do_not_appear(start_gateway):
    gateway = start_gateway({
        **see.SETTINGS,
        "upstream.parent": "http://somebody:hidden-word@52.94.2.1:8080"})
    text = see.get(gateway, "/api/status").text
    assert "hidden-word" not in text and "somebody" not in text
    assert "http://****:****@52.94.2.1:8080" in text


def test_names_of_a_service_are_admitted_by_the_configuration(gateway):
    def told(host):
        return see.get(gateway, "/readyz", host=host).status

    service = "sekisho.egress.svc:3129"
    assert told(service) == 421
    gateway.reload({"admin.names": "Sekisho.Egress.svc, sekisho"})
    assert told(service) == 200
    assert told("sekisho:80") == told("localhost") == 200
    assert told("evil.example") == told("sekisho.egress.svc.evil") == 421
    gateway.reload({"admin.names": "none"})
    assert told(service) == 421


def test_every_answer_is_guarded(gateway):
    """No sniffing, no framing, no script but the page's own."""
    for path, method, status_code in [
            ("/", "GET", 200), ("/", "HEAD", 200), ("/metrics", "GET", 200),
            ("/healthz", "GET", 200), ("/readyz", "GET", 200),
            ("/api/status", "GET", 200), ("/api/denied", "GET", 200),
            ("/api/denied?format=ini", "HEAD", 200),
            ("/api/denied?x=1", "GET", 400), ("/nothing", "GET", 404),
            ("/", "POST", 405), ("/api/denied", "DELETE", 405)]:
        page = see.get(gateway, path, method)
        assert page.status == status_code, (method, path)
        head = page.headers
        assert head["x-content-type-options"] == "nosniff"
        assert head["x-frame-options"] == "DENY"
        assert head["referrer-policy"] == "no-referrer"
        assert head["cross-origin-resource-policy"] == "same-origin"
        assert head["cache-control"] == "no-store"
        policy = head["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "http:" not in policy
        assert ("script-src 'sha256-" in policy) == (
            path == "/" and status_code == 200), policy
        if method == "HEAD":
            assert page.body == b"" and int(head["content-length"]) > 0
    assert see.get(gateway, "/", host="evil.example").status == 421
