# SPDX-License-Identifier: Apache-2.0
"""fetch.py LIBRARY PROXY CA-FILE URL: prints "status N" or the error.
PROXY "-" is none."""

import asyncio
import http.client
import os
import ssl
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit


def with_urllib(proxy, context, url):
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": proxy} if proxy != "-" else {}),
        urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code


def with_http_client(proxy, context, url):
    target, through = urlsplit(url), urlsplit(proxy)
    connection = http.client.HTTPSConnection(
        through.hostname, through.port, context=context, timeout=30)
    connection.set_tunnel(target.hostname, target.port or 443)
    connection.request("GET", target.path or "/")
    return connection.getresponse().status


async def through_tls(proxy, context, ca_file, url):
    """CONNECT inside TLS, and TLS inside the tunnel."""
    target, through = urlsplit(url), urlsplit(proxy)
    reader, writer = await asyncio.open_connection(
        through.hostname, through.port, ssl=context)
    host = f"{target.hostname}:{target.port or 443}"
    writer.write(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[0]
    if answer.split(" ")[1] != "200":
        raise OSError(answer)
    inner = ssl.create_default_context(cafile=ca_file)
    await writer.start_tls(inner, server_hostname=target.hostname)
    writer.write(f"GET {target.path or '/'} HTTP/1.1\r\nHost: "
                 f"{target.hostname}\r\nConnection: close\r\n\r\n".encode())
    status = (await reader.readuntil(b"\r\n")).split(b" ")[1]
    writer.close()
    return int(status)


def with_asyncio(proxy, context, url):
    mine = os.environ.get("PROXY_CERT")
    if mine:
        context.load_cert_chain(mine)
    return asyncio.run(asyncio.wait_for(
        through_tls(proxy, context, sys.argv[3], url), 30))


def main():
    library, proxy, ca_file, url = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca_file)
    fetch = {"urllib": with_urllib, "http.client": with_http_client,
             "asyncio": with_asyncio}[library]
    try:
        print("status", fetch(proxy, context, url))
    except (OSError, EOFError) as e:
        print("error:", e)
        sys.exit(1)


main()
