# SPDX-License-Identifier: Apache-2.0
"""Asks a gateway's admin address, from inside the gateway's namespace."""

import json
import re

from . import facts
from .wire import read_to_end

ADDRESS, PORT = facts.GATEWAY_INSIDE, 3129
SETTINGS = {"admin.address": f"{ADDRESS}:{PORT}"}
_SERIES = re.compile(r"^([a-z_]+(?:\{.*\})?) (\S+)$", re.M)


class Page:
    """One answer."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {}
        for field in fields:
            name, _, value = field.partition(":")
            self.headers[name.lower()] = value.strip()

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.text)


def get(gateway, path, method="GET", host=None, port=PORT):
    """Asks once, on a connection of its own."""
    host = host or f"{ADDRESS}:{port}"
    with gateway.lab.client.connect(ADDRESS, port) as sock:
        sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
                     "Connection: close\r\n\r\n".encode("latin-1"))
        return Page(read_to_end(sock))


def denied(gateway, query=""):
    return get(gateway, "/api/denied" + query).json


def metrics(gateway):
    """Series, with labels as they stand there, and their values."""
    return {name: float(value)
            for name, value in _SERIES.findall(get(gateway, "/metrics").text)}
