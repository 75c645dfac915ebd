# SPDX-License-Identifier: Apache-2.0
"""Real HTTPS clients through the gateway: what is on the list works, what is
not gets the documented refusal in words that the client shows."""

import ssl

import drivers
import pytest
from lab import facts, wire

# What each kind answers a client without credentials: path and status.
EXPECTED = {"json-api": ("/api/clusters", 401), "mqtt": ("/", 401),
            "s3": ("/", 403), "registry": ("/v2/", 401),
            "cli": ("/tmas-cli/metadata.json", 200), "telemetry": ("/", 403)}
SIBLING = facts.host("jp-1", "container")

every_client = pytest.mark.parametrize("fetch", drivers.ALL,
                                       ids=lambda f: f.__name__)


@every_client
def test_reaches_every_endpoint_of_its_region(gateway, fetch):
    for e in facts.of_region("us-1"):
        path, status = EXPECTED[e.kind]
        result = fetch(gateway, f"https://{e.host}{path}")
        assert result.status == status, (e.host, result.text)
        line = gateway.log_line(host=e.host)
        assert line["event"] == "tunnel" and line["status"] == 200
        # Many clients close for good behind their close_notify; the
        # service's own, a moment later, then meets a reset.
        assert line["outcome"] in ("client_closed", "client_reset",
                                   "upstream_closed")
        assert line["sni"] == e.host and line["category"] == e.category
        assert line["region"] == e.region
        assert line["bytes_up"] > 100 and line["bytes_down"] > 100
        assert line["upstream"] in (f"{e.ipv4}:443", f"[{e.ipv6}]:443")


@every_client
@pytest.mark.parametrize("url, outcome", [
    ("https://example.com/", "denied_host"),
    (f"https://{SIBLING}/", "denied_host"),
    (f"https://{facts.host('us-1', 'container')}:8443/", "denied_port"),
    (f"https://{facts.BY_HOST['example.com'].ipv4}/",
     "denied_address_literal"),
], ids=["off-list", "sibling-region", "port", "literal"])
def test_is_refused_with_the_reason(gateway, untouched, fetch, url, outcome):
    result = fetch(gateway, url)
    assert result.status is None, result.text
    line = gateway.log_line(outcome=outcome)
    assert line["event"] == "refused" and line["status"] == 403
    assert untouched()
    # wget, curl and OpenSSL show the status or the reason, others both.
    assert "403" in result.text or line["detail"] in result.text


@pytest.mark.parametrize("host", ["example.com", SIBLING])
def test_go_prints_exactly_our_reason_phrase(gateway, host):
    with gateway.connect() as sock:
        reason = wire.http_connect(sock, host).reason
    result = drivers.go(gateway, f"https://{host}/")
    assert result.text.strip() == f'error: Get "https://{host}/": {reason}'
    assert reason.startswith("host not on allowlist: ") and host in reason


def test_reason_names_the_region_that_has_the_host(gateway):
    result = drivers.go(gateway, f"https://{SIBLING}/")
    assert "jp-1" in result.text and "us-1" in result.text


def test_mqtt_session_with_its_own_alpn(gateway):
    host = facts.host("us-1", "iot")
    context = ssl.create_default_context(cafile=gateway.lab.ca_file)
    context.set_alpn_protocols(["x-amzn-mqtt-ca"])
    sock = gateway.connect()
    assert wire.http_connect(sock, host).status == 200
    with context.wrap_socket(sock, server_hostname=host) as tls:
        assert tls.selected_alpn_protocol() == "x-amzn-mqtt-ca"
        tls.sendall(b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01x")
        assert wire.read_exact(tls, 4) == b"\x20\x02\0\0"
        tls.sendall(b"\xc0\0")
        assert wire.read_exact(tls, 2) == b"\xd0\0"
        tls.sendall(b"\xe0\0")  # DISCONNECT; the service hangs up
        assert wire.read_to_end(tls) == b""
    assert gateway.log_line(host=host)["outcome"] in ("client_closed",
                                                      "upstream_closed")


@pytest.mark.gateway({"gateway.sets": "registry-cdn"})
def test_layer_download_follows_the_redirect_to_the_opt_in_set(gateway):
    url = f"https://public.ecr.aws/v2/a/blobs/{layer_digest()}"
    done = gateway.lab.client.run([
        "curl", "-sSL", "--proxy", gateway.url, "--cacert",
        gateway.lab.ca_file, "-H", "Authorization: Bearer lab-token", "-w",
        "%{http_code} %{size_download}", "-o", "/dev/null", url])
    assert done.stdout == "200 10000", done.stderr
    assert gateway.log_line(host=facts.REGISTRY_CDN)["event"] == "tunnel"


def test_layer_download_without_the_set_says_which_host_is_missing(gateway):
    url = f"https://public.ecr.aws/v2/a/blobs/{layer_digest()}"
    done = gateway.lab.client.run([
        "curl", "-sSLv", "--proxy", gateway.url, "--cacert",
        gateway.lab.ca_file, "-H", "Authorization: Bearer lab-token", url])
    assert done.returncode != 0
    line = gateway.log_line(host=facts.REGISTRY_CDN)
    assert line["outcome"] == "denied_host"
    assert "registry-cdn" in line["detail"]


def layer_digest():
    from lab.origins import LAYER_DIGEST
    return LAYER_DIGEST


@pytest.mark.gateway({"gateway.regions": "all"})
def test_all_regions_reach_all_51_endpoints(gateway):
    for e in facts.PUBLISHED:
        path, status = EXPECTED[e.kind]
        result = drivers.curl(gateway, f"https://{e.host}{path}")
        assert result.status == status, (e.host, result.text)
    lines = gateway.log_lines(len(facts.PUBLISHED), event="tunnel")
    assert {x["host"] for x in lines} == {e.host for e in facts.PUBLISHED}
