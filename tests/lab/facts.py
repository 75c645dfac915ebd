# SPDX-License-Identifier: Apache-2.0
"""What the lab's internet holds: names, kinds and addresses.

The 51 published endpoints are derived here from a table of facts of their own
(region, AWS region, bucket suffix), never from the gateway's allowlists, so
that a mistyped allowlist cannot agree with the lab by accident.
"""

import ipaddress
from dataclasses import dataclass
from typing import List, Optional

# region: (AWS region, suffix of the sensor bucket)
REGIONS = {
    "us-1": ("us-east-1", "1tgz7758j5977"),
    "in-1": ("ap-south-1", "4t1tmfipzmxq"),
    "gb-1": ("eu-west-2", "177dw039ojo4z"),
    "jp-1": ("ap-northeast-1", "a1g8t8ve13ql"),
    "de-1": ("eu-central-1", "dt9l26kxtrha"),
    "au-1": ("ap-southeast-2", "mqamem5enf3f"),
    "ca-1": ("ca-central-1", "1lllr5j8i7dmf"),
    "sg-1": ("ap-southeast-1", "x75mv7yqzt9"),
}

# The lab's addresses look public, so that the gateway's check for
# special-purpose ranges passes for real. No route leads out of the lab.
CLIENT_ADDRESS = "10.200.0.2"
CLIENT_ADDRESS6 = "fd00:5ec:c::2"
GATEWAY_INSIDE = "10.200.0.1"
GATEWAY_INSIDE6 = "fd00:5ec:c::1"
GATEWAY_OUTSIDE = "20.30.40.2"
GATEWAY_OUTSIDE6 = "2600:1f14:40::2"
INTERNET_ADDRESS = "20.30.40.1"
INTERNET_ADDRESS6 = "2600:1f14:40::1"
# Every address of these belongs to the internet namespace: served, or refused
# by a reset when nothing listens. All others there are silent black holes.
INTERNET_PREFIX = "52.94.0.0/16"
INTERNET_PREFIX6 = "2600:1f18::/32"
DNS_ADDRESS = "52.94.0.53"
DNS_ADDRESS2 = "52.94.0.54"

REFUSING_ADDRESS = "52.94.9.1"  # answers a SYN with a reset
SILENT_ADDRESS = "52.95.9.1"  # answers nothing
SILENT_ADDRESS2 = "52.95.9.2"

# Two addresses for the tests' own listeners.
RAW_ADDRESS = "52.94.2.1"
RAW_ADDRESS6 = "2600:1f18:2::1"

# The shape of a real account key: 27 characters, a colon, 66 characters.
API_KEY = "2labKeyLabKeyLabKeyLabKey00:" + "a1B2c3" * 11

REGISTRY_CDN = "d2glxqk2uabbnd.cloudfront.net"
RAW_HOST = "raw.lab.example"
EXTRA_HOSTS = (RAW_HOST, "raw2.lab.example", "echo.lab.example",
               "sink.lab.example", "source.lab.example")


@dataclass(frozen=True)
class Endpoint:
    """A name the lab's internet knows, and what stands behind it."""

    host: str
    region: str  # "global", a region's code, or "" when off every list
    category: str
    kind: str  # json-api, mqtt, s3, registry, cli, telemetry, cdn, page, ...
    ipv4: str
    ipv6: Optional[str] = None


def _published():
    for region, (aws, suffix) in REGIONS.items():
        cloud = f"{region}.cloudone.trendmicro.com"
        s3 = f"s3.{aws}.amazonaws.com"
        yield region, "container", "json-api", f"container.{cloud}"
        yield region, "iot", "mqtt", f"iot.container.{cloud}"
        yield (region, "sensor", "s3", "sensor-components-prod-"
               f"componentsstoragebucket-{suffix}.s3.amazonaws.com")
        yield (region, "asaas-upload", "s3",
               f"asaas-scan-upload-{aws}-prod.{s3}")
        yield region, "asaas-vuln", "s3", f"asaas-scan-vuln-{aws}-prod.{s3}"
        yield region, "artifactscan", "json-api", f"artifactscan.{cloud}"
    yield ("global", "artifactscan-cli", "cli",
           "cli.artifactscan.cloudone.trendmicro.com")
    yield ("global", "telemetry", "telemetry",
           "telemetry.deepsecurity.trendmicro.com")
    yield "global", "registry", "registry", "public.ecr.aws"


def _others():
    """Reachable names that no published list holds."""
    yield "cdn", REGISTRY_CDN
    yield "cdn", "d5l0dvt14r5h8.cloudfront.net"
    yield "page", "example.com"
    yield "echo", "echo.lab.example"
    yield "sink", "sink.lab.example"
    yield "source", "source.lab.example"


def _build() -> List[Endpoint]:
    v4 = ipaddress.ip_address("52.94.1.10")
    v6 = ipaddress.ip_address("2600:1f18:1::10")
    found = []
    for region, category, kind, host in _published():
        # A mixture, as outside: some names have IPv6 addresses, some not.
        with6 = kind in ("json-api", "mqtt", "registry")
        found.append(Endpoint(host, region, category, kind, str(v4),
                              str(v6) if with6 else None))
        v4, v6 = v4 + 1, v6 + 1
    for kind, host in _others():
        found.append(Endpoint(host, "", "", kind, str(v4)))
        v4 += 1
    return found


ENDPOINTS = _build()
PUBLISHED = [e for e in ENDPOINTS if e.region]
BY_HOST = {e.host: e for e in ENDPOINTS}


def of_region(region: str) -> List[Endpoint]:
    """The nine endpoints that one region needs."""
    return [e for e in PUBLISHED if e.region in (region, "global")]


def host(region: str, category: str) -> str:
    """The one host of a category; region counts only where it matters."""
    for e in of_region(region):
        if e.category == category:
            return e.host
    raise KeyError((region, category))
