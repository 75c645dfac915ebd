# SPDX-License-Identifier: Apache-2.0
"""fetch.py LIBRARY PROXY CA-FILE URL: prints "status N" or the error.
PROXY "-" is none."""

import http.client
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


def main():
    library, proxy, ca_file, url = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca_file)
    fetch = {"urllib": with_urllib, "http.client": with_http_client}[library]
    try:
        print("status", fetch(proxy, context, url))
    except OSError as e:
        print("error:", e)
        sys.exit(1)


main()
