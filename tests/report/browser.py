# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven over W3C WebDriver (packages chromium and
chromium-driver) with nothing but the standard library."""
import base64
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import tempfile

START_S = 60
CALL_S = 60


class Browser:
    """port: the driver's; connect(address, port) makes the sockets to it, as
    it may run in a network namespace."""

    def __init__(self, port, connect):
        self.port, self.connect = port, connect
        answer = self._call(
            "POST", "/session", {"capabilities": {"alwaysMatch": OPTIONS}}
        )
        self.path = "/session/" + answer["sessionId"]

    def _call(self, method, path, body=None):
        http_call = http.client.HTTPConnection("127.0.0.1", self.port)
        with contextlib.closing(http_call):
            http_call.sock = self.connect("127.0.0.1", self.port)
            http_call.sock.settimeout(CALL_S)
            http_call.request(
                method,
                path,
                body=None if body is None else json.dumps(body),
                headers={"Content-Type": "application/json"},
            )
            answer = http_call.getresponse()
            value = json.load(answer)["value"]
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {value}")
        return value

    def call(self, method, path, body=None):
        return self._call(method, self.path + path, body)

    def devtools(self, command, **params):
        return self.call(
            "POST", "/goog/cdp/execute", {"cmd": command, "params": params}
        )

    def look(self, url, width, scheme):
        """Opens url as a window of this width (CSS pixels) shows it, in a
        system that prefers the light or the dark scheme."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.devtools(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.call("POST", "/url", {"url": url})

    def ask(self, script, *args):
        return self.call(
            "POST", "/execute/sync", {"script": script, "args": list(args)}
        )

    def console(self):
        """What the console holds, errors of the policy among it."""
        return self.call("POST", "/se/log", {"type": "browser"})

    def requests(self):
        """URLs asked for since the last call."""
        urls = []
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls

    def screenshot(self, path, height=None):
        """Of the whole page, or of so many pixels at its top."""
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        size["height"] = height or size["height"]
        shot = self.devtools(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            clip={**size, "x": 0, "y": 0, "scale": 1},
        )
        with open(path, "wb") as out:
            out.write(base64.b64decode(shot["data"]))


OPTIONS = {
    "browserName": "chrome",
    "goog:chromeOptions": {
        "binary": "/usr/bin/chromium",
        "args": [
            "--headless=new",
            "--no-sandbox",  # root in a container has none
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--no-proxy-server",
        ],
    },
    "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
}


def connect_here(address, port):
    return socket.create_connection((address, port))


@contextlib.contextmanager
def running(popen=subprocess.Popen, connect=connect_here):
    """A browser, closed at the end whatever happens; popen and connect put it
    into a network namespace."""
    with tempfile.TemporaryDirectory() as home:
        driver = popen(
            ["chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home},
        )
        try:
            for line in driver.stdout:
                match = re.search(r"started successfully on port (\d+)", line)
                if match:
                    break
            else:
                raise RuntimeError("chromedriver did not start")
            browser = Browser(int(match[1]), connect)
            try:
                yield browser
            finally:
                browser.call("DELETE", "")
        finally:
            driver.terminate()
            driver.wait(timeout=START_S)
