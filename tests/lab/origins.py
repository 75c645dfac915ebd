# SPDX-License-Identifier: Apache-2.0
"""The services of the lab's internet, all in one thread.

Each endpoint listens on its own addresses, port 443, and behaves like its
kind outside: what a client without credentials sees is what it would see
there. Connections are counted when the kernel hands them over, before a byte
is read, so "nothing was opened" can be asserted.
"""

import asyncio
import base64
import contextlib
import email.utils
import hashlib
import json
import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict

from . import facts, peers

_REASON = {200: "OK", 204: "No Content", 307: "Temporary Redirect",
           400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 405: "Method Not Allowed",
           429: "Too Many Requests", 500: "Internal Server Error",
           502: "Bad Gateway", 503: "Service Unavailable"}
MQTT_ALPN = ("x-amzn-mqtt-ca", "mqtt")
_BODY_MAX = 64 * 1024 * 1024
LAYER = b"lab layer " * 1000
LAYER_DIGEST = "sha256:" + hashlib.sha256(LAYER).hexdigest()


@dataclass
class Request:
    """One HTTP request as an origin got it."""

    method: str
    target: str
    headers: Dict[str, str]
    body: bytes = b""
    client: str = ""  # address it came from

    @property
    def path(self):
        return self.target.partition("?")[0]


@dataclass
class Response:
    """What an origin answers."""

    status: int
    body: bytes = b""
    headers: Dict[str, str] = field(default_factory=dict)


def _json(status, value, **headers):
    fields = {"Content-Type": "application/json"}
    fields.update({k.replace("_", "-"): v for k, v in headers.items()})
    return Response(status, json.dumps(value).encode(), fields)


def _json_api(endpoint, request):
    """Trend's API: 401 as JSON without a key, whatever the path."""
    trace = {"x-amzn-RequestId": "6f1d6c1e-lab"}
    if request.headers.get("authorization") != f"ApiKey {facts.API_KEY}":
        return _json(401, {"message": "Unauthorized"}, **trace)
    if request.path == "/api/clusters":
        return _json(200, {"clusters": [], "next": ""}, **trace)
    if request.path in ("/api/policies", "/api/rulesets"):
        return _json(200, {request.path[5:]: []}, **trace)
    if request.path.startswith("/api/evaluations") and \
            request.method == "POST":
        return _json(200, {"decision": "allow"}, **trace)
    return _json(404, {"message": "Not Found"}, **trace)


def _s3(endpoint, request):
    """A private bucket; only a presigned PUT is taken."""
    aws = facts.REGIONS[endpoint.region][0]
    fields = {"x-amz-request-id": "LAB0000000000001",
              "x-amz-id-2": base64.b64encode(b"lab" * 16).decode(),
              "Server": "AmazonS3"}
    if request.method == "HEAD":
        fields["x-amz-bucket-region"] = aws
    if request.method == "PUT" and "X-Amz-Signature=" in request.target:
        digest = hashlib.md5(request.body, usedforsecurity=False).hexdigest()
        fields["ETag"] = f'"{digest}"'
        return Response(200, b"", fields)
    fields["Content-Type"] = "application/xml"
    body = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error>'
            "<Code>AccessDenied</Code><Message>Access Denied</Message>"
            f"<RequestId>{fields['x-amz-request-id']}</RequestId>"
            f"<HostId>{fields['x-amz-id-2']}</HostId></Error>")
    return Response(403, body.encode(), fields)


def _registry(endpoint, request):
    """A public registry: token, manifest, and layers elsewhere."""
    if request.path == "/token/":
        return _json(200, {"token": "lab-token", "expires_in": 3600})
    if request.headers.get("authorization", "").startswith("Basic "):
        return _json(400, {"errors": [{
            "code": "DENIED",
            "message": "Your Authorization Token is invalid."}]})
    if request.headers.get("authorization") != "Bearer lab-token":
        return _json(401, {"errors": [{"code": "DENIED",
                                       "message": "Not Authorized"}]},
                     WWW_Authenticate='Bearer realm="https://public.ecr.aws/'
                     'token/",service="public.ecr.aws",scope="aws"',
                     Docker_Distribution_Api_Version="registry/2.0")
    if request.path == "/v2/":
        return _json(200, {})
    if "/manifests/" in request.path:
        return _json(200, {"schemaVersion": 2, "layers": [
            {"digest": LAYER_DIGEST, "size": len(LAYER)}]})
    if "/blobs/" in request.path:
        digest = request.path.rpartition("/")[2]
        return Response(307, b"", {
            "Location": f"https://{facts.REGISTRY_CDN}/blobs/{digest}"})
    return _json(404, {"errors": [{"code": "NAME_UNKNOWN"}]})


def _cdn(endpoint, request):
    if request.path == f"/blobs/{LAYER_DIGEST}":
        return Response(200, LAYER, {"Via": "1.1 lab (CloudFront)"})
    return Response(403, b"", {"X-Cache": "Error from cloudfront"})


def _cli(endpoint, request):
    if request.path == "/tmas-cli/metadata.json":
        return _json(200, {"latestVersion": "2.0.0"})
    return Response(403, b"<Error><Code>AccessDenied</Code></Error>",
                    {"Content-Type": "application/xml", "Server": "AmazonS3"})


def _telemetry(endpoint, request):
    if request.method == "POST":
        return _json(200, {})
    return _json(403, {"message": "Missing Authentication Token"})


def _page(endpoint, request):
    return Response(200, b"<title>Example</title>",
                    {"Content-Type": "text/html"})


_ANSWERS = {"json-api": _json_api, "mqtt": _json_api, "s3": _s3,
            "registry": _registry, "cdn": _cdn, "cli": _cli,
            "telemetry": _telemetry, "page": _page}


def usual(endpoint, request):
    """What the real service would answer."""
    return _ANSWERS[endpoint.kind](endpoint, request)


async def _read_request(reader):
    """One request, or None at a clean end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        key, _, value = line.partition(":")
        headers[key.lower()] = value.strip()
    request = Request(method, target, headers)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while True:
            size = int(await reader.readuntil(b"\r\n"), 16)
            request.body += (await reader.readexactly(size + 2))[:-2]
            if size == 0 or len(request.body) > _BODY_MAX:
                break
    elif "content-length" in headers:
        size = min(int(headers["content-length"]), _BODY_MAX)
        request.body = await reader.readexactly(size)
    return request


def _render(request, response):
    fields = {"Date": email.utils.formatdate(usegmt=True)}
    fields.update(response.headers)
    if request.method != "HEAD":
        fields["Content-Length"] = str(len(response.body))
    reason = _REASON.get(response.status, "Status")
    head = f"HTTP/1.1 {response.status} {reason}\r\n" + "".join(
        f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n"
    body = b"" if request.method == "HEAD" else response.body
    return head.encode("latin-1") + body


class Origins(threading.Thread):
    """Serves every endpoint of facts.ENDPOINTS inside a namespace."""

    def __init__(self, namespace, authority):
        super().__init__(name="lab-origins", daemon=True)
        self._authority = authority
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._contexts, self._overrides = {}, {}
        self._taken, self._shown = {}, {}
        self._connections, self._bytes = Counter(), Counter()
        self._tasks = set()
        self._default_host = "example.com"
        self._listeners = []
        self._namespace = namespace
        for endpoint in facts.ENDPOINTS:
            for address in filter(None, (endpoint.ipv4, endpoint.ipv6)):
                sock = namespace.listen(address, 443)
                sock.setblocking(False)
                self._listeners.append((sock, endpoint))

    # What tests say and ask

    def connections(self, host=None):
        """TCP connections accepted, by host or in all."""
        with self._lock:
            if host:
                return self._connections[host]
            return sum(self._connections.values())

    def bytes_read(self, host):
        """Application bytes that came in for host."""
        with self._lock:
            return self._bytes[host]

    # Until reset(); host None stands for every host without a word of its own

    def respond(self, host, response):
        """host answers every request with this Response, or with what
        response(endpoint, request) gives; None is its usual answer."""
        with self._lock:
            self._overrides[host] = response

    def take(self, host, peer):
        """Each connection of host is given to a function of peers.py."""
        with self._lock:
            self._taken[host] = peer

    def show(self, host, context):
        """host uses this TLS context instead of its own."""
        with self._lock:
            self._shown[host] = context

    @contextlib.contextmanager
    def also_at(self, address, host, port=443):
        """While the block runs, host is served at this address too."""
        sock = self._namespace.listen(address, port)
        sock.setblocking(False)
        future = asyncio.run_coroutine_threadsafe(
            self._accept(sock, facts.BY_HOST[host]), self._loop)
        try:
            yield
        finally:
            future.cancel()
            # The loop closes it, in whose selector it is.
            self._loop.call_soon_threadsafe(sock.close)

    def reset(self):
        """Forgets counts and everything that was said."""
        with self._lock:
            self._connections.clear()
            self._bytes.clear()
            self._overrides.clear()
            self._taken.clear()
            self._shown.clear()

    def close(self):
        """Ends every connection and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join(10)

    # The thread

    def run(self):
        asyncio.set_event_loop(self._loop)
        for sock, endpoint in self._listeners:
            self._spawn(self._accept(sock, endpoint))
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(
            asyncio.gather(*self._tasks, return_exceptions=True))
        for sock, _ in self._listeners:
            sock.close()
        self._loop.close()

    def _spawn(self, coroutine):
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener, endpoint):
        while True:
            conn, _ = await self._loop.sock_accept(listener)
            with self._lock:
                self._connections[endpoint.host] += 1
                peer = self._word(self._taken, endpoint.host)
            if peer:
                threading.Thread(target=self._give, name="lab-peer",
                                 args=(peer, conn, endpoint),
                                 daemon=True).start()
            else:
                self._serve(conn, endpoint)

    @staticmethod
    def _word(words, host):
        """What was said about host, or about all; None: nothing."""
        return words.get(host, words.get(None))

    def _serve(self, conn, endpoint):
        serve = self._serve_raw if endpoint.kind in _RAW else \
            self._serve_tls
        self._spawn(serve(conn, endpoint))

    def _give(self, peer, conn, endpoint):
        """Runs in a thread of its own."""
        try:
            if peer(peers.patient(conn), endpoint) is peers.PASS:
                conn.setblocking(False)
                self._loop.call_soon_threadsafe(self._serve, conn, endpoint)
                return
        except OSError:
            pass  # the other side has gone
        conn.close()

    def _context(self, host, kind):
        """The TLS context of a host; certificates are made when first
        asked for, which keeps the start of the lab short."""
        with self._lock:
            shown = self._word(self._shown, host)
        if shown:
            return shown
        if host not in self._contexts:
            alpn = ("http/1.1",)
            if kind == "mqtt":
                alpn = MQTT_ALPN + alpn
            context = self._authority.server_context(host, alpn)
            context.sni_callback = self._on_server_name
            self._contexts[host] = context
        return self._contexts[host]

    def _on_server_name(self, tls, name, _):
        """Shows the certificate of the name asked for, as big front ends
        do; an unknown name gets the default one."""
        endpoint = facts.BY_HOST.get(name or "")
        if endpoint and endpoint.kind not in _RAW:
            tls.context = self._context(endpoint.host, endpoint.kind)
        else:
            tls.context = self._context(self._default_host, "page")

    async def _serve_tls(self, conn, endpoint):
        reader = asyncio.StreamReader(limit=1 << 20)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, conn,
                ssl=self._context(endpoint.host, endpoint.kind),
                ssl_handshake_timeout=20)
        except (OSError, ssl.SSLError):
            return  # the handshake failed; asyncio has closed conn
        writer = asyncio.StreamWriter(transport, protocol, reader,
                                      self._loop)
        chosen = transport.get_extra_info("ssl_object")
        try:
            if chosen.selected_alpn_protocol() in MQTT_ALPN:
                await self._serve_mqtt(endpoint, reader, writer)
            else:
                await self._serve_http(endpoint, reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError,
                asyncio.LimitOverrunError):
            pass  # the client broke off or spoke no HTTP: its affair
        finally:
            transport.close()

    def _count(self, endpoint, size):
        with self._lock:
            self._bytes[endpoint.host] += size

    async def _serve_http(self, endpoint, reader, writer):
        while True:
            request = await _read_request(reader)
            if request is None:
                return
            request.client = writer.get_extra_info("peername")[0]
            self._count(endpoint, len(request.body))
            with self._lock:
                response = self._word(self._overrides, endpoint.host)
            if callable(response):
                response = response(endpoint, request)
            if response is None:
                response = usual(endpoint, request)
            writer.write(_render(request, response))
            await writer.drain()
            if request.headers.get("connection", "").lower() == "close":
                return

    async def _serve_mqtt(self, endpoint, reader, writer):
        """As much MQTT 3.1.1 as a device that connects and pings needs."""
        while True:
            kind = (await reader.readexactly(1))[0]
            size, shift = 0, 0
            while True:
                byte = (await reader.readexactly(1))[0]
                size |= (byte & 0x7f) << shift
                shift += 7
                if byte < 0x80 or shift > 21:
                    break
            body = await reader.readexactly(size)
            self._count(endpoint, size + 2)
            answer = {0x10: b"\x20\x02\x00\x00",  # CONNECT: accepted
                      0x80: b"\x90\x03" + body[:2] + b"\x01",  # SUBSCRIBE
                      0xc0: b"\xd0\x00"}.get(kind & 0xf0, b"")  # PINGREQ
            if kind & 0xf6 == 0x32:  # PUBLISH with QoS 1
                topic = int.from_bytes(body[:2], "big")
                answer = b"\x40\x02" + body[2 + topic:4 + topic]
            if kind & 0xf0 == 0xe0:  # DISCONNECT
                return
            writer.write(answer)
            await writer.drain()

    async def _serve_raw(self, conn, endpoint):
        """TLS only in shape: the hello is read, then bytes are bytes."""
        reader, writer = await asyncio.open_connection(sock=conn)
        try:
            head = await reader.readexactly(5)
            hello = await reader.readexactly(int.from_bytes(head[3:], "big"))
            self._count(endpoint, 5 + len(hello))
            await _RAW[endpoint.kind](self, endpoint, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # broken off: its affair
        finally:
            writer.close()

    async def _echo(self, endpoint, reader, writer):
        while True:
            data = await reader.read(65536)
            if not data:
                return
            self._count(endpoint, len(data))
            writer.write(data)
            await writer.drain()

    async def _sink(self, endpoint, reader, writer):
        while True:
            data = await reader.read(65536)
            if not data:
                return
            self._count(endpoint, len(data))

    async def _source(self, endpoint, reader, writer):
        """Sends as many bytes as a decimal line asks for."""
        left = int(await reader.readuntil(b"\n"))
        block = bytes(65536)
        while left > 0:
            writer.write(block[:left])
            left -= min(left, len(block))
            await writer.drain()


_RAW = {"echo": Origins._echo, "sink": Origins._sink,
        "source": Origins._source}
