# SPDX-License-Identifier: Apache-2.0
"""Real HTTPS clients behind one function each.

Each fetches a URL through the gateway from the client's namespace and says
which status the service answered, or what the client printed when it got no
answer.
"""

import os
import pathlib
import re
import subprocess
from dataclasses import dataclass
from typing import Optional
from urllib.parse import urlsplit

DIRECT = "-"  # for proxy: none, the client knows of no gateway
CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"


@dataclass
class Result:
    status: Optional[int]  # what the service answered; None: nothing
    text: str  # everything the client printed


def _run(gateway, argv, environment=None, **kw):
    env = {k: v for k, v in os.environ.items()
           if not k.lower().endswith("_proxy")}
    env.update(environment or {})
    return gateway.lab.client.run(argv, env=env, errors="replace", **kw)


def socks_url(gateway):
    """The gateway as a SOCKS5 proxy that resolves names."""
    return gateway.url.replace("http://", "socks5h://")


def _result(done, pattern):
    text = done.stdout + done.stderr
    match = re.search(pattern, text, re.M)
    return Result(int(match.group(1)) if match else None, text)


def curl(gateway, url, proxy=None, options=()):
    via = ["--noproxy", "*"] if proxy == DIRECT else \
        ["--proxy", proxy or gateway.url]
    done = _run(gateway, ["curl", "-sS", "--max-time", "30", *via, "--cacert",
                          gateway.lab.ca_file, *options, "-w",
                          "\nstatus %{http_code}\n", url])
    # curl says 000 when there was no answer.
    return _result(done, r"^status ([1-9]\d\d)$")


def wget(gateway, url):
    done = _run(gateway, ["wget", "-S", "-O", "-", "--tries=1",
                          "--timeout=30", "--no-hsts",
                          f"--ca-certificate={gateway.lab.ca_file}", url],
                {"https_proxy": gateway.url})
    return _result(done, r"^  HTTP/1\.1 (\d+)")


def asyncio(gateway, url, proxy, ca_file, certificate=None):
    """Python through a proxy that speaks TLS; ca_file has the authorities of
    both ends, certificate is a client's, with its key."""
    done = _run(gateway, ["/usr/bin/python3", CLIENTS / "fetch.py", "asyncio",
                          proxy, ca_file, url],
                {"PROXY_CERT": certificate or ""})
    return _result(done, r"^status (\d+)$")


def urllib(gateway, url, proxy=None):
    done = _run(gateway, ["/usr/bin/python3", CLIENTS / "fetch.py", "urllib",
                          proxy or gateway.url, gateway.lab.ca_file, url])
    return _result(done, r"^status (\d+)$")


def http_client(gateway, url):
    done = _run(gateway, ["/usr/bin/python3", CLIENTS / "fetch.py",
                          "http.client", gateway.url, gateway.lab.ca_file,
                          url])
    return _result(done, r"^status (\d+)$")


def node(gateway, url, proxy=None, ca_file=None, certificate=None):
    done = _run(gateway, ["node", CLIENTS / "fetch.js", proxy or gateway.url,
                          ca_file or gateway.lab.ca_file, url],
                {"PROXY_CERT": certificate or ""})
    return _result(done, r"^status (\d+)$")


def openssl(gateway, url, proxy=None):
    parts = urlsplit(url)
    request = (f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.hostname}"
               "\r\nConnection: close\r\n\r\n")
    via = [] if proxy == DIRECT else \
        ["-proxy", f"{gateway.address}:{gateway.port}"]
    done = _run(gateway, ["openssl", "s_client", *via, "-connect",
                          f"{parts.hostname}:{parts.port or 443}",
                          "-CAfile", gateway.lab.ca_file,
                          "-verify_return_error", "-quiet", "-ign_eof"],
                input=request)
    return _result(done, r"^HTTP/1\.1 (\d+)")


def go(gateway, url, proxy=None, variable="HTTPS_PROXY", ca_file=None,
       certificate=None):
    env = {} if proxy == DIRECT else {variable: proxy or gateway.url}
    done = _run(gateway, [_go_program(gateway.lab),
                          ca_file or gateway.lab.ca_file, url],
                {**env, "PROXY_CERT": certificate or ""})
    return _result(done, r"^status (\d+)$")


def _go_program(lab):
    """Builds the Go client when first asked for; standard library only."""
    path = os.path.join(lab.folder, "go-fetch")
    if not os.path.exists(path):
        env = dict(os.environ, CGO_ENABLED="0", GOPROXY="off",
                   GOFLAGS="-mod=mod", GOTOOLCHAIN="local")
        # A build without a home directory has no cache otherwise.
        env.setdefault("GOCACHE", os.path.join(
            env.get("HOME", lab.folder), ".cache", "go-build"))
        done = subprocess.run(["go", "build", "-o", path, "."],
                              cwd=CLIENTS / "go", env=env, text=True,
                              capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
    return path


ALL = [curl, wget, urllib, http_client, node, openssl, go]
