# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven over W3C WebDriver (packages chromium and
chromium-driver) with nothing but the standard library."""
import base64
import contextlib
import json
import os
import re
import subprocess
import tempfile
import urllib.request

START_S = 60
CALL_S = 60


class Browser:
    def __init__(self, base):
        self.base = base
        answer = self._call(
            "POST", "/session", {"capabilities": {"alwaysMatch": OPTIONS}}
        )
        self.path = "/session/" + answer["sessionId"]

    def _call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        # The driver is on loopback: no proxy of the environment.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=CALL_S) as answer:
            return json.load(answer)["value"]

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

    def screenshot(self, path):
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
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


@contextlib.contextmanager
def running():
    """A browser, closed at the end whatever happens."""
    with tempfile.TemporaryDirectory() as home:
        driver = subprocess.Popen(
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
            browser = Browser(f"http://127.0.0.1:{match[1]}")
            try:
                yield browser
            finally:
                browser.call("DELETE", "")
        finally:
            driver.terminate()
            driver.wait(timeout=START_S)
